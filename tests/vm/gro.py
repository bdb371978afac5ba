# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the director's GRO puts together without taking the headers off (rx-gro-list; TCP's since Linux 6.10): what is
changed in a segment's header is changed in all of them.
"""
import hashlib
import os
import socket
import threading

from fullnat import fullnat_service, local_addresses, without_offloads
from lib import kernel, patience
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.traffic import Server, TcpClient

MEGABYTE = 1 << 20
TRANSFER = (1 if kernel.SLOW else 10) * MEGABYTE


def gro_lists(t):
    """Both ends send segments of the wire's size, which the director puts together and takes apart again itself."""
    def features(state):
        for device in ("front", "back"):
            t.lab.director_ns.run("ethtool", "-K", device, "gro", state, "rx-gro-list", state)

    without_offloads(t)
    # GRO is for what comes from a device that would not have been given segments already put together.
    for device in ("front", "to-director"):
        t.lab.router.run("ethtool", "-K", device, "tso", "off")
        t.cleanup(t.lab.router.run, "ethtool", "-K", device, "tso", "on")
    features("on")
    t.cleanup(features, "off")


def put_together(t, stats, way):
    """Packets that are more than one, in a direction that had hardly anything to acknowledge."""
    t.equal(stats[f"{way}bytes"] / stats[f"{way}pkts"] > 1500, True, f"there are packets longer than the wire's: {stats}")


@test(lvs_only=True, af=(4, 6))
def fullnat(t, af):
    """10 MB each way (1 on slow kernels) arrive whole by FULLNAT, which moves sequence numbers and tells the client's address."""
    gro_lists(t)
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], rport, "fullnat"))
    vip, port, _ = fullnat_service(t, "tcp", af, Lab.RS[af][0], rport, local_addresses(t, af))
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(TRANSFER, 1), "fullnat", "the server that answered")
        put_together(t, t.director.service_stats("tcp", vip, port), "in")
        t.equal(client.exchange(1, TRANSFER), "fullnat", "the server that answered")


@test(lvs_only=True)
def behind_a_changed_text(t):
    """All that an FTP server says after an address that NAT made longer arrives, with numbers moved by as much."""
    gro_lists(t)
    vip, rip, port = VIPS[4]["nat"], Lab.RS[4][0], 21
    with t.lab.rs[0]:
        listener = t.closing(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((rip, port))
    listener.listen()
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")])
    with t.lab.client:
        control = t.closing(socket.create_connection((vip, port), patience.seconds(20)))
    server = t.closing(listener.accept()[0])
    said = {address: f"227 Entering Passive Mode ({address.replace('.', ',')},15,160).\r\n".encode() for address in (rip, vip)}
    server.sendall(said[rip])
    t.equal(control.recv(100), said[vip], "what the client is told")
    data, got = os.urandom(4 * MEGABYTE), bytearray()
    sender = threading.Thread(target=server.sendall, args=(data,), daemon=True)
    sender.start()
    while len(got) < len(data):
        got += control.recv(MEGABYTE)
    t.equal(hashlib.sha256(got).digest(), hashlib.sha256(data).digest(), "the rest")
    put_together(t, t.director.dests("tcp", vip, port)[rip]["stats"], "out")
