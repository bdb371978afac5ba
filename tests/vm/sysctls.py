# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings under net.ipv4.vs: defaults, ranges, each namespace its own. What they do is tested with their subjects."""
import errno
import os
from collections import namedtuple

from lib import packet, wait
from lib.harness import test
from lib.ipvs import Director
from lib.lab import VIPS, Lab
from lib.namespace import Namespace

# good: the ends of the range; bad: what is refused
Setting = namedtuple("Setting", "name default other good bad")
# What is kept in jiffies has 31 bits, and a second has from 100 to 1000 of them.
SECONDS = dict(good=(0, (1 << 31) // 1000), bad=(-1, (1 << 31) // 100 + 1, 1 << 40, "x"))
SWITCH = dict(good=(0, 1), bad=(-1, 2, 1 << 40, "x"))
MODE = dict(good=(0, 1, 2, 3), bad=(-1, 4, "x"))
NUMBER = dict(good=(0, (1 << 31) - 1), bad=(-1, 1 << 31, "x"))
LOAD = dict(good=(-8, 8), bad=(-9, 9, "x"))
SWITCHES_OFF = ("sloppy_tcp", "conntrack", "cache_bypass", "schedule_icmp", "nat_icmp_send", "ignore_tunneled",
                "backup_only", "sync_persist_mode", "conn_expire_tcp_rst")
SWITCHES_ON = ("pmtu_disc", "snat_reroute", "run_estimation", "sync_version", "fullnat_toa_entry", "fullnat_mss_adjust_entry",
               "fullnat_timestamp_remove_entry", "fullnat_conn_reused_entry")

SETTINGS = [
    Setting("lblc_expiration", 86400, 3600, **SECONDS),
    Setting("lblcr_expiration", 86400, 3600, **SECONDS),
    Setting("expire_nodest_conn", 0, 1, **SWITCH),
    Setting("expire_quiescent_template", 0, 1, **SWITCH),
    Setting("sloppy_sctp", 0, 1, **SWITCH),
    *(Setting(name, 0, 1, **SWITCH) for name in SWITCHES_OFF),
    *(Setting(name, 1, 0, **SWITCH) for name in SWITCHES_ON),
    Setting("sync_retries", 0, 3, **MODE),
    # Mode 2 goes back to 1 at once while there is memory enough.
    *(Setting(name, 0, 3, good=(0, 1, 3), bad=(-1, 4, "x")) for name in ("drop_entry", "drop_packet", "secure_tcp")),
    Setting("conn_reuse_mode", 1, 2, **MODE),
    Setting("amemthresh", 1024, 1, **NUMBER),
    Setting("am_droprate", 10, 1, **NUMBER),
    Setting("sync_sock_size", 0, 65536, **NUMBER),
    Setting("conn_max", 1 << 30, 1000, good=(0, 1 << 30), bad=(-1, (1 << 30) + 1, "x")),
    Setting("fullnat_lport_min", 5000, 6000, good=(1, 65535), bad=(0, 65536, "x")),
    Setting("fullnat_lport_max", 65535, 60000, good=(1, 65535), bad=(0, 65536, "x")),
    Setting("fullnat_lport_tries", 10000, 5, good=(1, 65536), bad=(0, 65537, "x")),
    Setting("est_nice", 0, 5, good=(-20, 19), bad=(-21, 20, "x")),
    Setting("conn_lfactor", -4, 1, **LOAD),
    Setting("svc_lfactor", -3, 1, **LOAD),
    Setting("sync_ports", 1, 4, good=(1, 2, 64, 128, 1 << 30), bad=(-1, 0, 3, 63, 65, 96, 1 << 31, "x")),
    Setting("sync_refresh_period", 0, 10, **SECONDS),
]


def path(setting):
    return f"/proc/sys/net/ipv4/vs/{setting.name}"


def value(ns, setting):
    return int(ns.read(path(setting)))


@test(lvs_only=True)
def defaults_and_namespaces(t):
    """A new namespace has the defaults, and keeps them when another one's are changed."""
    other = Namespace("other")
    t.cleanup(other.delete)
    director = t.lab.director_ns
    for setting in SETTINGS:
        t.equal([value(ns, setting) for ns in (director, other)], [setting.default] * 2, f"default of {setting.name}")
        director.write(path(setting), setting.other)
        t.cleanup(director.write, path(setting), setting.default)
        t.equal([value(ns, setting) for ns in (director, other)], [setting.other, setting.default], setting.name)


@test(lvs_only=True)
def ranges(t):
    """What is out of range is refused with EINVAL, and the old value stays; the ends of the range are in it."""
    director = t.lab.director_ns
    for setting in SETTINGS:
        t.cleanup(director.write, path(setting), setting.default)
        for bad in setting.bad:
            try:
                director.write(path(setting), bad)
                refused = None
            except OSError as error:
                refused = error.errno
            t.equal((refused, value(director, setting)), (errno.EINVAL, setting.default), f"{bad} for {setting.name}")
        for good in setting.good:
            director.write(path(setting), good)
            t.equal(value(director, setting), good, setting.name)
            director.write(path(setting), setting.default)


@test(lvs_only=True)
def sync_threshold(t):
    """A pair: the packet of each period that is told to backups, and the period, which is longer or 0."""
    director = t.lab.director_ns
    file = "/proc/sys/net/ipv4/vs/sync_threshold"
    t.equal(director.read(file).split(), ["3", "50"], "default")
    t.cleanup(director.write, file, "3 50")
    for bad in ("50 50", "51 50", "-1 50", "3 -1", "x"):
        try:
            director.write(file, bad)
            refused = None
        except OSError as error:
            refused = error.errno
        t.equal((refused, director.read(file).split()), (errno.EINVAL, ["3", "50"]), bad)
    for good in ("0 1", "49 50", "7 0"):
        director.write(file, good)
        t.equal(director.read(file).split(), good.split(), good)


@test(lvs_only=True)
def sync_queue(t):
    """The bound of the queue follows the memory there is."""
    director = t.lab.director_ns
    file = "/proc/sys/net/ipv4/vs/sync_qlen_max"
    default = int(director.read(file))
    t.cleanup(director.write, file, default)
    t.equal(default >= 1, True, f"default of sync_qlen_max is {default}; at least 1")
    for bad in (-1, "x"):
        try:
            director.write(file, bad)
            refused = None
        except OSError as error:
            refused = error.errno
        t.equal((refused, int(director.read(file))), (errno.EINVAL, default), bad)


def buckets(ns, what):
    """Of the table of that name, as /proc/net/ip_vs_status tells."""
    lines = dict(line.split(":\t") for line in ns.read("/proc/net/ip_vs_status").splitlines())
    return int(lines[f"{what} buckets"].split()[0])


def load_factor(t, name, factor):
    t.lab.director_ns.write(f"/proc/sys/net/ipv4/vs/{name}", factor)


@test(lvs_only=True)
def conn_lfactor(t):
    """Each step less makes the table of connections twice as large; they are found all the while."""
    director, ns, count = t.director, t.lab.director_ns, 1000
    t.lab.reload()
    director = t.lab.director
    vip, port = VIPS[4]["other"], t.port()
    director.service("udp", vip, port, "rr", [(Lab.GHOST_RS[4][0], port, "-g")])
    t.cleanup(load_factor, t, "conn_lfactor", -4)
    requests = [packet.udp(Lab.GHOST_CLIENT[4], 2000 + index, vip, port) for index in range(count)]

    def packets():
        return director.service_stats("udp", vip, port)["inpkts"]
    t.lab.outside.flood(requests)
    wait.equals(packets, count, 10, "packets")
    for turn, (factor, size) in enumerate(((-4, 4096), (-5, 4096), (-8, 32768), (-7, 16384), (8, 4096), (-6, 8192))):
        load_factor(t, "conn_lfactor", factor)
        wait.equals(director.table_size, size, 10, f"size by {factor}")
        t.equal(buckets(ns, "Conn"), size, "the same in /proc")
        t.lab.outside.flood(requests)
        wait.equals(packets, (turn + 2) * count, 10, "packets")
    # By -6 there are fewer connections to 8,192 buckets than it takes for more.
    more = [packet.udp(Lab.GHOST_CLIENT[4], 2000 + count + index, vip, port) for index in range(600)]
    t.lab.outside.flood(more)
    wait.equals(director.table_size, 16384, 10, "size with more connections")
    t.equal(director.service_stats("udp", vip, port)["conns"], count + len(more), "connections made")


@test(lvs_only=True)
def svc_lfactor(t):
    """Services have at least eight buckets each by default, or half of that with each step; they are found all the while."""
    director, ns, ports = t.director, t.lab.director_ns, range(3001, 3301)
    director.clear()
    vip, rip = VIPS[4]["other"], Lab.GHOST_RS[4][0]
    t.equal(buckets(ns, "Service"), 1024, "buckets")
    rules = [line for port in ports for line in (f"-A -u {vip}:{port} -s rr", f"-a -u {vip}:{port} -r {rip}:{port} -g")]
    director.rules(*rules)
    t.cleanup(load_factor, t, "svc_lfactor", -3)

    def served():
        return sum(director.service_stats("udp", vip, port)["conns"] for port in ports)
    for turn, (factor, size) in enumerate(((-3, 4096), (-4, 8192), (-8, 131072), (8, 1024), (-3, 4096))):
        load_factor(t, "svc_lfactor", factor)
        t.equal(buckets(ns, "Service"), size, f"buckets by {factor}")
        t.lab.outside.flood([packet.udp(Lab.GHOST_CLIENT[4], 2000 + turn, vip, port) for port in ports])
        wait.equals(served, (turn + 1) * len(ports), 10, "connections made")
    director.rules(*[f"-D -u {vip}:{port}" for port in ports[10:]])
    t.equal(buckets(ns, "Service"), 1024, "buckets for ten")
    t.lab.outside.flood([packet.udp(Lab.GHOST_CLIENT[4], 2100, vip, port) for port in ports])
    wait.equals(lambda: sum(director.service_stats("udp", vip, port)["conns"] for port in ports[:10]), 60, 10, "connections of these")


def estimators():
    """{pid: (nice, CPUs)} of the threads that estimate rates."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/status") as status:
                name, rest = stat.read().rsplit(")", 1)
                cpus = next(line.split()[1] for line in status if line.startswith("Cpus_allowed_list:"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.endswith("(lvs_est"):
            found[int(pid)] = (int(rest.split()[16]), cpus)
    return found


@test(lvs_only=True)
def estimator(t):
    """The thread that estimates a namespace's rates has the nice value and the CPUs that it is told, and stops without any."""
    director = t.lab.director_ns
    nice, cpus = (f"/proc/sys/net/ipv4/vs/{name}" for name in ("est_nice", "est_cpulist"))
    every = director.read(cpus)
    t.equal(every.strip(), director.read("/sys/devices/system/cpu/possible").strip(), "default of est_cpulist")
    t.cleanup(director.write, nice, 0)
    t.cleanup(director.write, cpus, every)
    t.director.service("udp", "10.9.9.9", t.port(), "rr", [])
    before = estimators()
    director.write(nice, 7)
    mine, = (pid for pid, (value, _) in estimators().items() if value == 7)
    t.equal({pid: value for pid, value in estimators().items() if pid != mine},
            {pid: value for pid, value in before.items() if pid != mine}, "those of other namespaces")
    if every.strip() != "0":
        director.write(cpus, "1\n")
        t.equal((director.read(cpus), estimators()[mine]), ("1\n", (7, "1")), "with one CPU")
    for bad in ("x", "4095", "1-0"):
        before = director.read(cpus)
        try:
            director.write(cpus, bad)
            refused = None
        except OSError as error:
            refused = error.errno
        t.equal((refused, director.read(cpus)), (errno.EINVAL, before), bad)
    # A thread of a new namespace starts with what was set before it was there.
    other = Namespace("other")
    t.cleanup(other.delete)
    other.write(nice, 9)
    director = Director(other)
    t.cleanup(director.close)
    director.service("udp", "10.9.9.9", 53, "rr", [])
    t.equal(9 in [value for value, _ in estimators().values()], True, "a thread has nice value 9")
    director.clear()
