# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever allocation fails: an error comes back, nothing has changed, nothing leaks. Kernels without fault injection have no
tests here.

A netlink client can miss the answer to what was done all the same: with no memory for the answer the kernel says ENOBUFS
when it is asked for it. So after ENOBUFS the change is there as a whole, or not at all.
"""
import contextlib
import ctypes
import errno
import fcntl
import ipaddress
import os
import socket
import struct

from lib import faults, harness, ipvs, kernel, netlink, wait
from lib.ipvs import (DEL_DEST, DEL_SERVICE, DEST, FLUSH, GET_CONFIG, GET_DAEMON, GET_DEST, GET_INFO, GET_SERVICE, NEW_DEST,
                      NEW_SERVICE, SERVICE, SET_CONFIG, SET_DEST, SET_SERVICE, TIMEOUT_TCP, TIMEOUT_UDP, ZERO, Director,
                      dest_attrs, dest_id, service_attrs, service_id)
from lib.lab import VIPS, Lab
from lib.namespace import CLONE_NEWNET, LIBC, Anonymous, Namespace
from lib.netlink import Genl, NetlinkError, attrs, nest, u32
from lib.packet import udp
from lib.record import note, run
from lib.traffic import Server, TcpClient, UdpClient

# On kernels without fault injection nothing is registered.
test = harness.test if faults.available() else lambda *_, **__: lambda function: function

# What takes long and seldom finds anything is for `make stress`.
THOROUGH = int(os.environ.get("LVS_STRESS", "20")) >= 200

VIP, VIP6 = "192.0.2.1", "2001:db8:1::1"
NEXT_HOPS = {4: ["10.0.0.2", "10.0.0.3", "10.0.0.4"], 6: ["fd00:d::2", "fd00:d::3", "fd00:d::4"]}
MASQ, TUNNEL, DROUTE, FULLNAT = 0, 2, 3, 5
METHOD = {"nat": MASQ, "tun": TUNNEL, "dr": DROUTE, "fullnat": FULLNAT}
LVS_INFO, BATCH, GET_DROPS, GET_LADDRS, GET_PROFILES = 1, 2, 3, 4, 8
ADD_LADDR, SET_PROFILE, DEL_PROFILE, DRAIN_DEST = 256, 258, 259, 260
SIOCSIFMTU = 0x8922
TCP, TCP6, UDP = service_id("tcp", VIP, 80), service_id("tcp", VIP6, 80), service_id("udp", VIP, 53)
EVERY_PORT = service_id("tcp", VIP, 0)
ABSENT, ABSENT6 = service_id("tcp", VIP, 81), service_id("tcp", VIP6, 81)


def service(identity, scheduler="wrr"):
    return nest(SERVICE, identity, service_attrs(scheduler, netmask=0xffffffff if len(attrs(identity)) and
                                                 struct.unpack("=H", attrs(identity)[0][1])[0] == socket.AF_INET else 128))


def named(identity):
    return nest(SERVICE, identity)


def dest(address, port, **config):
    return nest(DEST, dest_id(address, port), dest_attrs(**config))


def op(command, *nests):
    """An operation of a batch; its nests have the same contents as in the family IPVS, and other numbers."""
    inner = b"".join(netlink.attr(netlink.NLA_F_NESTED | (2 if kind & 0x3fff == SERVICE else 3), value)
                     for kind, value in attrs(b"".join(nests)))
    return nest(4, u32(1, command) + inner)


def profile(identity, *laddrs, timeout=5):
    """An operation of a batch that sets it."""
    addresses = [netlink.attr(4, socket.inet_aton(laddr)) for laddr in laddrs]
    return nest(4, u32(1, SET_PROFILE), nest(2, identity), nest(5, u32(1, timeout)), nest(6, *addresses))


def local_address(identity, address):
    """An operation of a batch that adds it to a service's pool."""
    packed = ipaddress.ip_address(address).packed
    return nest(4, u32(1, ADD_LADDR), nest(2, identity), netlink.attr(4, packed))


def base():
    """The rules that most tests begin with, as operations."""
    ops = [profile(EVERY_PORT, "10.0.0.1"), op(FLUSH)]
    for identity, family, port in ((TCP, 4, 80), (TCP6, 6, 80), (UDP, 4, 53)):
        ops.append(op(NEW_SERVICE, service(identity)))
        for index, address in enumerate(NEXT_HOPS[family][:2]):
            ops.append(op(NEW_DEST, named(identity), dest(address, port, weight=index + 2, fwd=MASQ if port == 80 else DROUTE)))
    return b"".join(ops)


class Site:
    """A director in a namespace of its own. What it forwards ends in a device that counts it."""

    def __init__(self, t, name="faults"):
        self.ns = Namespace(name)
        t.cleanup(self.ns.delete)
        self.ns.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv6__conf__default__accept_dad=0)
        self.ns.ip("link set lo up", "link add void type dummy", "link set void up",
                   f"addr add {VIP}/32 dev lo", f"addr add {VIP6}/128 dev lo nodad",
                   "addr add 10.0.0.1/24 dev void", "addr add fd00:d::1/64 dev void nodad",
                   *[f"neigh add {address} lladdr 02:00:00:00:00:01 dev void nud permanent"
                     for addresses in NEXT_HOPS.values() for address in addresses])
        self.director = t.closing(Director(self.ns))
        self.genl, self.lvs = self.director.genl, t.closing(Genl("LVS", self.ns))

    def change_mtu(self):
        """Of the counting device, and back."""
        with self.ns, contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for mtu in (1400, 1500):
                fcntl.ioctl(sock, SIOCSIFMTU, struct.pack("=16si20x", b"void", mtu))

    def batch(self, operations):
        self.lvs.request(BATCH, operations)

    def sent(self):
        """Packets that went out by the counting device."""
        line = next(line for line in self.ns.read("/proc/net/dev").splitlines() if "void:" in line)
        return int(line.split(":")[1].split()[9])

    def state(self):
        """All that control operations may change, and what was counted; not rates, which change by themselves."""
        config = self.genl.request(GET_CONFIG)[0].body
        services = []
        for message in self.genl.dump(GET_SERVICE):
            raw = message.get(SERVICE)
            identity = b"".join(netlink.attr(kind, value) for kind, value in attrs(raw) if kind <= 5)
            dests = [_without_rates(m.get(DEST), 10, 12) for m in self.genl.dump(GET_DEST, named(identity))]
            services.append((_without_rates(raw, 10, 12), dests))
        others = [m.body for command in (GET_DROPS, GET_LADDRS, GET_PROFILES) for m in self.lvs.dump(command)]
        return config, services, others


def _without_rates(raw, old_stats, new_stats):
    found = []
    for kind, value in attrs(raw):
        if kind == new_stats:
            value = tuple(ipvs.stats(value)[name] for name in ipvs.STATS_NAMES[:5])
        if kind != old_stats:
            found.append((kind, value))
    return found


def described(state):
    config, services, others = state
    return "\n".join([config.hex(), *[f"{entry}\n" + "\n".join(f"  {dest}" for dest in dests) for entry, dests in services],
                      *[other.hex() for other in others]])


def request(genl, command, body=b"", flags=netlink.NLM_F_ACK):
    """Like genl.request(); errors are OSErrors."""
    try:
        return genl.request(command, body, flags)
    except NetlinkError as error:
        raise OSError(error.errno, str(error)) from error


# What memory refused to whom looks like: to us, to netlink's core, to a socket.
SHORTAGE = (errno.ENOMEM, errno.ENOBUFS)


def is_shortage(error):
    assert error.errno in SHORTAGE, f"an error that is not about memory: {error!r}"


# name: (family, command, body). Each is run on the rules of base().
CHANGES = {
    "new-laddr": ("LVS", BATCH, local_address(TCP, VIP)),
    "new-service": ("IPVS", NEW_SERVICE, service(ABSENT)),
    "new-service-6": ("IPVS", NEW_SERVICE, service(ABSENT6, "rr")),
    "set-service": ("IPVS", SET_SERVICE, service(TCP, "wlc")),
    "set-service-wrr": ("IPVS", SET_SERVICE, service(UDP, "rr")),
    "del-service": ("IPVS", DEL_SERVICE, named(TCP)),
    "new-dest": ("IPVS", NEW_DEST, named(TCP) + dest(NEXT_HOPS[4][2], 80, weight=7)),
    "new-dest-6": ("IPVS", NEW_DEST, named(TCP6) + dest(NEXT_HOPS[6][2], 80, weight=7, fwd=TUNNEL)),
    "set-dest": ("IPVS", SET_DEST, named(TCP) + dest(NEXT_HOPS[4][0], 80, weight=9, fwd=DROUTE, u=10, low=5)),
    "drain-dest": ("IPVS", SET_DEST, named(UDP) + dest(NEXT_HOPS[4][0], 53, weight=0, fwd=DROUTE)),
    "del-dest": ("IPVS", DEL_DEST, named(TCP) + nest(DEST, dest_id(NEXT_HOPS[4][0], 80))),
    "zero-service": ("IPVS", ZERO, named(UDP)),
    "zero-all": ("IPVS", ZERO, b""),
    "flush": ("IPVS", FLUSH, b""),
    "set-config": ("IPVS", SET_CONFIG, u32(TIMEOUT_TCP, 77) + u32(TIMEOUT_UDP, 88)),
    "batch": ("LVS", BATCH, op(ZERO) + op(DEL_SERVICE, named(TCP)) + op(NEW_SERVICE, service(ABSENT, "lc")) +
              op(NEW_DEST, named(ABSENT), dest(NEXT_HOPS[4][2], 81)) + op(SET_SERVICE, service(UDP, "rr")) +
              op(SET_DEST, named(TCP6), dest(NEXT_HOPS[6][1], 80, weight=30, fwd=TUNNEL)) +
              op(DEL_DEST, named(UDP), nest(DEST, dest_id(NEXT_HOPS[4][1], 53))) + op(ZERO, named(UDP))),
    "set-profile": ("LVS", BATCH, profile(EVERY_PORT, "10.0.0.1", timeout=6)),
    "del-profile": ("LVS", BATCH, op(DEL_PROFILE, named(EVERY_PORT))),
    "drain-for-good": ("LVS", BATCH, op(DRAIN_DEST, named(UDP), nest(DEST, dest_id(NEXT_HOPS[4][0], 53)))),
    "restore": ("LVS", BATCH, op(FLUSH) + op(NEW_SERVICE, service(TCP, "wlc")) +
                op(NEW_DEST, named(TCP), dest(NEXT_HOPS[4][1], 80, weight=5)) +
                op(NEW_SERVICE, service(TCP6)) + op(NEW_DEST, named(TCP6), dest(NEXT_HOPS[6][1], 80, weight=3))),
}
# Connections are bound to what these take away and bring back.
REVIVALS = {
    "dest-comes-back": op(DEL_DEST, named(UDP), nest(DEST, dest_id(NEXT_HOPS[4][0], 53))) +
                       op(NEW_DEST, named(UDP), dest(NEXT_HOPS[4][0], 53, weight=4, fwd=DROUTE)),
    "service-comes-back": op(DEL_SERVICE, named(UDP)) + op(NEW_SERVICE, service(UDP, "rr")) +
                          op(NEW_DEST, named(UDP), dest(NEXT_HOPS[4][1], 53, fwd=DROUTE)) +
                          op(NEW_DEST, named(UDP), dest(NEXT_HOPS[4][0], 53, fwd=DROUTE)),
}


def talk(site, times=6):
    """The director is its own client: each packet is a new connection, so there is something counted."""
    with site.ns:
        for _ in range(times):
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
                sock.sendto(b"hello", (VIP, 53))


def no_fallback_tunnels(t):
    """In a new namespace each tunnel module would add a device of its own, whose allocations are none of ours."""
    def put(value):
        with open("/proc/sys/net/core/fb_tunnels_only_for_init_net", "w") as file:
            file.write(value)
    put("2")
    t.cleanup(put, "0")


def unchanged_or_done(t, site, operation, restore, done, what, step=1):
    """
    Each allocation of an operation is refused in turn. What comes of it is either an error and the state of before, or
    success and the state of after (done(state) checks it), which restore() then takes back.
    """
    before = [site.state()]

    def check(error):
        now = site.state()
        if error is not None:
            is_shortage(error)
        if error is None or error.errno == errno.ENOBUFS and now != before[0]:
            done(now)
            restore()
            before[0] = site.state()
        else:
            t.equal(described(now), described(before[0]), "the state after an error")
    return faults.each_allocation(operation, check, step, what)


@test(lab=False, lvs_only=True, timeout=400, change=tuple(CHANGES))
def control(t, change):
    """A change of services, dests or configuration: whole or not at all."""
    site = Site(t)
    family, command, body = CHANGES[change]
    genl = {"IPVS": site.genl, "LVS": site.lvs}[family]

    def restore():
        site.batch(base())
        request(site.genl, SET_CONFIG, u32(TIMEOUT_TCP, 900) + u32(TIMEOUT_UDP, 300))
        if "zero" in change:
            talk(site)
    restore()
    # Zeroed counters are all that differs after a zeroing; the conns of a service grow with each restore() else.
    fresh = site.state()
    request(genl, command, body)
    after = site.state()
    t.equal(after != fresh, True, "the operation changes something")
    restore()

    def done(state):
        if "zero" in change:
            counted = [dict(entry)[12] for entry, _ in state[1]]
            t.equal(counted, [(0,) * 5] * 3, "counters of the services")
        else:
            t.equal(described(state), described(after), "the state after success")
    with faults.expected():
        runs, failed = unchanged_or_done(t, site, lambda: request(genl, command, body), restore, done, change)
    t.equal(failed >= 1, True, f"some of {runs} refused allocations make it fail ({failed} did)")


@test(lab=False, lvs_only=True, timeout=400, change=tuple(REVIVALS))
def revival(t, change):
    """Dests with connections go and come back within one batch: their connections and counters stay as they were."""
    site = Site(t)
    site.batch(base())
    talk(site)
    t.equal(sum(d["inactive"] for d in site.director.dests("udp", VIP, 53).values()), 6, "connections")

    def done(_):
        t.equal(sorted(site.director.dests("udp", VIP, 53)), NEXT_HOPS[4][:2], "dests")
        t.equal(sum(d["inactive"] for d in site.director.dests("udp", VIP, 53).values()), 6, "connections")
    with faults.expected():
        unchanged_or_done(t, site, lambda: request(site.lvs, BATCH, REVIVALS[change]), lambda: site.batch(base()), done, change)
    t.equal(site.director.totals()["conns"], 6, "connections counted in total")
    site.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 1))
    site.genl.request(FLUSH)


@test(lab=False, lvs_only=True, timeout=600)
def large_batch(t):
    """
    100 services with 2 dests each, whole or not at all. So many that per-CPU memory has to be found for them, which a
    single service's never needs; not every allocation is tried, but each 61st.
    """
    site = Site(t)
    site.batch(base())
    rules = []
    for port in range(1000, 1100):
        identity = service_id("tcp", VIP, port)
        rules.append(op(NEW_SERVICE, service(identity)))
        rules += [op(NEW_DEST, named(identity), dest(address, port)) for address in NEXT_HOPS[4][:2]]
    rules = b"".join(rules)
    with faults.expected():
        runs, failed = unchanged_or_done(
            t, site, lambda: request(site.lvs, BATCH, rules), lambda: site.batch(base()),
            lambda state: t.equal(len(state[1]), 103, "services"), "large batch", step=61)
    t.equal(failed > 8, True, f"some of {runs} refused allocations make it fail ({failed} did)")


@test(lab=False, lvs_only=True, timeout=600, family=(4, 6))
def first_service(t, family):
    """A namespace's first service: tables and hooks are made. Without memory there is none; the next attempt makes it."""
    identity = {4: TCP, 6: TCP6}[family]
    run("modprobe", "nf_defrag_ipv6")
    no_fallback_tunnels(t)
    director = None

    def new_site():
        nonlocal director
        if director is not None:
            director.close()
        ns = Anonymous()
        director = Director(ns)
        ns.delete()

    def operation():
        request(director.genl, NEW_SERVICE, service(identity))

    def check(error):
        there = director.services() != []
        if error is not None:
            # The kernel can also fail to find the module that it would reassemble by.
            assert error.errno in SHORTAGE + (errno.EOPNOTSUPP,), f"an error that is not about memory: {error!r}"
        if error is None or there:
            t.equal((there, error is None or error.errno == errno.ENOBUFS), (True, True), "the service is there; no other error")
        else:
            operation()
        request(director.genl, DEL_SERVICE, named(identity))
        t.equal(director.services(), [], "services")
        new_site()
    new_site()
    with faults.expected():
        runs, failed = faults.each_allocation(operation, check, what="first service")
    director.close()
    t.equal(failed > 4, True, f"some of {runs} refused allocations make it fail ({failed} did)")


READS = {
    "get-config": lambda site: request(site.genl, GET_CONFIG),
    "get-info": lambda site: request(site.genl, GET_INFO),
    "get-service": lambda site: request(site.genl, GET_SERVICE, named(TCP)),
    "dump-services": lambda site: request(site.genl, GET_SERVICE, flags=netlink.NLM_F_DUMP),
    "dump-dests": lambda site: request(site.genl, GET_DEST, named(TCP), netlink.NLM_F_DUMP),
    "dump-daemons": lambda site: request(site.genl, GET_DAEMON, flags=netlink.NLM_F_DUMP),
    "lvs-info": lambda site: request(site.lvs, LVS_INFO),
    "drops": lambda site: request(site.lvs, GET_DROPS, flags=netlink.NLM_F_DUMP),
}


@test(lab=False, lvs_only=True, timeout=300, what=tuple(READS))
def read(t, what):
    """Asked by netlink, the director tells all or fails: never a part, as if that was all. 200 services: several messages' worth."""
    site = Site(t)
    site.batch(base() + b"".join(op(NEW_SERVICE, service(service_id("tcp", VIP, port))) for port in range(1000, 1200)))

    def answer():
        inside = {"get-service": SERVICE, "dump-services": SERVICE, "dump-dests": DEST}.get(what)
        return [(m.command, _without_rates(m.get(inside), 10, 12) if inside else m.body) for m in READS[what](site)]
    whole, got = answer(), []

    def operation():
        got[:] = READS[what](site)

    def check(error):
        if error is not None:
            is_shortage(error)
        else:
            t.equal(len(got), len(whole), "messages")
        t.equal(answer(), whole, "the next answer")
    with faults.expected():
        faults.each_allocation(operation, check, what=what)


@test(lab=False, lvs_only=True, timeout=300, name=("ip_vs", "ip_vs_conn", "ip_vs_stats", "ip_vs_stats_percpu"))
def proc(t, name):
    """The same of /proc/net; with 200 services and as many connections there is more than a page to read."""
    site = Site(t)
    site.batch(base() + b"".join(op(NEW_SERVICE, service(service_id("tcp", VIP, port))) for port in range(1000, 1200)))
    talk(site, 200)

    def content():
        with open(f"/proc/thread-self/net/{name}", "rb", buffering=0) as file:
            return b"".join(iter(lambda: file.read(1 << 12), b""))

    def steady(data):
        """Without the column of seconds left, and without rates."""
        lines = data.decode().splitlines()
        if name == "ip_vs_conn":
            return [line.rsplit(None, 1)[0] for line in lines]
        return lines if name == "ip_vs" else lines[:5]
    with site.ns:
        whole, got = steady(content()), []

        def operation():
            got[:] = [content()]

        def check(error):
            if error is not None:
                t.equal(error.errno, errno.ENOMEM, "errno")
            else:
                t.equal(steady(got[0]), whole, f"what {name} says")
        with faults.expected():
            runs, failed = faults.each_allocation(operation, check, what=name)
    t.equal(failed > 1, True, f"some of {runs} refused allocations make it fail ({failed} did)")
    site.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 1))


@test(lab=False, lvs_only=True, timeout=300)
def trusted_upstreams(t):
    """The list is the new one or, with an error, the old one."""
    site, path, old, new = Site(t), "/proc/sys/net/ipv4/vs/toa_trusted_upstreams", b"10.0.0.0/8\n", b"10.0.0.0/8,fd00::/8\n"

    def put(text):
        with open(path, "wb", buffering=0) as file:
            file.write(text)

    def check(error):
        if error is not None:
            t.equal(error.errno, errno.ENOMEM, "errno")
        with open(path, "rb", buffering=0) as file:
            t.equal(file.read(), new if error is None else old, "the list")
        put(old)
    with site.ns:
        put(old)
        with faults.expected():
            runs, failed = faults.each_allocation(lambda: put(new), check, what="trusted upstreams")
    t.equal(failed > 1, True, f"some of {runs} refused allocations make it fail ({failed} did)")


@test(lab=False, lvs_only=True, timeout=1800, scope=("ours", "all") if THOROUGH else ("ours",))
def namespace(t, scope):
    """
    A new network namespace has a director or is not made. The kernel allocates some thousand times for one, so usually only
    those caches are refused that the director's part comes from: its own structure's, and that of entries in /proc.
    """
    no_fallback_tunnels(t)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    t.cleanup(os.close, home)

    def operation():
        if LIBC.unshare(CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def check(error):
        if error is not None:
            return  # whatever error: some parts of the kernel have others than ENOMEM
        with open("/proc/thread-self/net/ip_vs") as file:
            t.equal(file.readline().startswith("IP Virtual Server"), True, "the director's listing")
        for family in ("IPVS", "LVS"):
            Genl(family).close()
        assert LIBC.setns(home, CLONE_NEWNET) == 0
    ours = ["proc_dir_entry", "kmalloc-1k", "kmalloc-2k", "kmalloc-4k", "kmalloc-8k"]
    with faults.expected(), faults.counting_only(ours) if scope == "ours" else contextlib.nullcontext():
        try:
            runs, failed = faults.each_allocation(operation, check, what="unshare")
        finally:
            LIBC.setns(home, CLONE_NEWNET)
    print(f"    {runs} allocations, {failed} of them needed", flush=True)
    t.equal(failed > 20, True, f"some of {runs} refused allocations make it fail ({failed} did)")


@test(lab=False, lvs_only=True, timeout=1800)
def load(t):
    """The module loads or does not, and leaves no name behind in the second case."""
    kernel.remove()
    t.cleanup(lambda: kernel.loaded("lvs") or kernel.insert())
    finit_module = 313  # x86-64's number

    def operation():
        with open(kernel.module_path(), "rb") as file:
            if LIBC.syscall(finit_module, file.fileno(), b"", 0):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))

    def check(error):
        if error is None:
            kernel.remove()
        else:
            is_shortage(error)
        t.equal((kernel.loaded("lvs"), os.path.exists("/proc/net/ip_vs"), os.path.exists("/sys/kernel/slab/lvs_conn")),
                (False, False, False), "module, listing, cache are there")
    with faults.expected():
        runs, failed = faults.each_allocation(operation, check, step=1 if THOROUGH else 5, what="load")
    print(f"    {runs} allocations, {failed} of them needed", flush=True)
    t.equal(failed > 20, True, f"some of {runs} refused allocations make it fail ({failed} did)")


@test(lab=False, lvs_only=True, timeout=600, method=tuple(METHOD), family=(4, 6), proto=("udp", "tcp"))
def connect(t, method, family, proto):
    """
    The director is its own client, so a connection is made by the thread that sends: each packet is either forwarded, or
    dropped and counted with its reason, or was never made; the next one of the same flow passes.
    """
    site = Site(t)
    vip, dests = {4: VIP, 6: VIP6}[family], NEXT_HOPS[family]
    identity = service_id(proto, vip, 80)
    pool = local_address(identity, {4: "10.0.0.1", 6: "fd00:d::1"}[family]) if method == "fullnat" else b""
    site.batch(op(NEW_SERVICE, service(identity, "rr")) + op(NEW_DEST, named(identity), dest(dests[0], 80, fwd=METHOD[method])) +
               pool)
    kind = socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM
    sockets, flows = [], 0

    def drops():
        return {reason: count for reason, count in site.director.drops().items() if count}

    def open_flow():
        with site.ns:
            sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, kind)
        if proto == "udp":
            sock.connect((vip, 80))
        else:
            # Whoever waits for an answer would send again in between; no port is used twice.
            for earlier in sockets:
                earlier.close()
            sock.bind(("", 40000 + len(sockets)))
            sock.setblocking(False)
        # The dest's route is looked up again, as if the cached one had become invalid.
        site.change_mtu()
        sockets.append(sock)
        counts[:] = [site.sent(), drops()]

    def operation():
        if proto == "udp":
            sockets[-1].send(b"hello")
        else:
            code = sockets[-1].connect_ex((vip, 80))
            if code != errno.EINPROGRESS:
                raise OSError(code, os.strerror(code))

    def check(error):
        nonlocal flows
        now, reasons = site.sent(), drops()
        dropped = sum(reasons.values()) - sum(counts[1].values())
        forwarded = now - counts[0]
        # A segment that TCP could not send, or whose dropping it was told of, is one that it sends again later.
        if error is not None:
            assert error.errno in SHORTAGE + (errno.EPERM, errno.EHOSTUNREACH, errno.ENETUNREACH), f"error {error!r}"
            t.equal(forwarded, 0, "packets forwarded, though an error came back")
        t.equal(dropped + forwarded in ((1,) if error is None and proto == "udp" else (0, 1)), True,
                f"one of dropped ({reasons}) and forwarded ({forwarded})")
        if dropped:
            seen.update(reason for reason in reasons if reasons[reason] != counts[1].get(reason))
        if proto == "udp":
            with contextlib.suppress(OSError):  # the error of an ICMP answer to the one before
                sockets[-1].send(b"again")
            if site.sent() == now:
                sockets[-1].send(b"again")
        elif error is not None:
            open_flow()  # TCP that was refused does not try again
            t.equal(sockets[-1].connect_ex((vip, 80)), errno.EINPROGRESS, "another one connects")
        wait.until(lambda: site.sent() > counts[0], 10, "the next packet is forwarded")
        conns = len({conn["cport"] for conn in site.director.conns(vip, 80)})
        t.equal(conns > flows, True, f"there is a new connection ({flows} before, {conns} now)")
        flows = conns
        entry = site.director.dests(proto, vip, 80)[dests[0]]
        t.equal(entry["active"] + entry["inactive"], flows, "connections of the dest")
        open_flow()
    counts, seen = [], set()
    open_flow()
    with faults.expected():
        for _ in range(5):
            # The kernel's own checkers allocate now and then, so the same number is not always the same allocation.
            runs, _ = faults.each_allocation(operation, check, what="connect")
            if "no-memory" in seen:
                break
    t.equal("no-memory" in seen, True, f"of {runs} allocations, some make packets drop (dropped for {seen})")
    for sock in sockets:
        sock.close()
    site.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 1))


@test(lvs_only=True, timeout=300, method=("nat", "dr", "tun", "fullnat"), family=(4, 6))
def forwarded(t, method, family):
    """A router's packets: where there is no memory for a connection, the packet is dropped and counted; the next one passes."""
    lab, port = t.lab, t.port()
    vip, ghost = VIPS[family]["other" if method == "fullnat" else method], Lab.GHOST_RS[family][0]
    t.director.service("udp", vip, port, "rr", [(ghost, port, {"nat": "-m", "dr": "-g", "tun": "-i", "fullnat": "-b"}[method])])
    if method == "fullnat":
        t.director.ipvsadm("-P", "-u", ipvs.endpoint(vip, port), "-z", Lab.BACK[family])
    t.director.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 4))
    t.cleanup(t.director.genl.request, SET_CONFIG, u32(TIMEOUT_UDP, 300))
    lab.inside.drain()
    packets = [udp(Lab.GHOST_CLIENT[family], 2000 + index, vip, port, b"x%d" % index) for index in range(30)]
    before = t.director.drops()

    def arrivals():
        return t.director.service_stats("udp", vip, port)["inpkts"]

    def dropped():
        return t.director.drops()["no-memory"] - before["no-memory"]
    cache = "lvs_fullnat" if method == "fullnat" else "lvs_conn"
    with faults.expected(), faults.slab([cache], times=20):
        lab.outside.send(*packets)
        wait.until(lambda: arrivals() + dropped() >= 30, 10, "30 packets arrive at the director")
        t.equal((dropped(), arrivals(), faults.slab_times_left()), (20, 10, 0), "dropped, forwarded, refusals left")
    t.equal(t.director.drops(("udp", vip, port))["no-memory"], 20, "drops of the service")
    t.equal(t.director.dests("udp", vip, port)[ghost]["inactive"], 10, "connections")
    lab.outside.send(*packets)
    wait.equals(arrivals, 40, 10, "packets counted")
    t.equal(t.director.dests("udp", vip, port)[ghost]["inactive"], 30, "connections")
    t.equal(t.director.service_stats("udp", vip, port)["conns"], 30, "connections counted")
    wait.equals(lambda: t.director.dests("udp", vip, port)[ghost]["inactive"], 0, 60, "connections in the end")
    t.equal(t.director.conns(vip, port), [], "connections listed")


@test(lvs_only=True, timeout=300)
def handshake(t):
    """A client whose SYN met no memory sends it again and is served."""
    lab, port, vip = t.lab, t.port(), VIPS[4]["nat"]
    t.closing(Server(lab.rs[0], "tcp", Lab.RS[4][0], port, "rs1"))
    t.director.service("tcp", vip, port, "rr", [(Lab.RS[4][0], port, "-m")])
    with faults.expected(), faults.slab(["lvs_conn"], times=2):
        client = TcpClient(lab.client, vip, port, timeout=60)
    t.equal(t.director.drops(("tcp", vip, port))["no-memory"], 2, "SYNs dropped")
    t.equal(client.exchange(1 << 16, 1 << 16), "rs1", "the server that answers")
    client.reset()


@test(lvs_only=True, timeout=600, percent=(5, 30))
def scarce(t, percent):
    """
    Any allocation that cannot wait fails now and then, while packets of every kind pass, of every method. Afterwards
    everything works, and no connection is left over.
    """
    from lib.flood import assorted, rules_for
    lab, ports = t.lab, [t.port() for _ in range(3)]
    director = t.director
    director.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 2))
    director.rules(*rules_for(VIPS[4]["other"], ports, Lab.GHOST_RS[4]), *rules_for(VIPS[6]["other"], ports, Lab.GHOST_RS[6]))
    packets = [p for af in (4, 6) for p in assorted(VIPS[af]["other"], Lab.GHOST_CLIENT[af], ports)]
    udp_port = t.port()
    t.closing(Server(lab.rs[0], "udp", Lab.RS[4][0], udp_port, "rs1"))
    director.service("udp", VIPS[4]["nat"], udp_port, "rr", [(Lab.RS[4][0], udp_port, "-m")])
    answered = 0
    with faults.expected(), faults.slab(probability=percent, atomic_only=True):
        for _ in range(4):
            for data in packets:
                with contextlib.suppress(OSError):
                    lab.outside.flood([data])
            with contextlib.suppress(OSError), UdpClient(lab.client, VIPS[4]["nat"], udp_port, timeout=0.2) as client:
                answered += client.name() == "rs1"
    note(f"{answered} of 4 clients were answered; drops: {director.drops()}")
    t.equal(director.totals()["inpkts"] > 100, True, "packets were forwarded")
    t.equal(director.drops()["no-memory"] > 0, True, "packets were dropped for want of memory")
    with UdpClient(lab.client, VIPS[4]["nat"], udp_port) as client:
        t.equal(client.name(), "rs1", "the server that answers")
    director.clear()
    wait.equals(lambda: [c for c in director.conns() if c["proto"] == "UDP"], [], 60, "UDP connections in the end")
    lab.reload()  # many TCP connections are left


@test(lvs_only=True, timeout=600)
def resize(t):
    """Growth without memory is put off, says so, and loses nothing; expiry needs no memory; growth catches up."""
    lab, port, vip, ghost = t.lab, t.port(), VIPS[4]["other"], Lab.GHOST_RS[4][0]
    lab.reload()
    director = lab.director
    director.service("udp", vip, port, "rr", [(ghost, port, "-g")])
    director.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 300))
    t.cleanup(director.genl.request, SET_CONFIG, u32(TIMEOUT_UDP, 300))
    size, start = director.table_size(), len(kernel.LOG.poll())
    first = [udp(Lab.GHOST_CLIENT[4], 1024 + index, vip, port) for index in range(size)]

    def inactive():
        return director.dests("udp", vip, port)[ghost]["inactive"]
    with faults.expected():
        with faults.workers():
            lab.outside.flood(first)
            wait.equals(inactive, size, 30, "connections")
            # A worker that was not there yet when the others were told to fail would have grown the table.
            wait.until(lambda: [line for line in kernel.LOG.poll()[start:] if "no memory for" in line] or
                       director.table_size() > size, 30, "growth is tried")
        t.equal(director.table_size(), size, "table size, without memory")
        t.equal(len([c for c in director.conns(vip, port)]), size, "connections listed")
        lab.outside.flood([udp(Lab.GHOST_CLIENT[4], 1024 + size, vip, port)])
        wait.until(lambda: director.table_size() > size, 30, "the table has grown with the next connection")
        t.equal(len({c["cport"] for c in director.conns(vip, port)}), size + 1, "connections listed")
        # They all expire at once: their timeout is read when a packet comes.
        director.genl.request(SET_CONFIG, u32(TIMEOUT_UDP, 1))
        lab.outside.flood(first + [udp(Lab.GHOST_CLIENT[4], 1024 + size, vip, port)])
        with faults.workers():
            wait.equals(inactive, 0, 60, "connections after expiry, while workers get no memory")
        t.equal(director.conns(vip, port), [], "connections listed")
        wait.equals(director.table_size, size, 60, "table size in the end")


@test(lab=False, lvs_only=True, timeout=300)
def nothing_leaks(t):
    """After all this the module goes, with all that it ever had: the kernel finds no memory that nothing points to."""
    path = "/sys/kernel/debug/kmemleak"
    if not os.path.exists(path):
        t.skip("this kernel has no kmemleak")
    kernel.remove()
    t.cleanup(kernel.insert)
    t.equal(os.path.exists("/sys/kernel/slab/lvs_conn"), False, "the cache of connections is there")

    def scan():
        for _ in range(2):  # a leak is what two scans agree on
            with open(path, "w") as file:
                file.write("scan")
        with open(path) as file:
            return file.read()
    # What was freed just now may still be on its way.
    wait.until(lambda: scan() == "", 60, "no unreferenced memory", step=5)

