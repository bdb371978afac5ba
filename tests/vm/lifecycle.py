# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces, loading by name and beside ip_vs, and a connection table that grows under traffic."""
import glob
import os
import shutil
import tempfile

from lib import ipvs, kernel, wait
from lib.harness import Test, test
from lib.flood import Pktgen
from lib.ipvs import Director
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.netlink import Genl
from lib.record import note, run
from lib.traffic import Server, TcpClient

FLOWS = int(os.environ.get("LVS_TEST_FLOWS", "2000000"))


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
    return [line for line in kernel.LOG.poll()[start:] if line.startswith("lvs")]


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


@test(lab=False, lvs_only=True)
def libkmod_is_missing(t):
    """Without libkmod the tool works, but for loading the module, which it says."""
    tool = os.environ.get("LVS_IPVSADM", "build/userspace/ipvsadm")
    (library,) = glob.glob("/usr/lib/*/libkmod.so.2")
    without = ("unshare", "-m", "sh", "-c", f'mount --bind /dev/null {library} && exec "$0" -Ln', tool)
    run(*without)
    kernel.remove()
    t.cleanup(kernel.insert)
    result = run(*without, check=False)
    t.equal((result.code, "libkmod.so.2 is not installed" in result.err), (2, True), f"exit code, and what it says ({result.err})")


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
    transfers = 0
    with TcpClient(lab.client, VIPS[4]["nat"], nat, timeout=300) as client:
        t.equal(client.exchange(1, 1), "rs1", "the server that answered")
        generator.start()
        wait.until(lambda: generator.sent() > 1000 or not generator.running(), 60, "pktgen sends")
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
