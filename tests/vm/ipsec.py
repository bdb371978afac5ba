# SPDX-License-Identifier: GPL-2.0-or-later
"""AH and ESP, which have no ports, go with the connection of their IKE: UDP from port 500 to port 500."""
import itertools
import os
import struct
import time

from forwarding import shrink_route
from fullnat import local_addresses
from lib import firewall, ipvs, packet, wait
from lib.harness import test
from lib.ipvs import endpoint
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.persistent import mark_packets

METHODS = ("nat", "dr", "tun")
FAMILIES = (4, 6)
KINDS = ("esp", "ah")
IKE = 500
HEADER = {4: 20, 6: 40}
# What a host says to a protocol that it does not speak, and to a port that nobody has.
UNKNOWN_PROTOCOL = {4: (3, 2), 6: (4, 1)}
NUMBERS = itertools.count(1)  # the last part of a client's address: each test has one of its own


class Peers:
    """A service for IKE with one dest on paper, and a client of it."""

    def __init__(self, t, method="nat", af=4, kind="esp", connect=True, options="", client=None):
        if ipvs.MODULE == "ip_vs" and (af, kind) == (6, "ah"):
            t.skip("to ip_vs AH over IPv6 is what it protects")
        self.t, self.method, self.af, self.kind = t, method, af, kind
        self.vip, self.rip = VIPS[af][method], Lab.GHOST_RS[af][0]
        self.client = client or ("10.9.5.%d" if af == 4 else "fd00:9::5:%x") % next(NUMBERS)
        self.name = t.director.service("udp", self.vip, IKE, "rr", [(self.rip, IKE, METHOD_OPTION[method])], options)
        t.lab.inside.drain()
        t.lab.outside.drain()
        if connect:
            self.ike()

    def ike(self, payload=b"IKE"):
        self.request(packet.udp(self.client, IKE, self.vip, IKE, payload))

    def make(self, src, dst, payload=b"sealed", kind=None, **ip_args):
        return getattr(packet, kind or self.kind)(src, dst, payload, **ip_args)

    def at_dest(self, match=lambda p: True, what="a packet of the client's"):
        """The next packet that the dest gets from the client, without its tunnel's header."""
        def wanted(p):
            p = p.inner if self.method == "tun" and p.inner else p
            return p.src == self.client and match(p)
        got = self.t.lab.inside.receive(wanted, what=what)
        if self.method != "tun":
            return got
        self.t.equal(got.dst, self.rip, "the tunnel's end")
        return got.inner

    def request(self, data):
        """What the client sends arrives whole, by the method and one hop older."""
        sent = packet.Packet(data)
        self.t.lab.outside.send(data)
        got = self.at_dest(lambda p: p.proto == sent.proto)
        self.t.equal((got.dst, got.ttl, got.valid), (self.rip if self.method == "nat" else self.vip, sent.ttl - 1, True),
                     f"destination and hops at the dest; {got.faults}")
        if sent.proto != packet.UDP:
            self.t.equal(got.l4, sent.l4, "what is behind the IP header")
        return got

    def reply(self, data):
        """What the dest sends to the client comes from the virtual address."""
        sent = packet.Packet(data)
        self.t.lab.inside.send(data)
        got = self.t.lab.outside.receive(lambda p: p.dst == self.client and p.proto == sent.proto)
        self.t.equal((got.src, got.l4, got.valid), (self.vip, sent.l4, True), f"source and contents of a reply; {got.faults}")
        return got

    def conns(self):
        return [c for c in self.t.director.conns(self.vip, IKE) if c["client"] == self.client]

    def stats(self):
        return self.t.director.dests("udp", self.vip, IKE)[self.rip]["stats"]


def drops(t, reason):
    return t.director.drops()[reason] if ipvs.MODULE == "lvs" else 0


@test(method=METHODS, af=FAMILIES, kind=KINDS)
def requests(t, method, af, kind):
    """Packets of all sizes reach the dest of the client's IKE, by its method, and nothing behind the IP header changes."""
    peers = Peers(t, method, af, kind)
    for size in (0, 1, 7, 8, 100, 1372):
        peers.request(peers.make(peers.client, peers.vip, os.urandom(size)))
    peers.request(peers.make(peers.client, peers.vip, b"two hops", ttl=2))
    if kind == "ah":  # ESP inside AH
        peers.request(packet.ah(peers.client, peers.vip, struct.pack("!II", 7, 7) + b"both", follows=packet.ESP))
    t.equal(len(peers.conns()), 1, "connections of the client")


@test(af=FAMILIES, kind=KINDS)
def replies(t, af, kind):
    """By NAT the dest's packets to the client get the virtual address for their source; whoever begins."""
    peers = Peers(t, "nat", af, kind)
    for size in (0, 1, 100, 1372):
        peers.reply(peers.make(peers.rip, peers.client, os.urandom(size)))
        peers.request(peers.make(peers.client, peers.vip, os.urandom(size)))
    other = Lab.GHOST_RS[af][1]
    t.lab.inside.send(peers.make(other, peers.client, b"not of the connection"))
    got = t.lab.outside.receive(lambda p: p.dst == peers.client and p.proto != packet.UDP)
    t.equal(got.src, other, "source of another host's packet")


@test(method=METHODS, af=FAMILIES)
def of_two_clients(t, method, af):
    """Each client's packets go to the dest that its IKE went to."""
    peers = Peers(t, method, af, connect=False)
    second = Lab.GHOST_RS[af][1]
    t.director.rules(f"-a {peers.name} -r {endpoint(second, IKE)} {METHOD_OPTION[method]}")
    clients = [peers.client] + [("10.9.6.%d" if af == 4 else "fd00:9::6:%x") % next(NUMBERS) for _ in range(3)]
    for client in clients:
        t.lab.outside.send(packet.udp(client, IKE, peers.vip, IKE, b"IKE"))
    wait.until(lambda: {c["client"] for c in t.director.conns(peers.vip, IKE)} >= set(clients), what="connections")
    t.lab.inside.drain()
    served = {c["client"]: c["dest"] for c in t.director.conns(peers.vip, IKE)}
    t.equal(sorted(served[client] for client in clients), sorted([peers.rip, second] * 2), "dests in turn")
    if method == "dr":  # the packets do not say for whom they are
        return
    for client in clients:
        t.lab.outside.send(packet.esp(client, peers.vip, b"sealed"))
        got = t.lab.inside.receive(lambda p, client=client: client in (p.src, p.inner and p.inner.src))
        t.equal(got.dst, served[client], "the dest of a client's ESP")


@test(af=FAMILIES, kind=KINDS)
def without_a_connection(t, af, kind):
    """What no IKE belongs to is not scheduled: it is for this host, which does not know the protocol; from a dest it passes."""
    peers = Peers(t, "nat", af, kind, connect=False)
    t.lab.outside.send(peers.make(peers.client, peers.vip, b"too early"))
    got = t.lab.outside.receive(lambda p: p.dst == peers.client, what="this host's own answer")
    t.equal((got.kind, got.code), UNKNOWN_PROTOCOL[af], "answer")
    t.lab.inside.send(peers.make(peers.rip, peers.client, b"unasked"))
    got = t.lab.outside.receive(lambda p: p.dst == peers.client)
    t.equal((got.src, got.proto), (peers.rip, getattr(packet, kind.upper())), "the dest's packet")
    # Neither from port 500 nor to port 500 alone is IKE.
    t.lab.outside.send(packet.udp(peers.client, 501, peers.vip, IKE, b"x"))
    peers.at_dest(lambda p: p.sport == 501)
    t.lab.outside.send(peers.make(peers.client, peers.vip, b"still none"))
    peers.ike(b"first")
    t.equal(peers.request(peers.make(peers.client, peers.vip, b"now")).l4[-3:], b"now", "the first that goes to the dest")
    t.equal(sorted(c["cport"] for c in peers.conns()), [IKE, 501], "ports of the client's connections")


@test
def behind_ah(t):
    """AH over IPv6 whose client has no IKE is an extension header: what it protects is served as ever."""
    peers = Peers(t, "nat", 6, "esp", connect=False)
    t.director.service("udp", peers.vip, 4500, "rr", [(peers.rip, 4500, "-m")])
    segment = packet.udp_segment(peers.client, peers.vip, 4500, 4500, b"protected")
    data = packet.ah(peers.client, peers.vip, segment, follows=packet.UDP)
    t.lab.outside.send(data)
    got = t.lab.inside.receive(lambda p: p.src == peers.client)
    t.equal((got.dst, got.proto, got.l4[:24], got.l4[-9:]), (peers.rip, packet.AH, data[40:64], b"protected"), "what arrives")
    t.equal([c["cport"] for c in t.director.conns(peers.vip, 4500)], [4500], "connections")


@test(method=METHODS, af=FAMILIES, kind=KINDS)
def truncated(t, method, af, kind):
    """A header of AH or ESP that is not all there is for the dest to judge; nothing of it is read."""
    peers = Peers(t, method, af, kind)
    whole = peers.make(peers.client, peers.vip)[HEADER[af]:]
    before = drops(t, "malformed")
    for size in range(0, 13):
        proto = packet.ESP if kind == "esp" else packet.AH
        peers.request(packet.ip(peers.client, peers.vip, proto, whole[:size]))
    t.equal(drops(t, "malformed"), before, "malformed packets")


@test(lvs_only=True)
def beyond_the_end(t):
    """An extension header that says it ends where no packet is has no ESP behind it."""
    peers = Peers(t, "nat", 6)
    for body in (bytes([packet.ESP, 200]) + bytes(6), bytes([packet.AH, 3]) + bytes(6), bytes([packet.ESP])):
        t.lab.outside.send(packet.ip(peers.client, peers.vip, 60, body))
    peers.request(packet.esp(peers.client, peers.vip, b"sound"))


def cut(src, dst, proto, body, size, af, ident):
    return [packet.ip(src, dst, proto, body[at:at + size], ident=ident, offset=at, more=at + size < len(body))
            for at in range(0, len(body), size)]


def whole(pieces, length):
    """What fragments make up, once all are there."""
    found = {}
    while sum(map(len, found.values())) < length:
        piece = next(pieces)
        found[piece.offset] = piece.l4
    return b"".join(found[offset] for offset in sorted(found))


@test(method=METHODS, af=FAMILIES, kind=KINDS)
def fragments(t, method, af, kind):
    """A request in fragments arrives whole, also out of order; so does a reply of NAT's."""
    peers = Peers(t, method, af, kind)
    proto = packet.ESP if kind == "esp" else packet.AH
    for ident, turn in ((1, 1), (2, -1)):
        body = peers.make(peers.client, peers.vip, os.urandom(3000))[HEADER[af]:]
        t.lab.outside.send(*cut(peers.client, peers.vip, proto, body, 1232, af, ident)[::turn])
        end = peers.vip if method == "dr" else peers.rip
        pieces = iter(lambda end=end: t.lab.inside.receive(lambda p: p.dst == end, what="a fragment"), None)
        extra = HEADER[af] if method == "tun" else 0
        got = whole(pieces, len(body) + extra)
        t.equal(got[extra:] == body, True, "the request is whole")
        if method == "nat":
            body = peers.make(peers.rip, peers.client, os.urandom(3000))[HEADER[af]:]
            t.lab.inside.send(*cut(peers.rip, peers.client, proto, body, 1232, af, ident)[::turn])
            pieces = iter(lambda: t.lab.outside.receive(lambda p: (p.src, p.dst) == (peers.vip, peers.client),
                                                        what="a fragment"), None)
            t.equal(whole(pieces, len(body)) == body, True, "the reply is whole")


@test(kind=KINDS)
def fragment_by_itself(t, kind):
    """A reply's later fragment of IPv4 does not wait for the first one: its addresses tell all."""
    peers = Peers(t, "nat", 4, kind)
    proto = packet.ESP if kind == "esp" else packet.AH
    got = peers.reply(packet.ip(peers.rip, peers.client, proto, b"the last bytes", ident=9, offset=1480))
    t.equal((got.offset, got.more), (1480, False), "its place")


ERRORS = {4: [(3, 2, 0), (3, 1, 0), (3, 4, 1300), (11, 0, 0)], 6: [(1, 0, 0), (2, 0, 1300), (3, 0, 0), (4, 1, 40)]}


def equal_error(t, error, sender, what, quoted, ends, length):
    t.equal((error.src, error.kind, error.code, error.rest, error.valid), (sender, *what, True), f"error; {error.faults}")
    t.equal((error.quote.src, error.quote.dst, error.quote.proto, error.quote.valid), (*ends, quoted.proto, True),
            f"what it quotes; {error.quote.faults}")
    t.equal(error.quote.l4 == quoted.l4[:len(error.quote.l4)] and len(error.quote.data) == length, True, "the quoted contents")


@test(af=FAMILIES, kind=KINDS)
def errors_to_the_client(t, af, kind):
    """An error about a request that NAT has translated reaches the client as one about what it sent."""
    peers = Peers(t, "nat", af, kind)
    for what in ERRORS[af]:
        sent = peers.request(peers.make(peers.client, peers.vip, b"x" * 300))
        for length in (len(sent.data), HEADER[af] + 8, HEADER[af] + 3, HEADER[af]):
            for sender in (peers.rip, Lab.SINK[af]):
                t.lab.inside.send(packet.icmp(sender, peers.client, *what[:2], sent.data[:length], what[2]))
                error = t.lab.outside.receive(lambda p: p.dst == peers.client and p.quote)
                equal_error(t, error, peers.vip, what, sent, (peers.client, peers.vip), length)


@test(af=FAMILIES, kind=KINDS)
def errors_to_the_dest(t, af, kind):
    """An error about a reply, which has the virtual address, reaches the dest as one about what that sent."""
    peers = Peers(t, "nat", af, kind)
    router = Lab.ROUTER_FRONT[af]
    for what in ERRORS[af]:
        sent = peers.reply(peers.make(peers.rip, peers.client, b"x" * 300))
        for length in (len(sent.data), HEADER[af] + 8, HEADER[af]):
            t.lab.outside.send(packet.icmp(router, peers.vip, *what[:2], sent.data[:length], what[2]))
            error = t.lab.inside.receive(lambda p: p.dst == peers.rip and p.quote)
            equal_error(t, error, router, what, sent, (peers.rip, peers.client), length)


@test(af=FAMILIES, kind=KINDS)
def errors_about_later_fragments(t, af, kind):
    """A fragment that has only its addresses is quoted with these translated."""
    peers = Peers(t, "nat", af, kind)
    proto = packet.ESP if kind == "esp" else packet.AH
    quoted = packet.ip(peers.client, peers.rip, proto, b"y" * 200, offset=1232, ident=5)
    what = ERRORS[af][0]
    t.lab.inside.send(packet.icmp(Lab.SINK[af], peers.client, *what[:2], quoted, what[2]))
    error = t.lab.outside.receive(lambda p: p.dst == peers.client and p.quote)
    t.equal((error.src, error.quote.src, error.quote.dst, error.quote.offset, error.valid),
            (peers.vip, peers.client, peers.vip, 1232, True), f"error; {error.faults}")


@test(method=("dr", "tun"), af=FAMILIES)
def errors_by_other_methods(t, method, af):
    """By DR and TUN an error about a reply goes to the dest as the client's packets do, and is not changed."""
    peers = Peers(t, method, af)
    what = ERRORS[af][0]
    quote = packet.esp(peers.vip, peers.client, b"x" * 100)
    t.lab.outside.send(packet.icmp(peers.client, peers.vip, *what[:2], quote, what[2]))
    got = peers.at_dest(lambda p: p.quote)
    t.equal((got.dst, got.quote.data == quote, got.valid), (peers.vip, True, True), "the error at the dest")


@test(af=FAMILIES)
def errors_without_a_connection(t, af):
    """Such errors about what no IKE belongs to pass as they are."""
    peers = Peers(t, "nat", af, connect=False)
    what = ERRORS[af][0]
    quote = packet.esp(peers.client, peers.rip, b"x" * 100)
    t.lab.inside.send(packet.icmp(peers.rip, peers.client, *what[:2], quote))
    error = t.lab.outside.receive(lambda p: p.dst == peers.client and p.quote)
    t.equal((error.src, error.quote.data == quote), (peers.rip, True), "the error at the client")


@test(method=METHODS, af=FAMILIES)
def too_big(t, method, af):
    """A packet with DF over the MTU towards the dest is answered with the MTU; one that just fits passes."""
    peers = Peers(t, method, af)
    shrink_route(t, peers.rip, 1400)
    limit = 1400 - (HEADER[af] if method == "tun" else 0)
    room = limit - HEADER[af] - 8
    peers.request(packet.esp(peers.client, peers.vip, b"f" * room, df=True))
    sent = packet.esp(peers.client, peers.vip, b"g" * (room + 1), df=True)
    t.lab.outside.send(sent)
    error = t.lab.outside.receive(lambda p: p.dst == peers.client and p.quote)
    t.equal((error.kind, error.code, error.rest, error.valid), ((3, 4) if af == 4 else (2, 0)) + (limit, True), "error")
    t.equal((error.quote.src, error.quote.dst, error.quote.proto), (peers.client, peers.vip, packet.ESP), "what it quotes")


@test(lvs_only=True, af=FAMILIES, kind=KINDS)  # mainline first relays the MTU that it had before
def too_big_inside_the_tunnel(t, af, kind):
    """A router on the way through the tunnel says 1400: the client is told what is left of it."""
    peers = Peers(t, "tun", af, kind)
    t.cleanup(t.lab.director_ns.ip, "route flush cache", "-6 route flush cache")
    t.lab.outside.send(peers.make(peers.client, peers.vip, b"x" * 1380, df=True))
    outer = t.lab.inside.receive(lambda p: p.dst == peers.rip)
    what = (3, 4, 1400) if af == 4 else (2, 0, 1400)
    t.lab.inside.send(packet.icmp(Lab.SINK[af], Lab.BACK[af], *what[:2], outer.data[:548], what[2]))
    error = t.lab.outside.receive(lambda p: p.dst == peers.client and p.quote)
    t.equal((error.kind, error.code, error.rest, error.valid), (*what[:2], 1400 - HEADER[af], True), "error")
    t.equal((error.quote.src, error.quote.dst), (peers.client, peers.vip), "what it quotes")


@test(method=METHODS, timeout=90)
def keeps_ike_alive(t, method):
    """Each packet, in either direction, gives the connection its whole time again; without any it expires."""
    peers = Peers(t, method, 4, "ah" if method == "dr" else "esp", connect=False)
    t.cleanup(t.director.ipvsadm, "--set", "0", "0", "300")
    t.director.ipvsadm("--set", "0", "0", "4")
    peers.ike()

    def go_on(function):
        end = time.monotonic() + 6
        while time.monotonic() < end:
            function()
            conn, = peers.conns()
            t.equal((conn["expires"] <= 4, conn["proto"]), (True, "UDP"), f"{conn}")
            time.sleep(0.3)
    go_on(lambda: peers.request(peers.make(peers.client, peers.vip, b"busy")))
    if method == "nat":
        go_on(lambda: peers.reply(peers.make(peers.rip, peers.client, b"busy")))
    wait.until(lambda: not peers.conns(), 20, "the connection expires")
    t.lab.outside.drain()
    t.lab.outside.send(peers.make(peers.client, peers.vip, b"late"))
    got = t.lab.outside.receive(lambda p: p.dst == peers.client, what="this host's own answer")
    t.equal((got.kind, got.code), UNKNOWN_PROTOCOL[4], "answer")


@test(method=METHODS, af=FAMILIES)
def counters(t, method, af):
    """Packets and bytes count for the dest of the IKE; connections of their own they have none."""
    peers = Peers(t, method, af)
    wait.until(lambda: peers.stats()["inpkts"] and peers.stats()["conns"], what="the IKE is counted")
    before = peers.stats()
    data = [packet.esp(peers.client, peers.vip, b"x" * size) for size in (10, 200, 1000)]
    for one in data:
        peers.request(one)
    back = [packet.esp(peers.rip, peers.client, b"y" * size) for size in (30, 500)] if method == "nat" else []
    for one in back:
        peers.reply(one)

    def counted():
        now = peers.stats()
        return {name: now[name] - before[name] for name in ("conns", "inpkts", "inbytes", "outpkts", "outbytes")}
    wait.equals(counted, {"conns": 0, "inpkts": 3, "inbytes": sum(map(len, data)), "outpkts": len(back),
                          "outbytes": sum(map(len, back))}, 10, "what was counted")


@test(method=METHODS)
def dest_gone(t, method):
    """The connection's dest is deleted: dropped, or, with expire_nodest_conn, the connection ends and nothing takes its place."""
    peers = Peers(t, method)
    t.director.ipvsadm("-d", *peers.name.split(), "-r", endpoint(peers.rip, IKE))
    before = drops(t, "dest-gone")
    t.lab.outside.send(packet.esp(peers.client, peers.vip, b"dropped"))
    if ipvs.MODULE == "lvs":
        wait.equals(lambda: drops(t, "dest-gone") - before, 1, 5, "dropped packets")
    t.equal(len(peers.conns()), 1, "connections")
    t.cleanup(t.lab.director_ns.write, "/proc/sys/net/ipv4/vs/expire_nodest_conn", 0)
    t.lab.director_ns.write("/proc/sys/net/ipv4/vs/expire_nodest_conn", 1)
    t.lab.outside.send(packet.esp(peers.client, peers.vip, b"for this host"))
    got = t.lab.outside.receive(lambda p: p.dst == peers.client, what="this host's own answer")
    t.equal((got.kind, got.code), UNKNOWN_PROTOCOL[4], "answer")
    wait.until(lambda: not peers.conns(), 10, "the connection is gone")


@test(af=FAMILIES)
def dest_on_this_host(t, af):
    """By NAT to an address of this host and by DR, this host gets the packet. What it says to that comes from the VIP."""
    for method in ("nat", "dr"):
        peers = Peers(t, method, af, connect=False)
        t.director.rules(f"-d {peers.name} -r {endpoint(peers.rip, IKE)}",
                         f"-a {peers.name} -r {endpoint(Lab.BACK[af], IKE)} {METHOD_OPTION[method]}")
        t.lab.outside.send(packet.udp(peers.client, IKE, peers.vip, IKE, b"IKE"))
        wait.until(peers.conns, what="the connection")
        t.lab.outside.drain()
        t.lab.outside.send(packet.esp(peers.client, peers.vip, b"sealed"))
        got = t.lab.outside.receive(lambda p: p.dst == peers.client and (p.kind, p.code) == UNKNOWN_PROTOCOL[af])
        t.equal((got.src, got.quote.dst, got.valid), (peers.vip, peers.vip, True), "whom the answer is from, and is about")
        wait.equals(lambda: t.director.dests("udp", peers.vip, IKE)[Lab.BACK[af]]["stats"]["inpkts"], 2, 10, "packets of the dest")


@test(lvs_only=True, af=FAMILIES, dest_af=FAMILIES, kind=KINDS)
def fullnat_refuses(t, af, dest_af, kind):
    """FULLNAT's replies could not be told apart: refused, counted, and the client is told. From the dest they pass to this host."""
    vip, rip, laddr = VIPS[af]["other"], Lab.GHOST_RS[dest_af][0], local_addresses(t, dest_af)[0]
    client = ("10.9.7.%d" if af == 4 else "fd00:9::7:%x") % next(NUMBERS)
    name = t.director.service("udp", vip, IKE, "rr", [(rip, IKE, "-b")])
    t.director.ipvsadm("-P", *name.split(), "-z", laddr)
    t.lab.outside.drain()
    t.lab.outside.send(packet.udp(client, IKE, vip, IKE, b"IKE"))
    t.lab.inside.receive(lambda p: p.src == laddr)
    before = drops(t, "ipsec-by-fullnat")
    t.lab.outside.send(getattr(packet, kind)(client, vip, b"x" * 40))
    answer = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((answer.src, answer.kind, answer.code, answer.valid), (vip, *((3, 2) if af == 4 else (1, 4)), True), "answer")
    t.equal(drops(t, "ipsec-by-fullnat") - before, 1, "refused packets")
    t.equal(t.director.drops(("udp", vip, IKE)).get("ipsec-by-fullnat"), 1, "refused packets of the service")
    t.lab.inside.send(getattr(packet, kind)(rip, laddr, b"x" * 40))
    answer = t.lab.inside.receive(lambda p: p.dst == rip and p.quote)
    t.equal((answer.src, answer.kind, answer.code), (laddr, *UNKNOWN_PROTOCOL[dest_af]), "this host's answer to the dest")


@test(lvs_only=True, af=FAMILIES)
def bypass(t, af):
    """Where IKE went on to the host that the client meant, ESP does as well."""
    mark, ns, six = 95, t.lab.director_ns, "-6 " if af == 6 else ""
    client, origin = ("10.9.8.%d" if af == 4 else "fd00:9::8:%x") % next(NUMBERS), Lab.GHOST_RS[af][0]
    mark_packets(t, mark, [IKE], af)
    # A rule brings what is for the origin to this host, ESP without a mark as well.
    what = [f"rule {{}} to {origin} iif front lookup {mark}", f"route {{}} local default dev lo table {mark}"]
    ns.ip(*[six + line.format("add") for line in what])
    t.cleanup(ns.ip, *[six + line.format("del") for line in what])
    t.cleanup(ns.write, "/proc/sys/net/ipv4/vs/cache_bypass", 0)
    ns.write("/proc/sys/net/ipv4/vs/cache_bypass", 1)
    t.director.ipvsadm("-A", *(f"-f {mark}" + (" -6" if af == 6 else "")).split(), "-s", "rr")
    t.lab.inside.drain()
    for data in (packet.udp(client, IKE, origin, IKE, b"IKE"), packet.esp(client, origin, b"sealed")):
        t.lab.outside.send(data)
        got = t.lab.inside.receive(lambda p, proto=packet.Packet(data).proto: (p.src, p.proto) == (client, proto))
        t.equal((got.dst, got.l4 == packet.Packet(data).l4, got.ttl), (origin, True, 63), "what arrives")


def watch(t, af):
    """Counts ESP by chain and state from now on."""
    match = "-p esp -m conntrack --ctstate"
    t.cleanup(firewall.flush, t.lab.director_ns, af, "mangle")
    firewall.rules(t.lab.director_ns, af, "mangle",
                   *[f"-A {chain} {match} {state}" for chain in firewall.CHAINS for state in firewall.STATES])
    return lambda: {chain: set(states) for chain, states in firewall.seen(t.lab.director_ns, af).items()}


def esp_entries(t, peers):
    text = t.lab.director_ns.run("conntrack", "-L", "-f", f"ipv{peers.af}", check=False).out
    return [line for line in text.splitlines() if peers.client in line and "sport" not in line]


@test(lvs_only=True, method=METHODS, af=FAMILIES)
def untracked(t, method, af):
    """Without the sysctl conntrack they are UNTRACKED behind the director, and have no entry."""
    peers = Peers(t, method, af)
    seen = watch(t, af)
    peers.request(packet.esp(peers.client, peers.vip, b"x"))
    if method == "nat":
        peers.reply(packet.esp(peers.rip, peers.client, b"y"))
    chains = seen()
    t.equal(chains["OUTPUT"] | chains["POSTROUTING"], {"UNTRACKED"} if method != "tun" else set(), "states behind the director")
    t.equal(esp_entries(t, peers), [], "entries")


@test(lvs_only=True, method=METHODS, af=FAMILIES)
def tracked(t, method, af):
    """With the sysctl conntrack they have an entry that holds both sides, which goes with the IKE's connection."""
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__conntrack=0))
    t.lab.director_ns.sysctl(ipv4__vs__conntrack=1)
    peers = Peers(t, method, af)
    seen = watch(t, af)
    peers.request(packet.esp(peers.client, peers.vip, b"x"))
    if method == "nat":
        peers.reply(packet.esp(peers.rip, peers.client, b"y"))
    peers.request(packet.esp(peers.client, peers.vip, b"z"))
    chains = seen()
    states = {"NEW", "ESTABLISHED"} if method == "nat" else {"NEW"}
    t.equal((chains["PREROUTING"], chains["FORWARD"]), (states, {"ESTABLISHED"} if method == "nat" else set()), "states")
    if method != "tun":  # whose packets are the director's own
        t.equal((chains["OUTPUT"], chains["POSTROUTING"]), (states, states), "states behind the director")
    if not firewall.lists_entries(t.lab.director_ns):
        return
    entry, = esp_entries(t, peers)
    end = peers.rip if method == "nat" else peers.vip
    t.equal(f"src={peers.client} dst={peers.vip} " in entry and f"src={end} dst={peers.client} " in entry, True, entry)
    t.cleanup(t.lab.director_ns.write, "/proc/sys/net/ipv4/vs/expire_nodest_conn", 0)
    t.lab.director_ns.write("/proc/sys/net/ipv4/vs/expire_nodest_conn", 1)
    t.director.ipvsadm("-d", *peers.name.split(), "-r", endpoint(peers.rip, IKE))
    t.lab.outside.send(packet.udp(peers.client, IKE, peers.vip, IKE, b"nobody serves it"))
    wait.until(lambda: not peers.conns(), 10, "the connection is gone")
    t.equal(esp_entries(t, peers), [], "entries afterwards")
