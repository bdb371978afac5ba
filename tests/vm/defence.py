# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps a director up: limits, what is dropped while memory is short, and which packets open connections."""
import itertools
import time

from lib import packet, wait
from lib.harness import test
from lib.lab import METHOD_OPTION, VIPS, Lab

VS = "/proc/sys/net/ipv4/vs"
MEMORY_SHORT, MEMORY_ENOUGH = (1 << 31) - 1, 0  # as amemthresh


DEFAULT = {"am_droprate": 10, "amemthresh": 1024, "conn_max": 1 << 30, "conn_reuse_mode": 1}


def setting(t, name, value):
    """Changes a sysctl for the test."""
    t.cleanup(t.lab.director_ns.write, f"{VS}/{name}", DEFAULT.get(name, 0))
    t.lab.director_ns.write(f"{VS}/{name}", value)


def mode(t, name):
    return int(t.lab.director_ns.read(f"{VS}/{name}"))


def ghost(t, method, proto):
    vip, port, rip = VIPS[4]["other"], t.port(), Lab.GHOST_RS[4][0]
    t.director.service(proto, vip, port, "rr", [(rip, t.port() if method == "nat" else port, METHOD_OPTION[method])])
    t.lab.inside.drain()
    t.lab.outside.drain()
    return vip, port


def client(index):
    return f"10.9.{1 + index // 250}.{1 + index % 250}"


def new_datagrams(t, vip, port, first, count):
    for index in range(first, first + count):
        t.lab.outside.send(packet.udp(client(index), 6000, vip, port, b"x"))


def connections(t, vip, port):
    return len(t.director.conns(vip, port))


@test(lvs_only=True)
def conn_max(t):
    """There are never more connections than conn_max; what is dropped for it is counted."""
    t.lab.reload()  # connections of other tests that just expired are not listed any more, but still counted
    vip, port = ghost(t, "nat", "udp")
    setting(t, "conn_max", 5)
    before = t.director.drops().get("conn-max", 0)
    new_datagrams(t, vip, port, 0, 8)
    wait.equals(lambda: t.director.drops()["conn-max"] - before, 3, 5, "datagrams dropped")
    t.equal(connections(t, vip, port), 5, "connections")


@test(lvs_only=True)
def drop_packet(t):
    """One of am_droprate new connections is dropped in mode 3, and more the shorter memory is in mode 1."""
    vip, port = ghost(t, "nat", "udp")
    for always in (True, False):
        setting(t, "am_droprate", 4)
        setting(t, "amemthresh", MEMORY_ENOUGH if always else MEMORY_SHORT)
        setting(t, "drop_packet", 3 if always else 1)
        before, first = t.director.drops(("udp", vip, port)).get("drop-packet", 0), 0 if always else 1000

        def dropping():
            nonlocal first
            new_datagrams(t, vip, port, first, 1)
            first += 1
            return t.director.drops(("udp", vip, port))["drop-packet"] > before
        wait.equals(lambda: mode(t, "drop_packet"), 3 if always else 2, 10, "the mode")
        wait.until(dropping, 20, "a datagram is dropped")
        before = t.director.drops(("udp", vip, port))["drop-packet"]
        new_datagrams(t, vip, port, first, 200)
        # Memory misses nearly all of so high a threshold, so all datagrams are dropped then.
        wait.equals(lambda: t.director.drops(("udp", vip, port))["drop-packet"] - before, 50 if always else 200, 5,
                    "dropped of 200")
        if not always:
            setting(t, "amemthresh", MEMORY_ENOUGH)
            wait.equals(lambda: mode(t, "drop_packet"), 1, 10, "the mode when memory is enough")
    before = connections(t, vip, port)
    new_datagrams(t, vip, port, 3000, 20)
    wait.equals(lambda: connections(t, vip, port) - before, 20, 5, "connections of 20 datagrams")


@test(lvs_only=True)
def drop_entry(t):
    """Half-open connections go one part of the table after the other; others that are in use stay."""
    vip, port = ghost(t, "nat", "tcp")
    count = 300
    for index in range(count):
        t.lab.outside.send(packet.tcp(client(index), 6001, vip, port, packet.SYN))
    for index in range(count, count + 20):
        t.lab.outside.send(packet.tcp(client(index), 6001, vip, port, packet.SYN))
        t.lab.outside.send(packet.tcp(client(index), 6001, vip, port, packet.ACK))

    def in_state(state):
        return sum(c["state"] == state for c in t.director.conns(vip, port))
    wait.equals(lambda: (in_state("SYN_RECV"), in_state("ESTABLISHED")), (count, 20), 10, "half-open and established")
    setting(t, "drop_entry", 3)
    wait.until(lambda: in_state("SYN_RECV") < count - 5, 20, "half-open ones went")
    t.equal(in_state("ESTABLISHED"), 20, "established")


@test(lvs_only=True)
def secure_tcp(t):
    """A SYN where replies bypass the director leads to SYNACK in mode 3, to SYN_RECV in mode 0, both by itself in mode 1."""
    vip, port = ghost(t, "dr", "tcp")
    number = itertools.count()

    def state():
        sport = 6100 + next(number)
        t.lab.outside.send(packet.tcp(Lab.GHOST_CLIENT[4], sport, vip, port, packet.SYN))
        t.lab.inside.receive(lambda p: p.dst == vip)
        return next(c["state"] for c in t.director.conns(vip, port) if c["cport"] == sport)
    t.equal(state(), "SYN_RECV", "state by default")
    setting(t, "secure_tcp", 3)
    wait.equals(state, "SYNACK", 10, "state in mode 3")
    setting(t, "amemthresh", MEMORY_ENOUGH)
    setting(t, "secure_tcp", 1)
    wait.equals(state, "SYN_RECV", 10, "state in mode 1 with memory enough")
    setting(t, "amemthresh", MEMORY_SHORT)
    wait.equals(lambda: (state(), mode(t, "secure_tcp")), ("SYNACK", 2), 10, "state and mode while memory is short")
    setting(t, "secure_tcp", 0)
    wait.equals(state, "SYN_RECV", 10, "state in mode 0 again")


@test(lvs_only=True)
def sloppy_tcp(t):
    """With it any segment but RST opens a connection."""
    vip, port = ghost(t, "dr", "tcp")
    peer = Lab.GHOST_CLIENT[4]
    t.lab.outside.send(packet.tcp(peer, 6201, vip, port, packet.ACK))
    setting(t, "sloppy_tcp", 1)
    t.lab.outside.send(packet.tcp(peer, 6202, vip, port, packet.RST))
    t.lab.outside.send(packet.tcp(peer, 6203, vip, port, packet.ACK))
    got = t.lab.inside.receive(lambda p: p.dst == vip)
    t.equal((got.sport, [c["cport"] for c in t.director.conns(vip, port)]), (6203, [6203]), "what was forwarded")


@test(lvs_only=True, reuse=(0, 1, 2), method=("nat", "dr"))
def conn_reuse_mode(t, reuse, method):
    """A client's port that is used again: another dest takes over as the mode says, at once."""
    vip, port = VIPS[4]["other"], t.port()
    dests = Lab.GHOST_RS[4][:2]
    t.director.service("tcp", vip, port, "rr", [(rip, port, METHOD_OPTION[method]) for rip in dests])
    t.lab.inside.drain()
    setting(t, "conn_reuse_mode", reuse)

    def dest_after(*flags, sport):
        for flag in flags:
            t.lab.outside.send(packet.tcp(Lab.GHOST_CLIENT[4], sport, vip, port, flag))
        for _ in flags:
            t.lab.inside.receive(lambda p: p.dport == port)
        return [c["dest"] for c in t.director.conns(vip, port) if c["cport"] == sport]
    # RST closes, FIN from ESTABLISHED leads to FIN_WAIT by DR.
    first = dest_after(packet.SYN, packet.ACK, packet.RST, sport=6301)
    t.equal(dest_after(packet.SYN, sport=6301) != first, reuse != 0, "another dest after CLOSE")
    if method == "dr":
        first = dest_after(packet.SYN, packet.ACK, packet.FIN | packet.ACK, sport=6302)
        t.equal(dest_after(packet.SYN, sport=6302) != first, reuse == 2, "another dest after FIN_WAIT")


@test(lvs_only=True, name=("run_estimation", "est_cpulist"))
def estimation(t, name):
    """Told not to run, or on no CPU, the estimator leaves rates as they are."""
    vip, port = ghost(t, "nat", "udp")
    t.cleanup(t.lab.inside.drain)
    on, off = (1, 0) if name == "run_estimation" else (t.lab.director_ns.read(f"{VS}/{name}"), "\n")
    t.cleanup(t.lab.director_ns.write, f"{VS}/{name}", on)
    t.lab.director_ns.write(f"{VS}/{name}", off)

    def counted_without_rate():
        new_datagrams(t, vip, port, 4000, 50)
        stats = t.director.service_stats("udp", vip, port)
        return stats["inpkts"] > 2000, stats["inpps"]
    wait.until(lambda: counted_without_rate()[0], 30, "packets are counted")
    t.equal(counted_without_rate()[1], 0, "rate")
    time.sleep(6)
    begin = time.monotonic()
    t.lab.director_ns.write(f"{VS}/{name}", on)
    rate = wait.until(lambda: counted_without_rate()[1], 20, "there is a rate again")
    # What was counted without estimates has not come in the two seconds since; the first estimate is a quarter of its rate.
    sent = t.director.service_stats("udp", vip, port)["inpkts"]
    most = sent / (6 + time.monotonic() - begin) / 2
    t.equal(rate < most, True, f"the rate ({rate}) after {sent} packets is below {most}")
