# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections, packets, bytes: exact for each dest, each service and in total; rates rise and decay."""
import ipaddress
import re

from lib import ipvs, packet, wait
from lib.harness import test
from lib.ipvs import STATS_NAMES, endpoint
from lib.lab import METHOD_OPTION, VIPS, Lab

COUNTERS = STATS_NAMES[:5]
RIPS = Lab.GHOST_RS


def zero_all(t):
    """-Z. Mainline zeroes only what its estimator has seen, which runs every 2 s."""
    if ipvs.MODULE == "ip_vs":
        last = []

        def settled():
            last.append(t.director.totals())
            return len(last) > 25 and last[-26:] == last[-1:] * 26
        wait.until(settled, 20, "totals at rest", step=0.1)
    t.director.ipvsadm("-Z")


def only_counters(stats):
    return {name: stats[name] for name in COUNTERS}


class Exchange:
    """A service with two dests on paper, and packets of known size through it."""

    def __init__(self, t, method, af, scheduler="rr"):
        self.t, self.method, self.af = t, method, af
        self.vip, self.port = VIPS[af]["other"], t.port()
        self.rport = t.port() if method == "nat" else self.port
        self.service = t.director.service("udp", self.vip, self.port, scheduler,
                                          [(rip, self.rport, METHOD_OPTION[method]) for rip in RIPS[af][:2]])
        self.expected = {rip: dict.fromkeys(COUNTERS, 0) for rip in RIPS[af][:2]}
        t.lab.inside.drain()
        t.lab.outside.drain()

    def send(self, sport, size, new=False):
        """A request of size bytes of data; counts it for the dest that gets it, which is returned."""
        client = Lab.GHOST_CLIENT[self.af]
        data = packet.udp(client, sport, self.vip, self.port, b"q" * size)
        self.t.lab.outside.send(data)
        got = self.t.lab.inside.receive(lambda p: p.sport == sport or p.inner and p.inner.sport == sport)
        rip = got.dst
        if self.method == "dr":  # the packet does not tell; the connection does
            rip = next(c["dest"] for c in self.t.director.conns(self.vip, self.port) if c["cport"] == sport)
        count = self.expected[rip]
        count["inpkts"] += 1
        count["inbytes"] += len(data)
        count["conns"] += new
        return rip

    def answer(self, rip, sport, size):
        client = Lab.GHOST_CLIENT[self.af]
        data = packet.udp(rip, self.rport, client, sport, b"a" * size)
        self.t.lab.inside.send(data)
        self.t.lab.outside.receive(lambda p: p.dst == client and p.dport == sport)
        self.expected[rip]["outpkts"] += 1
        self.expected[rip]["outbytes"] += len(data)

    def total(self):
        return {name: sum(count[name] for count in self.expected.values()) for name in COUNTERS}

    def dests(self):
        return {rip: only_counters(dest["stats"])
                for rip, dest in self.t.director.dests("udp", self.vip, self.port).items()}

    def service_stats(self):
        return only_counters(self.t.director.service_stats("udp", self.vip, self.port))

    def check(self):
        wait.equals(self.dests, self.expected, 5, "counters of the dests")
        wait.equals(self.service_stats, self.total(), 5, "counters of the service")


@test(method=("nat", "dr", "tun"), af=(4, 6))
def exact(t, method, af):
    """Three connections, requests of known sizes, replies too where they come by: all counters are exact."""
    exchange = Exchange(t, method, af)
    zero_all(t)
    for sport, sizes in ((5001, (1, 10, 1000)), (5002, (0,)), (5003, (333, 7))):
        for index, size in enumerate(sizes):
            rip = exchange.send(sport, size, new=index == 0)
            if method == "nat":
                exchange.answer(rip, sport, size * 2 % 1400)
                exchange.answer(rip, sport, 3)
    exchange.check()
    wait.equals(lambda: only_counters(t.director.totals()), exchange.total(), 5, "/proc/net/ip_vs_stats")


@test
def zero(t):
    """-Z with a service zeroes it and its dests, not the others or the totals; -Z alone everything."""
    zero_all(t)
    first, second = Exchange(t, "nat", 4), Exchange(t, "nat", 4)
    for exchange in (first, second):
        exchange.send(5010, 100, new=True)
        exchange.check()
    both = {name: first.total()[name] + second.total()[name] for name in COUNTERS}
    nothing = dict.fromkeys(COUNTERS, 0)
    if ipvs.MODULE == "ip_vs":
        wait.equals(lambda: only_counters(t.director.totals()), both, 5, "totals")
    t.director.ipvsadm("-Z", *first.service.split())
    first.expected = {rip: dict(nothing) for rip in first.expected}
    first.check()
    second.check()
    wait.equals(lambda: only_counters(t.director.totals()), both, 5, "totals")
    zero_all(t)
    second.expected = {rip: dict(nothing) for rip in second.expected}
    second.check()
    wait.equals(lambda: only_counters(t.director.totals()), nothing, 5, "totals")
    rip = first.send(5010, 50)
    t.equal(first.expected[rip]["inpkts"], 1, "packets since")
    first.check()


@test
def rates(t):
    """avg += (rate - avg)/4 every 2 s: packets show up in the rates, which then decay."""
    exchange = Exchange(t, "nat", 4)
    for index in range(80):
        exchange.send(6000 + index % 40, 10, new=index < 40)

    def rate(name):
        return t.director.service_stats("udp", exchange.vip, exchange.port)[name]
    first = wait.until(lambda: rate("inpps"), 8, "a rate of packets", step=0.1)
    assert 0 < first <= 40, f"80 packets in one interval of 2 s are at most 40/s, the rate is {first}"
    t.equal(rate("cps") > 0 and rate("inbps") > 0, True, "rates of connections and bytes")
    t.equal(rate("outpps"), 0, "rate of replies")
    peak = first

    def decayed():
        nonlocal peak
        now = rate("inpps")
        peak = max(peak, now)
        return now < peak
    wait.until(decayed, 8, "a lower rate", step=0.1)
    exchange.check()


@test
def revived_dest(t):
    """A dest removed and added again while it has connections keeps its counters."""
    exchange = Exchange(t, "nat", 4)
    rip = exchange.send(5020, 10, new=True)
    exchange.check()
    dest = f"{exchange.service} -r {endpoint(rip, exchange.rport)}"
    t.director.rules(f"-d {dest}")
    t.equal(rip in t.director.dests("udp", exchange.vip, exchange.port), False, "the dest is listed")
    t.director.rules(f"-a {dest} -m")
    exchange.check()
    t.equal(exchange.send(5020, 10), rip, "the dest of the old connection")
    exchange.check()
    t.equal(t.director.dests("udp", exchange.vip, exchange.port)[rip]["inactive"], 1, "its connections")


@test(af=(4, 6))
def proc_and_netlink_agree(t, af):
    """The listing in /proc/net/ip_vs and the connection table show what netlink shows."""
    exchange = Exchange(t, "nat", af)
    rip = exchange.send(5030, 10, new=True)
    conns = t.director.conns(exchange.vip, exchange.port)
    t.equal([(c["proto"], c["client"], c["cport"], c["dest"], c["dport"], c["state"]) for c in conns],
            [("UDP", Lab.GHOST_CLIENT[af], 5030, rip, exchange.rport, "UDP")], "connections")
    t.equal(290 <= conns[0]["expires"] <= 300, True, f"its time to live ({conns[0]['expires']})")
    table = t.director.ns.read("/proc/net/ip_vs")
    lines = table.splitlines()
    t.equal(lines[0], f"IP Virtual Server version 1.2.1 (size={t.director.table_size()})", "first line")
    address = ipaddress.ip_address(rip)
    word = f"{int(address):08X}" if af == 4 else f"[{address.exploded}]"
    mine = [line for line in lines if word in line and f":{exchange.rport:04X}" in line]
    t.equal(len(mine), 1, "lines of the dest")
    t.equal(mine[0].split()[2:], ["Masq", "1", "0", "1"], "method, weight, active, inactive")
    t.equal(len(mine[0]) - len(mine[0].rstrip()), 9, "trailing blanks")


@test(lvs_only=True)
def status(t):
    """/proc/net/ip_vs_status tells the sizes of the tables, and its lengths of chains add up."""
    exchange = Exchange(t, "nat", 4)
    exchange.send(5040, 10, new=True)
    lines = dict(line.split(":\t") for line in t.director.ns.read("/proc/net/ip_vs_status").splitlines())
    size = t.director.table_size()
    t.equal(lines["Conn buckets"], f"{size} ({size.bit_length() - 1} bits, lfactor -4)", "connections' table")
    t.equal(lines["Service buckets"], "1024 (10 bits, lfactor -3)", "services' table")
    t.equal(lines["Services"], str(len(t.director.services())), "services")
    t.equal(lines["Stats thread slots"], "1 (max 1)", "threads that estimate")
    for what, table, entries in (("Conn", size, 2 * int(lines["Conns"])), ("Service", 1024, int(lines["Services"]))):
        counts = {int(key.rsplit("-", 1)[1]): int(value.split()[0])
                  for key, value in lines.items() if key.startswith(f"{what} buckets len-")}
        empty, share = re.fullmatch(r"(\d+) \((\d+)%\)", lines[f"{what} buckets empty"]).groups()
        t.equal(int(empty) + sum(counts.values()), table, f"chains of {what}")
        t.equal(int(share), int(empty) * 100 // table, f"per cent of empty ones of {what}")
        # A connection by DR or TUN is in the table once, and what has expired may still be in it.
        t.equal(0 < sum(length * number for length, number in counts.items()) <= entries, True, f"links of {what}: {counts}")
