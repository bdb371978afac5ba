# SPDX-License-Identifier: GPL-2.0-or-later
"""
Persistent services: clients that stay with their dest, the templates that keep them there, and when these go.

Everything here is packets by hand between clients and dests on paper, so that each connection lives as long as it says.
"""
import re
import socket

from lib import ipvs, packet, wait
from lib.flood import Flood
from lib.harness import test
from lib.ipvs import Director, endpoint, service_id
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.persistent import CLIENTS, FAMILIES, Persistent, mark_packets
from lib.record import run
from lib.traffic import Server, TcpClient
from lib.wire import Wire

NETWORK = {4: ("255.255.255.0", "10.9.0.0", "10.9.1.0"), 6: ("112", "fd00:9::", "fd00:9::1:0")}


def short_lives(t, udp=1):
    t.director.ipvsadm("--set", "2", "1", str(udp))
    t.cleanup(t.director.ipvsadm, "--set", "900", "120", "300")


def sysctl(t, **values):
    """Sets net.ipv4.vs.NAME for the time of the test."""
    for name, value in values.items():
        path = f"/proc/sys/net/ipv4/vs/{name}"
        t.cleanup(t.lab.director_ns.write, path, t.lab.director_ns.read(path).strip())
        t.lab.director_ns.write(path, value)


@test(af=FAMILIES)
def mark_selects(t, af):
    """A mark's service takes every port and protocol that is marked, before an exact service; what is not marked goes there."""
    port, other, vip = t.port(), t.port(), VIPS[af]["other"]
    rips = Lab.GHOST_RS[af]
    mark_packets(t, 77, [port, other], af)
    six = " -6" if af == 6 else ""
    t.director.rules(f"-A -f 77{six} -s rr", f"-a -f 77{six} -r {endpoint(rips[0], 0)} -m",
                     f"-A -u {endpoint(vip, port)} -s rr", f"-a -u {endpoint(vip, port)} -r {endpoint(rips[1], 9)} -m",
                     f"-A -u {endpoint(vip, port + 5000)} -s rr",
                     f"-a -u {endpoint(vip, port + 5000)} -r {endpoint(rips[1], 9)} -m")
    service = Persistent.__new__(Persistent)
    service.t, service.vip, service.proto = t, vip, "udp"
    client = CLIENTS[af][0]
    t.equal(service.send(client, 5000, port), (rips[0], port), "dest and port of a marked datagram")
    t.equal(service.send(client, 5001, other), (rips[0], other), "of another port")
    t.equal(service.send(client, 5002, port, "tcp"), (rips[0], port), "of TCP")
    t.equal(service.send(client, 5003, port + 5000), (rips[1], 9), "of an unmarked datagram")
    family = socket.AF_INET6 if af == 6 else socket.AF_INET
    t.equal([s["stats"]["conns"] for s in t.director.services() if s.get("fwmark") == 77 and s["af"] == family], [3], "connections")


@test(af=FAMILIES)
def mark_needs_its_family(t, af):
    """A mark's service of the other family does not take the packet."""
    port, vip = t.port(), VIPS[af]["other"]
    mark_packets(t, 78, [port], af)
    other = "" if af == 6 else " -6"
    t.director.rules(f"-A -f 78{other} -s rr", f"-a -f 78{other} -r {endpoint(Lab.GHOST_RS[10 - af][0], 0)} -m",
                     f"-A -u {endpoint(vip, port)} -s rr",
                     f"-a -u {endpoint(vip, port)} -r {endpoint(Lab.GHOST_RS[af][1], port)} -m")
    service = Persistent.__new__(Persistent)
    service.t, service.vip, service.proto = t, vip, "udp"
    t.equal(service.send(CLIENTS[af][0], 5010, port)[0], Lab.GHOST_RS[af][1], "dest")


@test(af=FAMILIES, proto=("tcp", "udp"))
def stays_with_its_dest(t, af, proto):
    """All connections of a client go to one dest, those of others to theirs; one template each, counted and listed."""
    service = Persistent(t, proto, af)
    first, second = service.clients[:2]
    got = {client: {service.send(client, sport) for sport in range(5100, 5104)} for client in (first, second)}
    t.equal([len(dests) for dests in got.values()], [1, 1], f"dests of each client: {got}")
    t.equal(got[first] != got[second], True, "the clients have different dests")
    t.equal(sorted(service.persistent()), [0, 1, 1], "templates of the dests")
    for client in (first, second):
        template, dest = service.template(client), list(got[client])[0]
        t.equal((template["proto"], template["vip"], template["vport"], (template["dest"], template["dport"])),
                (proto.upper(), service.vip, service.port, dest), "template")
        t.equal(28 <= template["expires"] <= 30, True, f"the template expires in {template['expires']} s")
    t.equal(len(t.director.conns(service.vip, service.port)), 10, "connections and templates")
    rows = [line.split() for line in t.director.ipvsadm("-Ln", "--persistent-conn").out.splitlines()]
    t.equal(sorted(row[3] for row in rows if row[0] == "->" and len(row) == 6), ["0", "1", "1"], "the column PersistConn")


@test
def established_assures(t):
    """The template's state: NONE until one of its connections was established."""
    service = Persistent(t, "tcp")
    client = service.clients[0]
    service.send(client, 5150)
    t.equal(service.template(client)["state"], "NONE", "state")
    service.send(client, 5150, flags=packet.ACK)
    t.equal(service.template(client)["state"], "ASSURED", "state")


@test(af=FAMILIES)
def netmask_groups(t, af):
    """Clients of one network share a dest."""
    mask, near, far = NETWORK[af]
    service = Persistent(t, af=af, options=f"-p 30 -M {mask}")
    got = [service.send(client, 5200)[0] for client in service.clients]
    t.equal((got[0] == got[1], got[0] == got[2]), (True, False), f"same dest within the network, beyond it: {got}")
    t.equal(sorted(service.templates()), sorted([near, far]), "networks of the templates")


@test(af=FAMILIES)
def every_port(t, af):
    """A service at port 0 takes every port that no other service has, and keeps the client's port; one template for all."""
    service = Persistent(t, af=af, port=0)
    exact = Persistent(t, af=af, options="", dests=1)
    client = service.clients[0]
    ports = [t.port() for _ in range(3)]
    got = [service.send(client, 5300, port) for port in ports]
    t.equal([port for _, port in got], ports, "ports at the dest")
    t.equal(len({dest for dest, _ in got}), 1, f"dests: {got}")
    for sport in range(5301, 5305):
        t.equal(exact.send(client, sport), (exact.rips[0], exact.port), "dest of the exact service")
    template = service.template(client)
    t.equal((template["vport"], template["dport"]), (0, 0), "ports of the template")
    t.equal(sum(service.persistent()), 1, "templates")


@test
def every_port_needs_persistence(t):
    """A service at port 0 without persistence, which ipvsadm would not make, serves nobody and says so."""
    genl, vip = t.director.genl, VIPS[4]["other"]
    identity = service_id("udp", vip, 0)
    genl.request(ipvs.NEW_SERVICE, ipvs.nest(ipvs.SERVICE, identity + ipvs.service_attrs("rr")))
    genl.request(ipvs.NEW_DEST, ipvs.nest(ipvs.SERVICE, identity) +
                 ipvs.nest(ipvs.DEST, ipvs.dest_id(Lab.GHOST_RS[4][0], 0) + ipvs.dest_attrs()))
    client = CLIENTS[4][0]
    t.lab.outside.drain()
    t.lab.outside.send(packet.udp(client, 5350, vip, t.port(), b"x"))
    answer = t.lab.outside.receive(lambda p: p.dst == client)
    t.equal((answer.kind, answer.code), (3, 3), "port unreachable")


@test(af=FAMILIES)
def mark_persists(t, af):
    """Ports of one mark share the template, whose protocol is none and whose address is the mark."""
    ports = [t.port() for _ in range(2)]
    mark_packets(t, 79, ports, af)
    service = Persistent(t, af=af, mark=79, port=0)
    client = service.clients[0]
    got = [service.send(client, 5400 + i, ports[i % 2], ("udp", "tcp")[i // 2]) for i in range(4)]
    t.equal(len({dest for dest, _ in got}), 1, f"dests: {got}")
    t.equal(service.template(client)["dport"], 0, "the template's port of the dest")
    t.equal(sum(service.persistent()), 1, "templates")


@test
def same_listing(t):
    """Ours and the stock ipvsadm list and save the same of persistent services and their templates."""
    port = t.port()
    mark_packets(t, 80, [port], 4)
    Persistent(t, af=6, options="-p 30 -M 64").send(CLIENTS[6][0], 5450)
    Persistent(t, "tcp", port=0).send(CLIENTS[4][0], 5451, t.port())
    Persistent(t, mark=80, port=0).send(CLIENTS[4][1], 5452, port)

    def listing(view, tool):
        out = t.director.ipvsadm(*view.split(), tool=tool).out
        return sorted(re.sub(r" [0-9]{2}:[0-9]{2} ", " --:-- ", line) for line in out.splitlines())
    for view in ("-Lnc", "-Ln", "-Ln --persistent-conn", "-S -n"):
        # Connections of earlier tests may expire between the two.
        wait.until(lambda view=view: listing(view, None) == listing(view, ipvs.STOCK_IPVSADM), 10,
                   f"the same {view} of ours and of the stock tool")
    t.equal(any(line.startswith("IP  --:--") for line in listing("-Lnc", None)), True, "a template of a mark in the listing")


@test
def template_expires(t):
    """Without connections a template goes by its own timeout; the client then gets another dest."""
    short_lives(t)
    service = Persistent(t, options="-p 3")
    client = service.clients[0]
    dest = service.send(client, 5500)
    wait.equals(lambda: len(t.director.conns(service.vip, service.port)), 1, 4, "the template alone")
    t.equal(service.send(client, 5501), dest, "dest by the template")
    wait.equals(lambda: t.director.conns(service.vip, service.port), [], 7, "connections and templates")
    wait.equals(lambda: (service.persistent(), [d["inactive"] for d in service.dests().values()]), ([0] * 3, [0] * 3), 2,
                "counts, which follow when the template is reaped")
    t.equal(service.send(client, 5502) != dest, True, "another dest")


@test
def template_waits_for_its_connections(t):
    """A template whose time is over stays while it has connections."""
    short_lives(t, udp=6)
    service = Persistent(t, options="-p 1")
    client = service.clients[0]
    dest = service.send(client, 5510)
    wait.until(lambda: service.template(client)["expires"] > 30, 5, "the template got another minute")
    t.equal(service.send(client, 5511), dest, "dest of another connection")
    t.equal(service.template(client)["expires"] <= 1, True, "its own time begins anew")


@test
def edited_timeout(t):
    """A new timeout holds from the client's next connection on."""
    service = Persistent(t, options="-p 100")
    client = service.clients[0]
    service.send(client, 5520)
    t.director.ipvsadm("-E", *service.name.split(), "-s", "rr", "-p", "10")
    service.send(client, 5521)
    t.equal(8 <= service.template(client)["expires"] <= 10, True, "time of the template")
    t.director.ipvsadm("-E", *service.name.split(), "-s", "rr")
    t.equal(len({service.send(client, sport)[0] for sport in range(5522, 5525)}), 3, "dests without persistence")


def drain(t, service, index):
    """Faster than by a program: connections shall not expire meanwhile."""
    dest = ipvs.dest_id(service.rips[index], service.port) + ipvs.dest_attrs(weight=0)
    t.director.genl.request(ipvs.SET_DEST, ipvs.nest(ipvs.SERVICE, service.identity) + ipvs.nest(ipvs.DEST, dest))


@test
def weight_zero_keeps_clients(t):
    """A drained dest keeps its clients while it has connections and gets no others; with the last one its templates go."""
    short_lives(t, udp=5)
    service = Persistent(t, options="-p 600")
    client, other = service.clients[:2]
    dest, _ = service.send(client, 5600)
    index = service.rips.index(dest)
    drain(t, service, index)
    t.equal(service.send(client, 5601)[0], dest, "dest of the client that it had")
    t.equal({service.send(other, sport)[0] for sport in range(5602, 5606)} & {dest}, set(), "others sent to the drained dest")
    t.equal(service.persistent()[index], 1, "its templates")
    wait.equals(lambda: (service.dests()[dest]["inactive"], service.persistent()[index]), (0, 0), 10,
                "its connections and templates")
    t.equal(service.template(client), None, "the client's template")
    t.equal(service.send(client, 5607)[0] != dest, True, "the client has another dest")


@test
def weight_zero_without_connections(t):
    """A dest that is drained when nobody is connected loses its templates at once; others keep theirs."""
    short_lives(t)
    service = Persistent(t, options="-p 600")
    client, other = service.clients[:2]
    dest, _ = service.send(client, 5610)
    service.send(other, 5611)
    wait.equals(lambda: sum(d["inactive"] for d in service.dests().values()), 0, 5, "connections")
    t.equal(sum(service.persistent()), 2, "templates")
    drain(t, service, service.rips.index(dest))
    wait.equals(lambda: sum(service.persistent()), 1, 2, "templates")
    t.equal((service.template(client), bool(service.template(other))), (None, True), "the client's, the other's template")


@test
def quiescent_templates_expire(t):
    """With expire_quiescent_template a drained dest's clients move on with their next connection."""
    sysctl(t, expire_quiescent_template=1)
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5620)
    drain(t, service, service.rips.index(dest))
    moved, _ = service.send(client, 5621)
    t.equal(moved != dest, True, "another dest")
    t.equal(service.template(client)["dest"], moved, "dest of the template")
    t.equal(service.send(client, 5620)[0], dest, "dest of the old connection")
    t.equal(service.persistent()[service.rips.index(dest)], 0, "templates of the drained dest")


@test
def dest_deleted(t):
    """A deleted dest's clients move on with their next connection."""
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5630)
    t.director.rules(f"-d {service.dest(service.rips.index(dest))}")
    moved, _ = service.send(client, 5631)
    t.equal(moved != dest, True, "another dest")
    t.equal(service.template(client)["dest"], moved, "dest of the template")


@test
def dest_deleted_and_added(t):
    """A dest that comes back finds its clients, if they did not ask meanwhile; the counts go on."""
    short_lives(t, udp=5)
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5640)
    index = service.rips.index(dest)
    t.director.rules(f"-d {service.dest(index)}")
    wait.until(lambda: dest not in service.dests(), 5, "the dest has gone")
    t.director.rules(f"-a {service.dest(index)} {service.method}")
    t.equal(service.send(client, 5641)[0], dest, "dest of the client")
    t.equal(service.dests()[dest]["persist"], 1, "its templates")


@test
def dest_deleted_for_good(t):
    """With a deleted dest's last connection its templates go too, nobody asking."""
    short_lives(t, udp=2)
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5650)
    t.director.rules(f"-d {service.dest(service.rips.index(dest))}")
    wait.equals(lambda: t.director.conns(service.vip, service.port), [], 6, "connections and templates")


@test(again=(False, True))
def service_deleted(t, again):
    """A service goes while it has templates. Added again at once it finds its clients; else they go."""
    short_lives(t, udp=3)
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5660)
    if again:
        t.director.rules("-C", *service.lines())
        t.equal(service.send(client, 5661)[0], dest, "dest of the client")
        t.equal(sum(service.persistent()), 1, "templates")
    t.director.ipvsadm("-D", *service.name.split())
    wait.equals(lambda: t.director.conns(service.vip, service.port), [], 8, "connections and templates")


@test
def abort_changes_nothing(t):
    """What a refused batch would have done to a persistent service is not to be seen."""
    service = Persistent(t, options="-p 600")
    client = service.clients[0]
    dest, _ = service.send(client, 5670)
    result = t.director.ipvsadm("-R", check=False, stdin=f"-E {service.name} -s rr\n-d {service.dest(0)}\n-d {service.dest(0)}\n")
    t.equal(result.code != 0, True, "the batch is refused")
    t.equal({service.send(client, sport)[0] for sport in range(5671, 5675)}, {dest}, "dests of the client")


@test(af=FAMILIES)
def nodest_connections_end(t, af):
    """With expire_nodest_conn a deleted dest's connections end, and their clients are served by another one."""
    service = Persistent(t, af=af, options="")
    client = service.clients[0]
    dest, _ = service.send(client, 5680)
    sysctl(t, expire_nodest_conn=1)
    t.director.rules(f"-d {service.dest(service.rips.index(dest))}")
    t.equal(service.send(client, 5680)[0] != dest, True, "another dest for the same flow")
    t.equal(len(t.director.conns(service.vip, service.port)), 1, "connections")


@test(reuse=(0, 1))
def begins_anew_at_weight_0(t, reuse):
    """With expire_nodest_conn a SYN of a connection whose dest got weight 0 goes elsewhere at once, whatever its state."""
    service = Persistent(t, proto="tcp", options="")
    client = service.clients[0]
    dests = {sport: service.send(client, sport)[0] for sport in (5685, 5686)}
    t.equal(service.send(client, 5686, flags=packet.ACK)[0], dests[5686], "the dest of a connection that goes on")
    sysctl(t, conn_reuse_mode=reuse)
    t.director.rules(*[f"-e {service.dest(service.rips.index(dest))} -m -w 0" for dest in dests.values()])
    other, = set(service.rips) - set(dests.values())
    t.equal({sport: service.send(client, sport)[0] for sport in dests}, dests, "dests of the same SYNs without the sysctl")
    sysctl(t, expire_nodest_conn=1)
    t.equal(service.send(client, 5686, flags=packet.ACK)[0], dests[5686], "the dest of a connection that goes on")
    t.equal({service.send(client, sport)[0] for sport in dests}, {other}, "dests of the same SYNs")
    t.equal(len(t.director.conns(service.vip, service.port)), 2, "connections")


@test
def nodest_connections_are_swept(t):
    """The same without a packet: they are gone soon after the dest."""
    sysctl(t, expire_nodest_conn=1)
    service = Persistent(t, options="")
    dests = [service.send(service.clients[0], sport)[0] for sport in range(5690, 5696)]
    t.director.rules(f"-d {service.dest(0)}")
    wait.equals(lambda: sorted({c["dest"] for c in t.director.conns(service.vip, service.port)}), service.rips[1:], 4,
                f"dests of the connections left of {dests}")
    t.equal(sum(d["inactive"] for d in service.dests().values()), 4, "inactive connections")


@test
def real_clients(t):
    """Two real clients' TCP connections, a hundred each, all reach the server that each began with."""
    vip, port = VIPS[4]["nat"], t.port()
    for index in range(3):
        t.closing(Server(t.lab.rs[index], "tcp", Lab.RS[4][index], port, f"rs{index}"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m") for rip in Lab.RS[4]], "-p 60")
    names = {}
    for source in ("10.0.0.3", "10.0.0.4"):
        for _ in range(100):
            with TcpClient(t.lab.client, vip, port, source=source) as client:
                names.setdefault(source, set()).add(client.exchange(100, 100))
    t.equal([len(found) for found in names.values()], [1, 1], f"servers of each client: {names}")
    t.equal(sum(d["persist"] for d in t.director.dests("tcp", vip, port).values()), 2, "templates")


def busy(t, wire, vip, port, first):
    """Datagrams of many clients, without end."""
    packets = [packet.udp(f"10.9.{i // 200}.{1 + i % 200}", 6000 + turn, vip, port, b"x")
               for turn in range(3) for i in range(first, first + 400)]
    return t.closing(Flood(wire, packets))


@test(timeout=150)
def unload_under_traffic(t):
    """The module goes while clients make templates, again and again; afterwards nothing is left."""
    vip, port = VIPS[4]["other"], t.port()
    lines = [f"-A -u {vip}:{port} -s wrr -p 600"] + [f"-a -u {vip}:{port} -r {rip}:{port} -m" for rip in Lab.GHOST_RS[4]]
    flood = busy(t, t.lab.outside, vip, port, 0)
    for _ in range(5):
        t.lab.reload()
        t.lab.director.rules(*lines)
        wait.until(lambda: sum(d["persist"] for d in t.lab.director.dests("udp", vip, port).values()) > 300, 30, "templates")
    flood.close()
    t.lab.reload()
    t.equal(t.lab.director.conns(), [], "connections of a module just loaded")


@test(timeout=300)
def changes_under_traffic(t):
    """Dests and the service come and go while clients make connections; then everything goes, down to the last count."""
    short_lives(t, udp=2)
    vip, port = VIPS[4]["other"], t.port()
    rips = Lab.GHOST_RS[4]
    service = f"-u {vip}:{port}"
    lines = [f"-A {service} -s wrr -p 3"] + [f"-a {service} -r {rip}:{port} -m" for rip in rips]
    t.director.rules(*lines)
    flood = busy(t, t.lab.outside, vip, port, 0)
    for turn in range(10):
        rip = rips[turn % 3]
        t.director.rules(f"-e {service} -r {rip}:{port} -m -w 0", f"-d {service} -r {rips[turn % 2]}:{port}")
        if turn % 5 == 4:
            t.director.ipvsadm("-C")
            t.director.rules(*lines)
        else:
            t.director.rules(f"-a {service} -r {rips[turn % 2]}:{port} -m", f"-e {service} -r {rip}:{port} -m -w 1")
    t.equal(bool(flood.running()), True, "the flood goes on")
    flood.close()

    def left():
        dests = t.director.dests("udp", vip, port).values()
        return [(d["active"], d["inactive"], d["persist"]) for d in dests], t.director.conns(vip, port)
    wait.equals(left, ([(0, 0, 0)] * 3, []), 90, "counts and connections when all is quiet", step=0.5)


@test(timeout=100)
def namespace_deleted_under_traffic(t):
    """A namespace goes with its templates, and takes its links along."""
    ns, generator = Namespace("island"), t.lab.router
    run("ip", "link", "add", "eth0", "netns", ns.name, "type", "veth", "peer", "name", "island", "netns", generator.name)
    ns.sysctl(ipv4__ip_forward=1)
    ns.ip("link set lo up", "link set eth0 up", "addr add 192.0.2.1/32 dev lo", "addr add 10.77.0.1/24 dev eth0",
          "neigh add 10.77.0.2 lladdr 02:00:00:00:00:01 dev eth0 nud permanent", "route add default via 10.77.0.2")
    generator.ip("link set island up")
    director = Director(ns)
    director.rules("-A -u 192.0.2.1:53 -s rr -p 100", "-a -u 192.0.2.1:53 -r 10.77.0.2:53 -g", "-A -f 5 -s rr -p 100",
                   "-a -f 5 -r 10.77.0.2:0 -g", "-A -u 192.0.2.1:0 -s rr -p 10", "-a -u 192.0.2.1:0 -r 10.77.0.2:0 -g")
    wire = t.closing(Wire(generator, "island", ns.mac("eth0")))
    flood = busy(t, wire, "192.0.2.1", 53, 0)
    wait.until(lambda: director.dests("udp", "192.0.2.1", 53)["10.77.0.2"]["persist"] > 300, 30, "templates")
    director.close()
    ns.delete()
    wait.until(lambda: "island" not in generator.read("/proc/net/dev"), 60, "the link has gone", step=0.2)
    flood.close()
