# SPDX-License-Identifier: GPL-2.0-or-later
"""FULLNAT: both ends of a packet are translated; local addresses, their ports, and what becomes of them."""
import ipaddress
import json
import os
import socket
import struct

import sctp
from lib import daemons, ipvs, packet, toa, wait
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.laddr import local_addresses
from lib.persistent import mark_packets
from lib.traffic import Server, TcpClient, UdpClient, datagram

FAMILIES = (4, 6)
MEGABYTE = 1 << 20
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
CONNECTIONS = 4000


def fullnat_service(t, proto, af, rip, rport, laddrs, vip="other", options=""):
    """A service with one dest by FULLNAT and a pool. Returns VIP, port and the service's name."""
    vip, port = VIPS[af][vip], t.port()
    name = t.director.service(proto, vip, port, "rr", [(rip, rport, "-b")], options)
    for laddr in laddrs:
        t.director.ipvsadm("-P", *name.split(), "-z", laddr)
    return vip, port, name


def ghost(t, proto, af, laddrs):
    """The same with a real server on paper: packets to it arrive at lab.inside."""
    rip, rport = Lab.GHOST_RS[af][0], t.port()
    vip, port, name = fullnat_service(t, proto, af, rip, rport, laddrs)
    t.lab.inside.drain()
    t.lab.outside.drain()
    return vip, port, rip, rport, name


def pool(t, name):
    """{address: (ports taken, conflicts, exhausted)} of a service, as ipvsadm tells."""
    rows = [line.split() for line in t.director.ipvsadm("-G", *name.split(), "-n").out.splitlines()[3:]]
    return {row[1]: tuple(map(int, row[2:5])) for row in rows}


def used(t, name):
    """Ports taken of each local address of the service's."""
    return {laddr: row[0] for laddr, row in pool(t, name).items()}


def all_are_given_back(t, name, rips, seconds=10):
    """Without the dests the connections go, and the ports with them."""
    t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=1)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=0))
    for rip in rips:
        t.director.ipvsadm("-d", *name.split(), "-r", rip)
    wait.equals(lambda: set(used(t, name).values()), {0}, seconds, "ports taken when all connections are gone")


def limit_ports(t, low, high):
    t.lab.director_ns.sysctl(ipv4__vs__fullnat_lport_min=low, ipv4__vs__fullnat_lport_max=high)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__fullnat_lport_min=5000, ipv4__vs__fullnat_lport_max=65535))


@test(lvs_only=True, af=FAMILIES)
def tcp(t, af):
    """10 MB each way arrive whole, with offloads as they are."""
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], rport, "fullnat"))
    vip, port, _ = fullnat_service(t, "tcp", af, Lab.RS[af][0], rport, local_addresses(t, af, 2))
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(10 * MEGABYTE, 10 * MEGABYTE), "fullnat", "the server that answered")
    wait.equals(lambda: t.director.service_stats("tcp", vip, port)["outbytes"] > 10 * MEGABYTE, True, 5,
                "the replies went through the director")


def without_offloads(t):
    """Neither segmentation nor checksum offload: every packet is one of the wire's size."""
    hosts = [(t.lab.client, "eth0"), (t.lab.rs[0], "eth0"), (t.lab.director_ns, "front"), (t.lab.director_ns, "back")]

    def offloads(state):
        for ns, device in hosts:
            ns.run("ethtool", "-K", device, "tx", state, "sg", state, "tso", state, "gso", state)

    offloads("off")
    t.cleanup(offloads, "on")


@test(lvs_only=True)
def pool_of_the_service_that_has_the_dest(t):
    """A template of the VIP's FTP service leads a client of its service for all ports to a dest of the former, by its pool."""
    vip, (other, rip), client = VIPS[4]["other"], Lab.GHOST_RS[4][:2], Lab.GHOST_CLIENT[4]
    everything, control = f"-t {vip}:0", f"-t {vip}:21"
    laddr, = local_addresses(t, 4)
    t.director.rules(f"-A {everything} -s rr -p 30", f"-a {everything} -r {other} -m", f"-A {control} -s rr -p 30",
                     f"-a {control} -r {rip}:21 -b", f"-P {control} -z {laddr}")
    sport = t.port()
    for port in (21, 80):
        t.lab.outside.send(packet.tcp(client, sport, vip, port, packet.SYN))
    wait.equals(lambda: sorted((c["vport"], c["dest"]) for c in t.director.conns(vip) if c["cport"] == sport),
                [(21, rip), (80, rip)], 5, "ports and dests")


@test(lvs_only=True, af=FAMILIES)
def tcp_without_offloads(t, af):
    """The same without offloads."""
    without_offloads(t)
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], rport, "fullnat"))
    vip, port, _ = fullnat_service(t, "tcp", af, Lab.RS[af][0], rport, local_addresses(t, af))
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(2 * MEGABYTE, 2 * MEGABYTE), "fullnat", "the server that answered")


@test(lvs_only=True, af=FAMILIES)
def udp(t, af):
    """Datagrams of all sizes come back as they were, those that need fragments too."""
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "udp", Lab.RS[af][0], rport, "fullnat"))
    vip, port, _ = fullnat_service(t, "udp", af, Lab.RS[af][0], rport, local_addresses(t, af))
    with UdpClient(t.lab.client, vip, port) as client:
        for size in (1, 2, 512, 1452, 1453, 1472, 1473, 9000, 60000):
            data = datagram(size)
            t.equal(client.ask(data) == data, True, f"the answer to {size} bytes is what was sent")


@test(lvs_only=True, af=FAMILIES, timeout=120)
def sctp_association(t, af):
    """A real association: small and large messages arrive whole, whose checksums were made right."""
    sctp.setup()
    rport = t.port()
    t.closing(sctp.Peer(t.lab.rs[0], Lab.RS[af][0], rport, "rs0"))
    vip, port, _ = fullnat_service(t, "sctp", af, Lab.RS[af][0], rport, local_addresses(t, af))
    with sctp.associate(t.lab.client, vip, port) as sock:
        t.equal(sctp.ask(sock, b"hello"), "rs0", "the server that answered")
        t.equal(sctp.ask(sock, os.urandom(100000)), "rs0", "the server of a large message")
        t.equal([c["state"] for c in t.director.conns(vip, port)], ["ESTABLISHED"], "states")


@test(lvs_only=True, af=FAMILIES, proto=("tcp", "udp"))
def headers(t, af, proto):
    """Both ends are rewritten both ways, checksums are right, the TTL counts down."""
    laddr, = local_addresses(t, af)
    vip, port, rip, rport, name = ghost(t, proto, af, [laddr])
    client, sport = Lab.GHOST_CLIENT[af], 4100

    def packet_of(src, src_port, dst, dst_port, flags):
        if proto == "udp":
            return packet.udp(src, src_port, dst, dst_port, b"data" * 9)
        return packet.tcp(src, src_port, dst, dst_port, flags, seq=77, ack=88)

    t.lab.outside.send(packet_of(client, sport, vip, port, packet.SYN))
    request = t.lab.inside.receive(lambda p: p.dst == rip)
    lport = request.sport
    t.equal((request.flow, request.ttl, request.valid), ((laddr, lport, rip, rport), 63, True), "request")
    t.equal(5000 <= lport <= 65535, True, f"local port {lport}")
    t.lab.inside.send(packet_of(rip, rport, laddr, lport, packet.SYN | packet.ACK))
    reply = t.lab.outside.receive(lambda p: p.dst == client)
    t.equal((reply.flow, reply.ttl, reply.valid), ((vip, port, client, sport), 63, True), "reply")
    t.lab.outside.send(packet_of(client, sport, vip, port, packet.ACK))
    t.equal(t.lab.inside.receive(lambda p: p.dst == rip).flow, (laddr, lport, rip, rport), "the next request")
    t.equal(pool(t, name), {laddr: (1, 0, 0)}, "ports taken")


@test(lvs_only=True, af=FAMILIES)
def errors_both_ways(t, af):
    """An ICMP error goes to the end that it is about, and quotes what that end sent."""
    laddr, = local_addresses(t, af)
    vip, port, rip, rport, _ = ghost(t, "udp", af, [laddr])
    client, sport = Lab.GHOST_CLIENT[af], 4101
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"x" * 100))
    request = t.lab.inside.receive(lambda p: p.dst == rip)
    for kind, code, rest in {4: [(3, 3, 0), (3, 4, 1300), (11, 0, 0)], 6: [(1, 4, 0), (2, 0, 1300), (3, 0, 0)]}[af]:
        t.lab.inside.send(packet.icmp(Lab.SINK[af], laddr, kind, code, request.data, rest))
        error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
        t.equal((error.src, error.kind, error.code, error.rest), (vip, kind, code, rest), "error to the client")
        t.equal(error.quote.flow, (client, sport, vip, port), "what it quotes")
        t.equal((error.valid, error.quote.valid), (True, True), f"checksums {error.faults} {error.quote.faults}")
        t.lab.inside.send(packet.udp(rip, rport, laddr, request.sport, b"y" * 100))
        reply = t.lab.outside.receive(lambda p: p.dst == client and p.sport == port)
        t.lab.outside.send(packet.icmp(Lab.ROUTER_FRONT[af], vip, kind, code, reply.data, rest))
        error = t.lab.inside.receive(lambda p: p.dst == rip and p.quote)
        t.equal((error.src, error.kind, error.code, error.rest), (laddr, kind, code, rest), "error to the real server")
        t.equal(error.quote.flow, (rip, rport, laddr, request.sport), "what it quotes")
        t.equal((error.valid, error.quote.valid), (True, True), f"checksums {error.faults} {error.quote.faults}")


@test(lvs_only=True, af=FAMILIES)
def from_the_director(t, af):
    """A client on the director itself is served by FULLNAT as well."""
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], rport, "fullnat"))
    vip, port, _ = fullnat_service(t, "tcp", af, Lab.RS[af][0], rport, local_addresses(t, af))
    with TcpClient(t.lab.director_ns, vip, port, source=Lab.FRONT[af]) as client:
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "fullnat", "the server that answered")


@test(lvs_only=True, af=FAMILIES)
def too_big(t, af):
    """A request or reply over the MTU of the way on is answered with that MTU, in the sender's own terms."""
    laddr, = local_addresses(t, af)
    vip, port, rip, rport, _ = ghost(t, "udp", af, [laddr])
    client, sport = Lab.GHOST_CLIENT[af], 4102
    overhead = {4: 28, 6: 48}[af]
    t.lab.outside.send(packet.udp(client, sport, vip, port, b"first"))
    lport = t.lab.inside.receive(lambda p: p.dst == rip).sport
    for device, target in (("back", rip), ("front", client)):
        bits = 32 if af == 4 else 128
        via = "" if device == "back" else f"via {Lab.ROUTER_FRONT[af]}"
        t.lab.director_ns.ip(f"route add {target}/{bits} {via} dev {device} mtu 1400")
        t.cleanup(t.lab.director_ns.ip, f"route del {target}/{bits} {via} dev {device}")
    data = b"z" * (1401 - overhead)
    t.lab.outside.send(packet.udp(client, sport, vip, port, data, df=True))
    told = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((told.rest, told.quote.flow), (1400, (client, sport, vip, port)), "what the client is told")
    t.lab.inside.send(packet.udp(rip, rport, laddr, lport, data, df=True))
    told = t.lab.inside.receive(lambda p: p.dst == rip and p.quote)
    t.equal((told.rest, told.quote.flow), (1400, (rip, rport, laddr, lport)), "what the real server is told")


@test(lvs_only=True)
def pools(t):
    """Addresses are added one by one, by range and by network; errors change nothing; save and restore keep them."""
    one, two, three = local_addresses(t, 4, 3)
    vip, port, name = fullnat_service(t, "tcp", 4, Lab.RS[4][0], 80, [])
    t.director.ipvsadm("-P", *name.split(), "-z", f"{one}-{two}")
    t.equal(sorted(pool(t, name)), [one, two], "the pool")
    missing = ipaddress.ip_address(three) + 1
    for args, text in (((f"{two}",), "Local address already exists"),
                       ((f"{three}-{missing + 8}",), f"{missing}: The local address is not an address of this host"),
                       (("127.0.0.1",), "The local address is not an address of this host")):
        answer = t.director.ipvsadm("-P", *name.split(), "-z", *args, check=False)
        t.equal((answer.code, answer.err.strip()), (255, text), f"adding {args[0]}")
    t.equal(sorted(pool(t, name)), [one, two], "the pool is as before")
    rules = t.director.ipvsadm("-S", "-n").out
    t.equal([line for line in rules.splitlines() if line.startswith("-P")],
            [f"-P -t {vip}:{port} -z {laddr}" for laddr in (one, two)], "saved")
    t.equal(f"-a -t {vip}:{port} -r {Lab.RS[4][0]}:80 -b -w 1" in rules.splitlines(), True, "the method is saved")
    t.director.clear()
    t.director.ipvsadm("-R", stdin=rules)
    t.equal(t.director.ipvsadm("-S", "-n").out, rules, "restored")
    t.equal("FullNat" in t.director.ipvsadm("-L", "-n").out, True, "listed by ours")
    t.equal("Masq" in t.director.ipvsadm("-L", "-n", tool=ipvs.STOCK_IPVSADM).out, True, "listed by the stock tool")
    t.director.ipvsadm("-Q", *name.split(), "-z", one)
    answer = t.director.ipvsadm("-Q", *name.split(), "-z", one, check=False)
    t.equal((answer.code, answer.err.strip()), (255, "No such local address"), "deleting it again")
    t.equal(sorted(pool(t, name)), [two], "the pool")


@test(lvs_only=True, af=FAMILIES)
def without_a_pool(t, af):
    """A service without local addresses refuses at once, and counts."""
    vip, port, rip, rport, _ = ghost(t, "udp", af, [])
    client = Lab.GHOST_CLIENT[af]
    t.lab.outside.send(packet.udp(client, 4103, vip, port, b"x"))
    told = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((told.kind, told.code), PORT_UNREACHABLE[af], "the answer")
    t.equal(t.director.drops(("udp", vip, port))["no-local-address"], 1, "drops")


@test(lvs_only=True, af=FAMILIES)
def of_a_mark(t, af):
    """A mark's service has a pool, too: TCP to one port and UDP to another are served by it, each at the port it came for."""
    mark, ports = 7, [t.port(), t.port()]
    rip, (laddr,) = Lab.RS[af][0], local_addresses(t, af)
    mark_packets(t, mark, ports, af)
    name = f"-f {mark}" + (" -6" if af == 6 else "")
    rules = [f"-A {name} -s rr", f"-a {name} -r {ipvs.endpoint(rip, 0)} -b -w 1", f"-P {name} -z {laddr}"]
    t.director.rules(*rules)
    t.equal(t.director.ipvsadm("-S", "-n").out.splitlines(), rules, "saved")
    t.closing(Server(t.lab.rs[0], "tcp", rip, ports[0], "fullnat"))
    t.closing(Server(t.lab.rs[0], "udp", rip, ports[1], "fullnat"))
    vip = VIPS[af]["other"]
    with TcpClient(t.lab.client, vip, ports[0]) as tcp_client, UdpClient(t.lab.client, vip, ports[1]) as udp_client:
        t.equal(tcp_client.exchange(MEGABYTE, MEGABYTE), "fullnat", "the server that answered")
        for size in (100, 9000):
            data = os.urandom(size)
            t.equal(udp_client.ask(data) == data, True, f"the answer to {size} bytes is what was sent")
        t.equal(pool(t, name), {laddr: (2, 0, 0)}, "ports taken")


@test(lvs_only=True, af=FAMILIES)
def local_address_is_listed(t, af):
    """-Lc shows the address and port by which the real server knows the client, beside connections that have none."""
    laddr, = local_addresses(t, af)
    vip, port, rip, rport, _ = ghost(t, "udp", af, [laddr])
    nat_port = t.port()
    t.director.service("udp", vip, nat_port, "rr", [(rip, rport, "-m")])
    client, services = Lab.GHOST_CLIENT[af], (ipvs.endpoint(vip, port), ipvs.endpoint(vip, nat_port))

    def listed(tool=None):
        rows = [line.split() for line in t.director.ipvsadm("-L", "-n", "-c", tool=tool).out.splitlines()[1:]]
        return rows[0], sorted(row[3:] for row in rows[1:] if row[4] in services)

    columns = ["pro", "expire", "state", "source", "virtual", "destination"]
    t.lab.outside.send(packet.udp(client, 4104, vip, nat_port, b"x"))
    t.lab.inside.receive(lambda p: p.dst == rip)
    plain = [ipvs.endpoint(client, 4104), services[1], ipvs.endpoint(rip, rport)]
    t.lab.outside.send(packet.udp(client, 4105, vip, port, b"x"))
    lport = t.lab.inside.receive(lambda p: p.dst == rip).sport
    ours = [ipvs.endpoint(client, 4105), services[0], ipvs.endpoint(rip, rport)]
    t.equal(listed(), (columns + ["local"], [plain + ["-"], ours + [ipvs.endpoint(laddr, lport)]]), "with FULLNAT")
    t.equal(listed(ipvs.STOCK_IPVSADM), (columns, [plain, ours]), "by the stock tool")
    found = {c["virtual"]["port"]: c for c in json.loads(t.director.ipvsadm("-L", "-c", "--json").out)["connections"]
             if c["client"]["address"] == client}
    t.equal([found[nat_port].get("local"), found[port].get("local")], [None, {"address": laddr, "port": lport}], "JSON")


@test(lvs_only=True)
def no_port_left(t):
    """Connections beyond the last port are refused at once and counted; a port that became free is taken again."""
    laddr, = local_addresses(t, 4)
    limit_ports(t, 6000, 6002)
    vip, port, rip, rport, name = ghost(t, "udp", 4, [laddr])
    client = Lab.GHOST_CLIENT[4]
    timeouts = t.director.ipvsadm("-L", "--timeout").out.split(": ")[1].split()
    t.director.ipvsadm("--set", "0", "0", "2")
    t.cleanup(t.director.ipvsadm, "--set", *timeouts)
    taken = set()
    for sport in range(4110, 4113):
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"x"))
        taken.add(t.lab.inside.receive(lambda p: p.dst == rip).sport)
    t.equal(taken, {6000, 6001, 6002}, "ports")
    t.lab.outside.send(packet.udp(client, 4113, vip, port, b"x"))
    told = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((told.kind, told.code, told.quote.flow), (3, 3, (client, 4113, vip, port)), "the answer")
    t.equal(t.director.drops(("udp", vip, port))["no-local-port"], 1, "drops")
    t.equal(pool(t, name), {laddr: (3, 0, 1)}, "the pool")
    wait.equals(lambda: pool(t, name)[laddr][0], 0, 30, "ports taken after the connections expired")
    t.lab.outside.send(packet.udp(client, 4113, vip, port, b"x"))
    t.equal(t.lab.inside.receive(lambda p: p.dst == rip).sport in taken, True, "a port again")


@test(lvs_only=True, proto=("tcp", "udp"))
def own_socket_at_a_port_in_use(t, proto):
    """A socket of the director that comes to the real server from a client's local port gets another one; both are served."""
    (laddr,), rip, rport = local_addresses(t, 4), Lab.RS[4][0], t.port()
    t.closing(Server(t.lab.rs[0], proto, rip, rport, "real"))
    vip, port, name = fullnat_service(t, proto, 4, rip, rport, [laddr])
    limit_ports(t, 7001, 7002)
    kind = TcpClient if proto == "tcp" else UdpClient

    def served(client):
        return client.exchange(1000, 1000) if proto == "tcp" else client.name()

    client = t.closing(kind(t.lab.client, vip, port))
    t.equal(served(client), "real", "the client's server")
    taken, = [c["local"]["port"] for c in json.loads(t.director.ipvsadm("-L", "-c", "--json").out)["connections"]
              if c.get("local", {}).get("address") == laddr]
    own = t.closing(kind(t.lab.director_ns, rip, rport, source=laddr, sport=taken))
    for _ in range(3):
        t.equal((served(own), served(client)), ("real", "real"), "who serves the director's own socket, and the client")
    t.equal(pool(t, name)[laddr][0], 2, "ports taken")


@test(lvs_only=True, proto=("tcp", "udp"))
def ports_of_own_sockets(t, proto):
    """A port from which a socket of the director speaks to the real server is passed over."""
    laddr, = local_addresses(t, 4)
    rport = t.port()
    t.closing(Server(t.lab.rs[0], proto, Lab.RS[4][0], rport, "real"))
    vip, port, name = fullnat_service(t, proto, 4, Lab.RS[4][0], rport, [laddr])
    with t.lab.director_ns:
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
        own.bind((laddr, 7001))
        own.connect((Lab.RS[4][0], rport))
    t.cleanup(own.close)
    limit_ports(t, 7001, 7002)
    client = (TcpClient if proto == "tcp" else UdpClient)(t.lab.client, vip, port)
    with client:
        if proto == "tcp":
            t.equal(client.exchange(1000, 1000), "real", "the server that answered")
        else:
            t.equal(client.ask(b"hello"), b"hello", "the answer")
        t.equal(pool(t, name)[laddr][0], 1, "ports taken")
    t.equal(pool(t, name)[laddr][1] <= 1, True, "conflicts")
    t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4120, vip, port, b"x") if proto == "udp" else
                       packet.tcp(Lab.GHOST_CLIENT[4], 4120, vip, port, packet.SYN))
    told = t.lab.outside.receive(lambda p: p.dst == Lab.GHOST_CLIENT[4] and p.quote)
    t.equal((told.kind, told.code), (3, 3), "no port is left, for one is a socket's")
    t.equal(pool(t, name)[laddr][1] > 0, True, "a conflict was counted")


@test(lvs_only=True)
def tries_for_a_port(t):
    """So many ports of the director's own sockets are passed over as fullnat_lport_tries says, and none twice."""
    laddr, = local_addresses(t, 4)
    vip, port, rip, rport, name = ghost(t, "udp", 4, [laddr])
    for lport in range(7001, 7006):
        with t.lab.director_ns:
            own = t.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            own.bind((laddr, lport))
            own.connect((rip, rport))
    limit_ports(t, 7001, 7005)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__fullnat_lport_tries=10000))
    before = 0
    for turn, (tries, passed_over) in enumerate([(1, 1), (3, 3), (10000, 5)]):
        t.lab.director_ns.sysctl(ipv4__vs__fullnat_lport_tries=tries)
        t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4130 + turn, vip, port, b"x"))
        wait.equals(lambda: pool(t, name)[laddr][2], turn + 1, 10, "connections without a port")
        conflicts = pool(t, name)[laddr][1]
        t.equal(conflicts - before, passed_over, f"conflicts with {tries} tries")
        before = conflicts


@test(lvs_only=True)
def only_a_sockets_port_is_left(t):
    """Where connections have all other ports, the port of the director's own socket is looked at once for each client."""
    laddr, = local_addresses(t, 4)
    vip, port, rip, rport, name = ghost(t, "udp", 4, [laddr])
    with t.lab.director_ns:
        own = t.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        own.bind((laddr, 7003))
        own.connect((rip, rport))
    limit_ports(t, 7001, 7005)
    for sport in range(4140, 4144):
        t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], sport, vip, port, b"x"))
    wait.equals(lambda: pool(t, name)[laddr][0], 4, 10, "ports taken")
    before = pool(t, name)[laddr][1]
    t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 4144, vip, port, b"x"))
    wait.equals(lambda: pool(t, name)[laddr], (4, before + 1, 1), 10, "ports taken, conflicts, searches in vain")


@test(lvs_only=True)
def many_from_one_address(t):
    """Thousands of connections from one local address to one port: every port once, all given back."""
    laddr, = local_addresses(t, 4)
    vip, port, rip, rport, name = ghost(t, "udp", 4, [laddr])
    seen = set()
    for index in range(CONNECTIONS):
        client = f"10.9.{1 + index // 250}.{1 + index % 250}"
        t.lab.outside.send(packet.udp(client, 5000 + index % 7, vip, port, b"x"))
        seen.add(t.lab.inside.receive(lambda p: p.dst == rip).sport)
    t.equal(len(seen), CONNECTIONS, "different ports")
    t.equal(pool(t, name), {laddr: (CONNECTIONS, 0, 0)}, "the pool")
    t.equal(len(t.director.conns(vip, port)), CONNECTIONS, "connections")
    listed = {line.split()[-1] for line in t.director.ipvsadm("-L", "-n", "-c").out.splitlines()}
    t.equal(len(listed & {f"{laddr}:{lport}" for lport in seen}), CONNECTIONS, "listed with their local ports")


@test(lvs_only=True)
def address_deleted_under_traffic(t):
    """A connection keeps its local address and port when the address leaves the pool."""
    one, two = local_addresses(t, 4, 2)
    rport = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[4][0], rport, "fullnat"))
    vip, port, name = fullnat_service(t, "tcp", 4, Lab.RS[4][0], rport, [one])
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(1000, 1000), "fullnat", "the server that answered")
        t.director.ipvsadm("-P", *name.split(), "-z", two)
        t.director.ipvsadm("-Q", *name.split(), "-z", one)
        t.equal(client.exchange(MEGABYTE, MEGABYTE), "fullnat", "the server that still answers")
        t.equal(pool(t, name), {two: (0, 0, 0)}, "the pool")
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(1000, 1000), "fullnat", "the server that answered")
        t.equal(pool(t, name)[two][0], 1, "ports of the other address")


MSS, SACK_PERMITTED, TIMESTAMP = b"\x02\x04\x05\xb4", b"\x04\x02", b"\x08\x0a" + bytes(7) + b"\x01"


class GhostTcp:
    """A TCP connection by FULLNAT of which the test plays both ends."""

    def __init__(self, t, af, sport):
        self.t, self.af, self.sport = t, af, sport
        self.laddr, = local_addresses(t, af)
        self.vip, self.port, self.rip, self.rport, self.name = ghost(t, "tcp", af, [self.laddr])
        self.client, self.lport = Lab.GHOST_CLIENT[af], None

    def request(self, flags, seq, ack=0, payload=b"", options=b""):
        """Sends a segment of the client's, and returns it as the real server gets it."""
        self.t.lab.outside.send(packet.tcp(self.client, self.sport, self.vip, self.port, flags, seq, ack, payload,
                                           options=options))
        got = self.t.lab.inside.receive(lambda p: p.dst == self.rip)
        self.lport = got.sport
        self.t.equal((got.flow[0], got.payload, got.valid), (self.laddr, payload, True), f"request {got.faults}")
        return got

    def reply(self, flags, seq, ack=0, payload=b"", options=b""):
        """The same the other way."""
        self.t.lab.inside.send(packet.tcp(self.rip, self.rport, self.laddr, self.lport, flags, seq, ack, payload,
                                          options=options))
        got = self.t.lab.outside.receive(lambda p: p.dst == self.client)
        self.t.equal((got.flow[0], got.payload, got.valid), (self.vip, payload, True), f"reply {got.faults}")
        return got


@test(lvs_only=True, af=FAMILIES)
def client_is_told(t, af):
    """The real server gets the client's address in each segment until the client acknowledged data; sequence numbers fit."""
    c = GhostTcp(t, af, 4201)
    told = toa.option(c.client, c.sport, kind=254)
    syn = c.request(packet.SYN, 1000, options=MSS + SACK_PERMITTED + TIMESTAMP)
    t.equal(syn.options, MSS + SACK_PERMITTED + b"\x01" * 10, "options of the SYN")
    t.equal(syn.seq != 1000, True, "the initial sequence number is another one")
    delta = syn.seq - 1000
    answer = c.reply(packet.SYN | packet.ACK, 5000, syn.seq + 1, options=MSS)
    t.equal((answer.seq, answer.ack), (5000, 1001), "numbers of the SYN+ACK")
    t.equal(answer.options, b"\x02\x04" + struct.pack("!H", 1460 - len(told)), "MSS that the client is told")
    for flags, payload in ((packet.ACK, b""), (packet.ACK | packet.PSH, b"GET"), (packet.ACK, b"odd")):
        got = c.request(flags, 1001, 5001, payload)
        t.equal((got.seq, got.ack, got.options), ((1001 + delta) % (1 << 32), 5001, told), "a segment")
    timestamp = b"\x01\x01" + TIMESTAMP
    t.equal(c.request(packet.ACK, 1001, 5001, b"x", timestamp).options, told + timestamp, "options beside it")
    got = c.request(packet.ACK, 1004, 5001, b"y", b"\x01\x01" + toa.option("198.51.100.1", 9) + b"\x01\x01")
    t.equal(got.options, told + b"\x01" * 12, "a forged one is blanked")
    t.equal(c.request(packet.FIN | packet.ACK, 1004, 5001).options, b"", "none in a FIN")
    sack = struct.pack("!BBBBII", 1, 1, 5, 10, (1010 + delta) % (1 << 32), (1020 + delta) % (1 << 32))
    answer = c.reply(packet.ACK, 5001, (1004 + delta) % (1 << 32), b"data", sack)
    t.equal((answer.ack, answer.options[4:]), (1004, struct.pack("!II", 1010, 1020)), "acknowledged, and by SACK")
    t.equal(c.request(packet.ACK, 1004, 5005, b"more").options, b"", "none after the client acknowledged data")
    t.equal(c.request(packet.ACK, 1004, 5001, b"late").options, b"", "nor in an old segment after that")


@test(lvs_only=True)
def headers_that_are_not_whole(t):
    """A SYN's timestamp is blanked where it is the only option; a header that says it is longer than its segment is malformed."""
    c = GhostTcp(t, 4, 4202)
    t.equal(c.request(packet.SYN, 1000, options=b"\x01\x01" + TIMESTAMP).options, b"\x01" * 12, "options of the SYN")
    before = {reason: t.director.drops().get(reason, 0) for reason in ("malformed", "no-memory")}
    t.lab.outside.send(packet.tcp(c.client, c.sport, c.vip, c.port, packet.ACK, 1001, doff=15))
    wait.equals(lambda: {reason: t.director.drops().get(reason, 0) - before[reason] for reason in before},
                {"malformed": 1, "no-memory": 0}, 5, "reasons")


@test(lvs_only=True, af=FAMILIES, kind=(200, 253))
def client_is_told_by_another_kind(t, af, kind):
    """The service says which kind of option it is, or that there is none; forged ones of that kind are blanked, too."""
    c = GhostTcp(t, af, 4210 + kind)
    t.director.ipvsadm("-E", *c.name.split(), "-s", "rr", "--toa-kind", str(kind))
    told, forged = toa.option(c.client, c.sport, kind=kind), toa.option(c.client, 9, kind=kind)
    c.request(packet.SYN, 1000, options=MSS)
    c.reply(packet.SYN | packet.ACK, 5000, options=MSS)
    t.equal(c.request(packet.ACK, 1001, 5001, b"a").options, told, "the option")
    if af == 4:
        t.equal(c.request(packet.ACK, 1002, 5001, b"b", forged).options, told + b"\x01" * len(forged), "beside a forged one")
    t.director.ipvsadm("-E", *c.name.split(), "-s", "rr", "--no-toa")
    c.sport += 1
    c.request(packet.SYN, 1000, options=MSS)
    t.equal(c.reply(packet.SYN | packet.ACK, 5000, options=MSS).options, MSS, "the MSS without TOA")
    t.equal(c.request(packet.ACK, 1001, 5001, b"a").options, b"", "options without TOA")


@test(lvs_only=True)
def no_room_to_tell(t):
    """Where the option would not fit, the segment goes without, and is counted."""
    c = GhostTcp(t, 4, 4202)
    syn = c.request(packet.SYN, 1)
    c.reply(packet.SYN | packet.ACK, 1, syn.seq + 1)
    t.equal(c.request(packet.ACK, 2, 2, b"z" * 1452).options[:2], b"\xfe\x08", "it just fits")
    t.equal(c.request(packet.ACK, 2, 2, b"z" * 1453).options, b"", "one byte more")
    t.equal(c.request(packet.ACK, 2, 2, options=b"\x05\x22" + bytes(32) + b"\x01\x01").options[:2], b"\x05\x22", "36 bytes of options")
    row = t.director.ipvsadm("-G", *c.name.split(), "-n").out.splitlines()[3].split()
    t.equal(row[-1], "2", "segments without")


@test(lvs_only=True)
def settings(t):
    """Each of the lineage's switches turns its part off."""
    c = GhostTcp(t, 4, 4203)
    for name in ("toa", "mss_adjust", "timestamp_remove", "conn_reused"):
        path = f"/proc/sys/net/ipv4/vs/fullnat_{name}_entry"
        t.cleanup(t.lab.director_ns.write, path, 1)
        t.lab.director_ns.write(path, 0)
    syn = c.request(packet.SYN, 1000, options=MSS + SACK_PERMITTED + TIMESTAMP)
    t.equal((syn.seq, syn.options), (1000, MSS + SACK_PERMITTED + TIMESTAMP), "the SYN")
    t.equal(c.reply(packet.SYN | packet.ACK, 5000, 1001, options=MSS).options, MSS, "the SYN+ACK")
    t.equal(c.request(packet.ACK, 1001, 5001, b"x").options, b"", "a segment")


@test(lvs_only=True, timeout=120)
def nginx_logs_the_client(t):
    """With toa.ko on the real server its nginx logs the client's address, through a director that has rewritten it."""
    toa.load(t)
    port = t.port()
    nginx = t.closing(daemons.Nginx(t, t.lab.rs[0], Lab.RS[4][0], port, "rs1", log="access.log"))
    vip, vport, _ = fullnat_service(t, "tcp", 4, Lab.RS[4][0], port, local_addresses(t, 4))
    for index in range(5):
        answer = t.lab.client.run("curl", "-sS", "-m", "20", f"http://{vip}:{vport}/it{index}", check=False)
        t.equal(answer.code, 0, "curl's exit code")
    lines = wait.until(lambda: [line for line in nginx.access_log() if "GET /it" in line] if
                       len([line for line in nginx.access_log() if "GET /it" in line]) == 5 else None, 10, "log lines")
    t.equal({line.split()[0] for line in lines}, {Lab.CLIENT[4]}, "addresses in nginx's log")
