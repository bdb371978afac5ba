# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service can have beyond IPVS: timeouts and limits of its own, RSTs when connections expire, the MSS in tunnels."""
import errno
import json
import select
import time

from fullnat import local_addresses
from lib import packet, wait
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.record import note
from lib.traffic import Server, TcpClient
from states import Conversation

ALL = "-V 30 --udp-limit 40 --expire-rst --clamp-mss"
METHODS = ("nat", "dr", "tun", "fullnat")
OVERHEAD = {"ipip": 20, "gre": 24}


@test(lvs_only=True)
def kept(t):
    """Listed, saved and restored; our -E states them all, the stock tool's leaves them alone."""
    name = f"-f {t.port()}"
    t.cleanup(t.director.ipvsadm, "-D", *name.split())
    rule = f"-A {name} -s rr {ALL}"

    def saved():
        return [line for line in t.director.ipvsadm("-S", "-n").out.splitlines() if line.startswith(f"-A {name} ")]

    def in_json():
        found = json.loads(t.director.ipvsadm("-L", *name.split(), "--json").out)["services"][0]
        return [found[key] for key in ("established_timeout", "udp_limit", "expire_rst", "clamp_mss")]

    t.director.rules(rule)
    t.equal(saved(), [rule], "the rule")
    t.equal("rr established 30 udp-limit 40 expire-rst clamp-mss" in t.director.ipvsadm("-Ln").out, True, "listed")
    t.equal(in_json(), [30, 40, True, True], "in JSON")
    t.director.ipvsadm("-E", *name.split(), "-s", "wrr", tool=STOCK_IPVSADM)
    t.equal(saved(), [rule.replace("rr", "wrr")], "the rule after the stock tool's edit")
    t.director.ipvsadm("-E", *name.split(), "-s", "wrr", "-V", "31")
    t.equal(saved(), [f"-A {name} -s wrr -V 31"], "the rule after our edit")
    t.director.ipvsadm("-E", *name.split(), "-s", "wrr")
    t.equal((saved(), in_json()), ([f"-A {name} -s wrr"], [0, 0, False, False]), "the rule after an edit without options")


@test(lvs_only=True)
def undone(t):
    """When a restore fails, options are what they were."""
    name = f"-f {t.port()}"
    t.cleanup(t.director.ipvsadm, "-D", *name.split())
    t.director.rules(f"-A {name} -s rr -V 30")
    before = t.director.ipvsadm("-S", "-n").out
    failed = t.director.ipvsadm("-R", stdin=f"-E {name} -s rr {ALL}\n-D {name}9\n", check=False)
    t.equal((failed.code != 0, t.director.ipvsadm("-S", "-n").out), (True, before), "refused, the rules")


@test(lvs_only=True, af=(4, 6))
def masq_before(t, af):
    """--masq-fullnat holds for real servers that are set from then on; the others have NAT still, saved and restored as well."""
    vip, port, rip, other = VIPS[af]["nat"], t.port(), *Lab.RS[af][:2]
    host, first, second = (f"[{address}]" if af == 6 else address for address in (vip, rip, other))
    name = f"-t {host}:{port}"
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "rs1"))
    t.director.rules(f"-A {name} -s rr", f"-a {name} -r {first}:{port} -m", f"-E {name} -s rr --masq-fullnat",
                     f"-a {name} -r {second}:{port} -m -w 0")
    saved = [f"-A {name} -s rr", f"-a {name} -r {first}:{port} -m -w 1", f"-a {name} -r {second}:{port} -b -w 0",
             f"-E {name} -s rr --masq-fullnat"]
    for _ in range(2):
        t.equal(t.director.ipvsadm("-S", "-n").out.splitlines(), saved, "the rules")
        t.equal([line.split()[2] for line in t.director.ipvsadm("-Ln", *name.split()).out.splitlines()[3:]], ["Masq", "FullNat"],
                "the methods listed")
        with TcpClient(t.lab.client, vip, port) as conn:
            t.equal(conn.exchange(1000, 1000), "rs1", "the server that answered, without a local address")
        t.director.ipvsadm("-C")
        t.director.ipvsadm("-R", stdin="\n".join(saved))


def edit(t, talk, options):
    t.director.ipvsadm("-E", *talk.service.split(), "-s", "rr", *options.split())


@test(lvs_only=True, method=("nat", "dr"))
def established_timeout(t, method):
    """It holds for connections of this service only, once established, and changes with the next segment."""
    mine, other = Conversation(t, method), Conversation(t, method)
    edit(t, mine, "-V 30")
    for talk in (mine, other):
        talk.from_client(2500, "S")
        t.equal(58 <= talk.conns(2500)[0]["expires"] <= 60, True, "SYN_RECV has the timeout that all have")
        talk.from_client(2500, "A")
        t.equal(talk.conns(2500)[0]["state"], "ESTABLISHED", "state")
    t.equal(28 <= mine.conns(2500)[0]["expires"] <= 30, True, f"the timeout of its own: {mine.conns()}")
    t.equal(898 <= other.conns(2500)[0]["expires"] <= 900, True, f"the other service's: {other.conns()}")
    mine.from_client(2501, "S")
    mine.from_client(2501, "A")
    for sport, options, low, high in ((2500, "-V 50", 48, 50), (2500, "", 898, 900), (2501, "-V 2", 0, 2)):
        edit(t, mine, options)
        mine.from_client(sport, "A")
        expires = mine.conns(sport)[0]["expires"]
        t.equal(low <= expires <= high, True, f"expires in {expires} s with '{options}'")
    wait.equals(lambda: mine.conns(2501), [], 5, "its connections")
    t.equal((len(mine.conns(2500)), len(other.conns(2500))), (1, 1), "those with the general timeout")


@test(lvs_only=True)
def udp_limit(t):
    """A client that never pauses gets another dest after that time, not before; without a limit it stays."""
    mine, other = Conversation(t, proto="udp", dests=2), Conversation(t, proto="udp", dests=2)
    edit(t, mine, "--udp-limit 3")
    first = {talk: talk.from_client(2600) for talk in (mine, other)}
    started = time.monotonic()
    while mine.from_client(2600) == first[mine]:
        other.from_client(2600)
        t.equal(time.monotonic() - started < 8, True, "still the same dest after 8 s")
        time.sleep(0.05)
    passed = time.monotonic() - started
    note(f"another dest after {passed:.2f} s")
    t.equal(passed >= 2.9, True, f"another dest after {passed:.2f} s")
    t.equal(len(mine.conns(2600)), 1, "connections")
    t.equal(other.from_client(2600), first[other], "the dest without a limit")
    wait.equals(mine.counts, (0, 1), 5, "active and inactive")


def real_service(t, method, af, options):
    """A real server by that method, a service whose connections live for a second. Returns a connected client."""
    vip = VIPS[af]["other" if method == "fullnat" else method]
    port = t.port()
    rip, address = Lab.RS[af][0], Lab.RS[af][0] if method in ("nat", "fullnat") else vip
    server = t.closing(Server(t.lab.rs[0], "tcp", address, port, "rs1"))
    option = "-b" if method == "fullnat" else METHOD_OPTION[method]
    name = t.director.service("tcp", vip, port, "rr", [(rip, port, option)], options)
    for laddr in local_addresses(t, af) if method == "fullnat" else ():
        t.director.ipvsadm("-P", *name.split(), "-z", laddr)
    client = t.closing(TcpClient(t.lab.client, vip, port))
    t.equal(client.exchange(20000, 20000), "rs1", "the server that answered")
    return client, server, vip, port


def was_reset(sock):
    readable, _, _ = select.select([sock], [], [], 8)
    try:
        return bool(readable) and sock.recv(1) == b"never"
    except OSError as error:
        return error.errno == errno.ECONNRESET


def sockets(ns, port):
    """Established TCP connections of a namespace with that port on either side."""
    return len(ns.run("ss", "-tnH", "state", "established", f"( sport = :{port} or dport = :{port} )").out.splitlines())


@test(lvs_only=True, method=METHODS, af=(4, 6))
def expire_rst(t, method, af):
    """When an established connection expires, client and server hear of it at once."""
    client, _, vip, port = real_service(t, method, af, "-V 1 --expire-rst")
    t.equal(sockets(t.lab.rs[0], port), 1, "the server's connections")
    t.equal(was_reset(client.socket), True, "the client's connection was reset")
    wait.equals(lambda: sockets(t.lab.rs[0], port), 0, 5, "the server's connections")
    t.equal(t.director.conns(vip, port), [], "the director's")


@test(lvs_only=True)
def expire_rst_by_sysctl(t):
    """conn_expire_tcp_rst does the same for all services; without both nobody hears anything."""
    quiet, _, vip, port = real_service(t, "nat", 4, "-V 1")
    wait.equals(lambda: t.director.conns(vip, port), [], 5, "the director's connections")
    readable, _, _ = select.select([quiet.socket], [], [], 1)
    t.equal((readable, sockets(t.lab.rs[0], port)), ([], 1), "what the client hears, the server's connections")
    t.lab.director_ns.sysctl(ipv4__vs__conn_expire_tcp_rst=1)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__conn_expire_tcp_rst=0))
    client, _, vip, port = real_service(t, "nat", 4, "-V 1")
    t.equal(was_reset(client.socket), True, "the client's connection was reset")
    wait.equals(lambda: sockets(t.lab.rs[0], port), 0, 5, "the server's connections")


@test(lvs_only=True)
def expire_rst_without_a_way(t):
    """Where the real server cannot be reached any more the client hears of the end alone, and of no packet that it did not send."""
    talk = Conversation(t, "nat", 6)
    edit(t, talk, "-V 1 --expire-rst")
    for flags, seq, ack in ((packet.SYN, 999, 0), (packet.ACK, 1000, 5000)):
        t.lab.outside.send(packet.tcp(talk.client, 2701, talk.vip, talk.port, flags, seq, ack))
        t.lab.inside.receive(lambda p: p.sport == 2701)
    t.lab.director_ns.ip(f"-6 route add unreachable {talk.rips[0]}")
    t.cleanup(t.lab.director_ns.ip, f"-6 route del unreachable {talk.rips[0]}")
    heard = []
    while not heard or heard[-1].proto != packet.TCP:
        heard.append(t.lab.outside.receive(lambda p: p.dst == talk.client, timeout=20, what="an RST"))
    t.lab.outside.send(packet.icmp(talk.client, talk.vip, 128, 0, b"ping"))
    heard.append(t.lab.outside.receive(lambda p: p.dst == talk.client, what="an answer to ping"))
    t.equal([(p.proto, p.kind) for p in heard], [(packet.TCP, None), (packet.ICMP6, 129)], "what the client hears")


@test(lvs_only=True)
def expire_rst_numbers(t):
    """The RSTs have the numbers that the ends expect, whatever came late or twice."""
    talk = Conversation(t, "nat")
    edit(t, talk, "-V 1 --expire-rst")
    ends = talk.client, 2700, talk.vip, talk.port
    for flags, seq, ack, data in ((packet.SYN, 999, 0, b""), (packet.ACK, 1000, 5000, b""), (packet.ACK, 1000, 5000, b"x" * 100),
                                  (packet.ACK, 1100, 7000, b""), (packet.ACK, 1000, 5000, b"x" * 50)):
        t.lab.outside.send(packet.tcp(*ends, flags, seq, ack, data))
    to_server = t.lab.inside.receive(lambda p: p.sport == 2700 and p.flags & packet.RST)
    to_client = t.lab.outside.receive(lambda p: p.dport == 2700 and p.flags & packet.RST)
    t.equal((to_server.dst, to_server.dport, to_server.seq), (talk.rips[0], talk.rport, 1100), "the RST to the server")
    t.equal((to_client.src, to_client.sport, to_client.dst, to_client.seq), (talk.vip, talk.port, talk.client, 7000),
            "the RST to the client")


@test(lvs_only=True, tunnel=tuple(OVERHEAD), clamp=(True, False))
def clamp_mss(t, tunnel, clamp):
    """The SYN in the tunnel states what fits into the tunnel, a smaller MSS stays, and other segments are as they were."""
    vip, port, rip, client = VIPS[4]["tun"], t.port(), Lab.GHOST_RS[4][0], Lab.GHOST_CLIENT[4]
    t.director.service("tcp", vip, port, "rr", [(rip, port, f"-i --tun-type {tunnel}")], "--clamp-mss" if clamp else "")
    t.lab.inside.drain()
    fits = 1500 - OVERHEAD[tunnel] - 40
    for sport, mss in ((2800, 1460), (2801, fits), (2802, 500)):
        syn = packet.tcp(client, sport, vip, port, packet.SYN, options=bytes([2, 4, mss >> 8, mss & 255]))
        t.lab.outside.send(syn)
        got = t.lab.inside.receive(lambda p: p.dst == rip)
        inner = packet.Packet(got.data[OVERHEAD[tunnel]:])
        t.equal((inner.sport, inner.faults), (sport, []), "the SYN inside, what is wrong with its checksums")
        options = inner.data[40:44]
        t.equal(options, bytes([2, 4]) + (min(mss, fits) if clamp else mss).to_bytes(2, "big"), f"the MSS of {mss}")
