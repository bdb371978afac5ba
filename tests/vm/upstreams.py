# SPDX-License-Identifier: GPL-2.0-or-later
"""net.ipv4.vs.toa_trusted_upstreams: whose TOA and UOA FULLNAT passes on; everybody else's is forged."""
import contextlib
import errno
import threading

from conntrack import conntrack
from fullnat import FAMILIES, MSS, GhostTcp
from lib import packet, toa
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from uoa import WAYS, Flow

PATH = "/proc/sys/net/ipv4/vs/toa_trusted_upstreams"
OTHER = {4: "203.0.113.9", 6: "2001:db8:99::9"}  # the client that an upstream tells of
STRANGERS = "192.0.2.0/24,2001:db8:77::/64"


def trust(t, networks):
    t.cleanup(t.lab.director_ns.write, PATH, "\n")
    t.lab.director_ns.write(PATH, networks + "\n")


def kinds_of(af):
    return ((254, 200) if af == 4 else (254, 253)) + (77,)


@test(lvs_only=True, af=FAMILIES, timeout=120)
def toa_passes(t, af):
    """As it is, of every kind, from whom the list names; the director's own is not put beside it. From others it is blanked."""
    c = GhostTcp(t, af, 4500)
    t.director.ipvsadm("-E", *c.name.split(), "-s", "rr", "--toa-kind", "77")
    own = toa.option(c.client, 0, kind=77)
    for networks, trusted in (("", False), (STRANGERS, False), (f"{STRANGERS} {c.client}", True), ("10.9.0.0/16\tfd00:9::/32", True)):
        trust(t, networks)
        for kind in kinds_of(af):
            c.sport += 1
            own = toa.option(c.client, c.sport, kind=77)
            told = toa.option(OTHER[af], 1234, kind=kind)
            c.request(packet.SYN, 1000, options=MSS)
            c.reply(packet.SYN | packet.ACK, 5000, options=MSS)
            room = len(own) + len(told) <= 40
            expected = told if trusted else own * room + packet_nops(told)
            t.equal(c.request(packet.ACK, 1001, 5001, b"a", told).options, expected, f"kind {kind}, trusted: {networks!r}")
            t.equal(c.request(packet.ACK, 1002, 5001, b"b").options, b"" if trusted else own, "the next segment, which has none")


def packet_nops(option):
    return b"\x01" * len(option)


@test(lvs_only=True, af=FAMILIES)
def toa_in_the_syn(t, af):
    """Some upstreams tell with the SYN: it stays there, and no other client is told later."""
    c = GhostTcp(t, af, 4520)
    told = toa.option(OTHER[af], 1234, kind=254)
    trust(t, c.client)
    t.equal(c.request(packet.SYN, 1000, options=MSS + told).options, MSS + told, "options of the SYN")
    t.equal(c.reply(packet.SYN | packet.ACK, 5000, options=MSS).options, MSS, "the MSS needs no room")
    t.equal(c.request(packet.ACK, 1001, 5001, b"a").options, b"", "a segment")
    c.sport += 1
    trust(t, "")
    t.equal(c.request(packet.SYN, 1000, options=MSS + told).options, MSS + packet_nops(told), "options of a stranger's SYN")


@test(lvs_only=True, af=FAMILIES)
def upstream_that_does_not_tell(t, af):
    """A trusted one is a client like others until it tells."""
    c = GhostTcp(t, af, 4530)
    trust(t, c.client)
    c.request(packet.SYN, 1000, options=MSS)
    c.reply(packet.SYN | packet.ACK, 5000, options=MSS)
    t.equal(c.request(packet.ACK, 1001, 5001, b"a").options, toa.option(c.client, c.sport, kind=254), "the director's")
    told = toa.option(OTHER[af], 1234, kind=254)
    t.equal(c.request(packet.ACK, 1002, 5001, b"b", told).options, told, "the upstream's")
    t.equal(c.request(packet.ACK, 1003, 5001, b"c").options, b"", "none after that")


@test(lvs_only=True, how=("none", "option", "header"))
def uoa_option_passes(t, how):
    """From whom the list names, beside other options, and nothing else tells; from others it is blanked."""
    f = Flow(t, "44", how, 4540)
    other = b"\x1e\x04\x12\x34"
    told = other + toa.option(OTHER[4], 1234, toa.UOA_OPTION)
    trust(t, f"{STRANGERS},10.9.0.0/30")
    for _ in range(2):
        t.equal(f.send(b"x", options=told)[1], told, "the options")
    t.equal(f.send(b"x")[1], b"", "one without")
    t.equal(f.counts(), (0, 0), "counted")
    trust(t, STRANGERS)
    blanked = other + packet_nops(told[4:])
    t.equal(f.send(b"x", options=told)[1], blanked, "a stranger's, in the same flow")
    f.sport += 1
    expected = {"none": blanked, "option": f.tell("option") + blanked, "header": blanked + f.tell("header")}[how]
    t.equal(f.send(b"x", options=told)[1], expected, "a stranger's")


@test(lvs_only=True)
def what_is_no_list(t):
    """It is refused, and the old one stays; each namespace has its own, which is empty at first."""
    director, other = t.lab.director_ns, Namespace("other")
    t.cleanup(other.delete)
    t.equal([ns.read(PATH).strip() for ns in (director, other)], ["", ""], "at first")
    trust(t, " 10.0.0.0/8, fd00::/8\t198.51.100.7 ")
    long = "10.0.0.0/8," * 92 + "10.0.10.0/24"  # cut off behind 1,023 characters it would end in /2
    for wrong in ("10.0.0.0/33", "fd00::/129", "10.0.0", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8;", "::/0x1", "everybody", "x" * 2000,
                  long):
        try:
            director.write(PATH, wrong + "\n")
        except OSError as error:
            t.equal(error.errno, errno.EINVAL, f"the error for {wrong[:20]!r}")
            continue
        raise AssertionError(f"taken: {wrong!r}")
    t.equal(director.read(PATH), "10.0.0.0/8, fd00::/8\t198.51.100.7\n", "the list is as before")
    t.equal(other.read(PATH).strip(), "", "the other namespace's")
    other.write(PATH, "::/0\n")
    t.equal(director.read(PATH), "10.0.0.0/8, fd00::/8\t198.51.100.7\n", "the list when the other namespace's changes")
    director.write(PATH, "\n")
    t.equal(director.read(PATH).strip(), "", "emptied")


@test(lvs_only=True)
def namespace_of_its_own(t):
    """Who is trusted in another namespace is not trusted here."""
    other = Namespace("other")
    t.cleanup(other.delete)
    other.write(PATH, "0.0.0.0/0,::/0\n")
    f = Flow(t, "44", "none", 4550)
    told = toa.option(OTHER[4], 1234, toa.UOA_OPTION)
    t.equal(f.send(b"x", options=told)[1], packet_nops(told), "the options")
    f.t.lab.director_ns.write(PATH, "0.0.0.0/0,::/0\n")
    t.cleanup(t.lab.director_ns.write, PATH, "\n")
    t.equal(f.send(b"x", options=told)[1], told, "the options once it is trusted here")


@test(lvs_only=True, timeout=120)
def list_changes_under_traffic(t):
    """Each packet meets the one list or the other, never half of one."""
    f = Flow(t, "44", "none", 4560)
    told = toa.option(OTHER[4], 1234, toa.UOA_OPTION)
    stop = threading.Event()

    def change():
        turn = 0
        while not stop.is_set():
            turn += 1
            with contextlib.suppress(FileNotFoundError):
                t.lab.director_ns.write(PATH, (STRANGERS if turn % 2 else f"{STRANGERS},{Lab.GHOST_CLIENT[4]}") + "\n")
    t.cleanup(t.lab.director_ns.write, PATH, "\n")
    thread = threading.Thread(target=change)
    thread.start()
    seen = {}
    try:
        for _ in range(1000):
            options = f.send(b"x", options=told)[1]
            seen[options] = seen.get(options, 0) + 1
            if len(seen) == 2 and min(seen.values()) > 100:
                break
    finally:
        stop.set()
        thread.join()
    t.equal(set(seen), {told, packet_nops(told)}, f"options: {seen}")


def wrapped(f, header, payload, extensions=b""):
    """A datagram of the flow's behind a header of protocol 248."""
    segment = header + packet.udp_segment(f.client, f.vip, f.sport, f.port, payload)
    if extensions:
        return packet.ip(f.client, f.vip, 60, bytes([toa.UOA_PROTOCOL]) + extensions + segment)
    return packet.ip(f.client, f.vip, toa.UOA_PROTOCOL, segment)


@test(lvs_only=True, way=WAYS, how=("none", "header"))
def uoa_header_passes(t, way, how):
    """From whom the list names, into the other family, too; nothing else tells. A stranger's finds no service."""
    f = Flow(t, way, how, 4570)
    header = toa.uoa_header(OTHER[f.outer], 1234)
    trust(t, f"{STRANGERS},{f.client}")
    for payload in (b"", b"odd", b"x" * 1200):
        t.lab.outside.send(wrapped(f, header, payload))
        t.equal(f.take(payload)[1], header, "the header")
    f.reply(b"answer")
    t.equal(f.send(b"x")[1], b"", "one without")
    t.equal((f.counts(), len(t.director.conns(f.vip, f.port))), ((0, 0), 1), "counted, and connections")
    trust(t, STRANGERS)
    t.lab.outside.send(wrapped(f, header, b"forged"))
    t.equal(f.send(b"next")[1], b"", "the next one that arrives")


@test(lvs_only=True, af=FAMILIES)
def bad_headers(t, af):
    """A trusted upstream's too: not of UDP, cut off, with lengths or options that cannot be."""
    f = Flow(t, f"{af}{af}", "none", 4580)
    good = toa.uoa_header(OTHER[af], 1234)
    trust(t, f.client)
    for header in (b"\x00" + good[1:], b"\x11" + good[1:], good[:1] + b"\x06" + good[2:], good[:2] + b"\xff\xff" + good[4:],
                   good[:4] + b"\x1e" + good[5:], good[:5] + b"\x0c" + good[6:]):
        t.lab.outside.send(wrapped(f, header, b"bad"))
    for cut in (0, 1, 3, 4, len(good) - 1, len(good), len(good) + 4, len(good) + 7):
        segment = good + packet.udp_segment(f.client, f.vip, f.sport, f.port)
        t.lab.outside.send(packet.ip(f.client, f.vip, toa.UOA_PROTOCOL, segment[:cut]))
    t.lab.outside.send(wrapped(f, good, b"good"))
    t.equal(f.take(b"good")[1], good, "the first that arrives")
    t.equal(len(t.director.conns(f.vip, f.port)), 1, "connections")


@test(lvs_only=True)
def header_behind_extension_headers(t):
    f = Flow(t, "66", "none", 4590)
    header = toa.uoa_header(OTHER[6], 1234)
    trust(t, f.client)
    extension = bytes([0, 1, 4, 0, 0, 0, 0])
    t.lab.outside.send(wrapped(f, header, b"data", extension))
    got, told = f.take(b"data", bytes(1) + extension)
    t.equal((told, got.l4[0]), (header, toa.UOA_PROTOCOL), "the header, and what the extension header says of it")


@test(lvs_only=True)
def no_room_to_pass(t):
    """What got longer than the path to the real server takes goes without."""
    f = Flow(t, "44", "none", 4600)
    f.narrow("dest", 1400)
    header = toa.uoa_header(OTHER[4], 1234)
    trust(t, f.client)
    for size, expected in ((1400 - 28 - len(header), header), (1400 - 28 - len(header) + 1, b"")):
        t.lab.outside.send(wrapped(f, header, b"x" * size))
        t.equal(f.take(b"x" * size)[1], expected, f"{size} bytes")
    t.equal(f.counts(), (0, 1), "counted")


@test(lvs_only=True, method=("-m", "-g"))
def header_to_other_methods(t, method):
    """By other methods than FULLNAT real servers get the datagram alone."""
    rip, port = Lab.GHOST_RS[4][0], t.port()
    vip = VIPS[4]["other"]
    t.director.service("udp", vip, port, "rr", [(rip, port, method)])
    client = Lab.GHOST_CLIENT[4]
    trust(t, client)
    t.lab.inside.drain()
    segment = toa.uoa_header(OTHER[4], 1234) + packet.udp_segment(client, vip, 4610, port, b"data")
    t.lab.outside.send(packet.ip(client, vip, toa.UOA_PROTOCOL, segment))
    got = t.lab.inside.receive(lambda p: p.src == client)
    t.equal((got.dst, got.proto, got.payload, got.faults), (rip if method == "-m" else vip, packet.UDP, b"data", []), "the datagram")


@test(lvs_only=True, af=FAMILIES, timeout=120)
def tracked_upstream(t, af):
    """With conntrack, too: the flow's entry is made by its first datagram without a header."""
    conntrack(t, True, entries=False)
    f = Flow(t, f"{af}{af}", "none", 4620)
    header = toa.uoa_header(OTHER[af], 1234)
    trust(t, f.client)
    for number in range(3):
        t.lab.outside.send(wrapped(f, header, b"%d" % number))
        t.equal(f.take(b"%d" % number)[1], header, "the header")
        f.reply(b"answer")
    for _ in range(2):
        t.equal(f.send(b"x")[1], b"", "one without")
        f.reply(b"answer")
