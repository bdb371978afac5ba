# SPDX-License-Identifier: GPL-2.0-or-later
"""Every method carries every byte, IPv4 and IPv6, TCP and UDP, and keeps to MTU and TTL as a router does."""
import os
import socket
import struct

from lib import ipvs, packet, wait
from lib.harness import test
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.laddr import local_addresses
from lib.traffic import Server, TcpClient, UdpClient, datagram
from lib.wire import SOL_PACKET

METHODS = ("nat", "dr", "tun", "local", "local-dr")
FAMILIES = (4, 6)
MEGABYTE = 1 << 20
TRANSFER = int(os.environ.get("LVS_TEST_MEGABYTES", "10")) * MEGABYTE
OVERHEAD = {4: 20, 6: 40}
TOO_BIG = {4: (3, 4), 6: (2, 0)}
UNREACHABLE = {4: 3, 6: 1}
PACKET_VNET_HDR = 15
TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}


def serve(t, proto, method, af):
    """A service with one real server behind it. Returns VIP and port."""
    vip, port = VIPS[af][method], t.port()
    if method == "local":  # NAT to an address of the director
        ns, rip, rport = t.lab.director_ns, Lab.BACK[af], t.port()
        listen = rip
    elif method == "local-dr":  # nothing is translated
        ns, rip, listen, rport = t.lab.director_ns, Lab.BACK[af], vip, port
    elif method == "nat":
        ns, rip, rport = t.lab.rs[0], Lab.RS[af][0], t.port()
        listen = rip
    else:
        ns, rip, listen, rport = t.lab.rs[0], Lab.RS[af][0], vip, port
    t.closing(Server(ns, proto, listen, rport, method))
    t.director.service(proto, vip, port, "rr", [(rip, rport, METHOD_OPTION[method])])
    return vip, port


def transfer(t, vip, port, method, up, down):
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(up, down), method, "the server that answered")


@test(method=METHODS, af=FAMILIES)
def tcp(t, method, af):
    """10 MB each way (or LVS_TEST_MEGABYTES) arrive whole; the counters say that they went through the director."""
    vip, port = serve(t, "tcp", method, af)
    transfer(t, vip, port, method, TRANSFER, TRANSFER)

    def seen():
        stats = t.director.service_stats("tcp", vip, port)
        return stats["conns"], stats["inbytes"] > TRANSFER, stats["outbytes"] > TRANSFER
    wait.equals(seen, (1, True, method in ("nat", "local")), 5, "connections; requests, replies seen by the director")


@test(method=("nat", "dr", "tun"), af=FAMILIES)
def tcp_without_offloads(t, method, af):
    """The same with neither segmentation nor checksum offload anywhere on the way."""
    hosts = [(t.lab.client, "eth0"), (t.lab.rs[0], "eth0"), (t.lab.director_ns, "front"), (t.lab.director_ns, "back")]

    def offloads(state):
        for ns, device in hosts:
            ns.run("ethtool", "-K", device, "tx", state, "sg", state, "tso", state, "gso", state)

    offloads("off")
    t.cleanup(offloads, "on")
    vip, port = serve(t, "tcp", method, af)
    transfer(t, vip, port, method, 2 * MEGABYTE, 2 * MEGABYTE)


@test(method=METHODS, af=FAMILIES)
def udp(t, method, af):
    """Datagrams of all sizes come back as they were, those that need fragments too."""
    vip, port = serve(t, "udp", method, af)
    with UdpClient(t.lab.client, vip, port) as client:
        for size in (1, 2, 512, 1400, 1452, 1453, 1472, 1473, 2000, 2960, 9000, 30001, 60000):
            data = datagram(size)
            t.equal(client.ask(data) == data, True, f"the answer to {size} bytes is what was sent")
        datagrams = {index.to_bytes(4, "big") + os.urandom(index % 900) for index in range(300)}
        for data in datagrams:
            client.socket.send(data)
        answers = [client.socket.recv(2048) for _ in datagrams]
        t.equal(sorted(answers) == sorted(datagrams), True, "300 datagrams came back")


@test(method=("nat", "dr"), af=FAMILIES)
def from_the_director(t, method, af):
    """A client on the director itself reaches the service (LOCAL_OUT), by NAT and DR."""
    vip, port = VIPS[af][method], t.port()
    rport = t.port() if method == "nat" else port
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0] if method == "nat" else vip, rport, method))
    t.director.service("tcp", vip, port, "rr", [(Lab.RS[af][0], rport, METHOD_OPTION[method])])
    source = Lab.FRONT[af]
    with TcpClient(t.lab.director_ns, vip, port, source=source) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), method, "the server that answered")
    wait.equals(lambda: t.director.service_stats("tcp", vip, port)["conns"], 1, 5, "connections")


def ghost_service(t, proto, method, af):
    """A service with a real server on paper: packets to it arrive at lab.inside. Returns VIP, port, RIP, rport."""
    vip, port, rip = VIPS[af][method], t.port(), Lab.GHOST_RS[af][0]
    rport = t.port() if method == "nat" else port
    t.director.service(proto, vip, port, "rr", [(rip, rport, METHOD_OPTION[method])])
    t.lab.outside.drain()
    t.lab.inside.drain()
    return vip, port, rip, rport


def arrival(t, method, vip, rip, what="the packet"):
    """The next packet that the real server on paper gets."""
    return t.lab.inside.receive(lambda p: p.dst == (vip if method == "dr" else rip), what=what)


def shrink_route(t, rip, mtu):
    """Tells the director that the way to a real server takes no more than mtu."""
    route = f"{rip}/{128 if ':' in rip else 32} dev back"
    t.lab.director_ns.ip(f"route add {route} mtu {mtu}")
    t.cleanup(t.lab.director_ns.ip, f"route del {route}")


@test(method=("nat", "dr", "tun"), af=FAMILIES)
def too_big(t, method, af):
    """A packet with DF over the MTU towards the real server is answered with the MTU; one that just fits passes."""
    vip, port, rip, rport = ghost_service(t, "udp", method, af)
    shrink_route(t, rip, 1400)
    limit = 1400 - (OVERHEAD[af] if method == "tun" else 0)
    client, sport = Lab.GHOST_CLIENT[af], 4000
    room = limit - OVERHEAD[af] - 8
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"f" * room, df=True))
    passed = arrival(t, method, vip, rip, "the packet that fits")
    t.equal(len(passed.data), 1400 if method == "tun" else limit, "length at the real server")
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"g" * (room + 1), df=True))
    answer = t.lab.outside.receive(lambda p: p.dst == client, what="too big")
    t.equal((answer.kind, answer.code), TOO_BIG[af], "ICMP type and code")
    t.equal(answer.rest, limit, "the MTU that the client is told")
    t.equal(answer.valid, True, f"checksums {answer.faults}")
    t.equal(answer.quote.flow, (client, sport, vip, port), "what the error quotes")


@test(method=("nat", "dr", "tun"))
def fragments_without_df(t, method):
    """Without DF an IPv4 packet over the MTU goes on in fragments."""
    vip, port, rip, rport = ghost_service(t, "udp", method, 4)
    shrink_route(t, rip, 1200)
    data = os.urandom(1400)
    t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4001, vip, port, data, ident=77))
    first = arrival(t, method, vip, rip, "the first fragment")
    rest = arrival(t, method, vip, rip, "the second fragment")
    t.equal((first.more, first.offset, rest.more, rest.offset > 0), (True, 0, False, True), "fragments")
    whole = first.l4 + rest.l4
    t.equal(whole[28 if method == "tun" else 8:] == data, True, "the bytes are whole")


def fragments(whole, size=1480):
    """An IPv4 packet without options, cut up."""
    head, body = whole[:20], whole[20:]
    src, dst = (".".join(map(str, head[at:at + 4])) for at in (12, 16))
    return [packet.ip(src, dst, head[9], body[at:at + size], ident=78, offset=at, more=at + size < len(body))
            for at in range(0, len(body), size)]


@test(lvs_only=True)
def longest_through_a_tunnel(t):
    """What is not allowed one more header's length is dropped and counted; what just is goes through whole."""
    vip, port, rip, _ = ghost_service(t, "udp", "tun", 4)
    for excess in (1, 0):
        data = os.urandom(65535 - 20 - 20 - 8 + excess)
        before = t.director.drops().get("too-big", 0)
        for fragment in fragments(packet.udp(Lab.GHOST_CLIENT[4], 4010, vip, port, data)):
            t.lab.outside.send(fragment)
        if excess:
            wait.equals(lambda before=before: t.director.drops().get("too-big", 0) - before, 1, 5, "packets too big")
    got = b""
    while len(got) < 65515:
        part = t.lab.inside.receive(lambda p: p.dst == rip, what="a fragment")
        t.equal(part.offset, len(got), "offset of a fragment")
        got += part.l4
    t.equal(got[28:] == data, True, "the bytes are whole")


@test(method=("nat", "dr", "tun"), af=FAMILIES)
def ttl(t, method, af):
    """TTL counts down by one; at one the client is told, and nothing is forwarded."""
    vip, port, rip, rport = ghost_service(t, "udp", method, af)
    client = Lab.GHOST_CLIENT[af]
    t.lab.outside.send(packet.udp(client, 4002, vip, port, b"spent", ttl=1))
    answer = t.lab.outside.receive(lambda p: p.dst == client, what="time exceeded")
    t.equal((answer.kind, answer.code), TIME_EXCEEDED[af], "ICMP type and code")
    t.equal(answer.quote.flow, (client, 4002, vip, port), "what the error quotes")
    t.lab.outside.send(packet.udp(client, 4002, vip, port, b"fresh", ttl=2))
    passed = arrival(t, method, vip, rip, "the packet with TTL 2")
    inner = passed.inner if method == "tun" else passed
    t.equal((inner.ttl, inner.payload), (1, b"fresh"), "TTL and bytes of the first packet at the real server")
    t.equal(passed.valid and inner.valid, True, f"checksums {passed.faults} {inner.faults}")


@test(method=("nat", "dr", "tun"), af=FAMILIES)
def path_mtu_discovery(t, method, af):
    """A narrow link towards the real server, known to the director alone, slows TCP down but does not stop it."""
    rip = Lab.RS[af][0]
    shrink_route(t, rip, 1400)
    vip, port = serve(t, "tcp", method, af)
    t.cleanup(t.lab.client.ip, "route flush cache", "-6 route flush cache")
    transfer(t, vip, port, method, 2 * MEGABYTE, MEGABYTE)


@test(af=FAMILIES)
def headers_of_nat(t, af):
    """NAT rewrites addresses and ports both ways with right checksums and leaves the rest alone."""
    vip, port, rip, rport = ghost_service(t, "udp", "nat", af)
    client, sport = Lab.GHOST_CLIENT[af], 4003
    for data in (b"", b"x", b"odd" * 33, os.urandom(1000)):
        t.lab.outside.send(packet.udp(client, sport, vip, port, data))
        request = t.lab.inside.receive(lambda p: p.dst == rip)
        t.equal((request.flow, request.payload, request.valid), ((client, sport, rip, rport), data, True), "request")
        t.lab.inside.send(packet.udp(rip, rport, client, sport, data[::-1]))
        reply = t.lab.outside.receive(lambda p: p.dst == client)
        t.equal((reply.flow, reply.payload, reply.valid), ((vip, port, client, sport), data[::-1], True), "reply")


def policy_route(t, af, vip):
    """What has the virtual address for its source goes to the network of the real servers. Returns the setting that ends that."""
    ns, setting, option = t.lab.director_ns, "/proc/sys/net/ipv4/vs/snat_reroute", "-6 " if af == 6 else ""
    ns.ip(f"{option}route add default via {Lab.GHOST_RS[af][1]} dev back table 100", f"{option}rule add from {vip} lookup 100")
    t.cleanup(ns.ip, f"{option}rule del from {vip} lookup 100", f"{option}route flush table 100")
    t.cleanup(ns.write, setting, "1")
    return setting


@test(af=FAMILIES)
def policy_routes_of_replies(t, af):
    """A reply of NAT goes by the routes of the virtual address, which it has by then; with snat_reroute 0 by the dest's."""
    vip, port, rip, rport = ghost_service(t, "udp", "nat", af)
    client, ns, setting = Lab.GHOST_CLIENT[af], t.lab.director_ns, policy_route(t, af, vip)
    t.lab.outside.send(packet.udp(client, 4006, vip, port, b"ask"))
    t.lab.inside.receive(lambda p: p.dst == rip)
    t.lab.inside.send(packet.udp(rip, rport, client, 4006, b"by the rule"))
    t.lab.inside.receive(lambda p: (p.src, p.payload) == (vip, b"by the rule"), what="the reply in the other network")
    ns.write(setting, "0")
    t.lab.inside.send(packet.udp(rip, rport, client, 4006, b"as it was"))
    t.lab.outside.receive(lambda p: (p.src, p.payload) == (vip, b"as it was"), what="the reply where it was sent to")


@test(af=FAMILIES)
def policy_routes_of_errors(t, af):
    """So does an ICMP error of the dest's; if that way is none, it is dropped."""
    vip, port, rip, _ = ghost_service(t, "udp", "nat", af)
    client, ns, setting = Lab.GHOST_CLIENT[af], t.lab.director_ns, policy_route(t, af, vip)
    t.lab.outside.send(packet.udp(client, 4007, vip, port, b"ask"))
    request = t.lab.inside.receive(lambda p: p.dst == rip)

    def refuse(code):
        t.lab.inside.send(packet.icmp(rip, client, UNREACHABLE[af], code, request.data))

    def refused(wire, code, what):
        error = wire.receive(lambda p: p.dst == client and p.quote and p.code == code, what=what)
        t.equal((error.src, error.quote.flow, error.valid), (vip, (client, 4007, vip, port), True), f"{what} {error.faults}")
    refuse(4)
    refused(t.lab.inside, 4, "the error in the other network")
    ns.write(setting, "0")
    refuse(3)
    refused(t.lab.outside, 3, "the error where it was sent to")
    ns.write(setting, "1")
    option = "-6 " if af == 6 else ""
    ns.ip(f"{option}route flush table 100", f"{option}route add unreachable default table 100")
    if ipvs.MODULE == "lvs":
        before = t.director.drops().get("no-route", 0)
        refuse(4)
        wait.equals(lambda: t.director.drops().get("no-route", 0) - before, 1, 5, "packets that have no route")


@test(lvs_only=True)
def source_routes_of_replies(t):
    """A route of IPv6's for packets from the virtual address alone, which takes no rule, is a reply's, too."""
    vip, port, rip, rport = ghost_service(t, "udp", "nat", 6)
    client, route = Lab.GHOST_CLIENT[6], f"default from {vip} via {Lab.GHOST_RS[6][1]} dev back"
    added = t.lab.director_ns.run("ip", "-6", "route", "add", *route.split(), check=False)
    if "IPV6_SUBTREES" in added.err:
        t.skip("this kernel has no routes by source")
    t.equal(added.code, 0, f"adding the route {added.err}")
    t.cleanup(t.lab.director_ns.ip, f"-6 route del {route}")
    t.lab.outside.send(packet.udp(client, 4009, vip, port, b"ask"))
    t.lab.inside.receive(lambda p: p.dst == rip)
    t.lab.inside.send(packet.udp(rip, rport, client, 4009, b"by the route"))
    t.lab.inside.receive(lambda p: (p.src, p.payload) == (vip, b"by the route"), what="the reply in the other network")


@test(lvs_only=True, method=("nat", "fullnat", "nat64"), af=FAMILIES)
def policies_of_replies(t, method, af):
    """What IPsec says of packets from the virtual address to the client is said of replies: here, that they must not go."""
    other = 10 - af if method == "nat64" else af
    vip, port, rip, client = VIPS[af]["nat"], t.port(), Lab.GHOST_RS[other][0], Lab.GHOST_CLIENT[af]
    name = t.director.service("udp", vip, port, "rr", [(rip, port, "-m" if method == "nat" else "-b")])
    source = client
    if method != "nat":
        source, = local_addresses(t, other)
        t.director.ipvsadm("-P", *name.split(), "-z", source)
    ns, policy = t.lab.director_ns, ("src", vip, "dst", client, "dir", "out")
    if ns.run("ip", "xfrm", "policy", check=False).code:
        t.skip("this kernel has no IPsec")
    t.lab.inside.drain()
    t.lab.outside.send(packet.udp(client, 4010, vip, port, b"ask"))
    request = t.lab.inside.receive(lambda p: p.dst == rip)

    def reply(data):
        t.lab.inside.send(packet.udp(rip, port, source, request.sport, data))
    reply(b"goes")
    t.lab.outside.receive(lambda p: (p.src, p.payload) == (vip, b"goes"), what="a reply of which nothing is said")
    ns.run("ip", "xfrm", "policy", "add", *policy, "action", "block")
    t.cleanup(ns.run, "ip", "xfrm", "policy", "flush")
    before = t.director.drops().get("no-route", 0)
    reply(b"stays")
    wait.equals(lambda: t.director.drops().get("no-route", 0) - before, 1, 5, "packets that must not go")
    ns.run("ip", "xfrm", "policy", "del", *policy)
    reply(b"goes again")
    t.lab.outside.receive(lambda p: (p.src, p.payload) == (vip, b"goes again"), what="a reply of which nothing is said")


@test
def udp_without_checksum(t):
    """An IPv4 datagram may have no checksum; after NAT it has none or the right one."""
    vip, port, rip, rport = ghost_service(t, "udp", "nat", 4)
    t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4004, vip, port, b"none", check=0))
    request = t.lab.inside.receive(lambda p: p.dst == rip)
    t.equal((request.payload, request.valid), (b"none", True), "the datagram")


@test(lvs_only=True, method=("nat", "fullnat"))
def udp_around_a_sum_to_be_made(t, method):
    """A datagram without checksum that carries another packet, whose sum the card is to make, gets none by being translated."""
    vip, port, rip = VIPS[4]["nat"], t.port(), Lab.GHOST_RS[4][0]
    name = t.director.service("udp", vip, port, "rr", [(rip, port, "-m" if method == "nat" else "-b")])
    if method == "fullnat":
        t.director.ipvsadm("-P", *name.split(), "-z", *local_addresses(t, 4))
    inner = packet.udp("192.168.7.1", 1, "192.168.7.2", 2, b"inside")
    data = packet.udp(Lab.GHOST_CLIENT[4], 4008, vip, port, inner, check=0)
    to = t.lab.outside
    with t.lab.router:
        wire = t.closing(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    wire.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    wire.bind((to.device, 0))
    t.lab.inside.drain()
    ethernet = to.peer + b"\2\0\0\0\0\x77" + b"\x08\0"
    needs_sum = struct.pack("=BBHHHH", 1, 0, 0, 0, len(ethernet) + 20 + 8 + 20, 6)
    wire.send(needs_sum + ethernet + data)
    got = t.lab.inside.receive(lambda p: p.dst == rip)
    t.equal(got.data[26:28], b"\0\0", "the checksum")


@test(af=FAMILIES)
def headers_of_dr_and_tun(t, af):
    """DR changes nothing but the TTL; TUN wraps the packet with the dest as the outer destination."""
    client = Lab.GHOST_CLIENT[af]
    vip, port, rip, _ = ghost_service(t, "udp", "dr", af)
    t.lab.outside.send(packet.udp(client, 4005, vip, port, b"direct"))
    p = t.lab.inside.receive(lambda p: p.dst == vip)
    t.equal((p.flow, p.payload, p.ttl, p.valid), ((client, 4005, vip, port), b"direct", 63, True), "DR")
    vip, port, rip, _ = ghost_service(t, "udp", "tun", af)
    t.lab.outside.send(packet.udp(client, 4005, vip, port, b"tunnel", df=True))
    p = t.lab.inside.receive(lambda p: p.dst == rip)
    t.equal((p.src, p.proto, p.df, p.valid), (Lab.BACK[af], {4: 4, 6: 41}[af], af == 4, True), "outer header")
    t.equal((p.inner.flow, p.inner.payload, p.inner.ttl, p.inner.valid),
            ((client, 4005, vip, port), b"tunnel", 63, True), "inner packet")
