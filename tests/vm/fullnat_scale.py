# SPDX-License-Identifier: GPL-2.0-or-later
"""FULLNAT with as many connections as its local addresses have ports for."""
import os
import random

from fullnat import all_are_given_back, fullnat_service, local_addresses, pool
from lib import kernel, packet, wait
from lib.flood import Pktgen
from lib.harness import test
from lib.lab import Lab

# What `make stress` asks for is a million.
CONNECTIONS = 1000000 if "LVS_STRESS" in os.environ else 5000 if kernel.SLOW else 100000
ONE_PEER = 3000 if kernel.SLOW else 60000
SAMPLES = 50


def open_flows(t, vip, port, count):
    """Each from another client; what got lost on the way to the director comes again. Returns samples of (client, port)."""
    clients = []
    for first in range(0, count, 2 * Pktgen.ADDRESSES):
        now = min(count - first, 2 * Pktgen.ADDRESSES)
        source_port = 2000 + first // Pktgen.ADDRESSES
        for _ in range(5):
            generator = Pktgen(t.lab.router, "front", t.lab.outside.peer, vip, port, now, source_port=source_port)
            generator.start()
            wait.until(lambda: not generator.running(), 120, "all are sent")
            generator.close()
            if t.director.service_stats("udp", vip, port)["conns"] == first + now:
                break
        t.equal(t.director.service_stats("udp", vip, port)["conns"], first + now, "connections")
        clients += [(Pktgen.client(n), source_port + cpu) for cpu in (0, 1) for n in range(1, now // 2 + 1)]
    return random.sample(clients, SAMPLES)


def answered(t, vip, port, rport, clients):
    """Each client's next packet and its answer find their ways; returns the ends that the real servers see."""
    seen = set()
    for client, sport in clients:
        t.lab.inside.drain()
        t.lab.outside.drain()
        t.lab.outside.send(packet.udp(client, sport, vip, port, b"question"))
        asked = t.lab.inside.receive(lambda p: p.payload == b"question")
        t.lab.inside.send(packet.udp(asked.dst, rport, asked.src, asked.sport, b"answer"))
        told = t.lab.outside.receive(lambda p: p.payload == b"answer")
        t.equal(told.flow, (vip, port, client, sport), "the answer's way")
        seen.add((asked.src, asked.sport, asked.dst))
    return seen


@test(lvs_only=True, timeout=600)
def all_ports_of_an_address(t):
    """60,000 connections at once from one local address to one port of one real server."""
    laddr, = local_addresses(t, 4)
    rip, rport = Lab.GHOST_RS[4][0], t.port()
    vip, port, name = fullnat_service(t, "udp", 4, rip, rport, [laddr])
    clients = open_flows(t, vip, port, ONE_PEER)
    t.equal(pool(t, name), {laddr: (ONE_PEER, 0, 0)}, "the pool")
    t.equal(len(answered(t, vip, port, rport, clients)), SAMPLES, "ports of the samples")
    all_are_given_back(t, name, [f"{rip}:{rport}"], 120)


@test(lvs_only=True, timeout=1200)
def million_connections(t):
    """A million (fewer unless asked for) by twenty local addresses to ten real servers, none refused; all ports come back."""
    laddrs, rport = local_addresses(t, 4, 20), t.port()
    rips = [f"10.1.0.{n}" for n in range(21, 31)]
    more = [rip for rip in rips if rip not in Lab.GHOST_RS[4]]
    t.lab.director_ns.ip(*[f"neigh add {rip} lladdr {t.lab.sink.mac('eth0').hex(':')} dev back nud permanent" for rip in more])
    t.cleanup(t.lab.director_ns.ip, *[f"neigh del {rip} dev back" for rip in more])
    vip, port, name = fullnat_service(t, "udp", 4, rips[0], rport, laddrs)
    t.director.rules(*[f"-a {name} -r {rip}:{rport} -b" for rip in rips[1:]])
    clients = open_flows(t, vip, port, CONNECTIONS)
    pools = pool(t, name)
    t.equal(sum(used for used, _, _ in pools.values()), CONNECTIONS, "ports taken")
    t.equal({(conflicts, exhausted) for _, conflicts, exhausted in pools.values()}, {(0, 0)}, "conflicts, refusals")
    spread = [used for used, _, _ in pools.values()]
    t.equal(max(spread) - min(spread) <= max(spread) // 10, True, f"shares of the addresses {spread}")
    t.equal(len(answered(t, vip, port, rport, clients)), SAMPLES, "ends of the samples")
    print(f"    {CONNECTIONS} connections", flush=True)
    all_are_given_back(t, name, [f"{rip}:{rport}" for rip in rips], 120)
