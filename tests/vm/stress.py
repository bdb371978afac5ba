# SPDX-License-Identifier: GPL-2.0-or-later
"""
Coming and going under traffic: the module, namespaces, services. LVS_STRESS is how many times (20); `make stress` says 200.
"""
import os

from lib import wait
from lib.flood import Flood, Pktgen, SynFlood, assorted, rules_for
from lib.harness import test
from lib.ipvs import Director
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.record import note, run
from lib.traffic import Server, tcp_name
from lib.wire import Wire

TURNS = int(os.environ.get("LVS_STRESS", "20"))
# pktgen's threads would leave a debug kernel no time for anything else.
SLOW = os.path.exists("/sys/kernel/debug/kmemleak")


@test(timeout=100 + 20 * TURNS)
def unload_under_traffic(t):
    """Again and again: load, set up services, let traffic through, unload in the middle of it."""
    lab, ports = t.lab, [t.port() for _ in range(3)]
    lines = rules_for(VIPS[4]["other"], ports, Lab.GHOST_RS[4]) + rules_for(VIPS[6]["other"], ports, Lab.GHOST_RS[6])
    flood = t.closing(Flood(lab.outside, [p for af in (4, 6)
                                          for p in assorted(VIPS[af]["other"], Lab.GHOST_CLIENT[af], ports)]))
    for turn in range(TURNS):
        note(f"turn {turn + 1}")
        lab.reload()
        lab.director.rules(*lines)
        wait.until(lambda: lab.director.totals()["inpkts"] > 100, 60, "traffic goes through")
        t.equal(flood.running(), True, "the flood goes on")
        if (turn + 1) % 50 == 0:
            print(f"    {turn + 1} of {TURNS}", flush=True)
    flood.close()
    lab.reload()
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


@test(timeout=200 + 20 * TURNS)
def namespaces_deleted_under_traffic(t):
    """Four directors in namespaces of their own vanish while packets arrive, with services and live connections."""
    generator = Namespace("generator")
    t.cleanup(generator.delete)
    for _ in range(max(1, TURNS // 20)):
        islands = [Island(index, generator) for index in range(4)]
        floods = [t.closing(island.flood()) for island in islands]
        for island in islands:
            t.closing(island.wire)
            wait.until(lambda: island.director.totals()["inpkts"] > 500, 60, "traffic goes through")
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


@test(timeout=100 + 20 * TURNS)
def flush_under_new_connections(t):
    """
    Services go and come back while ten thousand connections a second want them (or as many as the kernel can do), TCP by
    SYNs and UDP by pktgen: by a flush and new rules in turn, and by both in one batch. Each time the new ones serve.
    """
    lab, director, ports, udp_port, vip = t.lab, t.director, [t.port() for _ in range(3)], t.port(), VIPS[4]["other"]
    lines, services = rules_for(vip, ports, Lab.GHOST_RS[4]), [("tcp", port) for port in ports]
    director.ipvsadm("--set", "0", "0", "5")
    t.cleanup(director.ipvsadm, "--set", "0", "0", "300")
    syns = t.closing(SynFlood(lab.outside, vip, ports))
    datagrams = None
    if not SLOW:
        lines += [f"-A -u {vip}:{udp_port} -s wlc"]
        lines += [f"-a -u {vip}:{udp_port} -r {ghost}:{udp_port} -g" for ghost in Lab.GHOST_RS[4]]
        services.append(("udp", udp_port))
        datagrams = t.closing(Pktgen(lab.router, "front", lab.outside.peer, vip, udp_port, 0, rate=5000))
        datagrams.start()
    for turn in range(TURNS):
        if turn % 2:
            director.clear()
            director.rules(*lines)
        else:
            director.rules("-C", *lines)
        for proto, port in services:
            wait.until(lambda: director.service_stats(proto, vip, port)["conns"] > 50, 60, f"new connections of {proto} port {port}")
        t.equal((bool(syns.running()), datagrams is None or datagrams.running()), (True, True), "SYNs and datagrams go on")
    print(f"    {syns.a_second():.0f} SYNs a second, {director.totals()['conns']} connections", flush=True)
    syns.close()
    if datagrams:
        datagrams.close()
    director.clear()
    # What is left are connections whose dests are gone; they, too, must not keep the module.
    lab.reload()
    t.equal((lab.director.services(), lab.director.conns()), ([], []), "services, connections of a module just loaded")
