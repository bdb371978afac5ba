# SPDX-License-Identifier: GPL-2.0-or-later
"""UOA: FULLNAT tells real servers the client of a UDP flow, by an IPv4 option or a header of IP protocol 248."""
import os
import socket
import struct

from conntrack import conntrack, entries, rules
from fullnat import fullnat_service, local_addresses
from lib import packet, patience, toa, wait
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.nat64 import Far, Ghosts, families, fresh_paths
from lib.traffic import UdpClient

FAMILIES = (4, 6)
HOW = ("option", "header")
WAYS = ("44", "66", "64", "46")  # the client's family, and the real server's
UDP_SEGMENT, NOP, MTU = 103, b"\x01", 1500


def skip_option(t, how, inner):
    if how == "option" and inner == 6:
        t.skip("IPv6 has no such options")


def edit(t, name, how):
    t.director.ipvsadm("-E", *name.split(), "-s", "rr", "--uoa", how)


class Flow(Ghosts):
    """A flow of which the test plays both ends, within a family too."""

    def __init__(self, t, way, how, sport=4400):
        super().__init__(t, way, "udp", sport)
        edit(t, self.name, how)

    def tell(self, how):
        """What the director shall put in."""
        return toa.option(self.client, self.sport, toa.UOA_OPTION) if how == "option" else toa.uoa_header(self.client, self.sport)

    def send(self, payload=b"", **ip_args):
        """Sends a datagram. Returns it as the real server gets it, and what was put in, which is taken out of it."""
        self.t.lab.outside.send(self.build_request(payload, **ip_args))
        return self.take(payload)

    def take(self, payload, extensions=b""):
        got = self.t.lab.inside.receive(lambda p: (p.src, p.dst) == (self.laddr, self.rip), what="the request")
        self.t.equal((got.faults, got.length), ([], len(got.data)), "the packet")
        options = got.data[20:(got.data[0] & 15) * 4] if got.version == 4 else b""
        l4, header = got.l4[len(extensions):], b""
        self.t.equal(got.l4[1:len(extensions)], extensions[1:], "extension headers")
        if got.proto == toa.UOA_PROTOCOL or extensions and got.l4[0] == toa.UOA_PROTOCOL:
            header, l4 = l4[:struct.unpack("!H", l4[2:4])[0]], l4[struct.unpack("!H", l4[2:4])[0]:]
        plain = packet.Packet(packet.ip(got.src, got.dst, packet.UDP, l4))
        self.lport = plain.sport
        self.t.equal((plain.flow, plain.payload, plain.faults), ((self.laddr, self.lport, self.rip, self.rport), payload, []),
                     "the datagram")
        return got, options + header

    def counts(self):
        """Datagrams that told the client, and packets that had no room for it."""
        row = self.t.director.ipvsadm("-G", *self.name.split(), "-n").out.splitlines()[3].split()
        return tuple(map(int, row[-2:]))


@test(lvs_only=True, way=WAYS, how=HOW)
def first_datagrams_tell(t, way, how):
    """Three, byte by byte; later ones and answers are plain, and the next flow begins anew."""
    skip_option(t, how, int(way[1]))
    f = Flow(t, way, how)
    for number, payload in enumerate((b"", b"odd", b"x" * 1000)):
        got, told = f.send(payload)
        t.equal((told, got.ttl), (f.tell(how), 63), f"datagram {number}")
    for number in range(3):
        t.equal(f.send(b"more")[1], b"", "a later one")
    f.reply(b"answer")
    t.equal(f.send(b"more")[1], b"", "a later one")
    t.equal(f.counts(), (3, 0), "counted")
    f.sport += 1
    t.equal(f.send(b"new")[1], f.tell(how), "the next flow")
    edit(t, f.name, "none")
    f.sport += 1
    t.equal(f.send(b"new")[1], b"", "a flow after the service has stopped to tell")


@test(lvs_only=True)
def off_unless_asked_for(t):
    g = Ghosts(t, "44", "udp", 4401)
    got = g.request(b"x")
    t.equal((got.data[0], got.proto), (0x45, packet.UDP), "the header")


@test(lvs_only=True)
def no_option_in_ipv6(t):
    """A service that tells by options tells nothing to real servers of IPv6, and counts that."""
    f = Flow(t, "66", "option")
    for _ in range(4):
        t.equal(f.send(b"x")[1], b"", "what was put in")
    t.equal(f.counts(), (0, 4), "counted")


@test(lvs_only=True, way=WAYS, how=HOW)
def room(t, way, how):
    """What would be too long with it goes without, is counted, and a later one tells."""
    outer, inner = families(way)
    skip_option(t, how, inner)
    f = Flow(t, way, how)
    if way in ("64", "46"):
        fresh_paths(t)
    header = {4: 20, 6: 40}
    fits = MTU - header[inner] - 8 - len(f.tell(how))
    fits = min(fits, MTU - header[outer] - 8)
    t.equal(f.send(b"x" * fits, df=True)[1], f.tell(how), "it just fits")
    if fits + 1 + header[outer] + 8 > MTU:
        return
    for what in ("one byte more", "and again"):
        t.equal(f.send(b"x" * (fits + 1), df=True)[1], b"", what)
    t.equal(f.send(b"x")[1], f.tell(how), "the next small one")
    t.equal(f.counts(), (2, 2), "counted")


@test(lvs_only=True, how=HOW)
def route_of_another_mtu(t, how):
    """It is the MTU of the route to the real server that counts."""
    f = Flow(t, "44", how)
    f.narrow("dest", 1000)
    fits = 1000 - 28 - len(f.tell(how))
    t.equal(f.send(b"x" * (fits + 1))[1], b"", "one byte too much")
    t.equal(f.send(b"x" * fits)[1], f.tell(how), "it just fits")


@test(lvs_only=True, af=FAMILIES, how=HOW)
def fragments(t, af, how):
    """What comes in fragments leaves in fragments, without it."""
    skip_option(t, how, af)
    f = Flow(t, f"{af}{af}", how)
    payload = bytes(range(256)) * 8
    segment = packet.udp_segment(f.client, f.vip, f.sport, f.port, payload)
    t.lab.outside.send(packet.ip(f.client, f.vip, packet.UDP, segment[:1024], ident=77, more=True),
                       packet.ip(f.client, f.vip, packet.UDP, segment[1024:], ident=77, offset=1024))
    parts = [t.lab.inside.receive(lambda p: (p.src, p.dst) == (f.laddr, f.rip)) for _ in range(2)]
    for part in parts:
        t.equal((part.proto, part.faults), (packet.UDP, []), "a fragment")
        t.equal(af == 6 or part.data[0] == 0x45, True, "no options")
    whole = b"".join(part.l4 for part in sorted(parts, key=lambda part: part.offset))
    t.equal(whole[8:], payload, "the payload")
    t.equal(f.counts(), (0, 1), "counted")
    t.equal(f.send(b"x")[1], f.tell(how), "the next one")


@test(lvs_only=True, way=("44", "46"), how=HOW)
def other_options(t, way, how):
    """Beside options that the client has; not where the header would get too long. Translation takes options off."""
    inner = int(way[1])
    skip_option(t, how, inner)
    f = Flow(t, way, how)
    route = b"\x07\x07\x04" + bytes(4) + NOP  # record route: the director fills it in
    got, told = f.send(b"x", options=route)
    if inner == 6:
        t.equal(told, f.tell(how), "what was put in")
        return
    t.equal(len(told), len(f.tell(how) + route), "length")
    t.equal(f.tell(how) in told and b"\x07\x07\x08" in told, True, f"{told}: both, and the route is recorded")
    most = 40 - 8
    t.equal(f.send(b"y", options=NOP * most)[1].replace(NOP, b""), f.tell(how).replace(NOP, b""), "as many as there may be")
    told = f.send(b"y", options=NOP * (most + 4))[1]
    t.equal(told, NOP * (most + 4) + (f.tell(how) if how == "header" else b""), "four bytes more")
    t.equal(f.counts(), (3, 0) if how == "header" else (2, 1), "counted")


@test(lvs_only=True, how=("none",) + HOW)
def forged_options_are_blanked(t, how):
    """Of whatever length, told or not; other options stay."""
    f = Flow(t, "44", how)
    for forged in (toa.option("198.51.100.1", 9, toa.UOA_OPTION), toa.option("2001:db8::1", 9, toa.UOA_OPTION), b"\x1f\x04\x00\x00"):
        f.sport += 1
        other = b"\x1e\x04\x12\x34"
        told = f.send(b"x", options=other + forged)[1]
        blanked = other + NOP * len(forged)
        expected = {"none": blanked, "option": f.tell("option") + blanked, "header": blanked + f.tell("header")}[how]
        t.equal(told, expected, "the options")


@test(lvs_only=True, af=FAMILIES, how=("none", "header"))
def forged_headers_find_no_service(t, af, how):
    """A client's packet of protocol 248 is none of UDP's: it gets no connection, and nowhere."""
    f = Flow(t, f"{af}{af}", how)
    segment = packet.udp_segment(f.client, f.vip, f.sport, f.port, b"forged")
    header = toa.uoa_header("198.51.100.1" if af == 4 else "2001:db8::1", 9)
    t.lab.outside.send(packet.ip(f.client, f.vip, toa.UOA_PROTOCOL, header + segment))
    if af == 6:
        extension = bytes([toa.UOA_PROTOCOL, 0, 1, 4, 0, 0, 0, 0])
        t.lab.outside.send(packet.ip(f.client, f.vip, 60, extension + header + segment))
    t.equal(f.send(b"x")[1], f.tell(how) if how != "none" else b"", "the first that arrives is the next one")
    t.equal(f.counts()[0], 1 if how != "none" else 0, "counted")
    t.equal(len(t.director.conns(f.vip, f.port)), 1, "connections")


@test(lvs_only=True)
def behind_extension_headers(t):
    """The header stands between what extension headers the client has and UDP's."""
    f = Flow(t, "66", "header")
    extension = bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([packet.UDP, 0, 1, 4, 0, 0, 0, 0])
    segment = packet.udp_segment(f.client, f.vip, f.sport, f.port, b"data")
    t.lab.outside.send(packet.ip(f.client, f.vip, 0, extension + segment))  # hop by hop, then destination options
    got = t.lab.inside.receive(lambda p: p.dst == f.rip)
    t.equal((got.proto, got.length, got.faults), (0, len(got.data), []), "the packet")
    expected = extension[:8] + bytes([toa.UOA_PROTOCOL]) + extension[9:] + f.tell("header")
    t.equal(got.l4[:len(expected)], expected, "headers")
    plain = packet.Packet(packet.ip(got.src, got.dst, packet.UDP, got.l4[len(expected):]))
    t.equal((plain.payload, plain.faults), (b"data", []), "the datagram")


@test(lvs_only=True, how=HOW)
def without_checksum(t, how):
    """UDP over IPv4 may have none, and still has none."""
    f = Flow(t, "44", how)
    t.lab.outside.send(packet.udp(f.client, f.sport, f.vip, f.port, b"data", check=0))
    got, told = f.take(b"data")
    t.equal((told, got.l4[len(told) if how == "header" else 0:][6:8]), (f.tell(how), b"\0\0"), "what was put in, and the checksum")


class Listener:
    """A UDP socket of a real server's with toa.ko, and a service before it. address: one more that the real server has."""

    def __init__(self, t, way, how, address=None):
        outer, inner = families(way)
        toa.load(t)
        ns, address = t.lab.rs[0], address or Lab.RS[inner][0]
        if outer != inner:
            far = Far(t)
            ns, address = far.ns, far.ADDRESS[inner]
            fresh_paths(t)
        with ns:
            self.socket = t.closing(socket.socket(socket.AF_INET if inner == 4 else socket.AF_INET6, socket.SOCK_DGRAM))
        self.end = (address, t.port())
        self.socket.bind(self.end)
        self.socket.settimeout(patience.seconds(10))
        self.vip, self.port, self.name = fullnat_service(t, "udp", outer, *self.end, local_addresses(t, inner))
        edit(t, self.name, how)

    def receive(self):
        """A datagram, by whom it seems to be, and by whom it is."""
        data, source = self.socket.recvfrom(1 << 16)
        return data, source[:2], toa.ask_flow(self.socket, *source[:2], *self.end)


@test(lvs_only=True, way=WAYS, how=HOW, timeout=120)
def real_server_knows_the_client(t, way, how):
    """toa.ko tells a program by getsockopt() who sent a datagram, through a director, with offloads as they are."""
    skip_option(t, how, int(way[1]))
    server = Listener(t, way, how)
    with UdpClient(t.lab.client, server.vip, server.port) as client:
        for size in (1, 1200, 33, 1400, 5):
            payload = os.urandom(size)
            client.socket.send(payload)
            data, source, told = server.receive()
            t.equal((data == payload, told), (True, client.socket.getsockname()[:2]), f"{size} bytes from {source}, and the client")
            server.socket.sendto(payload, source)
            t.equal(client.socket.recv(1 << 16) == payload, True, "the answer")
    now = toa.counters()
    t.equal((now["uoa_got"], now["uoa_saved"], now["uoa_invalid"]), (3, 1, 0), "counted on the real server")


@test(lvs_only=True, timeout=120)
def summed_up_already(t):
    """What a tunnel's checksum made the real server sum up has the right sum without the header, too."""
    ends = {t.lab.director_ns: (Lab.BACK[4], Lab.RS[4][0], "10.46.0.1"), t.lab.rs[0]: (Lab.RS[4][0], Lab.BACK[4], "10.46.0.2")}
    for ns, (local, remote, address) in ends.items():
        ns.ip(f"link add lvs-gre type gre local {local} remote {remote} icsum ocsum", "link set lvs-gre up",
              f"addr add {address}/30 dev lvs-gre")
        t.cleanup(ns.ip, "link del lvs-gre")
    t.lab.director_ns.run("ethtool", "-K", "back", "tx", "off")
    t.cleanup(t.lab.director_ns.run, "ethtool", "-K", "back", "tx", "on")
    server = Listener(t, "44", "header", "10.46.0.2")
    with UdpClient(t.lab.client, server.vip, server.port) as client:
        for size in (100, 1000, 1300):
            payload = os.urandom(size)
            client.socket.send(payload)
            data, _, told = server.receive()
            t.equal((data == payload, told), (True, client.socket.getsockname()[:2]), f"{size} bytes, and the client")


@test(lvs_only=True, how=HOW)
def segmented_later(t, how):
    """A GSO packet goes without, whole; the datagram after it tells."""
    server = Listener(t, "44", how)
    with UdpClient(t.lab.client, server.vip, server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 500)
        payload = os.urandom(2000)
        client.socket.send(payload)
        t.equal(b"".join(server.receive()[0] for _ in range(4)) == payload, True, "all segments")
        client.socket.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        client.socket.send(b"x")
        t.equal(server.receive()[2], client.socket.getsockname()[:2], "the client")


@test(lvs_only=True)
def too_big_for_a_path(t):
    """A router that the option is too much for says so: the client hears of it, and datagrams go without from then on."""
    f = Flow(t, "44", "option")
    got, _ = f.send(b"x" * 1300, df=True)
    t.lab.inside.send(packet.icmp("10.1.0.254", f.laddr, 3, 4, got.data[:36], rest=1320))
    error = t.lab.outside.receive(lambda p: p.dst == f.client and p.kind == 3)
    t.equal((error.code, error.rest, error.valid), (4, 1320, True), f"the error {error.faults}")
    t.equal(f.send(b"x" * 1200)[1], b"", "the next one")
    t.equal(f.counts(), (1, 1), "counted")


@test(lvs_only=True, af=FAMILIES, how=HOW, timeout=120)
def tracked(t, af, how):
    """With conntrack there is one entry for the flow, made by its first datagram, and NAT behind the director does no harm."""
    skip_option(t, how, af)
    conntrack(t, True)
    server = Listener(t, f"{af}{af}", how)
    rules(t, af, "nat", "-A POSTROUTING -o nowhere -j MASQUERADE")
    with UdpClient(t.lab.client, server.vip, server.port) as client:
        for number in range(5):
            client.socket.send(b"%d" % number)
            data, source, told = server.receive()
            t.equal((data, told), (b"%d" % number, client.socket.getsockname()[:2]), f"datagram {number} and the client")
            server.socket.sendto(data, source)
            t.equal(client.socket.recv(100), data, "the answer")
        sport = client.socket.getsockname()[1]
        found = entries(t, af, "udp", server.port, sport)
        t.equal(len(found), 1, f"entries: {found}")


@test(lvs_only=True, timeout=120)
def masqueraded(t):
    """Rules that translate FULLNAT's packets once more do not take the header's first bytes for ports: the flow is out of their reach."""
    conntrack(t, True, entries=False)
    server = Listener(t, "44", "header")
    rules(t, 4, "nat", f"-A POSTROUTING -p udp --dport {server.end[1]} -j MASQUERADE")
    with UdpClient(t.lab.client, server.vip, server.port) as client:
        for number in range(5):
            client.socket.send(b"%d" % number)
            data, source, told = server.receive()
            t.equal((data, told), (b"%d" % number, client.socket.getsockname()[:2]), f"datagram {number} and the client")
            server.socket.sendto(data, source)
            t.equal(client.socket.recv(100), data, "the answer")


@test(lvs_only=True)
def refused_by_a_real_server_without_it(t):
    """Without toa.ko a real server takes no packet of protocol 248; what comes after the first three is served."""
    with t.lab.rs[0]:
        server = t.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    end = (Lab.RS[4][0], t.port())
    server.bind(end)
    server.settimeout(patience.seconds(10))
    vip, port, name = fullnat_service(t, "udp", 4, *end, local_addresses(t, 4))
    edit(t, name, "header")
    with UdpClient(t.lab.client, vip, port) as client:
        for number in range(4):
            client.socket.send(b"%d" % number)
        t.equal(server.recv(100), b"3", "the first that is served")


@test(lvs_only=True)
def profile(t):
    """A service gets it by its profile, too."""
    rip, rport, port, (laddr,) = Lab.GHOST_RS[4][0], t.port(), t.port(), local_addresses(t, 4)
    vip = VIPS[4]["other"]
    t.cleanup(t.director.ipvsadm, "--profile", "delete", "-u", f"{vip}:{port}")
    t.director.ipvsadm("--profile", "set", "-u", f"{vip}:{port}", "-z", laddr, "--uoa", "option")
    t.director.service("udp", vip, port, "rr", [(rip, rport, "-b")])
    t.lab.inside.drain()
    t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4410, vip, port, b"x"))
    got = t.lab.inside.receive(lambda p: (p.dst, p.dport) == (rip, rport))
    t.equal(got.data[20:28], toa.option(Lab.GHOST_CLIENT[4], 4410, toa.UOA_OPTION), "the option")
    wait.equals(lambda: "uoa option" in t.director.ipvsadm("-L", "-n").out, True, 5, "listed")
