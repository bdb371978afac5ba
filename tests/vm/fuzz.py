# SPDX-License-Identifier: GPL-2.0-or-later
"""
Requests and packets that nobody would send, many of them: the programs under tests/fuzz/vm. A short run each, unless
LVS_FUZZ_COUNT says how many (make fuzz-kernel). LVS_FUZZ_SEED repeats a run.
"""
import os
import subprocess
import threading
import time

from fullnat import fullnat_service, limit_ports, local_addresses
from lib import ipvs, wait
from lib.harness import Test, test
from lib.lab import VIPS, Lab
from lib.record import note, run
from lib.traffic import Server, TcpClient, UdpClient

PROGRAMS = os.environ.get("LVS_FUZZ_PROGRAMS") or os.path.join(os.environ.get("LVS_BUILD", "build"), "tests/fuzz/vm")
COUNT = int(os.environ.get("LVS_FUZZ_COUNT") or "0")
SEED = os.environ.get("LVS_FUZZ_SEED", "1")
# A slow emulator manages a few hundred a second.
TIMEOUT = 300 + COUNT // 50


def say(text):
    """For the transcript of a failing test; a long run shows it as it goes."""
    note(text)
    if COUNT:
        print("    " + text, flush=True)


class Fuzzer:
    """One of the programs, running; its output goes into the transcript."""

    def __init__(self, t, program, count, setup=""):
        path = os.path.join(PROGRAMS, program)
        argv = [path, "--seed", SEED, "--count", str(COUNT or count)]
        note(" ".join(argv))
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        t.cleanup(self.process.kill)
        self.process.stdin.write(setup.encode())
        self.process.stdin.close()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def running(self):
        return self.process.poll() is None

    def _read(self):
        for line in self.process.stdout:
            say(line.decode(errors="replace").rstrip())

    def end(self, t):
        """Waits for it, and fails the test if it found something."""
        self.process.wait()
        self.reader.join()
        t.equal(self.process.returncode, 0, f"exit code of the fuzzer, seed {SEED}")


def users():
    """How many references the module has."""
    with open(f"/sys/module/{ipvs.MODULE}/refcnt") as file:
        return int(file.read())


@test(timeout=TIMEOUT, lvs_only=True)
def netlink(t):
    """Requests of both families, sound and broken, from two processes, in namespaces that come and go."""
    before = users()
    Fuzzer(t, "fuzz-netlink", 10000).end(t)
    # Namespaces end in the background; only sockets and dumps of theirs hold on to the module.
    wait.until(lambda: users() == before, 60, "nobody holds the module any more")


METHODS = ("nat", "dr", "tun")
IKE, IKE_VIPS = 500, {af: VIPS[af]["local"] for af in (4, 6)}


LOCAL_PORTS = (6000, 6031)  # few, so that what fuzz-packets makes up is often right


def fullnat_services(t):
    """The same by FULLNAT, within the families and between them."""
    limit_ports(t, *LOCAL_PORTS)
    lines = []
    for vip_af, dest_af in ((4, 4), (6, 6), (6, 4), (4, 6)):
        laddr, = local_addresses(t, dest_af)
        for proto in ("tcp", "udp"):
            rip, rport = Lab.GHOST_RS[dest_af][0], t.port()
            vip, port, _ = fullnat_service(t, proto, vip_af, rip, rport, [laddr])
            lines.append(f"service {proto} {vip} {port} fullnat {rip} {rport} {laddr}")
    return lines


def setup_services(t):
    """TCP and UDP services of both families by every method, with one dest each; returns the lines that describe all that."""
    lab, lines = t.lab, fullnat_services(t)
    for af in (4, 6):
        for index, method in enumerate(METHODS):
            option = {"nat": "-m", "dr": "-g", "tun": "-i"}[method]
            for proto in ("tcp", "udp"):
                vip, rip, port = VIPS[af][method], Lab.GHOST_RS[af][index], t.port()
                rport = port if method != "nat" else port + 20000
                t.director.service(proto, vip, port, "wlc", [(rip, rport, option)])
                lines.append(f"service {proto} {vip} {port} {method} {rip} {rport}")
        # For AH and ESP, by NAT; the other methods do not look at what they forward.
        t.director.service("udp", IKE_VIPS[af], IKE, "wlc", [(Lab.GHOST_RS[af][0], IKE, "-m")])
        lines.append(f"service udp {IKE_VIPS[af]} {IKE} nat {Lab.GHOST_RS[af][0]} {IKE}")
        lines += [f"client {Lab.GHOST_CLIENT[af]}", f"director {Lab.BACK[af]}", f"router {Lab.ROUTER_FRONT[af]}"]
    for side, wire in (("outside", lab.outside), ("inside", lab.inside)):
        lines.append(f"wire {side} {wire.name} {wire.device} {wire.peer.hex(':')}")
    lines.append(f"tun {lab.director_ns.name}")
    return "\n".join(lines) + "\n"


class Bystander:
    """TCP and UDP services with a real server behind NAT, which must work whatever else arrives."""

    def __init__(self, t):
        self.t, self.checks, self.port = t, 0, t.port()
        for proto in ("tcp", "udp"):
            t.closing(Server(t.lab.rs[0], proto, Lab.RS[4][0], self.port, "rs1"))
            t.director.service(proto, VIPS[4]["other"], self.port, "rr", [(Lab.RS[4][0], self.port, "-m")])
        self.tcp = t.closing(TcpClient(t.lab.client, VIPS[4]["other"], self.port, timeout=60))

    def check(self):
        """The connection that is there since the beginning, a new one, and a datagram that may be lost but once or twice."""
        self.t.equal(self.tcp.exchange(up=2000, down=5000), "rs1", "the answer on the old connection")
        with TcpClient(self.t.lab.client, VIPS[4]["other"], self.port, timeout=60) as fresh:
            self.t.equal(fresh.exchange(down=100), "rs1", "the answer on a new connection")
        self.t.equal(self.datagram(), "rs1", "the answer to a datagram")
        self.checks += 1

    def datagram(self):
        for _ in range(5):
            with UdpClient(self.t.lab.client, VIPS[4]["other"], self.port, timeout=5) as client:
                try:
                    return client.name()
                except OSError as error:
                    note(f"datagram: {error}")
        return None


def bound(director):
    """Connections that dests have."""
    total = 0
    for service in director.services():
        proto = "tcp" if service["proto"] == 6 else "udp"
        for dest in director.dests(proto, service["address"], service["port"]).values():
            total += dest["active"] + dest["inactive"]
    return total


@test(timeout=TIMEOUT + 300, lvs_only=True)
def packets(t):
    """Packets of services of every method, sound and broken, whole and in pieces, through links, tun and tap devices."""
    t.cleanup(Test.drop_lab)  # path MTUs that were learned from lies must not reach other tests
    run("modprobe", "tun")
    director = t.director
    director.ipvsadm("--set", "100", "5", "5")
    first = Test.next_port + 1  # connections of earlier tests, to lower ports, may still be there

    def conns():
        return [conn for conn in director.conns() if conn["vport"] >= first or
                (conn["vport"] == IKE and conn["vip"] in IKE_VIPS.values())]
    bystander = Bystander(t)
    bystander.check()
    fuzzer = Fuzzer(t, "fuzz-packets", 8000, setup_services(t))
    while fuzzer.running():
        bystander.check()
        time.sleep(1 if COUNT else 0.1)
    fuzzer.end(t)
    bystander.check()
    say(f"the other connections were looked at {bystander.checks} times")

    totals, drops = director.totals(), director.drops()
    say(f"totals {totals}")
    say(f"drops { {name: count for name, count in drops.items() if count} }")
    for what in ("conns", "inpkts", "outpkts"):
        t.equal(totals[what] > 100, True, f"more than 100 {what}")
    t.equal(drops["malformed"] > 10, True, "more than 10 malformed packets")
    # Expired connections are listed no more, and counted until they are reaped.
    wait.until(lambda: bound(director) == len(conns()), 60, "dests count the connections that there are")
    if COUNT:
        bystander.tcp.reset()
        wait.until(lambda: not conns(), 180, "the last connection expires")
        wait.until(lambda: bound(director) == 0, 60, "no dest counts a connection")
