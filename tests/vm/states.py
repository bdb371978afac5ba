# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP states and their timeouts, expiry on time, reuse of ports, and connections whose dest goes and comes back."""
import os
import time

from lib import ipvs, kernel, packet, wait
from lib.flood import Pktgen
from lib.harness import Test, test
from lib.ipvs import endpoint
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.packet import ACK, FIN, RST, SYN
from lib.record import note
from lib.traffic import Server, TcpClient

FLAGS = {"S": SYN, "A": ACK, "F": FIN, "R": RST, "-": 0}
TIMEOUT = {"NONE": 2, "ESTABLISHED": 900, "SYN_SENT": 120, "SYN_RECV": 60, "FIN_WAIT": 120, "TIME_WAIT": 120,
           "CLOSE": 10, "CLOSE_WAIT": 60, "LAST_ACK": 30}

# What the client (c) and the server (s) send, and the state that the connection then is in.
BOTH_WAYS = """
cS                      SYN_RECV
cS cS                   SYN_RECV
cS sSA                  SYN_RECV
cS sSA cA               ESTABLISHED
cS cA                   ESTABLISHED
cS sA                   ESTABLISHED
cS cF                   TIME_WAIT
cS sF                   TIME_WAIT
cS cR                   SYN_RECV
cS sR                   CLOSE
cS sRA                  CLOSE
cS c-                   CLOSE
cS sSA cA cS            ESTABLISHED
cS sSA cA sSA           ESTABLISHED
cS sSA cA cFA           CLOSE_WAIT
cS sSA cA cFA sA        CLOSE_WAIT
cS sSA cA cFA sFA       TIME_WAIT
cS sSA cA cFA sFA cA    TIME_WAIT
cS sSA cA sFA           FIN_WAIT
cS sSA cA sFA cA        FIN_WAIT
cS sSA cA sFA cFA       TIME_WAIT
cS sSA cA cR            CLOSE
cS sSA cA sR            CLOSE
cS sSA cA cFA cR        CLOSE
cS sSA cA cFA sFA sR    TIME_WAIT
cS sSA cA cFA sFA cR    CLOSE
cS sSA cA cSF           ESTABLISHED
cS sSA cA cRS           CLOSE
"""
CLIENT_ONLY = """
cS                      SYN_RECV
cS cA                   ESTABLISHED
cS cA cFA               FIN_WAIT
cS cA cFA cA            FIN_WAIT
cS cA cFA cFA           FIN_WAIT
cS cF                   TIME_WAIT
cS cR                   SYN_RECV
cS cA cR                CLOSE
cS cA cFA cR            CLOSE
cS c-                   CLOSE
"""


class Conversation:
    """TCP segments by hand through a service with dests on paper."""

    def __init__(self, t, method="nat", af=4, proto="tcp", dests=1):
        self.t, self.method, self.af, self.proto = t, method, af, proto
        self.vip, self.port = VIPS[af]["other"], t.port()
        self.rport = t.port() if method == "nat" else self.port
        self.client, self.rips = Lab.GHOST_CLIENT[af], Lab.GHOST_RS[af][:dests]
        self.service = t.director.service(proto, self.vip, self.port, "rr",
                                          [(rip, self.rport, METHOD_OPTION[method]) for rip in self.rips])
        t.lab.inside.drain()
        t.lab.outside.drain()

    def dest_name(self, index=0):
        return f"{self.service} -r {endpoint(self.rips[index], self.rport)}"

    def make(self, sport, flags="S"):
        if self.proto == "udp":
            return packet.udp(self.client, sport, self.vip, self.port, b"x")
        return packet.tcp(self.client, sport, self.vip, self.port, sum(FLAGS[f] for f in flags))

    def from_client(self, sport, flags="S"):
        """Returns the address of the dest that got it."""
        self.t.lab.outside.send(self.make(sport, flags))
        got = self.t.lab.inside.receive(lambda p: sport in (p.sport, p.inner and p.inner.sport))
        return got.dst

    def from_server(self, sport, flags, rip=None):
        rip = rip or self.rips[0]
        self.t.lab.inside.send(packet.tcp(rip, self.rport, self.client, sport, sum(FLAGS[f] for f in flags)))
        got = self.t.lab.outside.receive(lambda p: p.dst == self.client and p.dport == sport)
        self.t.equal((got.src, got.sport), (self.vip, self.port), "source of the translated reply")

    def conns(self, sport=None):
        return [c for c in self.t.director.conns(self.vip, self.port) if sport is None or c["cport"] == sport]

    def counts(self):
        """(active, inactive) over the dests."""
        dests = self.t.director.dests(self.proto, self.vip, self.port).values()
        return sum(d["active"] for d in dests), sum(d["inactive"] for d in dests)


def play(t, method, af, table):
    talk = Conversation(t, method, af)
    expected = {}
    for sport, line in enumerate(table.split("\n")[1:-1], 2000):
        *steps, state = line.split()
        expected[sport] = line
        for step in steps:
            (talk.from_client if step[0] == "c" else talk.from_server)(sport, step[1:])
        conn, = talk.conns(sport)
        t.equal(conn["state"], state, f"state after {' '.join(steps)}")
        low, high = TIMEOUT[state] - 2, TIMEOUT[state]
        assert low <= conn["expires"] <= high, f"{line}: expires in {conn['expires']} s, expected {low} to {high}"
    active = sum(c["state"] in ("ESTABLISHED", "SYN_RECV", "SYN_SENT") for c in talk.conns())
    t.equal(talk.counts(), (active, len(talk.conns()) - active), "active and inactive")


@test(af=(4, 6))
def tcp_both_directions(t, af):
    """NAT sees both sides."""
    play(t, "nat", af, BOTH_WAYS)


@test(method=("dr", "tun"))
def tcp_client_side_only(t, method):
    """DR and TUN see the client only."""
    play(t, method, 4, CLIENT_ONLY)


@test
def only_syn_opens(t):
    """A segment without SYN of an unknown connection does not make one."""
    talk = Conversation(t)
    for flags in ("A", "F", "R", "FA", "-"):
        t.lab.outside.send(talk.make(2100, flags))
    talk.from_client(2101)
    t.equal([c["cport"] for c in talk.conns()], [2101], "client ports of the connections")


def set_timeouts(t, tcp, fin, udp):
    t.director.ipvsadm("--set", str(tcp), str(fin), str(udp))
    t.cleanup(t.director.ipvsadm, "--set", "900", "120", "300")


@test
def expiry(t):
    """Connections go by their timeouts: never early, at most a second late; the counts return to zero by themselves."""
    set_timeouts(t, 3, 2, 4)
    tcp, udp = Conversation(t), Conversation(t, proto="udp")
    plan = {}
    for sport, talk, steps, timeout in ((3001, tcp, "cS sSA cA", 3), (3002, tcp, "cS sSA cA sFA", 2), (3003, udp, "c", 4),
                                        (3004, tcp, "cS sSA cA cR", 10)):
        for step in steps.split():
            before = time.monotonic()
            (talk.from_client if step[0] == "c" else talk.from_server)(sport, step[1:])
        plan[sport] = (before, time.monotonic(), timeout)
    t.equal((tcp.counts(), udp.counts()), ((1, 2), (0, 1)), "active and inactive")
    gone = {}

    def look():
        before = time.monotonic()
        there = {c["cport"] for c in tcp.conns() + udp.conns()}
        for sport in plan:
            if sport not in there:
                gone.setdefault(sport, (before, time.monotonic()))
        return len(gone) == len(plan)
    wait.until(look, 15, "all connections gone")
    for sport, (first, last, timeout) in plan.items():
        early, late = gone[sport]
        note(f"{sport}: timeout {timeout}, gone after {late - last:.2f} to {late - first:.2f} s")
        assert late - first >= timeout - 0.01, f"{sport} gone after {late - first:.2f} s, its timeout is {timeout} s"
        assert early - last <= timeout + 1.3, f"{sport} still there after {early - last:.2f} s, its timeout is {timeout} s"
    wait.equals(lambda: (tcp.counts(), udp.counts()), ((0, 0), (0, 0)), 2, "active and inactive")


@test
def traffic_postpones_expiry(t):
    """Each packet starts the timeout anew; after it the next packet makes a new connection."""
    set_timeouts(t, 900, 120, 2)
    talk = Conversation(t, proto="udp")
    started = time.monotonic()
    talk.from_client(3100)
    while time.monotonic() - started < 4:
        t.equal(len(talk.conns()), 1, "connections")
        talk.from_client(3100)
    t.equal(t.director.dests("udp", talk.vip, talk.port)[talk.rips[0]]["stats"]["conns"] <= 1, True, "connections made")
    wait.equals(lambda: talk.conns(), [], 4, "connections without traffic")
    talk.from_client(3100)
    wait.equals(lambda: t.director.service_stats("udp", talk.vip, talk.port)["conns"], 2, 5, "connections made")


def _busy(seconds):
    """What all CPUs worked in the next seconds, in seconds."""
    def idle():
        with open("/proc/stat") as file:
            return sum(map(int, file.readline().split()[4:6])) / os.sysconf("SC_CLK_TCK")
    before, begin = idle(), time.monotonic()
    time.sleep(seconds)
    return (time.monotonic() - begin) * os.cpu_count() - (idle() - before)


@test(lvs_only=True, timeout=120)
def waiting_is_free(t):
    """Connections that expire in twenty minutes cost no time until then."""
    t.cleanup(Test.drop_lab)  # and with it the connections
    set_timeouts(t, 900, 120, 1200)
    vip, port, flows = VIPS[4]["dr"], t.port(), 4000 if kernel.SLOW else 20000
    t.director.service("udp", vip, port, "rr", [(Lab.GHOST_RS[4][0], port, "-g")])
    before = min(_busy(2) for _ in range(3))
    generator = t.closing(Pktgen(t.lab.router, "front", t.lab.outside.peer, vip, port, flows))
    generator.start()
    wait.until(lambda: not generator.running(), 60, "pktgen is done")
    wait.until(lambda: t.director.service_stats("udp", vip, port)["conns"] > flows * 0.9, 10, "connections")
    after = _busy(2)
    for _ in range(10):  # work that never ends shows each time, what else the kernel and the host do does not
        if after >= before + 0.3:
            after = min(after, _busy(2))
    note(f"2 s of all CPUs: busy for {before:.2f} s without, {after:.2f} s with {flows} connections")
    assert after < before + 0.3, f"the CPUs are busy for {after:.2f} of 2 s with {flows} idle connections, {before:.2f} s without"


@test(steps=("cS sSA cA cFA sFA", "cS sSA cA cR"))
def port_reuse(t, steps):
    """A SYN for a connection in TIME_WAIT or CLOSE makes a new one, for another dest; in ESTABLISHED it does not."""
    talk = Conversation(t, dests=2)
    first = talk.from_client(3200)
    for step in steps.split()[1:-1]:
        talk.from_client(3200, step[1:]) if step[0] == "c" else talk.from_server(3200, step[1:], first)
    t.equal(talk.from_client(3200), first, "the dest of a SYN before the end")
    step = steps.split()[-1]
    talk.from_client(3200, step[1:]) if step[0] == "c" else talk.from_server(3200, step[1:], first)
    if talk.from_client(3200) == first:
        note("the same dest; rr must give the other one")
        raise AssertionError("the SYN was sent to the old dest")
    conn, = talk.conns(3200)
    t.equal(conn["state"], "SYN_RECV", "state of the new connection")
    wait.equals(lambda: t.director.service_stats("tcp", talk.vip, talk.port)["conns"], 2, 5, "connections made")
    t.equal(talk.counts(), (1, 0), "active and inactive")


@test
def port_reuse_after_the_dest(t):
    """A connection in TIME_WAIT keeps nobody from the port, were its dest removed, too."""
    talk = Conversation(t, dests=2)
    first = talk.from_client(3210)
    for step in "sSA cA cFA sFA".split():
        talk.from_client(3210, step[1:]) if step[0] == "c" else talk.from_server(3210, step[1:], first)
    t.director.rules(f"-d {talk.dest_name(talk.rips.index(first))}")
    t.equal(talk.from_client(3210) in set(talk.rips) - {first}, True, "another dest gets the SYN at once")
    conn, = talk.conns(3210)
    t.equal(conn["state"], "SYN_RECV", "state of the new connection")


@test(proto=("tcp", "udp"))
def dest_removed_and_readded(t, proto):
    """Packets for a removed dest are dropped and counted; once the dest is back its connections go on."""
    talk = Conversation(t, proto=proto)
    talk.from_client(3300)
    if proto == "tcp":
        talk.from_server(3300, "SA")
        talk.from_client(3300, "A")
    t.director.rules(f"-d {talk.dest_name()}")
    gone = t.director.drops()["dest-gone"] if ipvs.MODULE == "lvs" else 0
    t.lab.outside.send(talk.make(3300, "A"))
    if ipvs.MODULE == "lvs":
        wait.equals(lambda: t.director.drops()["dest-gone"], gone + 1, 5, "packets dropped for dest-gone")
    t.lab.outside.send(talk.make(3300, "A"))
    t.director.rules(f"-a {talk.dest_name()} -m")
    t.lab.outside.send(talk.make(3300, "A"))
    got = [t.lab.inside.receive(lambda p: p.sport == 3300)]
    t.equal(got[0].dst, talk.rips[0], "the dest once it is back")
    t.equal(len(talk.conns(3300)), 1, "connections")
    t.equal(sum(talk.counts()), 1, "active and inactive")


@test(lvs_only=True)
def clear_and_restore(t):
    """A transfer survives `-C` and `-R`: what it sends meanwhile is dropped, not answered with RST."""
    vip, port = VIPS[4]["nat"], t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[4][0], port, "rs1"))
    t.director.service("tcp", vip, port, "rr", [(Lab.RS[4][0], port, "-m")])
    with TcpClient(t.lab.client, vip, port) as client:
        client.exchange(1000, 1000)
        rules = t.director.ipvsadm("-S", "-n").out
        before = t.director.drops()["dest-gone"]
        t.director.ipvsadm("-C")
        client.socket.sendall((2000).to_bytes(8, "big"))  # half a request
        wait.until(lambda: t.director.drops()["dest-gone"] > before, 5, "packets dropped meanwhile")
        t.director.ipvsadm("-R", stdin=rules)
        client.socket.sendall((0).to_bytes(8, "big") + bytes(2000))
        answer = client.socket.recv(100)
        t.equal(answer[:3], b"rs1", "the answer after the restore")
        t.equal(client.exchange(100000, 100000), "rs1", "the server that answers")


@test(af=(4, 6))
def listed_with_origin(t, af):
    """/proc/net/ip_vs_conn_sync has the lines of ip_vs_conn, with the connection's origin before the time to go."""
    port = t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], 8080, "rs1"))
    t.director.service("tcp", VIPS[af]["nat"], port, "rr", [(Lab.RS[af][0], 8080, "-m")])
    t.closing(TcpClient(t.lab.client, VIPS[af]["nat"], port)).exchange(1, 1)

    def line(name):
        return [text for text in t.director.ns.read(f"/proc/net/{name}").splitlines() if f" {port:04X} " in text]

    def both():
        plain, = line("ip_vs_conn")
        origin, = line("ip_vs_conn_sync")
        return origin == f"{plain[:-8]} LOCAL  {plain[-7:]}"

    t.equal(t.director.ns.read("/proc/net/ip_vs_conn_sync").splitlines()[0],
            "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires", "title")
    wait.until(both, 10, "the same line with its origin")  # a second may pass between two reads
