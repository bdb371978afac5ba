# SPDX-License-Identifier: GPL-2.0-or-later
"""iptables -m ipvs: rules tell the director's packets from others, and by their connections. xt_lvs.ko, or mainline's xt_ipvs."""
import os
import re

import ftp
from fullnat import fullnat_service, local_addresses
from lib import firewall, ipvs, kernel, packet, wait
from lib.daemons import directory
from lib.flood import Flood, assorted, rules_for
from lib.harness import test
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.record import run
from lib.traffic import Server, TcpClient, UdpClient

FAMILIES = (4, 6)
MODULE = {"lvs": "xt_lvs", "ip_vs": "xt_ipvs"}[ipvs.MODULE]
METHODS = {"nat": "MASQ", "dr": "GATE", "tun": "IPIP"}


def insert():
    if ipvs.MODULE == "lvs":
        run("modprobe", "-a", "x_tables")
        run("insmod", os.path.join(os.path.dirname(os.path.realpath(kernel.module_path())), f"{MODULE}.ko"))
    else:
        run("modprobe", MODULE)


def load(t):
    """The match is there for the test; the rules that use it must go before."""
    insert()
    t.cleanup(run, "rmmod", MODULE)


def count(t, af, **rules):
    """
    From now on rules of those names count what leaves the director and matches. Returns a function that tells which of them
    have met a packet.
    """
    load(t)
    ns = t.lab.director_ns
    t.cleanup(firewall.flush, ns, af, "mangle")
    firewall.rules(ns, af, "mangle", *[f"-A POSTROUTING {rule} -m comment --comment {name}" for name, rule in rules.items()])

    def met():
        text = ns.run(f"{firewall.iptables(af)}-save", "-c", "-t", "mangle").out
        return {name for packets, name in re.findall(r'(?m)^\[(\d+):\d+\] -A .*--comment "?(\w+)"?', text) if int(packets)}
    return met


def questions(proto, vip, port, method):
    """Rules that match requests of this service, and rules that differ from them in one thing."""
    other = {"tcp": "udp", "udp": "tcp"}[proto]
    wrong = {"MASQ": "GATE", "GATE": "MASQ", "IPIP": "MASQ"}[method]
    width = 128 if ":" in vip else 32
    right = {
        "proto": f"-m ipvs --vproto {proto}", "vaddr": f"-m ipvs --vaddr {vip}", "vport": f"-m ipvs --vport {port}",
        "net": f"-m ipvs --vaddr {vip}/{width - 8}", "method": f"-m ipvs --vmethod {method}",
        "all": f"-m ipvs --vproto {proto} --vaddr {vip} --vport {port} --vmethod {method}",
        "not_others": f"-m ipvs ! --vproto {other} ! --vport {port + 1} ! --vmethod {wrong}",
        "no_control": "-m ipvs ! --vportctl 21",
    }
    false = {
        "other_proto": f"-m ipvs --vproto {other}", "other_vport": f"-m ipvs --vport {port + 1}",
        "other_vaddr": "-m ipvs --vaddr " + ("2001:db8:77::1" if ":" in vip else "198.18.0.1"),
        "other_method": f"-m ipvs --vmethod {wrong}", "not_vaddr": f"-m ipvs ! --vaddr {vip}",
        "one_wrong": f"-m ipvs --vproto {proto} --vaddr {vip} --vport {port + 1}", "control": "-m ipvs --vportctl 21",
    }
    return right, false


def talk(t, proto, vip, port, ns=None):
    if proto == "tcp":
        with TcpClient(ns or t.lab.client, vip, port) as client:
            client.exchange(20000, 20000)
    else:
        t.closing(UdpClient(ns or t.lab.client, vip, port)).name()


@test(method=("nat", "dr"), proto=("tcp", "udp"), af=FAMILIES, lvs_only=True)
def requests(t, method, proto, af):
    """Requests by NAT and DR are known by protocol, virtual address, port and method, and by what they are not."""
    vip, port, rip = VIPS[af][method], t.port(), Lab.RS[af][0]
    t.closing(Server(t.lab.rs[0], proto, rip if method == "nat" else vip, port, method))
    t.director.service(proto, vip, port, "rr", [(rip, port, METHOD_OPTION[method])])
    right, false = questions(proto, vip, port, METHODS[method])
    met = count(t, af, own="-m ipvs --ipvs -o back", **{name: f"-o back {rule}" for name, rule in {**right, **false}.items()})
    t.equal(met(), set(), "rules that met a packet before there was one")
    talk(t, proto, vip, port)
    t.equal(met(), {"own", *right}, "rules that met a packet")


@test(af=FAMILIES)
def nat_requests(t, af):
    """The same for what mainline's match knows, too: requests by NAT."""
    vip, port, rip = VIPS[af]["nat"], t.port(), Lab.RS[af][0]
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "nat"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")])
    right, false = questions("tcp", vip, port, "MASQ")
    right.pop("no_control")
    met = count(t, af, own="-m ipvs --ipvs -o back", **{name: f"-o back {rule}" for name, rule in {**right, **false}.items()})
    talk(t, "tcp", vip, port)
    t.equal(met(), {"own", *right}, "rules that met a packet")


@test(af=FAMILIES)
def others(t, af):
    """What the director only routes, and sends itself, is none of its services'."""
    vip, port, rip = VIPS[af]["nat"], t.port(), Lab.RS[af][0]
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "direct"))
    t.director.service("tcp", vip, t.port(), "rr", [(rip, port, "-m")])
    t.lab.client.ip(f"route add {rip} via {Lab.ROUTER_CLIENT[af]}")
    t.cleanup(t.lab.client.ip, f"route del {rip}")
    met = count(t, af, ours="-m ipvs --ipvs", proto="-m ipvs --vproto tcp", method="-m ipvs ! --vmethod GATE",
                theirs=f"-p tcp -m ipvs ! --ipvs --dport {port}")
    talk(t, "tcp", rip, port, t.lab.director_ns)
    t.equal(met(), {"theirs"}, "rules that met a packet")


@test(method=("tun", "fullnat"), af=FAMILIES, lvs_only=True)
def other_methods(t, method, af):
    """By FULLNAT packets count as masqueraded; of a tunnel's it is known that they are the director's."""
    rip, port = Lab.RS[af][0], t.port()
    if method == "fullnat":
        t.closing(Server(t.lab.rs[0], "tcp", rip, port, method))
        vip, port, _ = fullnat_service(t, "tcp", af, rip, port, local_addresses(t, af))
        right, false = questions("tcp", vip, port, "MASQ")
    else:
        vip = VIPS[af]["tun"]
        t.closing(Server(t.lab.rs[0], "tcp", vip, port, method))
        t.director.service("tcp", vip, port, "rr", [(rip, port, "-i")])
        right, false = {}, questions("tcp", vip, port, "IPIP")[0]
    met = count(t, af, own="-m ipvs --ipvs -o back", **{name: f"-o back {rule}" for name, rule in {**right, **false}.items()})
    talk(t, "tcp", vip, port)
    t.equal(met(), {"own", *right}, "rules that met a packet")


@test(tracked=(0, 1), lvs_only=True)
def directions(t, tracked):
    """Replies are known as well, and told from requests, with conntrack and without."""
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__conntrack=0))
    t.lab.director_ns.sysctl(ipv4__vs__conntrack=tracked)
    vip, port, rip = VIPS[4]["nat"], t.port(), Lab.RS[4][0]
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "nat"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")])
    rule = f"-m ipvs --vaddr {vip} --vport {port} --vdir"
    met = count(t, 4, there=f"-o back {rule} ORIGINAL", here=f"-o front {rule} REPLY",
                never_there=f"-o back {rule} REPLY", never_here=f"-o front {rule} ORIGINAL")
    talk(t, "tcp", vip, port)
    t.equal(met(), {"there", "here"}, "rules that met a packet")


@test(af=FAMILIES)
def translated_source(t, af):
    """The rule that people write who have no gateway to give: real servers see the director, and answer it."""
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__conntrack=0))
    t.lab.director_ns.sysctl(ipv4__vs__conntrack=1)
    vip, port, rip, ns = VIPS[af]["nat"], t.port(), Lab.RS[af][0], t.lab.director_ns
    if not firewall.lists_entries(ns):
        t.skip("this kernel has no NAT of its own")
    server = t.closing(Server(t.lab.rs[0], "tcp", rip, port, "nat"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")])
    load(t)
    t.cleanup(firewall.flush, ns, af, "nat")
    firewall.rules(ns, af, "nat", f"-A POSTROUTING -m ipvs --vaddr {vip} --vport {port} -j SNAT --to-source {Lab.BACK[af]}")
    with TcpClient(t.lab.client, vip, port) as client:
        client.exchange(50000, 50000)
        t.equal([sock.getpeername()[0] for sock in server.open], [Lab.BACK[af]], "whom the server sees")


@test(how=("pasv", "eprt"), lvs_only=True, timeout=120)
def ftp_data(t, how):
    """Data connections of FTP are known by the port of the control connection that they were agreed on by."""
    vip, daemons = ftp.servers(t, 4, count=1)
    met = count(t, 4, data="-o back -m ipvs --vportctl 21", control="-o back -m ipvs --vport 21",
                both="-o back -m ipvs --vport 21 --vportctl 21", other="-o back -m ipvs --vportctl 22")
    path = f"{directory(t)}/file"
    ftp.curl(t, *ftp.CURL[how], ftp.url(vip, "file"), "-o", path)
    t.equal(ftp.read(path) == ftp.read(f"{daemons[0].files}/file"), True, "the file")
    t.equal(met(), {"data", "control"}, "rules that met a packet")


@test(lvs_only=True)
def persistent(t):
    """Connections of a persistent service have its template's port."""
    vip, port, rip = VIPS[4]["nat"], t.port(), Lab.RS[4][0]
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "nat"))
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")], "-p 60")
    met = count(t, 4, its=f"-o back -m ipvs --vportctl {port}", other=f"-o back -m ipvs --vportctl {port + 1}")
    talk(t, "tcp", vip, port)
    t.equal(met(), {"its"}, "rules that met a packet")


@test(lvs_only=True)
def no_flow(t):
    """ICMP errors that the director passes on are its own, but of no connection to rules; pieces and lies neither."""
    vip, port, rip = VIPS[4]["nat"], t.port(), Lab.GHOST_RS[4][0]
    t.director.service("udp", vip, port, "rr", [(rip, port, "-m")])
    met = count(t, 4, own="-p icmp -m ipvs --ipvs", flow="-p icmp -m ipvs ! --vproto tcp", request="-p udp -m ipvs --vport " + str(port))
    t.lab.inside.drain()
    t.lab.outside.drain()
    client = Lab.GHOST_CLIENT[4]
    t.lab.outside.send(packet.udp(client, 4000, vip, port, b"question"))
    t.lab.inside.receive(lambda p: p.flow == (client, 4000, rip, port), 5, "the request")
    t.lab.inside.send(packet.icmp(rip, client, 3, 3, packet.udp(client, 4000, rip, port, b"question")))
    t.lab.outside.receive(lambda p: p.dst == client and p.quote, 5, "the error")
    t.equal(met(), {"own", "request"}, "rules that met a packet")


@test(timeout=120, lvs_only=True)
def stays_while_it_is_used(t):
    """Under traffic: the director stays while the match does, the match while a rule has it; then it goes and comes back."""
    lab, ports, ns = t.lab, [t.port() for _ in range(3)], t.lab.director_ns
    t.director.rules(*rules_for(VIPS[4]["other"], ports, Lab.GHOST_RS[4]))
    t.closing(Flood(lab.outside, assorted(VIPS[4]["other"], Lab.GHOST_CLIENT[4], ports)))
    load(t)
    t.cleanup(firewall.flush, ns, 4, "mangle")
    for _ in range(5):
        before = t.director.totals()["inpkts"]
        firewall.rules(ns, 4, "mangle", "-A POSTROUTING -m ipvs ! --vproto sctp --vdir ORIGINAL", "-A FORWARD -m ipvs --vport 1")
        wait.until(lambda: t.director.totals()["inpkts"] > before + 200, 30, "traffic goes through")
        t.equal([run("rmmod", name, check=False).code for name in (MODULE, ipvs.MODULE)], [1, 1], "exit codes of rmmod")
        firewall.flush(ns, 4, "mangle")
        run("rmmod", MODULE)
        insert()
