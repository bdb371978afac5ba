# SPDX-License-Identifier: GPL-2.0-or-later
"""FULLNAT to real servers of the other family (NAT64, NAT46): headers, sizes, checksums; TCP, UDP and SCTP of real hosts."""
import errno
import hashlib
import json
import os
import socket
import struct

import sctp
from fullnat import MSS, SACK_PERMITTED, TIMESTAMP, fullnat_service, limit_ports, local_addresses, pool
from lib import daemons, ipvs, packet, toa
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.nat64 import DIRECTIONS, HEADER, LEAST_MTU, Far, Ghosts, ds_of, families, fresh_paths, vip_of
from lib.netlink import NetlinkError
from lib.persistent import mark_packets
from lib.traffic import Server, TcpClient, UdpClient, datagram

MEGABYTE = 1 << 20
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
DS = 0xba  # DS 0x2e, ECN 2


def far_service(t, direction, proto, far=None):
    """A server in another network and a service for it. Returns VIP, port, the service's name and the Far."""
    outer, inner = families(direction)
    far, rport = far or Far(t), t.port()
    t.closing(Server(far.ns, proto, far.ADDRESS[inner], rport, "far"))
    vip, port, name = fullnat_service(t, proto, outer, far.ADDRESS[inner], rport, local_addresses(t, inner, 2))
    fresh_paths(t)
    return vip, port, name, far


@test(lvs_only=True, direction=DIRECTIONS)
def tcp(t, direction):
    """10 MB each way arrive whole, with offloads as they are."""
    vip, port, _, far = far_service(t, direction, "tcp")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(10 * MEGABYTE, 10 * MEGABYTE), "far", "the server that answered")
        conn, = t.director.conns(vip, port)
        t.equal((conn["dest"], conn["state"]), (far.ADDRESS[families(direction)[1]], "ESTABLISHED"), "the connection")
    stats = t.director.service_stats("tcp", vip, port)
    t.equal(stats["inbytes"] > 10 * MEGABYTE and stats["outbytes"] > 10 * MEGABYTE, True, f"bytes counted: {stats}")


@test(lvs_only=True, direction=DIRECTIONS)
def tcp_without_offloads(t, direction):
    """The same with neither segmentation nor checksum offload anywhere on the way."""
    vip, port, _, far = far_service(t, direction, "tcp")
    hosts = [(t.lab.client, "eth0"), (far.ns, "eth0"), (t.lab.router, "far"), (t.lab.router, "client"),
             (t.lab.director_ns, "front"), (t.lab.director_ns, "back")]

    def offloads(state):
        for ns, device in hosts:
            ns.run("ethtool", "-K", device, "tx", state, "sg", state, "tso", state, "gso", state)

    offloads("off")
    t.cleanup(offloads, "on")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(2 * MEGABYTE, 2 * MEGABYTE), "far", "the server that answered")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@test(lvs_only=True, direction=DIRECTIONS, timeout=120)
def nginx(t, direction):
    """curl puts 10 MB into an nginx and gets them again."""
    outer, inner = families(direction)
    far, rport = Far(t), t.port()
    address = far.ADDRESS[inner]
    path = daemons.directory(t)
    os.mkdir(f"{path}/files")
    t.closing(daemons.Nginx(t, far.ns, f"[{address}]" if inner == 6 else address, rport, "far",
                            more=f"location /files/ {{ root {path}; dav_methods PUT; client_max_body_size 0; }}"))
    vip, port, _ = fullnat_service(t, "tcp", outer, address, rport, local_addresses(t, inner))
    fresh_paths(t)
    with open(f"{path}/sent", "wb") as file:
        file.write(os.urandom(10 * MEGABYTE))
    url = f"http://{ipvs.endpoint(vip, port)}/files/it"
    for argv in (("-T", f"{path}/sent"), ("-o", f"{path}/got")):
        t.lab.client.run("curl", "-gsSf", "-m", "60", *argv, url)
    wanted = sha256(f"{path}/sent")
    t.equal((sha256(f"{path}/files/it"), sha256(f"{path}/got")), (wanted, wanted), "hashes at nginx and at curl")


def ask(client, data):
    """Asks again if the first try taught the host a path's MTU."""
    for _ in range(3):
        try:
            return client.ask(data)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
    raise AssertionError(f"{len(data)} bytes: EMSGSIZE again and again")


@test(lvs_only=True, direction=DIRECTIONS)
def udp(t, direction):
    """Datagrams of all sizes come back as they were, those that need fragments too."""
    far = Far(t)
    for ns in (t.lab.client, far.ns):
        ns.write("/proc/sys/net/ipv4/ip_no_pmtu_disc", "1")
    t.cleanup(t.lab.client.write, "/proc/sys/net/ipv4/ip_no_pmtu_disc", "0")
    vip, port, _, _ = far_service(t, direction, "udp", far)
    with UdpClient(t.lab.client, vip, port) as client:
        for size in (1, 2, 512, 1212, 1213, 1232, 1233, 1452, 1453, 1472, 1473, 9000, 60000, 65000):
            data = datagram(size)
            t.equal(ask(client, data) == data, True, f"the answer to {size} bytes is what was sent")


@test(lvs_only=True, direction=DIRECTIONS)
def udp_with_path_mtu(t, direction):
    """The same of hosts that look for the MTU of a path, as they do unless told otherwise."""
    vip, port, _, _ = far_service(t, direction, "udp")
    with UdpClient(t.lab.client, vip, port, timeout=2) as client:
        for size in (1432, 1452, 1472, 1500):
            data = datagram(size)
            try:
                t.equal(ask(client, data) == data, True, f"the answer to {size} bytes is what was sent")
            except TimeoutError:  # the server's answer was too big, and it has heard of it
                t.equal(ask(client, data) == data, True, f"the answer to {size} bytes, asked again")


IP_MTU_DISCOVER, IP_PMTUDISC_DONT, UDP_SEGMENT = 10, 0, 103


@test(lvs_only=True)
def udp_segments_without_df(t):
    """Datagrams that leave the client as one GSO packet, and may be fragmented, reach the server by the narrowest path of IPv6."""
    vip, port, _, far = far_service(t, "46", "udp")
    route = f"{far.ADDRESS[6]}/128 dev far"
    t.lab.router.ip(f"route add {route} mtu lock {LEAST_MTU}")
    t.cleanup(t.lab.router.ip, f"route del {route}")
    with UdpClient(t.lab.client, vip, port) as client:
        client.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        client.socket.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1400)
        data = os.urandom(5 * 1400)
        client.socket.send(data)
        got = {client.socket.recv(1 << 16) for _ in range(5)}
        t.equal(got, {data[at:at + 1400] for at in range(0, len(data), 1400)}, "the answers")


@test(lvs_only=True, direction=DIRECTIONS, timeout=120)
def sctp_association(t, direction):
    """A real association: small and large messages arrive whole; the checksum knows nothing of addresses."""
    sctp.setup()
    outer, inner = families(direction)
    far, rport = Far(t), t.port()
    t.closing(sctp.Peer(far.ns, far.ADDRESS[inner], rport, "far"))
    vip, port, _ = fullnat_service(t, "sctp", outer, far.ADDRESS[inner], rport, local_addresses(t, inner))
    fresh_paths(t)
    with sctp.associate(t.lab.client, vip, port) as sock:
        t.equal(sctp.ask(sock, b"hello"), "far", "the server that answered")
        t.equal(sctp.ask(sock, os.urandom(100000)), "far", "the server of a large message")
        t.equal([c["state"] for c in t.director.conns(vip, port)], ["ESTABLISHED"], "states")


@test(lvs_only=True, direction=DIRECTIONS, proto=("tcp", "udp"))
def headers(t, direction, proto):
    """Both ways: addresses, ports and checksums are right, DS and ECN the same, hops count down, the flow label is none."""
    g = Ghosts(t, direction, proto)
    for payload in (b"", b"odd"):
        got = g.request(payload, ds=DS, ttl=33)
        t.equal((got.version, got.ttl, ds_of(got), len(got.data)), (g.inner, 32, DS, HEADER[g.inner] + len(got.l4)), "request")
        t.equal(5000 <= g.lport <= 65535, True, f"local port {g.lport}")
        reply = g.reply(payload, {"flags": packet.SYN | packet.ACK}, ds=DS | 1, ttl=17)
        t.equal((reply.version, reply.ttl, ds_of(reply), len(reply.data)), (g.outer, 16, DS | 1, HEADER[g.outer] + len(reply.l4)),
                "reply")
        six = got if g.inner == 6 else reply
        t.equal(int.from_bytes(six.data[:4], "big") & 0xfffff, 0, "flow label")
    t.equal(pool(t, g.name), {g.laddr: (1, 0, 0)}, "ports taken")


@test(lvs_only=True)
def df(t):
    """IPv4 may fragment what is as small as all of IPv6 takes, and numbers that; what is bigger has DF."""
    g = Ghosts(t, "64", "udp")
    numbers = set()
    for _ in range(3):
        got = g.request(b"s" * (LEAST_MTU - 48))
        t.equal((got.df, got.length), (False, LEAST_MTU - 20), "a packet of 1280 bytes")
        numbers.add(got.ident)
    t.equal((len(numbers), 0 in numbers), (3, False), f"numbers {numbers}")
    got = g.request(b"s" * (LEAST_MTU - 47))
    t.equal((got.df, got.length), (True, LEAST_MTU - 19), "a packet of 1281 bytes")
    g = Ghosts(t, "46", "udp", 4301)
    g.request(b"x")
    t.equal(g.reply(b"s" * (LEAST_MTU - 48)).df, False, "a reply of 1280 bytes")
    t.equal(g.reply(b"s" * (LEAST_MTU - 47)).df, True, "a reply of 1281 bytes")


@test(lvs_only=True, direction=DIRECTIONS, proto=("tcp", "udp"))
def without_df(t, direction, proto):
    """IPv4 that may be fragmented is, to what every path of IPv6 takes; with DF it goes as it is."""
    g = Ghosts(t, direction, proto)
    g.request(b"")

    def send(data):
        (t.lab.outside if g.outer == 4 else t.lab.inside).send(data)

    def receive():
        return g.arrives() if g.outer == 4 else g.returns()

    build = g.build_request if g.outer == 4 else g.build_reply
    payload = os.urandom(1300)
    send(build(payload, df=True))
    t.equal(receive().payload, payload, "with DF")
    whole = build(payload)
    send(whole)
    first, second = receive(), receive()
    t.equal((len(first.data) <= LEAST_MTU, first.more, second.more), (True, True, False), "pieces")
    t.equal(first.ident == second.ident and second.offset == len(first.l4), True, "they belong together")
    again = packet.Packet(packet.ip(first.src, first.dst, first.proto, first.l4 + second.l4))
    t.equal((again.valid, again.payload), (True, payload), f"what they make {again.faults}")


@test(lvs_only=True, direction=DIRECTIONS)
def fragments(t, direction):
    """Fragments are put together, translated, and cut again where that takes it."""
    g = Ghosts(t, direction, "udp")
    payload = os.urandom(2000)
    segment = packet.udp_segment(g.client, g.vip, g.sport, g.port, payload)
    for cut in (1000, 1200):
        t.lab.outside.send(packet.ip(g.client, g.vip, packet.UDP, segment[:cut], ident=cut, more=True),
                           packet.ip(g.client, g.vip, packet.UDP, segment[cut:], ident=cut, offset=cut))
        first, second = g.arrives(), g.arrives()
        t.equal((first.version, first.more, first.df, second.more), (g.inner, True, False, False), "pieces")
        whole = packet.Packet(packet.ip(first.src, first.dst, packet.UDP, first.l4 + second.l4))
        t.equal((whole.valid, whole.payload, second.offset), (True, payload, len(first.l4)), f"what they make {whole.faults}")


@test(lvs_only=True)
def udp_without_checksum(t):
    """IPv4 allows it, IPv6 does not: it gets one, unless the datagram is not as long as it says."""
    g = Ghosts(t, "46", "udp")
    for payload in (b"", b"odd", b"x" * 1400):
        segment = packet.udp_segment(g.client, g.vip, g.sport, g.port, payload, check=0)
        t.lab.outside.send(packet.ip(g.client, g.vip, packet.UDP, segment, df=True))
        got = g.arrives()
        t.equal((got.payload, got.valid, got.offloaded or got.l4[6:8] != b"\0\0"), (payload, True, True), f"{got.faults}")
    segment = packet.udp_segment(g.client, g.vip, g.sport, g.port, b"x" * 20, length=20, check=0)
    t.lab.outside.send(packet.ip(g.client, g.vip, packet.UDP, segment))
    t.equal(g.request(b"the next").payload, b"the next", "the next one")
    t.equal(t.director.drops(("udp", g.vip, g.port))["malformed"], 1, "drops")


@test(lvs_only=True)
def udp_checksum_of_zero(t):
    """A checksum that comes out as 0 is written as ffff, of which 0 would mean none."""
    g = Ghosts(t, "64", "udp")
    g.request(b"xx")
    found = next(payload for payload in (struct.pack("!H", n) for n in range(1 << 16)) if packet.checksum(
        packet.pseudo(g.laddr, g.rip, packet.UDP, 10) + struct.pack("!HHHH", g.lport, g.rport, 10, 0) + payload) == 0)
    got = g.request(found)
    if not got.offloaded:
        t.equal(got.l4[6:8], b"\xff\xff", "the checksum")


HOP_BY_HOP, ROUTING, AUTHENTICATION, DEST_OPTIONS = 0, 43, 51, 60


@test(lvs_only=True)
def extension_headers(t):
    """Options and finished routes are left out; what is to go elsewhere first, or authenticates headers, is not translated."""
    g = Ghosts(t, "64", "udp")
    segment = packet.udp_segment(g.client, g.vip, g.sport, g.port, b"data")
    padding = bytes([1, 4, 0, 0, 0, 0])
    chains = [((DEST_OPTIONS, padding),), ((HOP_BY_HOP, padding), (DEST_OPTIONS, padding)),
              ((ROUTING, bytes([2, 0]) + bytes(20)),), ((packet.FRAGMENT, bytes(2) + b"abcd"),)]

    def build(chain):
        payload, proto = segment, packet.UDP
        for kind, body in reversed(chain):
            size = len(body) + 2
            units = {AUTHENTICATION: size // 4 - 2, packet.FRAGMENT: 0}.get(kind, size // 8 - 1)
            payload, proto = bytes([proto, units]) + body + payload, kind
        return packet.ip(g.client, g.vip, proto, payload)

    for chain in chains:
        t.lab.outside.send(build(chain))
        got = g.arrives(f"a packet with {chain}")
        t.equal((got.payload, got.valid, len(got.data)), (b"data", True, 32), f"{chain} {got.faults}")
    before = t.director.drops()["malformed"]
    t.lab.outside.send(build(((ROUTING, bytes([2, 1]) + bytes(20)),)), build(((AUTHENTICATION, bytes(22)),)))
    t.equal(g.request(b"the next").payload, b"the next", "the next one")
    t.equal(t.director.drops()["malformed"] - before, 2, "drops")


@test(lvs_only=True)
def ipv4_options(t):
    """They are left out."""
    g = Ghosts(t, "46", "udp")
    got = g.request(b"data", options=b"\x01" * 8)
    t.equal((got.version, len(got.data)), (6, 52), "the request")


@test(lvs_only=True, direction=DIRECTIONS, side=("dest", "client"))
def too_big(t, direction, side):
    """A packet over the MTU of the way on is answered by what its sender may send, in terms of its own family."""
    g = Ghosts(t, direction, "udp", 4310)
    g.request(b"x")
    mtu = 1400
    g.narrow(side, mtu)
    wire, af, build, arrives, sender = (
        (t.lab.outside, g.outer, g.build_request, g.arrives, g.client) if side == "dest" else
        (t.lab.inside, g.inner, g.build_reply, g.returns, g.rip))
    flow = packet.Packet(build(b"")).flow
    most = mtu + (20 if af == 6 else -20)
    fits = most - HEADER[af] - 8
    wire.send(build(b"z" * fits, df=True))
    t.equal(len(arrives().data), mtu, "it just fits")
    wire.send(build(b"z" * (fits + 1), df=True))
    told = wire.receive(lambda p: p.dst == sender and p.quote)
    t.equal((told.kind, told.code, told.rest), ((2, 0) if af == 6 else (3, 4)) + (most,), "what the sender is told")
    t.equal((told.quote.flow, told.valid), (flow, True), f"about what {told.faults}")
    t.equal(t.director.drops(("udp", g.vip, g.port))["too-big"], 1, "drops")


@test(lvs_only=True)
def narrower_than_ipv6(t):
    """A path of IPv4 may be narrower than any of IPv6: what all of those take is fragmented for it."""
    g = Ghosts(t, "64", "udp", 4311)
    g.request(b"x")
    g.narrow("dest", 1000)
    t.lab.outside.send(g.build_request(b"z" * 1300))
    told = t.lab.outside.receive(lambda p: p.dst == g.client and p.quote)
    t.equal((told.kind, told.rest), (2, LEAST_MTU), "what the client is told")
    t.lab.outside.send(g.build_request(b"z" * (LEAST_MTU - 48)))
    first, second = g.arrives(), g.arrives()
    t.equal((len(first.data) <= 1000, first.more, first.df, second.more), (True, True, False, False), "pieces")


@test(lvs_only=True, direction=DIRECTIONS)
def client_is_told(t, direction):
    """TCP: the option names the client in its own family; sequence numbers, SACK and MSS are as by FULLNAT."""
    g = Ghosts(t, direction, "tcp", 4320)
    told = toa.option(g.client, g.sport, kind=254)
    syn = g.request(tcp={"seq": 1000, "options": MSS + SACK_PERMITTED + TIMESTAMP})
    t.equal(syn.options, MSS[:2] + struct.pack("!H", 1440 if g.outer == 6 else 1460) + SACK_PERMITTED + b"\x01" * 10,
            "options of the SYN")
    delta = (syn.seq - 1000) % (1 << 32)
    answer = g.reply(tcp={"flags": packet.SYN | packet.ACK, "seq": 5000, "ack": (syn.seq + 1) % (1 << 32), "options": MSS})
    most = 1440 if g.outer == 6 else 1432  # of 1460, and what the option leaves; over IPv6 no segment is longer
    t.equal((answer.seq, answer.ack, answer.options), (5000, 1001, MSS[:2] + struct.pack("!H", most)), "the SYN+ACK")
    got = g.request(b"GET", {"flags": packet.ACK, "seq": 1001, "ack": 5001})
    t.equal((got.seq, got.ack, got.options), ((1001 + delta) % (1 << 32), 5001, told), "a segment")
    forged = b"\x01\x01" + toa.option("198.51.100.1", 9) + b"\x01\x01"
    got = g.request(b"y", {"flags": packet.ACK, "seq": 1004, "ack": 5001, "options": forged})
    t.equal(got.options, told + b"\x01" * 12, "a forged one is blanked")
    sack = struct.pack("!BBBBII", 1, 1, 5, 10, (1010 + delta) % (1 << 32), (1020 + delta) % (1 << 32))
    answer = g.reply(b"data", {"flags": packet.ACK, "seq": 5001, "ack": (1005 + delta) % (1 << 32), "options": sack})
    t.equal((answer.ack, answer.options[4:]), (1005, struct.pack("!II", 1010, 1020)), "acknowledged, and by SACK")
    got = g.request(b"more", {"flags": packet.ACK, "seq": 1005, "ack": 5005})
    t.equal(got.options, b"", "none after the client acknowledged data")


@test(lvs_only=True, direction=DIRECTIONS)
def mss_of_large_frames(t, direction):
    """Whoever takes large segments hears of the way on between: the other one would send what does not fit."""
    g = Ghosts(t, direction, "tcp", 4321)
    large = b"\x02\x04" + struct.pack("!H", 8940)
    syn = g.request(tcp={"seq": 1, "options": large})
    t.equal(syn.options[2:4], struct.pack("!H", 1440) if g.outer == 6 else large[2:], "MSS that the real server is told")
    g.narrow("dest", 1400)
    answer = g.reply(tcp={"flags": packet.SYN | packet.ACK, "seq": 1, "ack": (syn.seq + 1) % (1 << 32), "options": large})
    most = 8940 - 20 if g.outer == 6 else 1400 - 60 - 8
    t.equal(answer.options[2:4], struct.pack("!H", most), "MSS that the client is told")


@test(lvs_only=True, direction=DIRECTIONS)
def no_local_address(t, direction):
    """Addresses of the client's family are no use: the client is refused at once, and that is counted."""
    outer, inner = families(direction)
    wrong, right = local_addresses(t, outer) + local_addresses(t, inner)
    g = Ghosts(t, direction, "udp", 4330, pool=[wrong])
    t.lab.outside.send(g.build_request(b"x"))
    told = g.returns()
    t.equal((told.kind, told.code, told.valid), PORT_UNREACHABLE[outer] + (True,), "the answer")
    t.equal(t.director.drops(("udp", g.vip, g.port))["no-local-address"], 1, "drops")
    t.director.ipvsadm("-P", *g.name.split(), "-z", right)
    g.laddr = right
    for sport in range(4331, 4335):
        g.sport = sport
        g.request(b"x")
    t.equal(pool(t, g.name), {wrong: (0, 0, 0), right: (4, 0, 0)}, "ports taken")


@test(lvs_only=True)
def no_port_left(t):
    """Connections beyond the last port are refused and counted."""
    limit_ports(t, 6000, 6001)
    g = Ghosts(t, "64", "udp", 4340)
    for sport in (4340, 4341):
        g.sport = sport
        g.request(b"x")
    g.sport = 4342
    t.lab.outside.send(g.build_request(b"x"))
    told = g.returns()
    t.equal((told.kind, told.code, told.quote.flow), (1, 4, (g.client, 4342, g.vip, g.port)), "the answer")
    t.equal(t.director.drops(("udp", g.vip, g.port))["no-local-port"], 1, "drops")
    t.equal(pool(t, g.name), {g.laddr: (2, 0, 1)}, "the pool")


@test(lvs_only=True)
def both_families(t):
    """A service's dests and local addresses may be of both families: each connection takes one of its dest's."""
    four, six = local_addresses(t, 4) + local_addresses(t, 6)
    vip, port = VIPS[6]["other"], t.port()
    rips = {4: Lab.GHOST_RS[4][0], 6: Lab.GHOST_RS[6][0]}
    name = t.director.service("udp", vip, port, "rr", [(rips[4], 80, "-b"), (rips[6], 80, "-b")])
    for laddr in (four, six):
        t.director.ipvsadm("-P", *name.split(), "-z", laddr)
    t.lab.inside.drain()
    client, seen = Lab.GHOST_CLIENT[6], set()
    for sport in range(4350, 4358):
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"x"))
        got = t.lab.inside.receive(lambda p: p.dst in rips.values())
        seen.add((got.src, got.dst))
        t.lab.inside.send(packet.udp(got.dst, got.dport, got.src, got.sport, b"y"))
        reply = t.lab.outside.receive(lambda p: p.dst == client)
        t.equal((reply.flow, reply.valid), ((vip, port, client, sport), True), f"the reply {reply.faults}")
    t.equal(seen, {(four, rips[4]), (six, rips[6])}, "who spoke to whom")
    t.equal(pool(t, name), {four: (4, 0, 0), six: (4, 0, 0)}, "ports taken")
    rules = t.director.ipvsadm("-S", "-n").out
    t.director.clear()
    t.director.ipvsadm("-R", stdin=rules)
    t.equal(t.director.ipvsadm("-S", "-n").out, rules, "saved and restored")


@test(lvs_only=True, direction=DIRECTIONS)
def listing(t, direction):
    """/proc/net/ip_vs_conn, -Lc and JSON show each address in its own family, the local one too."""
    g = Ghosts(t, direction, "udp", 4360)
    g.request(b"x")
    conn, = t.director.conns(g.vip, g.port)
    t.equal((conn["client"], conn["cport"], conn["dest"], conn["dport"]), (g.client, g.sport, g.rip, g.rport), "in /proc")
    columns = [ipvs.endpoint(*end) for end in ((g.client, g.sport), (g.vip, g.port), (g.rip, g.rport), (g.laddr, g.lport))]
    for tool, wanted in ((None, columns), (ipvs.STOCK_IPVSADM, columns[:3])):
        rows = [line.split()[3:] for line in t.director.ipvsadm("-L", "-n", "-c", tool=tool).out.splitlines()]
        t.equal([row for row in rows if len(row) > 1 and row[1] == columns[1]], [wanted], f"by {tool or 'ours'}")
    found, = [c for c in json.loads(t.director.ipvsadm("-L", "-c", "--json").out)["connections"]
              if c["virtual"] == {"address": g.vip, "port": g.port}]
    t.equal((found["server"], found["local"]), ({"address": g.rip, "port": g.rport}, {"address": g.laddr, "port": g.lport}),
            "JSON")
    t.equal([line.split()[1:3] for line in t.director.ipvsadm("-L", "-n", *g.name.split()).out.splitlines()[-1:]],
            [[columns[2], "FullNat"]], "the dest in the table")


@test(lvs_only=True, direction=DIRECTIONS)
def other_methods(t, direction):
    """NAT and DR do not translate, and say so; a dest by TUN can be changed into one by FULLNAT, and not into one of these."""
    outer, inner = families(direction)
    vip, port, rip = VIPS[outer]["other"], t.port(), Lab.GHOST_RS[inner][0]
    sid = ipvs.service_id("tcp", vip, port)
    t.director.service("tcp", vip, port, "rr")
    genl, af = t.director.genl, ipvs.u16(ipvs.DEST_AF, ipvs.family(rip))

    def change(command, method):
        genl.request(command, ipvs.nest(ipvs.SERVICE, sid) +
                     ipvs.nest(ipvs.DEST, ipvs.dest_id(rip, port) + af + ipvs.dest_attrs(method)))

    def refused(command, method):
        try:
            change(command, method)
        except NetlinkError as error:
            t.equal((error.errno, "a tunnel or FULLNAT" in str(error)), (errno.EINVAL, True), str(error))
            return
        raise AssertionError(f"method {method} was accepted")

    nat, tunnel, direct, fullnat = 0, 2, 3, 5
    for method in (nat, direct):
        refused(ipvs.NEW_DEST, method)
    change(ipvs.NEW_DEST, tunnel)
    change(ipvs.SET_DEST, fullnat)
    for method in (nat, direct):
        refused(ipvs.SET_DEST, method)
    t.equal(t.director.ipvsadm("-L", "-n").out.splitlines()[-1].split()[2], "FullNat", "the method")


@test(lvs_only=True, direction=DIRECTIONS)
def from_the_director(t, direction):
    """A client on the director itself is served, by a real server elsewhere and by one on the director."""
    outer, inner = families(direction)
    vip, port, name, far = far_service(t, direction, "tcp")
    with TcpClient(t.lab.director_ns, vip, port, source=Lab.FRONT[outer]) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "far", "the server that answered")
    rport = t.port()
    t.closing(Server(t.lab.director_ns, "tcp", Lab.BACK[inner], rport, "here"))
    (rip, dest), = t.director.dests("tcp", vip, port).items()
    t.equal(rip, far.ADDRESS[inner], "the dest")
    t.director.ipvsadm("-d", *name.split(), "-r", ipvs.endpoint(rip, dest["port"]))
    t.director.ipvsadm("-a", *name.split(), "-r", ipvs.endpoint(Lab.BACK[inner], rport), "-b")
    with TcpClient(t.lab.director_ns, vip, port, source=Lab.FRONT[outer]) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "here", "the server that answered the director")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "here", "the server that answered the client")


@test(lvs_only=True, direction=DIRECTIONS)
def expire_rst(t, direction):
    """When an established connection expires, both ends hear of it, each in its own family and by its own numbers."""
    g = Ghosts(t, direction, "tcp", 4370)
    t.director.ipvsadm("-E", *g.name.split(), "-s", "rr", "-V", "1", "--expire-rst")
    syn = g.request(tcp={"seq": 1000})
    g.reply(tcp={"flags": packet.SYN | packet.ACK, "seq": 5000, "ack": (syn.seq + 1) % (1 << 32)})
    g.request(tcp={"flags": packet.ACK, "seq": 1001, "ack": 5001})
    server, client = (wire.receive(lambda p, port=port: p.dport == port and p.flags & packet.RST)
                      for wire, port in ((t.lab.inside, g.rport), (t.lab.outside, g.sport)))
    t.equal((server.flow, server.seq, server.valid), ((g.laddr, g.lport, g.rip, g.rport), (syn.seq + 1) % (1 << 32), True),
            f"the RST to the server {server.faults}")
    t.equal((client.flow, client.seq, client.valid), ((g.vip, g.port, g.client, g.sport), 5001, True),
            f"the RST to the client {client.faults}")


@test(lvs_only=True, direction=DIRECTIONS)
def of_a_mark(t, direction):
    """A persistent service by mark translates, too."""
    outer, inner = families(direction)
    far, port, mark = Far(t), t.port(), 9
    mark_packets(t, mark, [port], outer)
    name = f"-f {mark}" + (" -6" if outer == 6 else "")
    t.director.rules(f"-A {name} -s rr -p 60", f"-a {name} -r {ipvs.endpoint(far.ADDRESS[inner], 0)} -b",
                     *[f"-P {name} -z {laddr}" for laddr in local_addresses(t, inner)])
    t.closing(Server(far.ns, "tcp", far.ADDRESS[inner], port, "far"))
    for _ in range(2):
        with TcpClient(t.lab.client, vip_of(direction), port) as client:
            t.equal(client.exchange(1000, 1000), "far", "the server that answered")
    t.equal([c["dest"] for c in t.director.templates() if c["client"] == Lab.CLIENT[outer] and c["dest"] in far.ADDRESS.values()],
            [far.ADDRESS[inner]], "the template's dest")


@test(lvs_only=True, direction=DIRECTIONS, timeout=120)
def toa_on_the_real_server(t, direction):
    """toa.ko shows the client: on a socket of IPv6 as its peer, on one of IPv4 with an IPv6 client by getsockopt()."""
    toa.load(t)
    outer, inner = families(direction)
    far = Far(t)
    laddrs = local_addresses(t, inner)
    client_address = Lab.CLIENT[outer] if outer == 6 else "::ffff:" + Lab.CLIENT[4]
    for address, shows in ((far.ADDRESS[inner], inner == 6), ("::", True)):
        server = toa.listener(t, far.ns, address, t.port())
        vip, port, _ = fullnat_service(t, "tcp", outer, far.ADDRESS[inner], server.getsockname()[1], laddrs)
        with t.lab.client, socket.create_connection((vip, port), 20) as client:
            client.sendall(b"x")
            with server.accept()[0] as sock:
                t.equal(sock.recv(1), b"x", "data")
                sport = client.getsockname()[1]
                t.equal(sock.getpeername()[0], client_address if shows else laddrs[0], f"the peer of {address}")
                t.equal(toa.ask(sock, toa.CLIENT), (Lab.CLIENT[outer], sport), "the client by getsockopt()")
                t.equal(toa.ask(sock, toa.NAT64), (Lab.CLIENT[6], sport) if outer == 6 else None, "an IPv6 client")


@test(lvs_only=True, direction=DIRECTIONS, timeout=120)
def nginx_logs_the_client(t, direction):
    """With toa.ko an nginx that listens on IPv6 logs the client's address."""
    toa.load(t)
    outer, inner = families(direction)
    far, port = Far(t), t.port()
    server = t.closing(daemons.Nginx(t, far.ns, "[::]", port, "far", log="access.log"))
    vip, vport, _ = fullnat_service(t, "tcp", outer, far.ADDRESS[inner], port, local_addresses(t, inner))
    t.lab.client.run("curl", "-gsS", "-m", "20", f"http://{ipvs.endpoint(vip, vport)}/it")
    lines = [line for line in server.access_log() if "GET /it" in line]
    t.equal([line.split()[0] for line in lines], [("" if outer == 6 else "::ffff:") + Lab.CLIENT[outer]], "in nginx's log")
