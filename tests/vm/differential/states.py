# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of connection states: each state that packets can reach, and from there each kind of packet either way."""
import itertools
import re

import sctp as sctp_subject
from lib import packet
from lib.packet import ACK, FIN, RST, SYN

from differential.scene import about

BATCH = 48  # connections at a time: short timeouts must not run out before the listing
TCP_FLAGS = {"S": SYN, "SA": SYN | ACK, "A": ACK, "F": FIN, "FA": FIN | ACK, "R": RST, "RA": RST | ACK, "SF": SYN | FIN, "-": 0}
# Packets after the first SYN; i comes from the client, o from the dest.
TCP_PATHS = ((), ("oA",), ("oA", "oF"), ("iF",), ("oR",), ("oA", "iF"), ("oA", "oF", "oS"), ("iA",), ("oA", "iF", "oF"))
TCP_CLIENT_PATHS = ((), ("iA",), ("iA", "iF"), ("iF",), ("iA", "iR"))
SCTP_PATHS = (
    (), ("iinit",), ("oinit-ack",), ("oinit-ack", "iecho"), ("oinit",), ("oinit", "iinit-ack"), ("oinit", "oecho"),
    ("oinit-ack", "iecho", "oack"), ("oinit-ack", "iecho", "oack", "oshut"), ("oinit-ack", "iecho", "oack", "ishut"),
    ("oinit-ack", "iecho", "oack", "ishut", "oshut-ack"), ("oabort",), ("iabort",))
SCTP_CLIENT_PATHS = ((), ("iinit",), ("iinit-ack",), ("iecho",), ("iecho", "ishut"), ("iecho", "iabort"), ("iabort",),
                     ("iecho", "ishut", "ishut-ack"))


def tcp_packet(src, sport, dst, dport, what):
    return packet.tcp(src, sport, dst, dport, TCP_FLAGS[what])


def sctp_packet(src, sport, dst, dport, what):
    return packet.sctp(src, sport, dst, dport, sctp_subject.chunks(what))


def play(scene, ports, make, routes):
    """Each walk is a connection: the packets of all go in rounds, one of each."""
    port, rport = ports
    sports = itertools.count(2000)
    while True:
        batch = {next(sports): walk for walk in itertools.islice(routes, BATCH)}
        if not batch:
            return
        for turn in range(max(map(len, batch.values()))):
            now = {sport: walk[turn] for sport, walk in batch.items() if turn < len(walk)}
            scene.from_outside([make(scene.CLIENT, sport, scene.VIP, port, step[1:])
                                for sport, step in now.items() if step[0] == "i"])
            scene.from_inside([make(scene.RIPS[0], rport, scene.CLIENT, sport, step[1:])
                               for sport, step in now.items() if step[0] == "o"])
        conns = complete(scene, port, batch)
        for sport, walk in batch.items():
            conn = conns.get(sport)
            scene.fact(" ".join(walk), f"{conn['state']}, {about(conn['expires'])}" if conn else "no connection")


def complete(scene, port, sports):
    """The connections. A table that is being resized shows only some of them, so one that is missing is looked for again."""
    found = {}
    for _ in range(8):
        found.update(scene.conns(port))
        if set(sports) <= set(found):
            break
    return found


def walks(first, paths, kinds, sides):
    """Each path, and behind it each kind of packet from each side; none twice."""
    found = {(first, *path): None for path in paths}
    for path, side, kind in itertools.product(paths, sides, kinds):
        found[(first, *path, side + kind)] = None
    return iter(found)


def service(scene, proto, port, method):
    rport = port + 1000 if method == "-m" else port
    scene.director.service(proto, scene.VIP, port, "rr", [(scene.RIPS[0], rport, method)])
    return port, rport


def counts(scene):
    """The active connections that the dests have after it: of the others, some may have expired, and more on slow hosts."""
    scene.listing("-Ln", change=lambda text: re.sub(r"(?m)^(  ->.* )\d+ *$", r"\1", text))


def tcp(scene):
    scene.about("TCP both ways")
    play(scene, service(scene, "tcp", 8101, "-m"), tcp_packet, walks("iS", TCP_PATHS, TCP_FLAGS, "io"))
    for number, method in enumerate(("-g", "-i"), 8102):
        scene.about(f"TCP, client only, {method}")
        play(scene, service(scene, "tcp", number, method), tcp_packet, walks("iS", TCP_CLIENT_PATHS, TCP_FLAGS, "i"))
    scene.about("TCP after it")
    counts(scene)
    scene.about("TCP, first packet")
    play(scene, service(scene, "tcp", 8104, "-m"), tcp_packet, iter([("i" + kind,) for kind in TCP_FLAGS]))
    scene.about("TCP, first packet, sloppy")
    if scene.sysctl("sloppy_tcp", 1):
        play(scene, service(scene, "tcp", 8105, "-m"), tcp_packet, iter([("i" + kind,) for kind in TCP_FLAGS]))
        scene.sysctl("sloppy_tcp", 0)


def secure_tcp(scene):
    scene.about("TCP, secure_tcp")
    if scene.sysctl("secure_tcp", 3):
        play(scene, service(scene, "tcp", 8111, "-m"), tcp_packet, walks("iS", TCP_PATHS, TCP_FLAGS, "io"))
        scene.about("TCP, secure_tcp, client only")
        play(scene, service(scene, "tcp", 8112, "-g"), tcp_packet, walks("iS", TCP_CLIENT_PATHS, TCP_FLAGS, "i"))
        scene.sysctl("secure_tcp", 0)


def sctp(scene):
    kinds = sctp_subject.CHUNKS
    scene.about("SCTP both ways")
    play(scene, service(scene, "sctp", 8121, "-m"), sctp_packet, walks("iinit", SCTP_PATHS, kinds, "io"))
    scene.about("SCTP, client only")
    play(scene, service(scene, "sctp", 8122, "-g"), sctp_packet, walks("iinit", SCTP_CLIENT_PATHS, kinds, "i"))
    scene.about("SCTP after it")
    counts(scene)
    scene.about("SCTP, first packet")
    play(scene, service(scene, "sctp", 8123, "-m"), sctp_packet, iter([("i" + kind,) for kind in kinds]))
    scene.about("SCTP, first packet, sloppy")
    if scene.sysctl("sloppy_sctp", 1):
        play(scene, service(scene, "sctp", 8124, "-m"), sctp_packet, iter([("i" + kind,) for kind in kinds]))
        scene.sysctl("sloppy_sctp", 0)
