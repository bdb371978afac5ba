# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of a service's connections, at once and new ones a second, of all clients and of each client."""
import json
import time

from lib import packet, wait
from lib.harness import test
from lib.ipvs import endpoint
from lib.lab import VIPS, Lab
from lib.record import note
from lib.traffic import Server, TcpClient

CLIENTS = {4: ("10.9.0.1", "10.9.0.2", "10.9.0.3"), 6: ("fd00:9::1", "fd00:9::2", "fd00:9::3")}


class Site:
    """A service with a real server on paper, and clients that open connections to it."""

    def __init__(self, t, proto="udp", af=4, options="", method="-m"):
        self.t, self.proto, self.vip, self.port, self.clients = t, proto, VIPS[af]["other"], t.port(), CLIENTS[af]
        self.rip, self.sport, self.tried = Lab.GHOST_RS[af][0], 3000, 0
        self.dest = f"-r {endpoint(self.rip, self.port)} {method}"
        self.rule = f"-s rr {options}"
        self.name = f"{'-u' if proto == 'udp' else '-t'} {endpoint(self.vip, self.port)}"
        self.add()

    def add(self):
        self.t.director.rules(f"-A {self.name} {self.rule}", f"-a {self.name} {self.dest}")
        self.tried = 0  # the service counts its drops anew

    def drops(self):
        found = self.t.director.drops((self.proto, self.vip, self.port))
        return found["limit"], found["client-limit"]

    def conns(self):
        return len(self.t.director.conns(self.vip, self.port))

    def wait_for_their_end(self):
        """The real server's count tells, for expired connections are not listed any more, and end a moment later."""
        def left():
            dest = self.t.director.dests(self.proto, self.vip, self.port)[self.rip]
            return dest["active"] + dest["inactive"]
        wait.equals(left, 0, 20, "connections after their time")

    def opens(self, count, client=0):
        """So many new connections are tried by that client. Returns how many were made."""
        before, dropped = self.conns(), sum(self.drops())
        for _ in range(count):
            self.sport += 1
            ends = self.clients[client], self.sport, self.vip, self.port
            self.t.lab.outside.send(packet.udp(*ends, b"x") if self.proto == "udp" else packet.tcp(*ends, packet.SYN))
        wait.equals(lambda: self.conns() - before + sum(self.drops()) - dropped, count, 5, "connections made and refused")
        return self.conns() - before

    def edit(self, options):
        self.t.director.ipvsadm("-E", *self.name.split(), "-s", "rr", *options.split())


def short_timeouts(t, seconds=2):
    """Datagrams' connections end after so long."""
    t.director.ipvsadm("--set", "0", "0", str(seconds))
    t.cleanup(t.director.ipvsadm, "--set", "0", "0", "300")


@test(lvs_only=True, proto=("tcp", "udp"), af=(4, 6))
def at_once(t, proto, af):
    """No more than so many of all clients; what is beyond is dropped and counted; others' services are not concerned."""
    site, other = Site(t, proto, af, "--max-conns 5"), Site(t, proto, af)
    t.equal([site.opens(3, client) for client in (0, 1, 2)], [3, 2, 0], "connections of three clients")
    t.equal((site.drops(), other.opens(9), other.drops()), ((4, 0), 9, (0, 0)), "drops, and the other service")
    site.edit("--max-conns 7")
    t.equal(site.opens(4), 2, "connections with a higher limit")
    site.edit("")
    t.equal(site.opens(4), 4, "connections without a limit")


@test(lvs_only=True, af=(4, 6))
def of_each_client(t, af):
    """Each client has its own share, and none takes from it what another has."""
    site = Site(t, "udp", af, "--client-conns 2 --max-conns 5")
    t.equal([site.opens(3, client) for client in (0, 1, 2)], [2, 2, 1], "connections of three clients")
    t.equal(site.drops(), (2, 2), "drops")


@test(lvs_only=True)
def ends_make_room(t):
    """Connections that have ended count no more, those of a service that was deleted and added again still do."""
    short_timeouts(t, 6)
    site = Site(t, options="--client-conns 2 --max-conns 3")
    t.equal((site.opens(3), site.opens(2, 1)), (2, 1), "connections")
    t.director.ipvsadm("-D", *site.name.split())
    site.add()
    t.equal((site.opens(1), site.opens(1, 2)), (0, 0), "connections of the service that was added again")
    site.wait_for_their_end()
    t.equal((site.opens(3), site.opens(2, 1)), (2, 1), "connections then")
    site.edit("")
    site.wait_for_their_end()
    site.edit("--max-conns 3")
    t.equal(site.opens(4), 3, "connections with limits again")


@test(lvs_only=True)
def of_the_service_that_has_the_dest(t):
    """A template of the VIP's FTP service leads a client of its service for all ports to a dest of the former, which counts."""
    vip, (rip, other) = VIPS[4]["other"], Lab.GHOST_RS[4][:2]
    everything, control = f"-t {vip}:0", f"-t {vip}:21"
    t.director.rules(f"-A {everything} -s rr -p 30 --max-conns 2", f"-a {everything} -r {rip} -m",
                     f"-A {control} -s rr -p 30 --max-conns 3", f"-a {control} -r {other}:21 -m")

    def flows(flags, client, sport, *ports):
        for port in ports:
            t.lab.outside.send(packet.tcp(client, sport, vip, port, flags))

    def opens(client, sport, count):
        wait.equals(lambda: sum((c["client"], c["cport"]) == (client, sport) for c in t.director.conns(vip)), count, 5,
                    f"connections of {client}")
    # Ports below 1024 are no data of FTP's: they are the service's for all ports.
    for turn in range(2):
        flows(packet.SYN, CLIENTS[4][0], 3500 + turn, 21, 80, 81, 82)
        opens(CLIENTS[4][0], 3500 + turn, 3)
        flows(packet.SYN, CLIENTS[4][1], 3500 + turn, 80, 81, 82)
        opens(CLIENTS[4][1], 3500 + turn, 2)
        wait.equals(lambda: t.director.drops(("tcp", vip, 0))["limit"], 2 * turn + 2, 5, "refused")
        for client in CLIENTS[4][:2]:
            for flags in (packet.ACK, packet.RST):
                flows(flags, client, 3500 + turn, 21, 80, 81, 82)
        wait.equals(lambda: [d["active"] + d["inactive"] for port in (0, 21) for d in t.director.dests("tcp", vip, port).values()],
                    [0, 0], 30, "connections after their time")


@test(lvs_only=True)
def rates(t):
    """A second's worth at once, then as many as seconds allow; of each client, and of all."""
    site = Site(t, options="--max-rate 8 --client-rate 5")
    t.equal(5 <= site.opens(20) <= 10, True, "one client's at once")
    t.equal(2 <= site.opens(5, 1) <= 5, True, "and another's")
    time.sleep(1.2)
    begun, made = time.monotonic(), 0
    while time.monotonic() - begun < 3:
        made += site.opens(1, 2)
        time.sleep(0.02)
    passed = time.monotonic() - begun
    note(f"{made} in {passed:.2f} s")
    # How many were tried depends on how fast this machine is.
    t.equal(passed <= made <= 5 * (passed + 1) + 1, True, f"one client's, {made} in {passed:.2f} s")


@test(lvs_only=True)
def many_clients(t):
    """Thousands of clients are counted each for itself, and forgotten."""
    short_timeouts(t)
    site = Site(t, options="--client-conns 1")
    site.clients = [f"10.9.{i // 250 + 1}.{i % 250 + 1}" for i in range(3000)]
    for client in range(len(site.clients)):
        ends = site.clients[client], 4000, site.vip, site.port
        t.lab.outside.flood([packet.udp(*ends, b"x"), packet.udp(ends[0], 4001, *ends[2:], b"x")])
    wait.equals(lambda: sum(site.drops()), 3000, 10, "refused connections")
    site.wait_for_their_end()
    t.equal(site.opens(2, 7), 1, "connections of one of them then")


@test(lvs_only=True)
def with_a_real_client(t):
    """A client that is refused connects as soon as there is room: its SYN is sent again."""
    rip, vip, port = Lab.RS[4][0], VIPS[4]["nat"], t.port()
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "rs1"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")], "--max-rate 1")
    begun = time.monotonic()
    for _ in range(3):
        with TcpClient(t.lab.client, vip, port) as client:
            t.equal(client.exchange(100, 100), "rs1", "the server that answered")
    passed = time.monotonic() - begun
    t.equal(1.5 <= passed, True, f"three connections in {passed:.2f} s")


@test(lvs_only=True)
def kept(t):
    """Listed, saved, restored, in profiles, as JSON; out of range refused."""
    name, options = f"-t {VIPS[4]['other']}:{t.port()}", "--max-conns 1 --max-rate 1000000 --client-conns 4294967295 --client-rate 4"
    t.director.ipvsadm("--profile", "set", *name.split(), *options.split())
    t.cleanup(t.director.ipvsadm, "--profile", "delete", *name.split())
    t.director.ipvsadm("-A", *name.split(), "-s", "rr")
    rules = [f"--profile set {name} {options}", f"-A {name} -s rr {options}"]
    t.equal([line for line in t.director.ipvsadm("-S", "-n").out.splitlines() if name in line], rules, "the rules")
    found = json.loads(t.director.ipvsadm("-L", *name.split(), "--json").out)["services"][0]
    t.equal([found[key] for key in ("max_conns", "max_rate", "client_conns", "client_rate")], [1, 1000000, 4294967295, 4], "JSON")
    for wrong in ("--max-rate 1000001", "--client-rate 0", "--max-conns 4294967296", "--client-conns x"):
        t.equal(t.director.ipvsadm("-E", *name.split(), *wrong.split(), check=False).code, 2, f"exit code of {wrong}")
