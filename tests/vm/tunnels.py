# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of tunnel, between and within the families, to real servers whose kernels take the packets out again."""
import errno

from lib import kernel, packet, wait
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.record import run
from lib.traffic import Server, TcpClient, UdpClient, datagram

FAMILIES = (4, 6)
MEGABYTE = 1 << 20
SENT = (1 if kernel.SLOW else 4) * MEGABYTE
GUE_PORT = 6080
OPTIONS = {
    "ipip": "",
    "gue": f"--tun-type gue --tun-port {GUE_PORT} --tun-nocsum",
    "gue-csum": f"--tun-type gue --tun-port {GUE_PORT} --tun-csum",
    "gue-remcsum": f"--tun-type gue --tun-port {GUE_PORT} --tun-remcsum",
    "gre": "--tun-type gre --tun-nocsum",
    "gre-csum": "--tun-type gre --tun-csum",
}
OUTER = {4: 20, 6: 40}
SHIM = {"ipip": 0, "gue": 12, "gue-csum": 12, "gue-remcsum": 20, "gre": 4, "gre-csum": 8}
OUTER_PROTO = {"ipip": {4: 4, 6: 41}, "gue": {4: 17, 6: 17}, "gre": {4: 47, 6: 47}}
TOO_BIG = {4: (3, 4), 6: (2, 0)}


def tunnel_end(t, tunnel, outer):
    """Makes real server 1 take such packets of the director's out of the tunnel."""
    ns, local, remote = t.lab.rs[0], Lab.RS[outer][0], Lab.BACK[outer]
    kind, devices = tunnel.split("-")[0], ["tunl0", "sit0"]
    if kind == "gue":
        run("modprobe", "-a", "fou", "fou6")
        six = "-6 " if outer == 6 else ""
        ns.run("ip", "fou", "add", "port", str(GUE_PORT), "gue", *six.split())
        t.cleanup(ns.run, "ip", "fou", "del", "port", str(GUE_PORT), *six.split())
    if kind == "gre":
        csum = " icsum" if tunnel == "gre-csum" else ""
        ns.ip(f"link add lvs-gre type {'ip6gre' if outer == 6 else 'gre'} local {local} remote {remote}{csum}")
        devices = ["lvs-gre"]
    elif outer == 6:
        ns.ip(f"link add lvs-tun type ip6tnl mode any local {local} remote {remote}")
        devices = ["lvs-tun"]
    if devices[0].startswith("lvs-"):
        t.cleanup(ns.ip, f"link del {devices[0]}")
        ns.ip(f"link set {devices[0]} up")
    for device in devices:
        ns.write(f"/proc/sys/net/ipv4/conf/{device}/rp_filter", "0")


def serve(t, proto, tunnel, outer, inner):
    vip, port = VIPS[inner]["tun"], t.port()
    tunnel_end(t, tunnel, outer)
    t.closing(Server(t.lab.rs[0], proto, vip, port, "rs1"))
    t.director.service(proto, vip, port, "rr", [(Lab.RS[outer][0], port, f"-i {OPTIONS[tunnel]}")])
    return vip, port


@test(tunnel=tuple(OPTIONS), outer=FAMILIES, inner=FAMILIES, lvs_only=True)
def tcp(t, tunnel, outer, inner):
    """Megabytes through the tunnel arrive whole, segmented by whoever does that."""
    vip, port = serve(t, "tcp", tunnel, outer, inner)
    t.cleanup(t.lab.client.ip, "route flush cache", "-6 route flush cache")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(SENT, MEGABYTE), "rs1", "the server that answered")
    conn, = t.director.conns(vip, port)
    t.equal(conn["dest"], Lab.RS[outer][0], "the dest in the listing of connections")


@test(tunnel=tuple(OPTIONS), outer=FAMILIES, inner=FAMILIES, lvs_only=True)
def udp(t, tunnel, outer, inner):
    """Datagrams of all sizes come back as they were, those that need fragments too."""
    vip, port = serve(t, "udp", tunnel, outer, inner)
    t.cleanup(t.lab.client.ip, "route flush cache", "-6 route flush cache")
    t.lab.client.write("/proc/sys/net/ipv4/ip_no_pmtu_disc", "1")
    t.cleanup(t.lab.client.write, "/proc/sys/net/ipv4/ip_no_pmtu_disc", "0")
    with UdpClient(t.lab.client, vip, port) as client:
        for size in (1, 2, 512, 1200, 3001):
            data = datagram(size)
            try:
                answer = client.ask(data)
            except OSError as error:  # over IPv6 the client learns the path's MTU by its first try
                t.equal((inner, error.errno), (6, errno.EMSGSIZE), f"the family, the error for {size} bytes")
                answer = client.ask(data)
            t.equal((len(answer), answer == data), (size, True), f"the answer to {size} bytes is what was sent: {answer[:20]}")


@test(tunnel=("ipip", "gue", "gre"), lvs_only=True)
def tcp_without_offloads(t, tunnel):
    """The same with neither segmentation nor checksum offload anywhere on the way."""
    hosts = [(t.lab.client, "eth0"), (t.lab.rs[0], "eth0"), (t.lab.director_ns, "front"), (t.lab.director_ns, "back")]

    def offloads(state):
        for ns, device in hosts:
            ns.run("ethtool", "-K", device, "tx", state, "sg", state, "tso", state, "gso", state)

    offloads("off")
    t.cleanup(offloads, "on")
    vip, port = serve(t, "tcp", f"{tunnel}-csum" if tunnel != "ipip" else tunnel, 4, 4)
    t.cleanup(t.lab.client.ip, "route flush cache")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "rs1", "the server that answered")


def ghost(t, tunnel, outer, inner):
    vip, port, rip = VIPS[inner]["tun"], t.port(), Lab.GHOST_RS[outer][0]
    t.director.service("udp", vip, port, "rr", [(rip, port, f"-i {OPTIONS[tunnel]}")])
    t.lab.outside.drain()
    t.lab.inside.drain()
    return vip, port, rip


@test(tunnel=("ipip", "gue-csum", "gre"), outer=FAMILIES, inner=FAMILIES, lvs_only=True)
def headers(t, tunnel, outer, inner):
    """The outer header goes from director to dest and repeats hops, DS and ECN; a congestion mark stays inside as it was."""
    vip, port, rip = ghost(t, tunnel, outer, inner)
    client = Lab.GHOST_CLIENT[inner]
    sent = bytearray(packet.udp(client, 4100, vip, port, b"tunnelled", df=True, ttl=33))
    if inner == 4:  # DS 0x2e, ECN 2
        sent[1] = 0xba
        sent[10:12] = b"\0\0"
        sent[10:12] = packet.checksum(bytes(sent[:20])).to_bytes(2, "big")
    else:
        sent[0:2] = (0x6ba0).to_bytes(2, "big")
    t.lab.outside.send(bytes(sent))
    got = t.lab.inside.receive(lambda p: p.dst == rip)
    kind = tunnel.split("-")[0]
    t.equal((got.src, got.proto, got.ttl), (Lab.BACK[outer], OUTER_PROTO[kind][inner], 32), "outer source, protocol, TTL")
    ds = got.data[1] if outer == 4 else int.from_bytes(got.data[:2], "big") >> 4 & 0xff
    t.equal(ds, 0xba, "DS and ECN of the outer header")
    if outer == 4:
        t.equal(got.df, inner == 4, "DF of the outer header")
    at = OUTER[outer] + SHIM[tunnel]
    within = packet.Packet(got.data[at:])
    t.equal((within.flow, within.payload, within.ttl, within.valid), ((client, 4100, vip, port), b"tunnelled", 32, True),
            "the packet inside")
    if tunnel == "gue-csum":
        t.equal((got.dport, got.valid), (GUE_PORT, True), f"UDP's port, its checksum {got.faults}")


@test(tunnel=("ipip", "gue", "gre-csum"), outer=FAMILIES, inner=FAMILIES, lvs_only=True)
def too_big_inside(t, tunnel, outer, inner):
    """A router inside the tunnel says 1400: the client is told what is left of that, and so it is from then on."""
    vip, port, rip = ghost(t, tunnel, outer, inner)
    client, sport = Lab.GHOST_CLIENT[inner], 4200
    left = 1400 - OUTER[outer] - SHIM[tunnel]
    t.cleanup(t.lab.director_ns.ip, "route flush cache", "-6 route flush cache")
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 1390, df=True))
    quote = t.lab.inside.receive(lambda p: p.dst == rip)
    t.lab.inside.send(packet.icmp(Lab.SINK[outer], Lab.BACK[outer], *TOO_BIG[outer], quote.data[:548], 1400))

    def told(what):
        error = t.lab.outside.receive(lambda p: p.dst == client and p.quote, what=what)
        t.equal((error.kind, error.code, error.rest, error.valid), (*TOO_BIG[inner], left, True), f"{what} {error.faults}")
        t.equal(error.quote.flow, (client, sport, vip, port), "what it quotes")

    told("the error relayed")
    room = left - OUTER[inner] - 8
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * (room + 1), df=True))
    told("the director's own error")
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * room, df=True))
    t.lab.inside.receive(lambda p: p.dst == rip and len(p.data) == 1400, what="a packet that fits")


@test(outer=FAMILIES)
def without_path_mtu_discovery(t, outer):
    """With pmtu_disc 0 nothing of IPv4 is too big for a tunnel: it leaves in fragments, whatever the client thinks of that."""
    vip, port, rip = ghost(t, "ipip", outer, 4)
    setting = "/proc/sys/net/ipv4/vs/pmtu_disc"
    t.cleanup(t.lab.director_ns.write, setting, "1")
    client, room = Lab.GHOST_CLIENT[4], 1500 - 20 - 8

    def send(sport):
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * room, df=True))
    send(4210)
    t.lab.outside.receive(lambda p: p.dst == client and p.quote and p.quote.sport == 4210, what="the error")
    t.lab.director_ns.write(setting, "0")
    send(4211)
    parts = [t.lab.inside.receive(lambda p: p.dst == rip, what="a fragment").data for _ in range(2)]
    t.equal(sum(len(part) for part in parts), 1500 + 2 * OUTER[outer] + (16 if outer == 6 else 0), "bytes of both fragments")
    if outer == 4:
        t.equal([part[6] & 0x40 for part in parts], [0, 0], "DF of the outer headers")


@test(outer=FAMILIES, inner=FAMILIES, lvs_only=True)
def unreachable_inside(t, outer, inner):
    """Another error from inside the tunnel reaches the client in its own family's words."""
    vip, port, rip = ghost(t, "ipip", outer, inner)
    client, sport = Lab.GHOST_CLIENT[inner], 4300
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 50))
    quote = t.lab.inside.receive(lambda p: p.dst == rip)
    t.lab.inside.send(packet.icmp(Lab.SINK[outer], Lab.BACK[outer], *{4: (3, 1), 6: (1, 3)}[outer], quote.data))
    error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((error.kind, error.code, error.valid), (*{4: (3, 1), 6: (1, 3)}[inner], True), f"error {error.faults}")
    t.equal(error.quote.flow, (client, sport, vip, port), "what it quotes")


def fragments(src, dst, proto, data, size=1232):
    """Of either family, as its hosts send them."""
    return [packet.ip(src, dst, proto, data[at:at + size], ident=79, offset=at, more=at + size < len(data))
            for at in range(0, len(data), size)]


@test(way=("46", "64", "66"), lvs_only=True)
def longest(t, way):
    """
    The longest packet that the outer header's length field holds goes through whole, the next longer one is dropped and
    counted; IPv6's field does not count its own header. (Of IPv4 in IPv6 that is the longest of all.)
    """
    inner, outer = map(int, way)
    vip, port, rip = ghost(t, "ipip", outer, inner)
    client = Lab.GHOST_CLIENT[inner]
    most = 65535 - (OUTER[4] if outer == 4 else 0) - OUTER[inner] - 8
    for excess in (1, 0) if inner == 6 else (0,):
        data = datagram(most + excess)
        before = t.director.drops().get("too-big", 0)
        t.lab.outside.send(*fragments(client, vip, packet.UDP, packet.udp_segment(client, vip, 4500, port, data)))
        if excess:
            wait.equals(lambda before=before: t.director.drops().get("too-big", 0) - before, 1, 5, "packets too big")
    got, more = b"", True
    while more:
        part = t.lab.inside.receive(lambda p: p.dst == rip, what="a fragment")
        t.equal(part.offset, len(got), "offset of a fragment")
        got, more = got + part.l4, part.more
    within = packet.Packet(got)
    t.equal((within.flow, within.payload == data, within.faults), ((client, 4500, vip, port), True, []), "the packet inside")


@test(lvs_only=True, tunnel=("ipip", "gue", "gre"))
def numbers_of_what_came_in_fragments(t, tunnel):
    """A datagram that came in fragments leaves in such, all with one number that no other's have, whether they had DF or not."""
    vip, port, rip = ghost(t, tunnel, 4, 4)
    client, numbers = Lab.GHOST_CLIENT[4], []
    segment = packet.udp_segment(client, vip, 4501, port, datagram(3000))
    for turn, df in enumerate((True, True, False)):
        t.lab.outside.send(*[packet.ip(client, vip, packet.UDP, segment[at:at + 1400], ident=90 + turn, df=df, offset=at,
                                       more=at + 1400 < len(segment)) for at in range(0, len(segment), 1400)])
        parts = [t.lab.inside.receive(lambda p: p.dst == rip, what="a fragment")]
        while parts[-1].more:
            parts.append(t.lab.inside.receive(lambda p: p.dst == rip, what="a fragment"))
        t.equal((len({p.ident for p in parts}), {p.df for p in parts}), (1, {False}), "numbers, DF")
        numbers.append(parts[0].ident)
    t.equal(len(set(numbers)), 3, f"numbers {numbers}")


@test(lvs_only=True)
def changed_under_traffic(t):
    """Another kind of tunnel holds for the next packet of connections that are there already."""
    vip, port, rip = ghost(t, "ipip", 4, 4)
    seen = []
    for tunnel in ("ipip", "gue", "gre", "gue", "ipip"):
        t.director.rules(f"-e -u {vip}:{port} -r {rip}:{port} -i {OPTIONS[tunnel]}")
        t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4400, vip, port, b"x"))
        seen.append(t.lab.inside.receive(lambda p: p.dst == rip).proto)
    t.equal(seen, [4, 17, 47, 17, 4], "protocols of the outer headers")
    wait.equals(lambda: t.director.service_stats("udp", vip, port)["conns"], 1, 5, "connections")


@test(af=FAMILIES)
def ending_at_the_director(t, af):
    """What comes out of a tunnel that ends here is for the services, unless ignore_tunneled says that it is not."""
    vip, port, rip = VIPS[af]["other"], t.port(), Lab.GHOST_RS[af][0]
    device, client, ns = {4: "tunl0", 6: "ip6tnl0"}[af], Lab.GHOST_CLIENT[af], t.lab.director_ns
    ns.ip(f"link set {device} up")
    t.cleanup(ns.ip, f"link set {device} down")
    t.director.service("udp", vip, port, "rr", [(rip, port, "-m")])
    t.lab.inside.drain()
    setting = "/proc/sys/net/ipv4/vs/ignore_tunneled"
    t.cleanup(ns.write, setting, "0")

    def send(sport):
        within = packet.udp(client, sport, vip, port, b"tunnelled")
        t.lab.outside.send(packet.ip(Lab.ROUTER_FRONT[af], Lab.FRONT[af], OUTER_PROTO["ipip"][af], within))

    send(4200)
    t.lab.inside.receive(lambda p: (p.dst, p.sport) == (rip, 4200))
    ns.write(setting, "1")
    send(4201)
    t.lab.outside.receive(lambda p: p.dst == client and p.quote and p.quote.sport == 4201,
                          what="port unreachable of the director's own, which listens to nothing there")
    send(4200)
    ns.write(setting, "0")
    send(4203)
    t.equal([t.lab.inside.receive(lambda p: p.dst == rip).sport for _ in range(2)], [4200, 4203], "what the dest gets then")
    ns.write(setting, "1")
    t.lab.outside.send(packet.udp(client, 4204, vip, port, b"in no tunnel"))
    t.lab.inside.receive(lambda p: (p.dst, p.sport) == (rip, 4204))
