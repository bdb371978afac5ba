# SPDX-License-Identifier: GPL-2.0-or-later
"""FULLNAT between real TCP stacks where it is hard: ports that real servers remember, loss, thousands of clients at once."""
import contextlib
import os
import re
import resource
import selectors
import signal
import socket
import statistics
import struct
import threading
import time

from fullnat import fullnat_service, limit_ports, local_addresses, pool, without_offloads
from lib import kernel, patience, wait
from lib.daemons import Daemon, Nginx, directory, http
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.record import note, run
from lib.traffic import Server, TcpClient

ETH_P_ALL, SO_RCVBUFFORCE = 3, 33
SACK = 5
MANY = 5000
# wrk's, who do not stop asking.
CLIENTS = 250 if kernel.SLOW else MANY


@test(lvs_only=True)
def port_that_the_server_remembers(t):
    """A local port is used again while the real server has it in TIME_WAIT, and no SYN has to be sent twice for it."""
    laddr, = local_addresses(t, 4)
    rip, rport = Lab.RS[4][0], t.port()
    limit_ports(t, 6100, 6100)
    t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=1)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=0))
    t.closing(Nginx(t, t.lab.rs[0], rip, rport, "real server 1"))
    vip, port, name = fullnat_service(t, "tcp", 4, rip, rport, [laddr])
    slowest = 0
    for _ in range(10):
        begun = time.monotonic()
        t.equal(http(t.lab.client, vip, port), "real server 1", "the page")  # by HTTP/1.0: the server closes first
        slowest = max(slowest, time.monotonic() - begun)
        remembered = t.lab.rs[0].run("ss", "-tnH", "state", "time-wait", f"( sport = :{rport} )").out
        t.equal(f"{laddr}:6100" in remembered, True, f"what the real server remembers: {remembered}")
        # The director forgets its connection with the dest, and so has the port back.
        t.director.ipvsadm("-d", *name.split(), "-r", f"{rip}:{rport}")
        wait.equals(lambda: pool(t, name)[laddr][0], 0, 10, "ports taken", step=0.05)
        t.director.ipvsadm("-a", *name.split(), "-r", f"{rip}:{rport}", "-b")
    note(f"the slowest page took {slowest:.3f} s")
    t.equal(slowest < patience.seconds(0.9), True, f"the slowest page took {slowest:.3f} s")


def lossy(t, options):
    """Both ways behind the director."""
    for device in ("front", "back"):
        t.lab.director_ns.run("tc", "qdisc", "add", "dev", device, "root", "netem", *options.split())
        t.cleanup(t.lab.director_ns.run, "tc", "qdisc", "del", "dev", device, "root")


class Sacks(threading.Thread):
    """Looks at a host's connection from that host: which numbers it sent, and which it is told have arrived."""

    def __init__(self, ns, local):
        super().__init__()
        self.local, self.sent, self.blocks, self.first, self.over = socket.inet_aton(local), 0, [], None, False
        with ns:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind(("eth0", ETH_P_ALL))
        self.socket.settimeout(0.2)
        self.start()

    def run(self):
        while not self.over:
            with contextlib.suppress(socket.timeout):
                self.look(self.socket.recv(1 << 16))

    def look(self, data):
        ihl = (data[0] & 15) * 4
        if data[0] >> 4 != 4 or data[9] != socket.IPPROTO_TCP or len(data) < ihl + 20:
            return
        seq, = struct.unpack_from("!I", data, ihl + 4)
        header = (data[ihl + 12] >> 4) * 4
        if data[12:16] == self.local:
            if data[ihl + 13] & 2:  # SYN
                self.first = seq
            if self.first is not None:
                end = (seq - self.first) % (1 << 32) + len(data) - ihl - header
                self.sent = max(self.sent, end)
        elif self.first is not None:
            self.blocks += self.sacked(data[ihl + 20:ihl + header])

    def sacked(self, options):
        """[(begin, end)], each with what had been sent by then."""
        found = []
        while options and options[0]:
            if options[0] == 1:
                options = options[1:]
                continue
            if options[0] == SACK:
                edges = struct.unpack(f"!{(options[1] - 2) // 4}I", options[2:options[1]])
                edges = [(edge - self.first) % (1 << 32) for edge in edges]
                found += [(begin, end, self.sent) for begin, end in zip(edges[::2], edges[1::2])]
            options = options[max(options[1], 2):]
        return found

    def end(self):
        self.over = True
        self.join()
        self.socket.close()
        return self.blocks


@test(lvs_only=True, timeout=200)
def sack_under_loss(t):
    """With 5 % of the packets lost everything arrives, and every SACK block that an end receives is of what it sent."""
    rip, rport = Lab.RS[4][0], t.port()
    t.closing(Server(t.lab.rs[0], "tcp", rip, rport, "rs1"))
    vip, port, _ = fullnat_service(t, "tcp", 4, rip, rport, local_addresses(t, 4))
    without_offloads(t)  # each packet may be lost on its own
    lossy(t, "loss 5%")
    lookers = {"client": Sacks(t.lab.client, Lab.CLIENT[4]), "server": Sacks(t.lab.rs[0], rip)}
    with TcpClient(t.lab.client, vip, port) as client:
        client.socket.settimeout(patience.seconds(100))
        t.equal(client.exchange(1 << 21, 1 << 21), "rs1", "the server that answered")
    for end, looker in lookers.items():
        blocks = looker.end()
        note(f"{end}: {len(blocks)} SACK blocks")
        t.equal(len(blocks) >= 20, True, f"there are SACK blocks for the {end}: {len(blocks)}")
        wrong = [block for block in blocks if not 0 < block[0] < block[1] <= block[2]]
        t.equal(wrong[:5], [], f"blocks of the {end}'s beside what it sent")


@test(lvs_only=True, timeout=400)
def throughput_under_loss(t):
    """With 5 % of the packets lost it is as fast as NAT, within a quarter: medians of nine runs each, in turn."""
    rip, vip, ports = Lab.RS[4][0], {"nat": VIPS[4]["nat"], "fullnat": VIPS[4]["other"]}, {}
    for method in vip:
        rport = t.port()
        t.closing(Server(t.lab.rs[0], "tcp", rip, rport, "rs1"))
        if method == "nat":
            ports[method] = t.port()
            t.director.service("tcp", vip[method], ports[method], "rr", [(rip, rport, "-m")])
        else:
            _, ports[method], _ = fullnat_service(t, "tcp", 4, rip, rport, local_addresses(t, 4))
    without_offloads(t)
    lossy(t, "loss 5% delay 5ms")

    def seconds(method):
        with TcpClient(t.lab.client, vip[method], ports[method]) as client:
            client.socket.settimeout(patience.seconds(100))
            begun = time.monotonic()
            t.equal(client.exchange(1000, 500000), "rs1", "the server that answered")
            return time.monotonic() - begun

    def medians():
        times = {"nat": [], "fullnat": []}
        for _ in range(9):
            for method, taken in times.items():
                taken.append(seconds(method))
        note(f"seconds: {times}")
        return {method: statistics.median(taken) for method, taken in times.items()}

    # Losses are by chance, and three times in a row it does not deceive.
    for _ in range(3):
        median = medians()
        if median["fullnat"] < median["nat"] / 0.75:
            return
    raise AssertionError(f"not within a quarter of NAT's: {median}")


def many_client_ports(t):
    t.lab.client.sysctl(ipv4__ip_local_port_range="20000 60000")
    t.cleanup(lambda: t.lab.client.sysctl(ipv4__ip_local_port_range="32768 60999"))


@test(lvs_only=True, timeout=200)
def thousands_at_once(t):
    """5,000 connections (debug kernels: 250) at once to two nginx; each gets its page, has its own port, gives it back."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    laddrs, rport = local_addresses(t, 4, 2), t.port()
    for index in (0, 1):
        t.closing(Nginx(t, t.lab.rs[index], Lab.RS[4][index], rport, f"real server {index + 1}", connections=MANY))
    vip, port, name = fullnat_service(t, "tcp", 4, Lab.RS[4][0], rport, laddrs)
    t.director.ipvsadm("-a", *name.split(), "-r", f"{Lab.RS[4][1]}:{rport}", "-b")
    many_client_ports(t)
    waiting, pages = selectors.DefaultSelector(), []
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            with t.lab.client:
                sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((vip, port))
            waiting.register(sock, selectors.EVENT_WRITE)
            drive(waiting, 0)
        deadline = time.monotonic() + patience.seconds(60)
        while any(key.events == selectors.EVENT_WRITE for key in waiting.get_map().values()):
            t.equal(time.monotonic() < deadline, True, "all are connected in time")
            drive(waiting, 0.1)
        t.equal(sum(used for used, _, _ in pool(t, name).values()), CLIENTS, "ports taken")
        socks = [key.fileobj for key in waiting.get_map().values()]
        for sock in socks:
            sock.setblocking(True)
            sock.settimeout(patience.seconds(20))
            sock.sendall(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
        for sock in socks:
            data = b""
            while more := sock.recv(4096):
                data += more
            pages.append(data.split(b"\r\n\r\n", 1)[1].strip().decode())
    t.equal({page: pages.count(page) for page in pages}, {"real server 1": CLIENTS // 2, "real server 2": CLIENTS // 2},
            "the pages")
    t.equal(t.director.service_stats("tcp", vip, port)["conns"], CLIENTS, "connections counted")


@test(lvs_only=True, timeout=200)
def wrk(t):
    """The same clients by wrk, each with one request after the other for some seconds: no error of any kind."""
    laddrs, rport = local_addresses(t, 4, 2), t.port()
    for index in (0, 1):
        # Each has half of the clients. A slow nginx may still have those of earlier rounds, and with too few places left it
        # closes connections that are idle.
        t.closing(Nginx(t, t.lab.rs[index], Lab.RS[4][index], rport, f"real server {index + 1}", connections=2 * CLIENTS))
    vip, port, name = fullnat_service(t, "tcp", 4, Lab.RS[4][0], rport, laddrs)
    t.director.ipvsadm("-a", *name.split(), "-r", f"{Lab.RS[4][1]}:{rport}", "-b")
    many_client_ports(t)
    for seconds in (8, 16, 32, 64):  # until each client has had its turn, on slow machines, too
        before = t.director.service_stats("tcp", vip, port)["conns"]
        out = t.lab.client.run("sh", "-c", f"ulimit -n 20000; wrk --timeout {patience.seconds(60)} -t 2 -c {CLIENTS} -d {seconds} "
                               f"http://{vip}:{port}/").out
        t.equal(re.findall(r"Socket errors.*|Non-2xx.*", out), [], "errors")
        requests = int(re.search(r"(\d+) requests in", out)[1])
        connections = t.director.service_stats("tcp", vip, port)["conns"] - before
        if requests >= CLIENTS and connections >= CLIENTS:
            return
    raise AssertionError(f"{CLIENTS} clients made {requests} requests on {connections} connections")


@test(lvs_only=True)
def told_as_tshark_sees_it(t):
    """A capture at the real server: tshark finds the client's address in the option, and nothing wrong with any packet."""
    without_offloads(t)
    rport, laddrs = t.port(), local_addresses(t, 4)
    t.closing(Nginx(t, t.lab.rs[0], Lab.RS[4][0], rport, "real server"))
    vip, port, _ = fullnat_service(t, "tcp", 4, Lab.RS[4][0], rport, laddrs)
    capture = f"{directory(t)}/capture"
    watcher = t.closing(Daemon(t.lab.rs[0], "tcpdump", "-U", "--immediate-mode", "-Z", "root", "-i", "eth0", "-w", capture, "tcp", "port", str(rport),
                               directory=directory(t)))
    wait.until(lambda: os.path.exists(capture) and os.path.getsize(capture), 20, "tcpdump watches")
    lport = 40123
    t.equal(t.lab.client.run("curl", "-sS", "-m", "20", "--local-port", str(lport), f"http://{vip}:{port}/").out, "real server\n", "page")
    wait.until(lambda: os.path.getsize(capture) > 1000, 20, "tcpdump has written its packets")
    watcher.stop(signal.SIGINT)

    def fields(which, *names):
        argv = ["tshark", "-n", "-r", capture, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", which, "-T", "fields"]
        out = run("env", "HOME=/tmp", *argv, *[word for name in names for word in ("-e", name)]).out
        return [line.split("\t") for line in out.splitlines()]

    told = "fe08" + struct.pack("!H", lport).hex() + socket.inet_aton(Lab.CLIENT[4]).hex()
    options = [row[1] for row in fields(f"ip.dst == {Lab.RS[4][0]}", "tcp.flags.syn", "tcp.options") if row[0] in "0"]
    t.equal(bool(options) and told in options[0], True, f"{told} first among {options}")
    # A busy host sends something twice now and then.
    odd = "tcp.analysis.flags && !tcp.analysis.retransmission && !tcp.analysis.duplicate_ack"
    t.equal(fields(f'_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad" || ({odd})', "frame.number"), [],
            "packets that tshark complains about")


def drive(waiting, timeout):
    """Those that are connected wait for data now."""
    for key, _ in waiting.select(timeout):
        if key.events == selectors.EVENT_WRITE:
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            assert not error, f"connect: error {error}"
            waiting.modify(key.fileobj, selectors.EVENT_READ)
