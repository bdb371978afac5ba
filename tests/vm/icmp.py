# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors of a connection reach the one they are about, in its own terms."""

from lib import ipvs, packet
from lib.harness import test
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.traffic import UdpClient

# (type, code, second word)
ERRORS = {4: [(3, 3, 0), (3, 1, 0), (3, 13, 0), (3, 4, 1300), (11, 0, 0), (4, 0, 0)],
          6: [(1, 4, 0), (1, 0, 0), (2, 0, 1300), (3, 0, 0), (4, 1, 40)]}
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}


def name(af, address, port):
    return f"{address}:{port}" if af == 4 else f"[{address}]:{port}"


def ghost(t, method, af, proto="udp"):
    vip, port, rip = VIPS[af]["other"], t.port(), Lab.GHOST_RS[af][0]
    rport = t.port() if method == "nat" else port
    t.director.service(proto, vip, port, "rr", [(rip, rport, METHOD_OPTION[method])])
    t.lab.inside.drain()
    t.lab.outside.drain()
    return vip, port, rip, rport


@test(af=(4, 6))
def closed_port_of_a_real_server(t, af):
    """The client's own socket learns that nobody listens behind the VIP."""
    vip, port = VIPS[af]["nat"], t.port()
    t.director.service("udp", vip, port, "rr", [(Lab.RS[af][0], t.port(), "-m")])
    with UdpClient(t.lab.client, vip, port) as client:
        try:
            client.ask(b"anyone?")
        except ConnectionRefusedError:
            return
        raise AssertionError("no ECONNREFUSED")


@test(af=(4, 6), proto=("udp", "tcp"))
def from_the_real_server(t, af, proto):
    """An error about a request, quoting it as the real server got it, goes to the client quoting what it sent."""
    vip, port, rip, rport = ghost(t, "nat", af, proto)
    client, sport = Lab.GHOST_CLIENT[af], 7000
    for kind, code, rest in ERRORS[af]:
        if proto == "udp":
            request = packet.udp(client, sport, vip, port, b"data" * 20)
        else:
            request = packet.tcp(client, sport, vip, port, packet.SYN, seq=1234567)
        t.lab.outside.send(request)
        got = t.lab.inside.receive(lambda p: p.dst == rip)
        for quote in (got.data, got.data[:len(got.data) - len(got.l4) + 8]):
            t.lab.inside.send(packet.icmp(rip, client, kind, code, quote, rest))
            error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
            t.equal((error.src, error.kind, error.code, error.rest), (vip, kind, code, rest), "error")
            t.equal(error.quote.flow, (client, sport, vip, port), "what it quotes")
            t.equal((error.valid, error.quote.valid), (True, True), f"checksums {error.faults} {error.quote.faults}")
            t.equal(len(error.quote.data), len(quote), "length of the quote")


@test(af=(4, 6))
def from_a_router_before_the_real_server(t, af):
    """An error by a router behind the director is relayed too."""
    vip, port, rip, rport = ghost(t, "nat", af)
    client, sport = Lab.GHOST_CLIENT[af], 7001
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 100))
    got = t.lab.inside.receive(lambda p: p.dst == rip)
    kind, code, rest = ERRORS[af][3 if af == 4 else 2]
    t.lab.inside.send(packet.icmp(Lab.SINK[af], client, kind, code, got.data, rest))
    error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((error.kind, error.code, error.rest, error.quote.flow), (kind, code, rest, (client, sport, vip, port)), "error")
    t.equal((error.valid, error.quote.valid), (True, True), f"checksums {error.faults} {error.quote.faults}")


@test(af=(4, 6))
def from_the_clients_side(t, af):
    """An error about a reply, quoting the VIP, goes to the real server quoting what that sent."""
    vip, port, rip, rport = ghost(t, "nat", af)
    client, sport = Lab.GHOST_CLIENT[af], 7002
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x"))
    t.lab.inside.receive(lambda p: p.dst == rip)
    for kind, code, rest in ERRORS[af]:
        t.lab.inside.send(packet.udp(rip, rport, client, sport, b"reply" * 30))
        got = t.lab.outside.receive(lambda p: p.dst == client and p.sport == port)
        t.lab.outside.send(packet.icmp(Lab.ROUTER_FRONT[af], vip, kind, code, got.data, rest))
        error = t.lab.inside.receive(lambda p: p.dst == rip and p.quote)
        t.equal((error.src, error.kind, error.code, error.rest), (Lab.ROUTER_FRONT[af], kind, code, rest), "error")
        t.equal(error.quote.flow, (rip, rport, client, sport), "what it quotes")
        t.equal((error.valid, error.quote.valid), (True, True), f"checksums {error.faults} {error.quote.faults}")


@test(lvs_only=True)  # mainline first relays the MTU that it had before
def too_big_inside_the_tunnel(t):
    """A router on the way through the tunnel says 1300: the client is told 1280, and so it is from then on."""
    vip, port, rip, _ = ghost(t, "tun", 4)
    client, sport = Lab.GHOST_CLIENT[4], 7003
    t.cleanup(t.lab.director_ns.ip, "route flush cache")
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 1400, df=True))
    outer = t.lab.inside.receive(lambda p: p.dst == rip)
    t.equal(outer.df, True, "DF of the outer packet")
    t.lab.inside.send(packet.icmp(Lab.SINK[4], Lab.BACK[4], 3, 4, outer.data[:548], 1300))
    error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((error.kind, error.code, error.rest), (3, 4, 1280), "error")
    t.equal(error.quote.flow, (client, sport, vip, port), "what it quotes")
    t.equal(error.valid, True, f"checksums {error.faults}")

    def refused():
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 1253, df=True))
        error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
        return (error.kind, error.code, error.rest, error.quote.sport) == (3, 4, 1280, sport)
    t.equal(refused(), True, "the director itself knows the new MTU")
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 1252, df=True))
    t.lab.inside.receive(lambda p: p.dst == rip and len(p.data) == 1300, what="a packet that fits")


@test(af=(4, 6), proto=("tcp", "udp"))
def nobody_to_serve(t, af, proto):
    """A service without a dest that takes it answers port unreachable, and counts."""
    vip, port = VIPS[af]["other"], t.port()
    t.director.service(proto, vip, port, "rr")
    t.lab.outside.drain()
    client = Lab.GHOST_CLIENT[af]
    request = (packet.udp(client, 7004, vip, port, b"x") if proto == "udp" else
               packet.tcp(client, 7004, vip, port, packet.SYN))
    t.lab.outside.send(request)
    error = t.lab.outside.receive(lambda p: p.dst == client)
    t.equal((error.kind, error.code), PORT_UNREACHABLE[af], "type and code")
    t.equal((error.quote.flow, error.valid), ((client, 7004, vip, port), True), "what it quotes, checksums")
    t.equal(t.director.conns(vip, port), [], "connections")
    if ipvs.MODULE == "lvs":
        t.equal(t.director.drops((proto, vip, port))["no-dest"], 1, "no-dest drops of the service")


@test(af=(4, 6))
def nobody_to_serve_a_socket(t, af):
    """A real client sees connection refused at once."""
    vip, port = VIPS[af]["other"], t.port()
    t.director.service("udp", vip, port, "rr")
    with UdpClient(t.lab.client, vip, port) as client:
        try:
            client.ask(b"anyone?")
        except ConnectionRefusedError:
            return
        raise AssertionError("no ECONNREFUSED")


@test(af=(4, 6))
def echo_to_the_vip(t, af):
    """The director itself answers pings to the VIP."""
    vip, port, _, _ = ghost(t, "nat", af)
    client = Lab.GHOST_CLIENT[af]
    kind = 8 if af == 4 else 128
    t.lab.outside.send(packet.icmp(client, vip, kind, 0, b"ping" * 10, 0x00070001))
    answer = t.lab.outside.receive(lambda p: p.dst == client)
    t.equal((answer.kind, answer.rest, answer.payload, answer.valid),
            (0 if af == 4 else 129, 0x00070001, b"ping" * 10, True), "echo reply")


@test(af=(4, 6))
def errors_of_strangers(t, af):
    """An error about a packet of no connection is not relayed to any dest."""
    vip, port, rip, rport = ghost(t, "nat", af)
    client, sport = Lab.GHOST_CLIENT[af], 7005
    kind, code, rest = ERRORS[af][0]
    stranger = packet.udp(vip, port, client, 9999, b"x" * 40)
    t.lab.outside.send(packet.icmp(Lab.ROUTER_FRONT[af], vip, kind, code, stranger, rest))
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"marker"))
    first = t.lab.inside.receive(lambda p: p.dst == rip)
    t.equal(first.payload, b"marker", "the first packet that the dest gets")


@test(af=(4, 6), proto=("udp", "tcp"))
def replies_of_no_connection(t, af, proto):
    """They pass through as they are; with nat_icmp_send a NAT dest is told that nobody waits for them."""
    vip, port, rip, rport = ghost(t, "nat", af, proto)
    client = Lab.GHOST_CLIENT[af]
    setting = "/proc/sys/net/ipv4/vs/nat_icmp_send"
    t.cleanup(t.lab.director_ns.write, setting, "0")

    def reply(dport, sport=rport, flags=packet.ACK, proto=proto):
        t.lab.inside.send(packet.udp(rip, sport, client, dport, b"late") if proto == "udp" else
                          packet.tcp(rip, sport, client, dport, flags))

    def arrives(*dports):
        t.equal([t.lab.outside.receive(lambda p: p.dst == client).dport for _ in dports], list(dports), "what the client gets")
    reply(7010)
    arrives(7010)
    t.lab.director_ns.write(setting, "1")
    reply(7011)
    error = t.lab.inside.receive(lambda p: p.dst == rip and p.quote)
    t.equal((error.kind, error.code), PORT_UNREACHABLE[af], "type and code")
    t.equal((error.quote.flow, error.valid), ((rip, rport, client, 7011), True), "what it quotes, checksums")
    if ipvs.MODULE == "lvs":
        t.equal(t.director.drops((proto, vip, port))["no-connection"], 1, "drops of the service")
    reply(7012, sport=rport + 10000)
    reply(7013, proto="tcp" if proto == "udp" else "udp")
    reply(7014, proto="tcp", flags=packet.RST)
    arrives(7012, 7013, 7014)
    t.lab.outside.send(packet.udp(client, 7015, vip, port, b"request") if proto == "udp" else
                       packet.tcp(client, 7015, vip, port, packet.SYN))
    t.lab.inside.receive(lambda p: p.dst == rip and p.sport == 7015)
    reply(7015, flags=packet.SYN | packet.ACK)
    t.equal(t.lab.outside.receive(lambda p: p.dst == client).flow, (vip, port, client, 7015), "a reply of a connection")
    t.director.ipvsadm("-e", f"-{proto[0]}", name(af, vip, port), "-r", name(af, rip, rport), "-m", "-w", "0")
    reply(7016)
    t.equal(t.lab.inside.receive(lambda p: p.dst == rip and p.quote).quote.dport, 7016, "what a drained dest is told of")
    t.director.ipvsadm("-d", f"-{proto[0]}", name(af, vip, port), "-r", name(af, rip, rport))
    reply(7017)
    arrives(7017)


def quoting_a_reply(af, vip, port, client, sport, proto):
    """An error of a router about a reply that the client would have got."""
    reply = (packet.udp(vip, port, client, sport, b"y" * 40) if proto == "udp" else
             packet.tcp(vip, port, client, sport, packet.ACK, seq=7))
    kind, code, rest = ERRORS[af][0]
    return packet.icmp(Lab.ROUTER_FRONT[af], vip, kind, code, reply, rest)


@test(af=(4, 6), proto=("udp", "tcp"), method=("nat", "dr"))
def may_open_a_connection(t, af, proto, method):
    """With schedule_icmp an error without a connection is scheduled as what it quotes; without it no dest hears it."""
    vip, port, rip, rport = ghost(t, method, af, proto)
    client, sport = Lab.GHOST_CLIENT[af], 7006
    error = quoting_a_reply(af, vip, port, client, sport, proto)
    t.lab.outside.send(error, packet.icmp(client, vip, 8 if af == 4 else 128, 0, b"ping", 0x00080001))
    t.lab.outside.receive(lambda p: p.dst == client and p.rest == 0x00080001, what="the answer to a ping behind the error")
    setting = "/proc/sys/net/ipv4/vs/schedule_icmp"
    t.cleanup(t.lab.director_ns.write, setting, "0")
    t.lab.director_ns.write(setting, "1")
    t.equal(t.director.conns(vip, port), [], "connections while it is off")
    t.lab.outside.send(error)
    dst = rip if method == "nat" else vip
    got = t.lab.inside.receive(lambda p: p.dst == dst and p.quote)
    t.equal((got.quote.flow, got.valid), ((dst, rport, client, sport), True), "what it quotes, checksums")
    conn, = t.director.conns(vip, port)
    t.equal((conn["client"], conn["cport"], conn["dest"]), (client, sport, rip), "the connection")
    if proto == "udp":
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"later"))
        t.equal(t.lab.inside.receive(lambda p: p.sport == sport).payload, b"later", "a packet of that connection")
        t.equal(len(t.director.conns(vip, port)), 1, "connections after it")
