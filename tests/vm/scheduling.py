# SPDX-License-Identifier: GPL-2.0-or-later
"""Who gets the next connection: exact sequences, exact counts, also with two CPUs at once; drain and thresholds."""
import ipaddress
import os
import random

from lib import ipvs, kernel, packet, wait
from lib.harness import test
from lib.ipvs import Director, endpoint
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.packet import FIN, SYN
from lib.record import note, run
from lib.traffic import Server, tcp_name, udp_name

NAMES = "abc"
RIPS = Lab.GHOST_RS[4]
CLIENT = Lab.GHOST_CLIENT[4]


class Flows:
    """A service with the dests a, b, c on paper; tells which one each new connection goes to."""

    def __init__(self, t, proto, scheduler, weights=(1, 1, 1), options=("", "", ""), method="-m", vip=None):
        self.t, self.proto = t, proto
        self.vip, self.port, self.rport = vip or VIPS[4]["other"], t.port(), t.port()
        self.sport = 1024
        self.service = t.director.service(
            proto, self.vip, self.port, scheduler,
            [(rip, self.rport, f"{method} -w {weight} {option}")
             for rip, weight, option in zip(RIPS, weights, options)])
        t.lab.inside.drain()
        t.lab.outside.drain()

    def dest(self, name):
        """The options that name a dest for ipvsadm."""
        return f"{self.service} -r {endpoint(RIPS[NAMES.index(name)], self.rport)}"

    def edit(self, name, options):
        self.t.director.rules(f"-e {self.dest(name)} {options}")

    def packet(self, sport, flags=SYN, client=CLIENT):
        if self.proto == "udp":
            return packet.udp(client, sport, self.vip, self.port, b"x")
        return packet.tcp(client, sport, self.vip, self.port, flags)

    def send(self, sport, flags=SYN, client=CLIENT):
        """Sends a packet of a connection; returns the name of the dest that gets it."""
        self.t.lab.outside.send(self.packet(sport, flags, client))
        got = self.t.lab.inside.receive(lambda p: p.sport == sport and p.dst in RIPS)
        return NAMES[RIPS.index(got.dst)]

    def new(self, client=CLIENT):
        self.sport += 1
        return self.send(self.sport, client=client)

    def sequence(self, count):
        return "".join(self.new() for _ in range(count))

    def refused(self, client=CLIENT):
        """A new connection; true if the director answers that there is nobody."""
        self.sport += 1
        self.t.lab.outside.send(self.packet(self.sport, client=client))
        answer = self.t.lab.outside.receive(lambda p: p.dst == client, what="port unreachable")
        return (answer.kind, answer.code) == (3, 3) and answer.quote.sport == self.sport

    def state(self):
        """{name: (active, inactive)}"""
        dests = self.t.director.dests(self.proto, self.vip, self.port)
        return {name: (dests[rip]["active"], dests[rip]["inactive"]) for name, rip in zip(NAMES, RIPS) if rip in dests}


def counts(sequence):
    return {name: sequence.count(name) for name in NAMES}


def short_udp(t, seconds=2):
    t.director.ipvsadm("--set", "0", "0", str(seconds))
    t.cleanup(t.director.ipvsadm, "--set", "0", "0", "300")


@test
def rr(t):
    flows = Flows(t, "udp", "rr")
    got = flows.sequence(12)
    t.equal(set(got[:3]), set(NAMES), "the first three")
    t.equal(got, got[:3] * 4, "the sequence repeats")


@test
def rr_ignores_weights(t):
    flows = Flows(t, "udp", "rr", (3, 2, 1))
    got = flows.sequence(9)
    t.equal(counts(got), {"a": 3, "b": 3, "c": 3}, f"counts in {got}")


@test
def wrr(t):
    """Weights 3, 2, 1 in the order of addition; mainline has the dests in another order and starts anywhere."""
    flows = Flows(t, "udp", "wrr", (3, 2, 1))
    got = flows.sequence(18)
    if ipvs.MODULE == "lvs":
        t.equal(got, "aababc" * 3, "the sequence")
    else:
        t.equal((got[:6] in "abacba" * 2, got), (True, got[:6] * 3), "the sequence")


@test
def wrr_divides_by_gcd(t):
    """Weights 30, 20, 10 interleave as 3, 2, 1 do."""
    flows = Flows(t, "udp", "wrr", (30, 20, 10))
    t.equal(counts(flows.sequence(6)), {"a": 3, "b": 2, "c": 1}, "counts of one cycle")


@test
def wrr_weight_changes(t):
    """A weight changed in the middle of a cycle: from the next cycle on the counts are exact again."""
    flows = Flows(t, "udp", "wrr", (3, 2, 1))
    flows.sequence(4)
    flows.edit("b", "-m -w 4")
    flows.sequence(8)
    got = flows.sequence(16)
    for start in range(9):
        t.equal(counts(got[start:start + 8]), {"a": 3, "b": 4, "c": 1}, f"counts of a cycle in {got}")


def least_loaded(scheduler, load):
    """
    A test that opens and closes connections by chance and holds each choice against the definition: the least
    load(weight, active, inactive).
    """
    def run(t):
        weights = dict(zip(NAMES, (3, 2, 1)))
        flows = Flows(t, "tcp", scheduler, tuple(weights.values()))
        model = {name: [0, 0] for name in NAMES}  # active, inactive
        chance, active, sequence = random.Random(4), [], ""
        for _ in range(60):
            if active and chance.random() < 0.4:  # SYN_RECV + FIN -> TIME_WAIT, which is inactive
                sport, name = active.pop(chance.randrange(len(active)))
                t.equal(flows.send(sport, FIN), name, "the dest of an old connection")
                model[name][0] -= 1
                model[name][1] += 1
            else:
                loads = {name: load(weights[name], *conns) for name, conns in model.items()}
                name = flows.new()
                sequence += name
                t.equal(loads[name], min(loads.values()), f"load of {name}, chosen of {loads} after {sequence}")
                active.append((flows.sport, name))
                model[name][0] += 1
        t.equal(flows.state(), {name: tuple(value) for name, value in model.items()}, "active and inactive")
    return run


LOADS = {
    "lc": lambda weight, active, inactive: 256 * active + inactive,
    "wlc": lambda weight, active, inactive: (256 * active + inactive) / weight,
    "sed": lambda weight, active, inactive: (active + 1) / weight,
    "nq": lambda weight, active, inactive: (active + 1) / weight if active else 0,
}


@test(scheduler=tuple(LOADS))
def least(t, scheduler):
    least_loaded(scheduler, LOADS[scheduler])(t)


@test
def sed_prefers_the_heavy(t):
    """The connection to come counts: weight 3 gets two before weight 1 gets its first; nq leaves nobody idle."""
    t.equal(counts(Flows(t, "tcp", "sed", (3, 1, 1)).sequence(3)), {"a": 3, "b": 0, "c": 0}, "counts of sed")
    t.equal(counts(Flows(t, "tcp", "nq", (3, 1, 1)).sequence(3)), {"a": 1, "b": 1, "c": 1}, "counts of nq")


@test
def fo(t):
    """The heaviest dest gets all of it, the next one when it is at its threshold, and all of it again later."""
    flows = Flows(t, "udp", "fo", (2, 3, 1))
    t.equal(flows.sequence(6), "bbbbbb", "the sequence")
    flows.edit("b", "-m -w 3 -x 7")
    t.equal(flows.new(), "b", "the heaviest one, one below its threshold")
    t.equal(flows.sequence(3), "aaa", "the sequence while the heaviest one is overloaded")
    flows.edit("a", "-m -w 0")
    t.equal(flows.sequence(3), "ccc", "the sequence when the next one drains, too")
    flows.edit("b", "-m -w 3")
    t.equal(flows.sequence(3), "bbb", "the sequence without a threshold")


@test
def ovf(t):
    """Active connections flow over to the next lighter dest above the weight; a closed one makes room."""
    flows = Flows(t, "tcp", "ovf", (2, 3, 1))
    t.equal(flows.sequence(9), "bbbbaaacc", "the sequence")
    t.equal(flows.refused(), True, "all are full, and the client is told")
    t.equal(flows.send(1025, FIN), "b", "the dest of the first connection")
    t.equal(flows.new(), "b", "who has room again")
    t.equal(flows.refused(), True, "all are full again")


CLIENTS = [f"10.9.{number % 7}.{1 + number * 5 % 250}" for number in range(40)]


def hash_buckets(weights):
    """The table of sh, and of dh if the weights are 1: the last dest added first, each as often as it weighs."""
    line = [name for name, weight in reversed(list(zip(NAMES, weights))) for _ in range(max(weight, 1))]
    rest = 256 % len(line)
    return line * (256 // len(line)) + [line[i * len(line) // rest] for i in range(rest)]


def bucket(address, port=0):
    return ((int(ipaddress.ip_address(address)) + port) * 0x61c88647 & 0xffffffff) >> 24


@test(weights=((1, 1, 1), (3, 2, 1)))
def sh(t, weights):
    """Every client's connections go to one dest, the one that the table says."""
    flows, table = Flows(t, "udp", "sh", weights), hash_buckets(weights)
    expected = "".join(table[bucket(client)] for client in CLIENTS)
    t.equal("".join(flows.new(client) for client in CLIENTS), expected, "the clients' dests")
    t.equal("".join(flows.new(client) for client in CLIENTS), expected, "the clients' dests the second time")
    t.equal(set(expected), set(NAMES), "dests that were met")


@test
def sh_port(t):
    """With sh-port every port of a client is a client of its own; the flag can be set and taken away."""
    flows, table = Flows(t, "udp", "sh -b sh-port"), hash_buckets((1, 1, 1))
    t.equal(flows.sequence(20), "".join(table[bucket(CLIENT, port)] for port in range(1025, 1045)), "the ports' dests")
    t.director.rules(f"-E {flows.service} -s sh")
    t.equal(flows.sequence(6), table[bucket(CLIENT)] * 6, "the client's dests without the flag")


@test
def sh_fallback(t):
    """An overloaded dest's clients are refused or, with sh-fallback, go where the table says next; others stay."""
    flows, table = Flows(t, "udp", "sh"), hash_buckets((1, 1, 1))
    own = {client: table[bucket(client)] for client in CLIENTS}
    flows.edit("b", "-m -w 1 -x 1")
    loaded = [client for client in CLIENTS if own[client] == "b"]
    others = [client for client in CLIENTS if own[client] != "b"]
    t.equal(flows.new(loaded[0]), "b", "its dest, one below the threshold")
    t.equal([flows.refused(client) for client in loaded[:3]], [True] * 3, "its clients are told")
    t.equal([flows.new(client) for client in others[:5]], [own[client] for client in others[:5]], "the others' dests")
    t.director.rules(f"-E {flows.service} -s sh -b sh-fallback")
    second = [next(name for name in table[2 * bucket(client) % 256:] + table if name != "b") for client in loaded]
    t.equal([flows.new(client) for client in loaded], second, "the dests that come next")
    t.equal([flows.new(client) for client in others[:5]], [own[client] for client in others[:5]], "the others' dests")


@test
def dh(t):
    """All clients of an address go to one dest, the one that the table says, whatever the weights."""
    table = hash_buckets((1, 1, 1))
    for vip in sorted(set(VIPS[4].values()) - {VIPS[4]["local"]}):
        flows = Flows(t, "udp", "dh", (3, 2, 1), vip=vip)
        t.equal("".join(flows.new(client) for client in CLIENTS[:4]), table[bucket(vip)] * 4, f"dests of {vip}")


def dests_of(flows, clients):
    return {client: flows.new(client) for client in clients}


@test(timeout=120)
def mh(t):
    """Each client keeps its dest, by weight; so it does when the dests are added in another order."""
    flows = Flows(t, "udp", "mh", (2, 1, 1))
    clients = [f"10.9.0.{1 + number}" for number in range(200)]
    own = dests_of(flows, clients)
    got = counts("".join(own.values()))
    # 100, 50, 50, four deviations of chance more or less
    t.equal((72 <= got["a"] <= 128, 25 <= got["b"] <= 75, 25 <= got["c"] <= 75), (True,) * 3, f"counts {got}")
    if ipvs.MODULE != "lvs":
        return
    for name in NAMES:
        t.director.rules(f"-d {flows.dest(name)}")
    for name, weight in (("c", 1), ("b", 1), ("a", 2)):
        t.director.rules(f"-a {flows.dest(name)} -m -w {weight}")
    t.equal(dests_of(flows, clients[:60]), {client: own[client] for client in clients[:60]}, "the clients' dests")


@test(how=("-e", "-d"), lvs_only=True, timeout=120)
def mh_moves_few(t, how):
    """When a dest drains or is deleted, all its clients go to others, and of the others' next to none."""
    flows = Flows(t, "udp", "mh")
    clients = [f"10.9.0.{1 + number}" for number in range(150)]
    own = dests_of(flows, clients)
    t.director.rules(f"-e {flows.dest('b')} -m -w 0" if how == "-e" else f"-d {flows.dest('b')}")
    now = dests_of(flows, clients)
    t.equal("b" in now.values(), False, "clients of the dest that is gone")
    moved = [client for client in clients if now[client] != own[client]]
    needless = [client for client in moved if own[client] != "b"]
    t.equal((len(needless) <= 5, len(moved) > 25), (True, True), f"{len(moved)} clients moved, {needless} needlessly")
    t.director.rules(f"-e {flows.dest('b')} -m -w 1" if how == "-e" else f"-a {flows.dest('b')} -m -w 1")
    t.equal(dests_of(flows, clients[:60]), {client: own[client] for client in clients[:60]}, "dests when it is back")


@test
def mh_port(t):
    """With mh-port every port of a client is a client of its own."""
    flows = Flows(t, "udp", "mh")
    t.equal(len(set(flows.sequence(8))), 1, "dests of one client")
    t.director.rules(f"-E {flows.service} -s mh -b mh-port")
    got = flows.sequence(60)
    t.equal(set(got), set(NAMES), f"dests of its ports, {got}")
    flows.sport -= 60
    t.equal(flows.sequence(60), got, "the same ports again")


@test
def mh_fallback(t):
    """An overloaded dest's clients are refused or, with mh-fallback, each goes to one other; nobody else moves."""
    flows = Flows(t, "udp", "mh")
    own = dests_of(flows, CLIENTS)
    flows.edit("b", "-m -w 1 -x 1")
    loaded = [client for client in CLIENTS if own[client] == "b"]
    others = [client for client in CLIENTS if own[client] != "b"]
    if ipvs.MODULE != "lvs":
        flows.new(loaded[0])  # mainline looks at a threshold when it has bound a connection
    t.equal([flows.refused(client) for client in loaded[:3]], [True] * 3, "its clients are told")
    t.director.rules(f"-E {flows.service} -s mh -b mh-fallback")
    second = dests_of(flows, loaded)
    t.equal("b" in second.values(), False, "clients of the overloaded dest")
    t.equal(dests_of(flows, loaded), second, "the other dests, again")
    t.equal(dests_of(flows, others), {client: own[client] for client in others}, "the others' dests")


@test(scheduler=("sh", "dh"), lvs_only=True)
def drained_share_moves_on(t, scheduler):
    """With weight 0 a dest's clients go to others at once; all others stay where they are."""
    flows, table = Flows(t, "udp", scheduler), hash_buckets((1, 1, 1))
    key = (lambda client: bucket(client)) if scheduler == "sh" else (lambda _: bucket(flows.vip))
    gone = table[key(CLIENT)]
    flows.edit(gone, "-m -w 0")
    for client in [CLIENT] + CLIENTS[:12]:
        name = flows.new(client)
        t.equal((name != gone, table[key(client)] in (gone, name)), (True, True), f"{client} goes to {name}")


@test(weights=((1, 1, 1), (2, 1, 1)))
def twos(t, weights):
    """The better one of two by chance: nearly as even as wlc."""
    got = counts(Flows(t, "tcp", "twos", weights).sequence(72))
    share = {name: 72 * weight / sum(weights) for name, weight in zip(NAMES, weights)}
    t.equal([abs(got[name] - share[name]) <= 8 for name in NAMES], [True] * 3, f"counts {got} near {share}")


def relabelled(sequence):
    """The names in the order in which they come, as a, b, c: of equals, mainline takes another one first."""
    names = sorted(set(sequence), key=sequence.index)
    return "".join(NAMES[names.index(name)] for name in sequence)


def expiration(t, name, seconds):
    t.lab.director_ns.sysctl(**{f"ipv4__vs__{name}": seconds})
    t.cleanup(lambda: t.lab.director_ns.sysctl(**{f"ipv4__vs__{name}": 86400}))


@test
def lblc(t):
    """An address stays with its dest until that has more than it weighs and another one has less than half of that."""
    flows = Flows(t, "tcp", "lblc")
    t.equal(relabelled(flows.sequence(10)), "aabbcccccc", "the sequence")


@test(lvs_only=True)
def lblc_forgets(t):
    """A deleted, drained or overloaded dest is left for wlc's choice; so is one after lblc_expiration."""
    flows = Flows(t, "tcp", "lblc", (100, 100, 100))
    t.equal(flows.sequence(4), "aaaa", "the sequence")
    t.director.rules(f"-d {flows.dest('a')}")
    t.equal(flows.sequence(3), "bbb", "without the first dest")
    t.director.rules(f"-a {flows.dest('a')} -m -w 100")
    t.equal(flows.sequence(2), "bb", "it is back, and its address has moved on")
    flows.edit("b", "-m -w 0")
    t.equal(flows.sequence(2), "cc", "with the second one drained")
    flows.edit("c", "-m -w 100 -x 2")
    t.equal(flows.sequence(2), "aa", "with the third one overloaded")
    flows.edit("b", "-m -w 100")
    flows.edit("c", "-m -w 100")
    t.equal(flows.sequence(2), "aa", "when all are back")
    expiration(t, "lblc_expiration", 0)
    t.equal(flows.sequence(4), "cccb", "when nothing is remembered: loads were 8, 5, 2")
    expiration(t, "lblc_expiration", 86400)
    t.equal(flows.sequence(4), flows.new() * 4, "remembered again")


@test
def lblcr(t):
    """An address gets one dest more each time that all it has are crowded."""
    flows = Flows(t, "tcp", "lblcr")
    got = relabelled(flows.sequence(15))
    t.equal((got[:6], counts(got[6:])), ("aabbcc", {"a": 3, "b": 3, "c": 3}), f"the sequence {got}")


@test(lvs_only=True)
def lblcr_shrinks(t):
    """When nothing had to be added for lblcr_expiration, one dest after another is dropped, down to one."""
    flows = Flows(t, "tcp", "lblcr")
    flows.sequence(6)
    for name in NAMES:
        flows.edit(name, "-m -w 1000")
    t.equal(counts(flows.sequence(9)), {"a": 3, "b": 3, "c": 3}, "counts of nine")
    expiration(t, "lblcr_expiration", 1)
    wait.until(lambda: len(set(flows.sequence(4))) == 1, 20, "one dest for the address", step=0.1)
    expiration(t, "lblcr_expiration", 86400)
    kept = flows.new()
    t.equal(flows.sequence(5), kept * 5, "the sequence")
    t.director.rules(f"-d {flows.dest(kept)}")
    t.equal(kept in flows.sequence(3), False, "connections to the deleted one")


@test(scheduler=("lblc", "lblcr"), lvs_only=True, timeout=120)
def service_with_memory_goes(t, scheduler):
    """Services, schedulers and dests come and go while an address is remembered; nothing holds on to them."""
    flows = Flows(t, "udp", scheduler)
    for _ in range(3):
        flows.sequence(2)
        t.director.rules(f"-E {flows.service} -s rr")
        flows.sequence(2)
        t.director.rules(f"-E {flows.service} -s {scheduler}")
        for name in NAMES:
            t.director.rules(f"-d {flows.dest(name)}")
        t.equal(flows.refused(), True, "nobody is left, and the client is told")
        for name in NAMES:
            t.director.rules(f"-a {flows.dest(name)} -m")
        flows.sequence(2)
    t.lab.reload()


@test(lab=False, lvs_only=True)
def table_sizes(t):
    """The tables' sizes are set when the module is loaded; it does not load with one that cannot be."""
    t.cleanup(lambda: kernel.loaded("lvs") or kernel.insert())
    kernel.remove()
    for bad in ("sh_tab_bits=3", "sh_tab_bits=21", "mh_tab_size=4000", "mh_tab_size=0", "mh_tab_size=131072", "mh_tab_size=x"):
        result = run("insmod", kernel.module_path(), bad, check=False)
        t.equal((result.code != 0, kernel.loaded("lvs")), (True, False), f"refused: {bad}")
    for bits, size in ((4, 251), (20, 131071)):
        run("insmod", kernel.module_path(), f"sh_tab_bits={bits}", f"mh_tab_size={size}")
        for name, value in (("sh_tab_bits", bits), ("mh_tab_size", size)):
            with open(f"/sys/module/lvs/parameters/{name}", encoding="ascii") as file:
                t.equal(file.read(), f"{value}\n", name)
        ns = Namespace("sizes")
        ns.ip("link set lo up")
        with ns:
            director = Director(ns)
            for scheduler, port in (("sh", 1), ("mh", 2)):
                director.rules(f"-A -t 192.0.2.1:{port} -s {scheduler}", *[
                    f"-a -t 192.0.2.1:{port} -r 192.0.2.{host}:{port} -g -w {host}" for host in range(2, 40)])
            t.equal(len(director.dests("tcp", "192.0.2.1", 2)), 38, "dests")
            director.close()
        ns.delete()
        kernel.remove()


ALL = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "sh", "dh", "mh", "twos", "lblc",
       "lblcr")


@test(scheduler=ALL, lvs_only=True)
def weight_zero_never_chosen(t, scheduler):
    """Whatever gets the next connection: with weight 0 it does not, nor does its share get lost."""
    flows = Flows(t, "udp", scheduler)
    left = set(NAMES)
    while left:
        name = flows.new()
        kept = flows.sport
        flows.edit(name, "-m -w 0")
        left.remove(name)
        got = flows.sequence(6) if left else ""
        t.equal(set(got) - left, set(), f"drained dests that got connections, {got}")
        t.equal(flows.send(kept), name, "the dest of the old connection")
    t.equal(flows.refused(), True, "nobody is left, and the client is told")
    for name in NAMES:
        flows.edit(name, "-m -w 1")
    t.equal(flows.new() in NAMES, True, "somebody is back")


@test(scheduler=("rr", "wrr", "lc", "wlc"))
def weight_zero_drains(t, scheduler):
    """A dest with weight 0 keeps its connections and gets no new ones; with a weight again it does."""
    flows = Flows(t, "udp", scheduler)
    flows.sequence(6)
    kept = next(sport for sport in range(1025, 1031) if flows.send(sport) == "b")
    flows.edit("b", "-m -w 0")
    t.equal("b" in flows.sequence(9), False, "new connections to the drained dest")
    t.equal(flows.send(kept), "b", "the dest of the old connection")
    flows.edit("b", "-m -w 1")
    t.equal("b" in flows.sequence(9), True, "new connections to it after the drain")
    for name in NAMES:
        flows.edit(name, "-m -w 0")
    t.equal(flows.refused(), True, "nobody is left, and the client is told")
    t.equal(flows.send(kept), "b", "the dest of the old connection")


def _pinned_flood(t, flows, per_cpu, cpus=(0, 1)):
    """New connections from two processes, one on each CPU, at the same time."""
    ready, go = os.pipe()
    children = []
    for cpu in cpus:
        pid = os.fork()
        if pid == 0:
            try:
                os.sched_setaffinity(0, {cpu})
                first = packet.udp(f"10.9.{1 + cpu}.1", 1, flows.vip, flows.port, b"", check=0)
                packets = [first[:20] + (1024 + index).to_bytes(2, "big") + first[22:] for index in range(per_cpu)]
                os.close(go)
                os.read(ready, 1)  # until all have their packets and closed their end
                t.lab.outside.flood(packets)
                os._exit(0)
            except BaseException as error:
                print(f"flood on CPU {cpu}: {error!r}", flush=True)
                os._exit(1)
        children.append(pid)
    os.close(ready)
    os.close(go)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    t.equal(statuses, [0] * len(children), "exit codes of the flooding processes")
    note(f"{len(cpus)} CPUs sent {per_cpu} new connections each")


@test(scheduler=("rr", "wrr"), timeout=90)
def two_cpus(t, scheduler):
    """6,000 new connections (debug kernels: 1,200) from each of two CPUs at once: not one too many or too few for any dest."""
    short_udp(t)
    flows = Flows(t, "udp", scheduler, (3, 2, 1))
    per_cpu = 1200 if kernel.SLOW else 6000
    _pinned_flood(t, flows, per_cpu)
    wait.equals(lambda: t.director.service_stats("udp", flows.vip, flows.port)["conns"], 2 * per_cpu, what="connections")
    dests = t.director.dests("udp", flows.vip, flows.port)
    got = {name: dests[rip]["stats"]["conns"] for name, rip in zip(NAMES, RIPS)}
    third = per_cpu // 3
    t.equal(got, {"rr": dict.fromkeys("abc", 2 * third), "wrr": dict(a=3 * third, b=2 * third, c=third)}[scheduler], "counts")
    wait.equals(flows.state, {name: (0, 0) for name in NAMES}, 20, "active and inactive after the timeout", step=0.2)


@test
def upper_and_lower_threshold(t):
    """From u connections on a dest gets no new one, until it has fewer than l."""
    short_udp(t)
    flows = Flows(t, "udp", "rr", options=("-x 2 -y 2", "", ""))
    got = flows.sequence(9)
    t.equal(got.count("a"), 2, f"connections of the limited dest in {got}")
    t.director.ipvsadm("--set", "0", "0", "300")
    kept = next(sport for sport in range(1025, 1034) if flows.send(sport) == "a")
    others = [sport for sport in range(1025, 1034) if sport != kept]
    note(f"{kept} lives on, {others} expire")
    # Touched with the long timeout in force were also those before the one found; what counts is a's.
    wait.equals(lambda: flows.state()["a"], (0, 1), 10, "connections of the limited dest", step=0.1)
    t.equal("a" in flows.sequence(3), True, "the dest is back with fewer connections than l")


@test
def upper_threshold_alone(t):
    """Without l a dest returns below three quarters of u."""
    flows = Flows(t, "udp", "rr", (1, 0, 0), options=("-x 4", "", ""))
    long_lived = [flows.new() and flows.sport for _ in range(2)]
    short_udp(t)
    flows.new()
    wait.equals(lambda: flows.state()["a"], (0, 3), 5, "connections")
    flows.new()
    t.equal(flows.refused(), True, "the fifth connection is refused")
    note(f"{long_lived} live on")
    wait.equals(lambda: flows.state()["a"], (0, 2), 10, "connections", step=0.1)
    t.equal(flows.new(), "a", "the dest is back at two of four")


@test
def scheduler_changes(t):
    """The scheduler of a service with connections can be exchanged."""
    flows = Flows(t, "udp", "rr", (3, 2, 1))
    flows.sequence(3)
    t.director.rules(f"-E {flows.service} -s wrr")
    t.equal(counts(flows.sequence(12)), {"a": 6, "b": 4, "c": 2}, "counts of two cycles of wrr")
    t.director.rules(f"-E {flows.service} -s rr")
    t.equal(counts(flows.sequence(6)), {"a": 2, "b": 2, "c": 2}, "counts of two cycles of rr")


@test
def dest_comes_and_goes(t):
    """A removed dest gets no more, an added one gets its share."""
    flows = Flows(t, "udp", "rr")
    t.director.rules(f"-d {flows.dest('c')}")
    t.equal(counts(flows.sequence(6)), {"a": 3, "b": 3, "c": 0}, "counts of two dests")
    t.director.rules(f"-a {flows.dest('c')} -m")
    t.equal(counts(flows.sequence(9)), {"a": 3, "b": 3, "c": 3}, "counts of three dests")


@test(proto=("tcp", "udp"), af=(4, 6))
def real_servers_in_turn(t, proto, af):
    """rr with three real servers and real clients."""
    vip, port = VIPS[af]["nat"], t.port()
    for ns, rip, name in zip(t.lab.rs, Lab.RS[af], NAMES):
        t.closing(Server(ns, proto, rip, port, name))
    t.director.service(proto, vip, port, "rr", [(rip, port, "-m") for rip in Lab.RS[af]])
    ask = tcp_name if proto == "tcp" else udp_name
    got = "".join(ask(t.lab.client, vip, port) for _ in range(6))
    t.equal((set(got), got), (set(NAMES), got[:3] * 2), "the servers' names")
