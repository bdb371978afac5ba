# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading, unloading, namespaces that come and go under traffic, and a connection table that grows under traffic."""
import os
import shutil
import signal
import tempfile

from lib import ipvs, kernel, packet, wait
from lib.harness import Test, test
from lib.ipvs import Director
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.netlink import Genl
from lib.packet import ACK, SYN
from lib.record import note, run
from lib.traffic import Server, TcpClient, tcp_name
from lib.wire import Wire

FLOWS = int(os.environ.get("LVS_TEST_FLOWS", "2000000"))


class Flood:
    """A process that sends the same packets over and over until it is stopped."""

    def __init__(self, wire, packets):
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(300)
            # Other sockets and namespaces must be able to go.
            os.closerange(3, wire.socket.fileno())
            os.closerange(wire.socket.fileno() + 1, 1 << 12)
            try:
                while True:
                    wire.flood(packets)
            except OSError:  # the device has gone
                os._exit(0)
            finally:
                os._exit(1)
        note(f"process {self.pid} floods {wire.name}/{wire.device}")

    def running(self):
        return self.pid and os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


def assorted(vip, client, ports, count=300):
    """Packets of many connections: TCP, UDP, fragments, errors."""
    packets = []
    for index in range(count):
        port, sport = ports[index % len(ports)], 1024 + index
        packets.append(packet.tcp(client, sport, vip, port, SYN))
        packets.append(packet.tcp(client, sport, vip, port, ACK, payload=b"x" * 50))
        packets.append(packet.udp(client, sport, vip, port, b"y" * 20))
        if index % 10 == 0:
            segment = packet.udp_segment(client, vip, sport, port, b"z" * 1200)
            packets.append(packet.ip(client, vip, packet.UDP, segment[:800], ident=index, more=True))
            packets.append(packet.ip(client, vip, packet.UDP, segment[800:], ident=index, offset=800))
            packets.append(packet.icmp("10.0.1.1" if ":" not in vip else "fd00:b::1", vip, 3 if ":" not in vip else 1, 1,
                                       packet.udp(vip, port, client, sport, b"q" * 20)))
    return packets


def rules_for(vip, ports, rips):
    lines = []
    for port, option in zip(ports, ("-m", "-g", "-i")):
        name = f"{vip}:{port}" if ":" not in vip else f"[{vip}]:{port}"
        for flag in ("-t", "-u"):
            lines.append(f"-A {flag} {name} -s wrr")
            lines += [f"-a {flag} {name} -r {rip if ':' not in rip else '[' + rip + ']'}:{port} {option}" for rip in rips]
    return lines


@test(timeout=300)
def unload_under_traffic(t):
    """Twenty times: load, set up services, let traffic through, unload in the middle of it."""
    lab, ports = t.lab, [t.port() for _ in range(3)]
    lines = rules_for(VIPS[4]["other"], ports, Lab.GHOST_RS[4]) + rules_for(VIPS[6]["other"], ports, Lab.GHOST_RS[6])
    flood = t.closing(Flood(lab.outside, [p for af in (4, 6)
                                          for p in assorted(VIPS[af]["other"], Lab.GHOST_CLIENT[af], ports)]))
    for turn in range(20):
        note(f"turn {turn + 1}")
        lab.director.close()
        kernel.remove()
        kernel.insert()
        lab.director = Director(lab.director_ns)
        lab.director.rules(*lines)
        wait.until(lambda: lab.director.totals()["inpkts"] > 100, 20, "traffic goes through")
        t.equal(flood.running(), True, "the flood goes on")
    flood.close()
    lab.director.close()
    kernel.remove()
    kernel.insert()
    lab.director = Director(lab.director_ns)
    t.equal(lab.director.services(), [], "services of a module just loaded")


class Island:
    """A namespace with a director of its own; the other end of its only link is ours to flood from."""

    def __init__(self, index, generator):
        self.device = f"island{index}"
        self.ns = Namespace(self.device)
        self.generator = generator
        run("ip", "link", "add", "eth0", "netns", self.ns.name, "type", "veth", "peer", "name", self.device, "netns",
            generator.name)
        for setting in ("ipv4__ip_forward", "ipv6__conf__all__forwarding"):
            self.ns.sysctl(**{setting: 1})
        self.ns.ip("link set lo up", "link set eth0 up", "addr add 192.0.2.1/32 dev lo", "addr add 10.0.0.1/24 dev eth0",
                   "addr add 2001:db8:1::1/128 dev lo nodad", "addr add fd00:d::1/64 dev eth0 nodad",
                   *[f"neigh add {address} lladdr 02:00:00:00:00:01 dev eth0 nud permanent"
                     for address in ("10.0.0.2", "10.0.0.3", "fd00:d::2", "fd00:d::3")],
                   "route add default via 10.0.0.2", "route add default via fd00:d::2")
        generator.ip(f"link set {self.device} up")
        self.director = Director(self.ns)
        self.director.rules(*rules_for("192.0.2.1", [80, 81, 82], ["10.0.0.2", "10.0.0.3"]),
                            *rules_for("2001:db8:1::1", [80, 81, 82], ["fd00:d::2", "fd00:d::3"]))
        self.wire = Wire(generator, self.device, self.ns.mac("eth0"))

    def flood(self):
        packets = (assorted("192.0.2.1", "10.9.0.1", [80, 81, 82], 100) +
                   assorted("2001:db8:1::1", "fd00:9::1", [80, 81, 82], 100))
        return Flood(self.wire, packets)

    def delete(self):
        self.director.close()
        self.ns.delete()


@test(timeout=200)
def namespaces_deleted_under_traffic(t):
    """Four directors in namespaces of their own vanish while packets arrive, with services and live connections."""
    generator = Namespace("generator")
    t.cleanup(generator.delete)
    islands = [Island(index, generator) for index in range(4)]
    floods = [t.closing(island.flood()) for island in islands]
    for island in islands:
        t.closing(island.wire)
        wait.until(lambda: island.director.totals()["inpkts"] > 500, 30, "traffic goes through")
        t.equal(len(island.director.services()), 12, "services")
    for island in islands:
        island.delete()

    def left():
        """A link's other end goes with the namespace itself."""
        devices = generator.read("/proc/net/dev")
        return [island.device for island in islands if island.device in devices]
    wait.equals(left, [], 60, "links to namespaces that are gone", step=0.2)
    for flood in floods:
        flood.close()
    vip, port = VIPS[4]["nat"], t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[4][0], port, "rs1"))
    t.director.service("tcp", vip, port, "rr", [(Lab.RS[4][0], port, "-m")])
    t.equal(tcp_name(t.lab.client, vip, port), "rs1", "another namespace's director still serves")


@test
def namespaces_are_independent(t):
    """Services, timeouts, counters of one namespace are not another's."""
    t.director.service("tcp", VIPS[4]["other"], 80, "rr", [(Lab.RS[4][0], 80, "-m")])
    other = Namespace("other")
    t.cleanup(other.delete)
    director = t.closing(Director(other))
    t.equal(director.services(), [], "services of a new namespace")
    director.rules(f"-A -t {VIPS[4]['other']}:80 -s wlc")
    director.ipvsadm("--set", "77", "0", "0")
    t.equal([s["scheduler"] for s in t.director.services()], ["rr"], "scheduler in the first namespace")
    t.equal(t.director.ipvsadm("-L", "--timeout").out, "Timeout (tcp tcpfin udp): 900 120 300\n", "its timeouts")
    t.equal(director.ipvsadm("-L", "--timeout").out, "Timeout (tcp tcpfin udp): 77 120 300\n", "the other one's")
    director.clear()
    t.equal(len(t.director.services()), 1, "services of the first namespace")


def _log_since(start):
    return [line for line in kernel.LOG.poll()[start:] if "lvs" in line]


@test(lab=False, lvs_only=True)
def beside_ip_vs(t):
    """Neither loads beside the other; the log says why in one line, without a warning."""
    start = len(kernel.LOG.poll())
    result = run("modprobe", "ip_vs", check=False)
    t.equal((result.code != 0, kernel.loaded("ip_vs"), kernel.loaded("lvs")), (True, False, True),
            "modprobe ip_vs failed, ip_vs is loaded, lvs is loaded")
    lines = wait.until(lambda: _log_since(start), 5, "a line in the log")
    t.equal((len(lines), "ip_vs" in lines[0]), (1, True), f"the log: {lines}")
    Genl("IPVS").close()
    kernel.remove()
    t.cleanup(kernel.insert)
    run("modprobe", "ip_vs")
    t.cleanup(run, "modprobe", "-r", "ip_vs")
    start = len(kernel.LOG.poll())
    result = run("insmod", kernel.module_path(), check=False)
    t.equal((result.code != 0, kernel.loaded("ip_vs"), kernel.loaded("lvs")), (True, True, False),
            "insmod lvs.ko failed, ip_vs is loaded, lvs is loaded")
    lines = wait.until(lambda: _log_since(start), 5, "a line in the log")
    t.equal((len(lines), "ip_vs" in lines[0]), (1, True), f"the log: {lines}")
    for path in ("ip_vs", "ip_vs_conn", "ip_vs_stats"):
        t.equal(os.path.exists(f"/proc/net/{path}"), True, f"ip_vs still has /proc/net/{path}")


def install(t):
    """Puts lvs.ko under updates/, with its aliases, in a module tree that has little else: depmod takes a while."""
    release, root = os.uname().release, tempfile.mkdtemp(prefix="lvs-modules.")
    t.cleanup(shutil.rmtree, root)
    real, tree = f"/lib/modules/{release}", f"{root}/lib/modules/{release}"
    os.makedirs(f"{tree}/updates")
    shutil.copy(kernel.module_path(), f"{tree}/updates/lvs.ko")
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if os.path.exists(f"{real}/{name}"):
            shutil.copy(f"{real}/{name}", tree)
    depends = run("modinfo", "-F", "depends", kernel.module_path()).out.strip().split(",")
    for line in run("modprobe", "--show-depends", "-a", "ip_vs", "ip_vs_rr", "nf_defrag_ipv6", *filter(None, depends)).out.splitlines():
        path = line.split()[1] if line.startswith("insmod") else ""
        if path.startswith(real):
            copy = tree + path[len(real):]
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(path, copy)
    run("depmod", "-b", root, release)
    run("mount", "--bind", tree, real)
    t.cleanup(run, "umount", real)
    os.makedirs("/etc/modprobe.d", exist_ok=True)
    shutil.copy("scripts/lvs.modprobe.conf", "/etc/modprobe.d/lvs.conf")
    t.cleanup(os.unlink, "/etc/modprobe.d/lvs.conf")


@test(lab=False, lvs_only=True, timeout=120)
def autoload(t):
    """Installed with its aliases, lvs.ko comes by itself: for our ipvsadm, the stock one, and modprobe."""
    install(t)
    kernel.remove()
    t.cleanup(lambda: kernel.loaded("lvs") or kernel.insert())
    tool = os.environ.get("LVS_IPVSADM", "build/userspace/ipvsadm")
    for command in ((tool, "-Ln"), (ipvs.STOCK_IPVSADM, "-Ln"), ("modprobe", "ip_vs"), ("modprobe", "ip_vs_rr")):
        run(*command)
        t.equal((kernel.loaded("lvs"), kernel.loaded("ip_vs")), (True, False), f"lvs, ip_vs loaded by {' '.join(command)}")
        kernel.remove()


class Pktgen:
    """The kernel's packet generator, two threads on one device, in the lab's router."""

    def __init__(self, ns, device, mac, vip, port, total):
        self.ns, self.names = ns, [f"{device}@0", f"{device}@1"]
        run("modprobe", "pktgen")
        with ns:
            base = "/proc/thread-self/net/pktgen"
            for cpu, name in enumerate(self.names):
                self._write(f"{base}/kpktgend_{cpu}", "rem_device_all", f"add_device {name}")
                self._write(f"{base}/{name}", f"count {total // 2}", "clone_skb 0", "pkt_size 60", "delay 0",
                            f"dst_mac {mac.hex(':')}", f"dst {vip}", "src_min 10.9.0.1", "src_max 10.9.255.254",
                            "flag IPSRC_RND", "flag UDPSRC_RND", "udp_src_min 1024", "udp_src_max 65535",
                            f"udp_dst_min {port}", f"udp_dst_max {port}")

    @staticmethod
    def _write(path, *commands):
        for command in commands:
            with open(path, "w") as file:
                file.write(command + "\n")

    def start(self):
        """Returns at once; a process of its own waits for the end."""
        self.pid = os.fork()
        if self.pid == 0:
            signal.alarm(0)
            with self.ns, open("/proc/thread-self/net/pktgen/pgctrl", "w") as file:
                file.write("start\n")
                file.flush()
            os._exit(0)

    def running(self):
        if self.pid and os.waitpid(self.pid, os.WNOHANG) != (0, 0):
            self.pid = None
        return self.pid is not None

    def sent(self):
        total = 0
        for name in self.names:
            for line in self.ns.read(f"/proc/net/pktgen/{name}").splitlines():
                if "pkts-sofar:" in line:
                    total += int(line.split()[1])
        return total

    def close(self):
        if self.pid:
            with self.ns, open("/proc/thread-self/net/pktgen/pgctrl", "w") as file:
                file.write("stop\n")
            os.waitpid(self.pid, 0)
        with self.ns:
            for cpu in (0, 1):
                self._write(f"/proc/thread-self/net/pktgen/kpktgend_{cpu}", "rem_device_all")
        run("modprobe", "-r", "pktgen")


def _available_kib():
    with open("/proc/meminfo") as file:
        return int(next(line for line in file if line.startswith("MemAvailable")).split()[1])


@test(timeout=600, lvs_only=True)
def table_grows(t):
    """2 M flows by pktgen: the table grows, every packet is forwarded, a TCP transfer meanwhile arrives whole; then all is freed."""
    lab, director, vip, port = t.lab, t.director, VIPS[4]["other"], t.port()
    with open("/proc/sys/net/core/netdev_max_backlog") as file:
        t.cleanup(lambda value=file.read(): open("/proc/sys/net/core/netdev_max_backlog", "w").write(value))
    with open("/proc/sys/net/core/netdev_max_backlog", "w") as file:
        file.write("1000000\n")
    lab.director_ns.ip("link add void type dummy", "link set void up", "addr add 10.8.0.1/24 dev void",
                       "neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev void nud permanent")
    t.cleanup(lab.director_ns.ip, "link del void")
    director.ipvsadm("--set", "0", "0", "1200")
    t.cleanup(director.ipvsadm, "--set", "0", "0", "300")
    director.service("udp", vip, port, "rr", [("10.8.0.2", port, "-g")])
    nat = t.port()
    t.closing(Server(lab.rs[0], "tcp", Lab.RS[4][0], nat, "rs1"))
    director.service("tcp", VIPS[4]["nat"], nat, "rr", [(Lab.RS[4][0], nat, "-m")])

    size, memory = director.table_size(), _available_kib()
    generator = t.closing(Pktgen(lab.router, "front", lab.outside.peer, vip, port, FLOWS))
    generator.start()
    wait.until(lambda: generator.sent() > 1000 or not generator.running(), 60, "pktgen sends")
    transfers = 0
    with TcpClient(lab.client, VIPS[4]["nat"], nat, timeout=300) as client:
        while generator.running():
            t.equal(client.exchange(1 << 20, 1 << 20), "rs1", "the server that answers")
            transfers += 1
            note(f"{generator.sent()} packets sent, table size {director.table_size()}, {transfers} MB each way")
        t.equal(client.exchange(1 << 20, 1 << 20), "rs1", "the server that answers")
    t.equal(generator.sent(), FLOWS, "packets sent")
    stats = wait.until(lambda: (s := director.service_stats("udp", vip, port))["inpkts"] >= FLOWS and s, 20, "packets counted")

    def forwarded():
        with lab.director_ns, open("/proc/thread-self/net/dev") as file:
            return int(next(line for line in file if "void:" in line).split(":")[1].split()[9])
    t.equal((stats["inpkts"], forwarded()), (FLOWS, FLOWS), "packets counted, packets forwarded")
    flows = stats["conns"]
    t.equal(flows > FLOWS * 0.998, True, f"flows ({flows})")
    inactive = director.dests("udp", vip, port)["10.8.0.2"]["inactive"]
    t.equal(inactive, flows, "connections of the dest")
    grown, used = director.table_size(), memory - _available_kib()
    print(f"    {flows} connections: table size {size} -> {grown}, {used * 1024 / flows:.0f} bytes a connection, "
          f"{transfers} MB each way meanwhile", flush=True)
    t.equal(grown > flows, True, f"buckets ({grown}) for {flows} connections with two entries each")

    t.finish()
    t.cleanups.clear()
    Test.drop_lab()
    kernel.remove()
    t.cleanup(kernel.insert)
    wait.until(lambda: memory - _available_kib() < 100 << 10, 30, "memory back, but for 100 MiB")
