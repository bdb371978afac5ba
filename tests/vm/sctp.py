# SPDX-License-Identifier: GPL-2.0-or-later
"""SCTP: real associations by every method, states by hand, the checksum through NAT, and malformed packets."""
import os
import socket
import struct
import threading

from lib import ipvs, packet, patience, wait
from lib.harness import test
from lib.ipvs import endpoint
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.packet import chunk
from lib.persistent import FAMILIES, Persistent
from lib.record import run

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, _, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK = range(12)
SHUTDOWN_COMPLETE = 14
CHUNKS = {"data": DATA, "init": INIT, "init-ack": INIT_ACK, "sack": SACK, "abort": ABORT, "shut": SHUTDOWN,
          "shut-ack": SHUTDOWN_ACK, "error": ERROR, "echo": COOKIE_ECHO, "ack": COOKIE_ACK, "shut-complete": SHUTDOWN_COMPLETE}
TIMEOUT = {"NONE": 2, "INIT1": 4, "ESTABLISHED": 900, "REJECTED": 4}

# What the client (c) and the server (s) send, and the state that the association then is in.
BOTH_WAYS = """
c:init                                                  INIT1
c:init c:init                                           INIT
c:init s:init-ack                                       C-SENT
c:init s:init-ack c:echo                                C-REPLIED
c:init s:init-ack c:echo s:ack                          ESTABLISHED
c:init s:init-ack c:echo s:ack c:data s:sack s:data     ESTABLISHED
c:init s:init-ack c:echo s:ack c:shut                   S-RECEIVED
c:init s:init-ack c:echo s:ack c:shut s:shut-ack        S-ACK-SENT
c:init s:init-ack c:echo s:ack c:shut s:shut-ack c:shut-complete  CLOSED
c:init s:init-ack c:echo s:ack s:shut                   S-SENT
c:init s:init-ack c:echo s:ack s:shut c:shut-ack        CLOSED
c:init s:init-ack c:echo s:ack c:abort                  CLOSED
c:init s:init-ack c:echo s:ack s:abort                  CLOSED
c:init s:abort                                          REJECTED
c:init s:init-ack c:echo s:error                        CLOSED
c:init s:init-ack s:error                               CLOSED
c:init s:init                                           C-WAIT
c:init s:init c:init-ack                                COOKIE
c:init s:init c:init-ack s:echo                         C-ECHOED
c:init s:init c:init-ack s:echo c:ack                   ESTABLISHED
c:init s:init-ack c:echo+abort                          CLOSED
c:init s:init-ack c:echo+data                           C-REPLIED
"""
CLIENT_ONLY = """
c:init                          INIT1
c:init c:init                   INIT
c:init c:echo                   ESTABLISHED
c:init c:echo c:data            ESTABLISHED
c:init c:echo c:shut            S-RECEIVED
c:init c:echo c:shut c:shut-complete    CLOSED
c:init c:echo c:shut-ack        CLOSED
c:init c:echo c:abort           CLOSED
"""


def setup():
    run("modprobe", "sctp")


def chunks(text):
    return b"".join(chunk(CHUNKS[name], b"x" * 5) for name in text.split("+"))


class Talk(Persistent):
    """SCTP packets by hand."""

    def __init__(self, t, af=4, **kwargs):
        super().__init__(t, "sctp", af, **dict({"options": "", "dests": 1}, **kwargs))
        t.lab.outside.drain()
        self.rport = self.port

    def from_client(self, sport, what="init"):
        data = packet.sctp(self.clients[0], sport, self.vip, self.port, chunks(what), vtag=sport)
        self.t.lab.outside.send(data)
        got = self.t.lab.inside.receive(lambda p: sport in (p.sport, p.inner and p.inner.sport))
        got = got.inner or got
        self.t.equal((got.valid, got.payload), (True, chunks(what)), f"the packet arrives whole; {got.faults}")
        return got.dst

    def from_server(self, sport, what, rip=None):
        self.t.lab.inside.send(packet.sctp(rip or self.rips[0], self.rport, self.clients[0], sport, chunks(what)))
        got = self.t.lab.outside.receive(lambda p: p.dst == self.clients[0] and p.dport == sport)
        self.t.equal((got.src, got.sport, got.valid, got.payload), (self.vip, self.port, True, chunks(what)),
                     f"the reply; {got.faults}")

    def play(self, sport, steps):
        for step in steps:
            side, what = step.split(":")
            (self.from_client if side == "c" else self.from_server)(sport, what)

    def conns(self, sport=None):
        return [c for c in self.t.director.conns(self.vip, self.port) if sport is None or c["cport"] == sport]


def play(t, talk, table):
    for sport, line in enumerate(table.split("\n")[1:-1], 7000):
        *steps, state = line.split()
        talk.play(sport, steps)
        conn, = talk.conns(sport)
        t.equal((conn["proto"], conn["state"]), ("SCTP", state), f"state after {' '.join(steps)}")
        high = TIMEOUT.get(state, 61)
        assert high - 3 <= conn["expires"] <= high, f"{line}: expires in {conn['expires']} s, expected up to {high}"
    active = sum(c["state"] == "ESTABLISHED" for c in talk.conns())
    dest, = talk.dests().values()
    t.equal(dest["active"], active, "active connections")


@test(af=FAMILIES, timeout=120)
def states_both_ways(t, af):
    """NAT sees both sides; the dest has another port, so each packet's checksum changes with it and stays right."""
    talk = Talk(t, af)
    t.director.rules(f"-d {talk.dest(0)}", f"-a {talk.name} -r {endpoint(talk.rips[0], 9899)} -m")
    talk.rport = 9899
    play(t, talk, BOTH_WAYS)


@test(method=("dr", "tun"), timeout=90)
def states_client_only(t, method):
    """DR and TUN see the client only."""
    play(t, Talk(t, method=METHOD_OPTION[method]), CLIENT_ONLY)


@test
def only_init_opens(t):
    """Other chunks of an unknown association open none; with sloppy_sctp all but ABORT do."""
    talk = Talk(t)
    for what in ("data", "abort", "echo", "shut-complete"):
        t.lab.outside.send(packet.sctp(talk.clients[0], 7100, talk.vip, talk.port, chunks(what)))
    talk.from_client(7101)
    t.equal([c["cport"] for c in talk.conns()], [7101], "client ports of the associations")
    path = "/proc/sys/net/ipv4/vs/sloppy_sctp"
    t.cleanup(t.lab.director_ns.write, path, 0)
    t.lab.director_ns.write(path, 1)
    t.lab.outside.send(packet.sctp(talk.clients[0], 7102, talk.vip, talk.port, chunks("abort")))
    talk.from_client(7103, "data")
    t.equal(sorted(c["cport"] for c in talk.conns()), [7101, 7103], "client ports of the associations")


@test
def reuse(t):
    """An INIT for an association that is closed begins another one, with another dest."""
    talk = Talk(t, dests=2)
    first = talk.from_client(7150)
    t.equal(talk.from_client(7150), first, "the dest of another INIT")
    talk.from_client(7150, "abort")
    t.equal(talk.conns(7150)[0]["state"], "CLOSED", "state")
    t.equal(talk.from_client(7150) != first, True, "another dest")
    t.equal([c["state"] for c in talk.conns(7150)], ["INIT1"], "states")


@test(af=FAMILIES)
def wrong_checksum_stays_wrong(t, af):
    """NAT does not make a good checksum of a bad one."""
    talk = Talk(t, af)
    t.director.rules(f"-d {talk.dest(0)}", f"-a {talk.name} -r {endpoint(talk.rips[0], 9899)} -m")
    t.lab.outside.send(packet.sctp(talk.clients[0], 7200, talk.vip, talk.port, chunks("init"), check=0x12345678))
    got = t.lab.inside.receive(lambda p: p.sport == 7200)
    t.equal((got.dport, got.faults), (9899, ["SCTP checksum"]), "port and faults")


@test(af=FAMILIES)
def malformed(t, af):
    """Packets that end before their first chunk are dropped and counted; chunks that lie about their length do not mislead."""
    talk = Talk(t, af)
    before = t.director.drops()["malformed"] if ipvs.MODULE == "lvs" else 0
    client, vip, port = talk.clients[0], talk.vip, talk.port
    head = struct.pack("!HHII", 7300, port, 1, 0)
    for size in (0, 3, 8, 12):
        t.lab.outside.send(packet.ip(client, vip, packet.SCTP, head[:size]))
    t.lab.outside.send(packet.ip(client, vip, packet.SCTP, head + b"\1\0\0"))
    lies = [chunk(COOKIE_ECHO, b"x", length=length) + chunk(ABORT) for length in (0, 3, 65535)]
    talk.from_client(7301)
    for lie in lies:
        t.lab.outside.send(packet.sctp(client, 7301, vip, port, lie))
        t.lab.inside.receive(lambda p: p.sport == 7301)
    t.equal([c["cport"] for c in talk.conns()], [7301], "client ports of the associations")
    t.equal(talk.conns()[0]["state"] != "CLOSED", True, "no ABORT was seen")
    if ipvs.MODULE == "lvs":
        t.equal(t.director.drops()["malformed"] - before, 5, "malformed packets")


@test(af=FAMILIES)
def errors_are_relayed(t, af):
    """An ICMP error by the real server about a request reaches the client, quoting the VIP."""
    talk = Talk(t, af)
    client = talk.clients[0]
    t.lab.outside.send(packet.sctp(client, 7350, talk.vip, talk.port, chunks("init")))
    got = t.lab.inside.receive(lambda p: p.sport == 7350)
    kind, code = (3, 2) if af == 4 else (1, 4)
    t.lab.inside.send(packet.icmp(talk.rips[0], client, kind, code, got.data))
    error = t.lab.outside.receive(lambda p: p.dst == client and p.quote)
    t.equal((error.src, error.kind, error.code, error.quote.flow, error.valid),
            (talk.vip, kind, code, (client, 7350, talk.vip, talk.port), True), "error")


@test(af=FAMILIES)
def persistent(t, af):
    """A client's associations stay with one dest; the template is SCTP's, and assured once one was established."""
    talk = Talk(t, af, options="-p 30", dests=3)
    client = talk.clients[0]
    t.equal(len({talk.from_client(sport) for sport in range(7400, 7404)}), 1, "dests")
    template = talk.template(client)
    t.equal((template["vport"], template["state"]), (talk.port, "NONE"), "template")
    for side, what in (("s", "init-ack"), ("c", "echo"), ("s", "ack")):
        if side == "c":
            talk.from_client(7400, what)
        else:
            talk.from_server(7400, what, template["dest"])
    t.equal(talk.template(client)["state"], "ASSURED", "state of the template")


@test
def listing(t):
    """ipvsadm lists and saves the service and its associations."""
    talk = Talk(t)
    talk.from_client(7450)
    t.equal(f"SCTP {talk.vip}:{talk.port} rr" in t.director.ipvsadm("-Ln").out, True, "the service in the listing")
    t.equal(f"-A --sctp-service {talk.vip}:{talk.port} -s rr" in t.director.ipvsadm("-S", "-n").out, True, "what is saved")
    t.equal("SCTP 00:0" in t.director.ipvsadm("-Lnc").out, True, "the association in the listing")
    for view in ("-Ln", "-S -n", "-Ln --stats"):
        t.equal(t.director.ipvsadm(*view.split()).out, t.director.ipvsadm(*view.split(), tool=ipvs.STOCK_IPVSADM).out,
                f"ours and the stock tool's {view}")


class Peer:
    """A server for real associations: answers each message with its name and the message."""

    def __init__(self, ns, address, port, name):
        self.name = name
        with ns:
            self.socket = socket.socket(_family(address), socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock:
            try:
                while data := sock.recv(1 << 20):
                    sock.sendall(self.name.encode() + data)
            except OSError:
                pass

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def associate(ns, address, port):
    with ns:
        sock = socket.socket(_family(address), socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    sock.settimeout(patience.seconds(30))
    sock.connect((address, port))
    return sock


def ask(sock, data):
    """Sends a message; returns the name of the server that echoed it."""
    sock.sendall(data)
    answer = b""
    while len(answer) < 3 + len(data):
        more = sock.recv(1 << 20)
        assert more, f"closed after {len(answer)} of {3 + len(data)} bytes"
        answer += more
    assert answer[3:] == data, "the echo is not what was sent"
    return answer[:3].decode()


@test(method=("nat", "dr", "tun"), af=FAMILIES, timeout=120)
def real_associations(t, method, af):
    """Real peers by each method: small and large messages arrive whole, from the servers in turn; then all close."""
    setup()
    vip, port = VIPS[af][method], t.port()
    rport = t.port() if method == "nat" else port
    for index in range(2):
        t.closing(Peer(t.lab.rs[index], Lab.RS[af][index] if method == "nat" else vip, rport, f"rs{index}"))
    t.director.service("sctp", vip, port, "rr", [(rip, rport, METHOD_OPTION[method]) for rip in Lab.RS[af][:2]])
    names = []
    for _ in range(2):
        with associate(t.lab.client, vip, port) as sock:
            names.append(ask(sock, b"hello"))
            t.equal(ask(sock, os.urandom(100000)), names[-1], "server of a large message")
            conn = [c for c in t.director.conns(vip, port) if c["state"] == "ESTABLISHED"]
            t.equal(len(conn) >= 1, True, f"an established association: {t.director.conns(vip, port)}")
    t.equal(sorted(names), ["rs0", "rs1"], "servers")
    wait.until(lambda: all(c["state"] != "ESTABLISHED" for c in t.director.conns(vip, port)), 30, "associations are closed")
    t.equal(sum(d["active"] for d in t.director.dests("sctp", vip, port).values()), 0, "active connections")


@test(offloads=("on", "off"), timeout=120)
def offloads(t, offloads):
    """The checksum is right whether it is left to the hardware (veth has none) or made at once."""
    setup()
    devices = ((t.lab.client, "eth0"), (t.lab.rs[0], "eth0"), (t.lab.director_ns, "front"), (t.lab.director_ns, "back"))
    if offloads == "off":
        for ns, device in devices:
            features = ("tx-checksum-sctp", "tx-sctp-segmentation", "gro")
            ns.run("ethtool", "-K", device, *[word for f in features for word in (f, "off")], check=False)
            t.cleanup(ns.run, "ethtool", "-K", device, *[word for f in features for word in (f, "on")])
    vip, port, rport = VIPS[4]["nat"], t.port(), t.port()
    t.closing(Peer(t.lab.rs[0], Lab.RS[4][0], rport, "rs0"))
    t.director.service("sctp", vip, port, "rr", [(Lab.RS[4][0], rport, "-m")])
    with associate(t.lab.client, vip, port) as sock:
        for size in (1, 1000, 60000):
            t.equal(ask(sock, os.urandom(size)), "rs0", f"server of {size} bytes")


@test
def mark(t):
    """A mark's service takes SCTP too."""
    setup()
    vip, port = VIPS[4]["nat"], t.port()
    ns = t.lab.director_ns
    ns.run("nft", "-f", "-", stdin=f"""table ip marksctp {{
        chain pre {{ type filter hook prerouting priority mangle;
            sctp dport {port} meta mark set 83
        }}
    }}
""")
    t.cleanup(ns.run, "nft", "delete", "table", "ip", "marksctp")
    t.closing(Peer(t.lab.rs[0], Lab.RS[4][0], port, "rs0"))
    t.director.rules("-A -f 83 -s rr -p 20", f"-a -f 83 -r {Lab.RS[4][0]}:0 -m")
    with associate(t.lab.client, vip, port) as sock:
        t.equal(ask(sock, b"marked"), "rs0", "server")
