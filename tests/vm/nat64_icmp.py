# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors between the families: what they are called there, what they quote, and what hosts make of them."""
import errno
import random
import socket
import struct

from fullnat import fullnat_service, local_addresses
from lib import packet
from lib.harness import test
from lib.lab import Lab
from lib.nat64 import DIRECTIONS, Far, Ghosts, families, fresh_paths
from lib.traffic import Server, TcpClient, UdpClient

MEGABYTE = 1 << 20
# (type, code, second word): what IPv4 says, what IPv6 hears of it; and the other way round.
TO_V6 = [((3, 0, 0), (1, 0, 0)), ((3, 1, 0), (1, 0, 0)), ((3, 2, 0), (4, 1, 6)), ((3, 3, 0), (1, 4, 0)), ((3, 4, 1400), (2, 0, 1420)),
         ((3, 4, 600), (2, 0, 1280)), ((3, 10, 0), (1, 1, 0)), ((3, 13, 0), (1, 1, 0)), ((11, 0, 0), (3, 0, 0)), ((11, 1, 0), (3, 1, 0))]
TO_V4 = [((1, 0, 0), (3, 1, 0)), ((1, 1, 0), (3, 10, 0)), ((1, 3, 0), (3, 1, 0)), ((1, 4, 0), (3, 3, 0)), ((2, 0, 1400), (3, 4, 1380)),
         ((2, 0, 1280), (3, 4, 1260)), ((3, 0, 0), (11, 0, 0)), ((4, 1, 6), (3, 2, 0)), ((4, 0, 7), (12, 0, 8 << 24))]
TOO_BIG = {4: (3, 4), 6: (2, 0)}
# Those that the other family has no word for.
UNTRANSLATABLE = {4: [(3, 14, 0), (4, 0, 0)], 6: [(1, 5, 0), (4, 2, 0), (100, 0, 0)]}


def translated(af):
    """What errors of that family are in the other one."""
    return TO_V6 if af == 4 else TO_V4


def less_the_option(heard, af, proto):
    """The client does not know of the option that its segments get: the MTU that it is told leaves room, if it may."""
    least, option = (1280, 20) if af == 6 else (576, 8)
    if proto == "udp" or heard[:2] != TOO_BIG[af] or heard[2] - option < least:
        return heard
    return heard[:2] + (heard[2] - option,)


def same(t, error, quoted, sent, what):
    """The error quotes what was sent, as far as it quotes."""
    t.equal((error.valid, error.quote.valid), (True, True), f"{what}: checksums {error.faults} {error.quote.faults}")
    t.equal(error.quote.flow, packet.Packet(sent).flow, f"{what}: the flow")
    t.equal(error.quote.length, len(sent), f"{what}: the length that the packet had")
    t.equal(len(error.quote.l4), len(quoted.l4), f"{what}: how much is quoted")
    t.equal(error.quote.l4[8:] if error.quote.proto == packet.UDP else error.quote.l4[4:8],
            packet.Packet(sent).l4[8:len(error.quote.l4)] if error.quote.proto == packet.UDP else packet.Packet(sent).l4[4:8],
            f"{what}: its data, or its sequence number")


@test(lvs_only=True, direction=DIRECTIONS, proto=("udp", "tcp"))
def to_the_client(t, direction, proto):
    """An error about a request, by a router: from the service, in the client's family, about what the client sent."""
    g = Ghosts(t, direction, proto, 4400)
    sent = g.build_request(b"x" * 100, {"seq": 1234567})
    for said, heard in translated(g.inner):
        t.lab.outside.send(sent)
        got = g.arrives()
        for quote in (got.data, got.data[:len(got.data) - len(got.l4) + 8]):
            t.lab.inside.send(packet.icmp(Lab.SINK[g.inner], g.laddr, *said[:2], quote, said[2]))
            error = t.lab.outside.receive(lambda p: p.dst == g.client and p.quote, what=f"{said}")
            t.equal((error.src, error.kind, error.code, error.rest), (g.vip,) + less_the_option(heard, g.outer, proto), f"{said}")
            same(t, error, packet.Packet(quote, quoted=True), sent, f"{said}")


@test(lvs_only=True, direction=DIRECTIONS)
def to_the_real_server(t, direction):
    """The same about a reply: from the local address, about what the real server sent."""
    g = Ghosts(t, direction, "udp", 4401)
    g.request(b"x")
    sent = g.build_reply(b"y" * 100)
    for said, heard in translated(g.outer):
        t.lab.inside.send(sent)
        got = g.returns()
        t.lab.outside.send(packet.icmp(Lab.ROUTER_FRONT[g.outer], g.vip, *said[:2], got.data, said[2]))
        error = t.lab.inside.receive(lambda p: p.dst == g.rip and p.quote, what=f"{said}")
        t.equal((error.src, error.kind, error.code, error.rest), (g.laddr,) + heard, f"{said}")
        same(t, error, packet.Packet(got.data, quoted=True), sent, f"{said}")


@test(lvs_only=True, direction=DIRECTIONS)
def not_relayed(t, direction):
    """What the other family does not know, what lies about its checksum, and what quotes too little is dropped, and counted."""
    g = Ghosts(t, direction, "udp", 4402)
    got = g.request(b"x" * 100)
    kind, code, _ = translated(g.inner)[0][0]
    error = packet.icmp(Lab.SINK[g.inner], g.laddr, kind, code, got.data)
    wrong = bytearray(error)
    wrong[-1] ^= 1
    # One 32 bit word (IPv4) or 64 bit word (IPv6) of the packet, then something else: RFC 4884.
    little = packet.icmp(Lab.SINK[g.inner], g.laddr, kind, code, got.data, 1 << 16 if g.inner == 4 else 1 << 24)
    bad = [packet.icmp(Lab.SINK[g.inner], g.laddr, *said[:2], got.data, said[2]) for said in UNTRANSLATABLE[g.inner]]
    bad += [bytes(wrong), little]
    t.lab.inside.send(*bad)
    t.lab.inside.send(g.build_reply(b"mark"))
    first = g.returns()
    t.equal((first.payload, first.sport), (b"mark", g.port), "what the client gets")
    t.equal(t.director.drops(("udp", g.vip, g.port))["icmp"], len(bad), "drops")
    t.lab.inside.send(error)
    t.equal(t.lab.outside.receive(lambda p: p.dst == g.client).quote.flow, (g.client, g.sport, g.vip, g.port), "a sound one")


@test(lvs_only=True, direction=DIRECTIONS)
def quotes_are_cut(t, direction):
    """An error of IPv6 has at most 1280 bytes; what follows the quoted packet (RFC 4884) is left out."""
    g = Ghosts(t, direction, "udp", 4403)
    sent = g.build_request(b"x" * 1400, df=True)
    t.lab.outside.send(sent)
    got = g.arrives()
    kind, code, _ = translated(g.inner)[0][0]
    t.lab.inside.send(packet.icmp(Lab.SINK[g.inner], g.laddr, kind, code, got.data[:1380]))
    error = t.lab.outside.receive(lambda p: p.dst == g.client and p.quote)
    same(t, error, packet.Packet(error.quote.data, quoted=True), sent, "a long quote")
    t.equal(len(error.data) <= (1280 if g.outer == 6 else 1500), True, f"length {len(error.data)}")
    words = 128 // (4 if g.inner == 4 else 8)
    t.lab.inside.send(packet.icmp(Lab.SINK[g.inner], g.laddr, kind, code, got.data[:128] + b"\x20" + bytes(11),
                                  words << (16 if g.inner == 4 else 24)))
    error = t.lab.outside.receive(lambda p: p.dst == g.client and p.quote)
    same(t, error, packet.Packet(got.data[:128], quoted=True), sent, "an extended error")
    t.equal(error.rest, 0, "the length that it says of the quote")


def refusing(t, direction, kind, proto):
    """A service whose real server's address the router refuses that way. Returns VIP and port."""
    outer, inner = families(direction)
    far = Far(t)
    bits = 32 if inner == 4 else 128
    t.lab.router.ip(f"route add {kind} {far.ADDRESS[inner]}/{bits} metric 1")
    t.cleanup(t.lab.router.ip, f"route del {kind} {far.ADDRESS[inner]}/{bits} metric 1")
    vip, port, _ = fullnat_service(t, proto, outer, far.ADDRESS[inner], t.port(), local_addresses(t, inner))
    return vip, port


# What the router says, and what connect() says to that. IPv6 has no "host unreachable" for one of IPv4, but "no route".
REFUSALS = {"64": {"unreachable": errno.ENETUNREACH, "prohibit": errno.EACCES},
            "46": {"unreachable": errno.EHOSTUNREACH, "prohibit": errno.EHOSTUNREACH}}


@test(lvs_only=True, direction=DIRECTIONS, kind=("unreachable", "prohibit"))
def connect_fails(t, direction, kind):
    """A router does not pass packets to the real server: the client's connect() says so at once."""
    vip, port = refusing(t, direction, kind, "tcp")
    try:
        TcpClient(t.lab.client, vip, port).close()
    except OSError as error:
        t.equal(errno.errorcode.get(error.errno), errno.errorcode[REFUSALS[direction][kind]], "connect()")
        return
    raise AssertionError("connected")


@test(lvs_only=True, direction=DIRECTIONS, proto=("tcp", "udp"))
def closed_port(t, direction, proto):
    """Nobody listens on the real server: ECONNREFUSED, by its RST or its error."""
    outer, inner = families(direction)
    far = Far(t)
    vip, port, _ = fullnat_service(t, proto, outer, far.ADDRESS[inner], t.port(), local_addresses(t, inner))
    try:
        if proto == "tcp":
            TcpClient(t.lab.client, vip, port).close()
        else:
            with UdpClient(t.lab.client, vip, port) as client:
                client.ask(b"anyone?")
    except ConnectionRefusedError:
        return
    raise AssertionError("no ECONNREFUSED")


@test(lvs_only=True, direction=DIRECTIONS)
def dead_real_server(t, direction):
    """Nobody answers for the real server's address in the director's own network: connect() fails when it gave up asking."""
    outer, inner = families(direction)
    nobody = {4: "10.1.0.99", 6: "fd00:c::99"}[inner]
    vip, port, _ = fullnat_service(t, "tcp", outer, nobody, t.port(), local_addresses(t, inner))
    try:
        TcpClient(t.lab.client, vip, port).close()
    except OSError as error:
        wanted = errno.ENETUNREACH if outer == 6 else errno.EHOSTUNREACH
        t.equal(errno.errorcode.get(error.errno), errno.errorcode[wanted], "connect()")
        return
    raise AssertionError("connected")


IP_RECVERR, IPV6_RECVERR = 11, 25


@test(lvs_only=True, direction=DIRECTIONS)
def time_exceeded(t, direction):
    """A datagram that runs out of hops behind the director comes back to the client as what it is, as traceroute wants it."""
    outer, inner = families(direction)
    far = Far(t)
    vip, port, _ = fullnat_service(t, "udp", outer, far.ADDRESS[inner], t.port(), local_addresses(t, inner))
    with UdpClient(t.lab.client, vip, port) as client:
        level, hops, recverr = ((socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, IPV6_RECVERR) if outer == 6 else
                                (socket.IPPROTO_IP, socket.IP_TTL, IP_RECVERR))
        client.socket.setsockopt(level, hops, 3)  # the router, the director, the router
        client.socket.setsockopt(level, recverr, 1)
        try:
            client.ask(b"x")
        except OSError as error:
            t.equal(errno.errorcode.get(error.errno), "EHOSTUNREACH", "recv()")
        _, control, _, _ = client.socket.recvmsg(1000, 1000, socket.MSG_ERRQUEUE)
        code, origin, kind, icmp_code = struct.unpack_from("=IBBB", control[0][2])
        t.equal((code, kind, icmp_code), (errno.EHOSTUNREACH, 3 if outer == 6 else 11, 0), f"the error, of origin {origin}")


def errors_of(ns, af):
    """How often the host said that something is too big (IPv4: or cannot be reached)."""
    if af == 4:
        names, values = [line.split() for line in ns.read("/proc/net/snmp").splitlines() if line.startswith("Icmp:")]
        return int(dict(zip(names, values))["OutDestUnreachs"])
    return int(dict(line.split() for line in ns.read("/proc/net/snmp6").splitlines())["Icmp6OutPktTooBigs"])


@test(lvs_only=True, direction=DIRECTIONS + ("44", "66"), narrow=("dest", "client"), timeout=120)
def path_mtu_is_learned(t, direction, narrow):
    """Beside the director there is a link of 1300 bytes, of which no MSS tells: megabytes pass nevertheless, both ways."""
    outer, inner = families(direction)
    far, rport = Far(t), t.port()
    t.closing(Server(far.ns, "tcp", far.ADDRESS[inner], rport, "far"))
    vip, port, _ = fullnat_service(t, "tcp", outer, far.ADDRESS[inner], rport, local_addresses(t, inner))
    fresh_paths(t)
    af, address, device = ((inner, far.ADDRESS[inner], "far") if narrow == "dest" else (outer, Lab.CLIENT[outer], "client"))
    route = f"{address}/{32 if af == 4 else 128} dev {device}"
    t.lab.router.ip(f"route add {route} mtu lock 1300")
    t.cleanup(t.lab.router.ip, f"route del {route}")
    before = errors_of(t.lab.router, af)
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "far", "the server that answered")
    t.equal(errors_of(t.lab.router, af) > before, True, "the router has told somebody")


@test(lvs_only=True)
def path_of_those_that_do_not_look(t):
    """A sender of IPv4 without DF: its segments are small enough for every path of IPv6, whatever it sends."""
    far, rport = Far(t), t.port()
    t.closing(Server(far.ns, "tcp", far.ADDRESS[6], rport, "far"))
    vip, port, _ = fullnat_service(t, "tcp", 4, far.ADDRESS[6], rport, local_addresses(t, 6))
    t.lab.client.write("/proc/sys/net/ipv4/ip_no_pmtu_disc", "1")
    t.cleanup(t.lab.client.write, "/proc/sys/net/ipv4/ip_no_pmtu_disc", "0")
    route = f"{far.ADDRESS[6]}/128 dev far"
    t.lab.router.ip(f"route add {route} mtu lock 1280")
    t.cleanup(t.lab.router.ip, f"route del {route}")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(MEGABYTE, 0), "far", "the server that answered")


@test(lvs_only=True, direction=DIRECTIONS, timeout=120)
def lies(t, direction):
    """Errors that are cut anywhere, or of which any bit is another, do no harm: the connection goes on."""
    g = Ghosts(t, direction, "udp", 4410)
    got = g.request(b"x" * 40)
    error = packet.icmp(Lab.SINK[g.inner], g.laddr, *translated(g.inner)[0][0][:2], got.data)
    header = 20 if g.inner == 4 else 40
    body, chance = error[header:], random.Random(7)
    proto = packet.ICMP if g.inner == 4 else packet.ICMP6

    def rebuilt(message):
        message = message[:2] + b"\0\0" + message[4:]
        start = packet.pseudo(Lab.SINK[g.inner], g.laddr, proto, len(message)) if g.inner == 6 else b""
        check = packet.checksum(start + message)
        return packet.ip(Lab.SINK[g.inner], g.laddr, proto, message[:2] + struct.pack("!H", check) + message[4:])

    for length in range(4, len(body)):
        t.lab.inside.send(rebuilt(body[:length]))
    for _ in range(300):
        message = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(message) * 8)
            message[at // 8] ^= 1 << at % 8
        t.lab.inside.send(rebuilt(bytes(message)))
    t.lab.outside.drain()
    g.request(b"still")
    g.reply(b"there")
