# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's connection tracking beside the director: net.ipv4.vs.conntrack off and on, firewalls' rules, and iptables' NAT."""
import contextlib
import os
import socket

import ftp
import ftp_fullnat
from forwarding import ghost_service
from fullnat import fullnat_service, local_addresses
from lib import firewall, ipvs, kernel, packet, patience, wait
from lib.daemons import directory
from lib.flood import Flood, assorted, rules_for
from lib.harness import Test, test
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.namespace import Namespace
from lib.record import run
from lib.traffic import Server, TcpClient, UdpClient
from states import Conversation
from stress import Island

FAMILIES = (4, 6)
PROTOS = ("tcp", "udp")
MARK = "0x4000"
TRACKED = {"NEW", "ESTABLISHED"}


def rules(t, af, table, *lines):
    """Puts rules into a table of the director's for the test."""
    t.cleanup(firewall.flush, t.lab.director_ns, af, table)
    firewall.rules(t.lab.director_ns, af, table, *lines)


def conntrack(t, on, entries=True):
    """The sysctl; a test that looks at @entries is skipped on a kernel that does not list them."""
    if entries and not firewall.lists_entries(t.lab.director_ns):
        t.skip("this kernel does not list conntrack's entries")
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__conntrack=0))
    t.lab.director_ns.sysctl(ipv4__vs__conntrack=int(on))


def watch(t, af, proto, *ports):
    """Begins to count packets by their states. Returns a function that tells {chain: states that there were}."""
    t.cleanup(firewall.flush, t.lab.director_ns, af, "mangle")
    firewall.watch(t.lab.director_ns, af, proto, *ports)
    return lambda: {chain: set(states) for chain, states in firewall.seen(t.lab.director_ns, af).items()}


def entries(t, af, proto, *ports):
    return firewall.entries(t.lab.director_ns, af, proto, *ports)


def talk(t, proto, vip, port, exchanges=2):
    """A client that has spoken with the server, and stays."""
    if proto == "tcp":
        client = t.closing(TcpClient(t.lab.client, vip, port))
        for _ in range(exchanges):
            client.exchange(50000, 50000)
    else:
        client = t.closing(UdpClient(t.lab.client, vip, port))
        for _ in range(exchanges):
            client.name()
    return client.socket.getsockname()[1]


def serve(t, proto, method, af):
    """A service with one real server. Returns VIP, port, the server's address and port."""
    vip, port, rip = VIPS[af][method], t.port(), Lab.RS[af][0]
    rport = t.port() if method == "nat" else port
    server = t.closing(Server(t.lab.rs[0], proto, rip if method == "nat" else vip, rport, method))
    t.director.service(proto, vip, port, "rr", [(rip, rport, METHOD_OPTION[method])])
    return vip, port, rip, rport, server


@test(method=("nat", "dr"), proto=PROTOS, af=FAMILIES, lvs_only=True)
def off(t, method, proto, af):
    """By default conntrack has no entry of forwarded packets; behind the director they are UNTRACKED to rules."""
    conntrack(t, False)
    t.equal(t.lab.director_ns.read("/proc/sys/net/ipv4/vs/conntrack"), "0\n", "the sysctl")
    vip, port, _, rport, _ = serve(t, proto, method, af)
    seen = watch(t, af, proto, port, rport)
    talk(t, proto, vip, port)
    t.equal(entries(t, af, proto, port, rport), [], "entries")
    chains = seen()
    t.equal((chains["OUTPUT"], chains["POSTROUTING"]), ({"UNTRACKED"}, {"UNTRACKED"}), "states behind the director")
    t.equal(bool(chains["INPUT"]), True, "the rules count")


@test(method=("tun", "fullnat"), proto=PROTOS, lvs_only=True)
def off_of_other_methods(t, method, proto):
    """The same by TUN, where the tunnel's packets make no entry either, and by FULLNAT."""
    conntrack(t, False)
    if method == "tun":
        vip, port, rip, rport, _ = serve(t, proto, method, 4)
    else:
        rip, rport = Lab.RS[4][0], t.port()
        t.closing(Server(t.lab.rs[0], proto, rip, rport, method))
        vip, port, _ = fullnat_service(t, proto, 4, rip, rport, local_addresses(t, 4))
    watch(t, 4, proto, port, rport)
    t.lab.director_ns.run("conntrack", "-F")  # what other tests have left
    talk(t, proto, vip, port)
    text = t.lab.director_ns.run("conntrack", "-L").out
    t.equal([line for line in text.splitlines() if rip in line or vip in line], [], "entries")


def equal_state(t, proto, entry):
    """Both sides have spoken. UDP's entries are assured after two seconds only."""
    t.equal("UNREPLIED" in entry.flags, False, "unreplied")
    if proto == "tcp":
        t.equal((entry.state, entry.flags), ("ESTABLISHED", {"ASSURED"}), "state")


@test(proto=PROTOS, af=FAMILIES)
def nat(t, proto, af):
    """One entry a connection, as the packets are on both sides; before and behind the director both ways are established."""
    conntrack(t, True)
    vip, port, rip, rport, _ = serve(t, proto, "nat", af)
    seen = watch(t, af, proto, port, rport)
    cport = talk(t, proto, vip, port)
    client = Lab.CLIENT[af]
    entry, = entries(t, af, proto, port, rport)
    t.equal((entry.orig, entry.reply), ((client, cport, vip, port), (rip, rport, client, cport)), "tuples")
    equal_state(t, proto, entry)
    t.equal(seen(), {"PREROUTING": TRACKED, "INPUT": TRACKED, "FORWARD": {"ESTABLISHED"}, "OUTPUT": TRACKED,
                     "POSTROUTING": TRACKED}, "states")


@test(proto=PROTOS, af=FAMILIES, lvs_only=True)
def fullnat(t, proto, af):
    """The reply's tuple ends at the local address, and TCP's shifted numbers are not taken for invalid ones."""
    conntrack(t, True)
    rip, rport, laddr = Lab.RS[af][0], t.port(), local_addresses(t, af)
    t.closing(Server(t.lab.rs[0], proto, rip, rport, "fullnat"))
    vip, port, _ = fullnat_service(t, proto, af, rip, rport, laddr)
    seen = watch(t, af, proto, port, rport)
    cport = talk(t, proto, vip, port, 5)
    entry, = entries(t, af, proto, port, rport)
    t.equal((entry.orig, entry.reply[:3]), ((Lab.CLIENT[af], cport, vip, port), (rip, rport, laddr[0])), "tuples")
    t.equal(entry.reply[3] != cport, True, "a port of the local address's")
    equal_state(t, proto, entry)
    t.equal(seen(), {"PREROUTING": TRACKED, "INPUT": TRACKED, "FORWARD": set(), "OUTPUT": TRACKED,
                     "POSTROUTING": TRACKED}, "states")


@test(method=("dr", "tun"), af=FAMILIES)
def replies_elsewhere(t, method, af):
    """By DR and TUN conntrack sees the client alone: an entry that nobody replied to."""
    conntrack(t, True)
    vip, port, _, rport, _ = serve(t, "udp", method, af)
    seen = watch(t, af, "udp", port, rport)
    cport = talk(t, "udp", vip, port)
    client = Lab.CLIENT[af]
    entry, = entries(t, af, "udp", port)
    t.equal((entry.orig, entry.reply), ((client, cport, vip, port), (vip, port, client, cport)), "tuples")
    t.equal(entry.flags, {"UNREPLIED"}, "flags")
    behind = {"NEW"} if method == "dr" else set()
    t.equal(seen(), {"PREROUTING": {"NEW"}, "INPUT": {"NEW"}, "FORWARD": set(), "OUTPUT": behind, "POSTROUTING": behind},
            "states")
    tunnels = [line for line in t.lab.director_ns.run("conntrack", "-L", "-f", f"ipv{af}").out.splitlines()
               if line.startswith("unknown") and Lab.RS[af][0] in line]
    t.equal(len(tunnels), int(method == "tun"), "entries of the tunnel")


@test(method=("dr", "tun"))
def replies_elsewhere_tcp(t, method):
    """The same with TCP: what conntrack finds invalid arrives nevertheless."""
    conntrack(t, True)
    vip, port, _, rport, _ = serve(t, "tcp", method, 4)
    watch(t, 4, "tcp", port, rport)
    cport = talk(t, "tcp", vip, port)
    entry, = entries(t, 4, "tcp", port)
    t.equal((entry.orig, entry.flags), ((Lab.CLIENT[4], cport, vip, port), {"UNREPLIED"}), "tuple and flags")


@test(proto=PROTOS, af=FAMILIES)
def masquerade(t, proto, af):
    """Behind the director MASQUERADE takes packets by their mark: the server sees the director, replies reach the client."""
    conntrack(t, True)
    vip, port, rip, rport, server = serve(t, proto, "nat", af)
    rules(t, af, "mangle", f"-A PREROUTING -d {vip} -p {proto} --dport {port} -j MARK --set-mark {MARK}")
    rules(t, af, "nat", f"-A POSTROUTING -m mark --mark {MARK} -j MASQUERADE")
    cport = talk(t, proto, vip, port)
    entry, = entries(t, af, proto, port, rport)
    t.equal((entry.orig, entry.reply[:3]), ((Lab.CLIENT[af], cport, vip, port), (rip, rport, Lab.BACK[af])), "tuples")
    if proto == "tcp":
        peer, = [sock.getpeername()[0] for sock in server.open]
        t.equal(peer, Lab.BACK[af], "whom the server sees")


@test
def client_on_the_director(t):
    """A client of the director's own, and a server: entries are as consistent."""
    conntrack(t, True)
    vip, port, rip, rport, _ = serve(t, "tcp", "nat", 4)
    seen = watch(t, 4, "tcp", port, rport)
    with TcpClient(t.lab.director_ns, vip, port, source=Lab.FRONT[4]) as client:
        client.exchange(50000, 50000)
        entry, = entries(t, 4, "tcp", port, rport)
        here = (Lab.FRONT[4], client.port)
        t.equal((entry.orig, entry.reply), ((*here, vip, port), (rip, rport, *here)), "tuples")
    t.equal({state for states in seen().values() for state in states}, TRACKED, "states")


@test
def server_on_the_director(t):
    """The dest is an address of the director's own."""
    conntrack(t, True)
    vip, port, rport, rip = VIPS[4]["local"], t.port(), t.port(), Lab.BACK[4]
    t.closing(Server(t.lab.director_ns, "tcp", rip, rport, "local"))
    t.director.service("tcp", vip, port, "rr", [(rip, rport, "-m")])
    seen = watch(t, 4, "tcp", port, rport)
    cport = talk(t, "tcp", vip, port)
    entry, = entries(t, 4, "tcp", port, rport)
    t.equal((entry.orig, entry.reply), ((Lab.CLIENT[4], cport, vip, port), (rip, rport, Lab.CLIENT[4], cport)), "tuples")
    t.equal({state for states in seen().values() for state in states}, TRACKED, "states")


@test
def one_packet(t):
    """Datagrams of a one-packet service go round, although conntrack has one entry for them."""
    conntrack(t, True)
    vip, port, client, rport = VIPS[4]["other"], t.port(), Lab.GHOST_CLIENT[4], t.port()
    rips = Lab.GHOST_RS[4][:2]
    t.director.service("udp", vip, port, "rr", [(rip, rport, "-m") for rip in rips], "-o")
    watch(t, 4, "udp", port, rport)
    t.lab.inside.drain()
    dests = []
    for _ in range(4):
        t.lab.outside.send(packet.udp(client, 6000, vip, port, b"x"))
        dests.append(t.lab.inside.receive(lambda p: p.sport == 6000).dst)
    t.equal(sorted(dests), sorted(rips * 2), "dests")
    entry, = entries(t, 4, "udp", port, rport)
    t.equal((entry.orig, entry.reply), ((client, 6000, vip, port), (vip, port, client, 6000)), "tuples")


@test(af=FAMILIES)
def errors_are_related(t, af):
    """An ICMP error about a datagram is RELATED, and reaches the client."""
    conntrack(t, True, entries=False)
    vip, port, rip, rport = ghost_service(t, "udp", "nat", af)
    icmp, kind = ("icmp", (3, 3)) if af == 4 else ("ipv6-icmp", (1, 4))
    rules(t, af, "mangle", f"-A FORWARD -p {icmp} -m conntrack --ctstate RELATED -j MARK --set-mark {MARK}",
          f"-A FORWARD -p {icmp} -m mark ! --mark {MARK} -j DROP")
    client = Lab.GHOST_CLIENT[af]
    t.lab.outside.send(packet.udp(client, 6100, vip, port, b"x"))
    got = t.lab.inside.receive(lambda p: p.dst == rip)
    t.lab.inside.send(packet.icmp(rip, client, *kind, got.data))
    error = t.lab.outside.receive(lambda p: p.dst == client, what="the error")
    t.equal((error.src, error.kind, error.code, error.quote.flow), (vip, *kind, (client, 6100, vip, port)), "the error")


@test(proto=PROTOS)
def entry_ends_with_the_connection(t, proto):
    """An expired connection takes its entry with it, however long that one would stay by itself."""
    conntrack(t, True)
    t.director.ipvsadm("--set", "3", "3", "3")
    t.cleanup(t.director.ipvsadm, "--set", "900", "120", "300")
    vip, port, _, rport, _ = serve(t, proto, "nat", 4)
    watch(t, 4, proto, port, rport)
    talk(t, proto, vip, port)
    t.equal(len(entries(t, 4, proto, port, rport)), 1, "entries")
    wait.equals(lambda: t.director.conns(vip, port), [], 10, "connections")
    wait.equals(lambda: entries(t, 4, proto, port, rport), [], 2, "entries without a connection")


@test
def connection_outlives_the_switch(t):
    """What began untracked remains so, what began tracked too; each loses its entry in the end."""
    conntrack(t, False)
    vip, port, _, rport, _ = serve(t, "tcp", "nat", 4)
    watch(t, 4, "tcp", port, rport)
    with TcpClient(t.lab.client, vip, port) as before:
        before.exchange(1000, 1000)
        conntrack(t, True)
        before.exchange(1000, 1000)
        t.equal(entries(t, 4, "tcp", port, rport), [], "entries")
        with TcpClient(t.lab.client, vip, port) as tracked:
            tracked.exchange(1000, 1000)
            t.lab.director_ns.sysctl(ipv4__vs__conntrack=0)
            before.exchange(1000, 1000)
            tracked.exchange(1000, 1000)
            t.equal([e.orig[1] for e in entries(t, 4, "tcp", port, rport)], [tracked.port], "ports of clients that are tracked")


@test(proto=PROTOS)
def forgotten_entry(t, proto):
    """conntrack -F in the middle of connections: the next packet makes an entry that fits, whoever sends it."""
    conntrack(t, True)
    vip, port, rip, rport = ghost_service(t, proto, "nat", 4)
    watch(t, 4, proto, port, rport)
    client, make = Lab.GHOST_CLIENT[4], (lambda *flow: packet.udp(*flow, b"x"))
    if proto == "tcp":
        def make(*flow, flags=packet.ACK):
            return packet.tcp(*flow, flags)

    def request(**flags):
        t.lab.outside.send(make(client, 6200, vip, port, **flags))
        t.lab.inside.receive(lambda p: (p.src, p.sport, p.dst, p.dport) == (client, 6200, rip, rport))

    def reply(**flags):
        t.lab.inside.send(make(rip, rport, client, 6200, **flags))
        t.lab.outside.receive(lambda p: (p.src, p.sport, p.dst, p.dport) == (vip, port, client, 6200))

    def tuples():
        entry, = entries(t, 4, proto, port, rport)
        return entry.orig, entry.reply

    outside, inside = (client, 6200, vip, port), (rip, rport, client, 6200)
    tcp = proto == "tcp"
    request(**({"flags": packet.SYN} if tcp else {}))
    reply(**({"flags": packet.SYN | packet.ACK} if tcp else {}))
    request()
    t.equal(tuples(), (outside, inside), "tuples")
    t.lab.director_ns.run("conntrack", "-F")
    request()
    reply()
    t.equal(tuples(), (outside, inside), "tuples after the client's packet")
    t.lab.director_ns.run("conntrack", "-F")
    reply()
    request()
    t.equal(tuples(), (inside, outside), "tuples after the server's packet")


def end(talk, sport, rip, steps):
    for step in steps.split():
        talk.from_client(sport, step[1:]) if step[0] == "c" else talk.from_server(sport, step[1:], rip)


@test(way=("plain", "nat"), steps=("cA sFA cFA cA", "cA cFA sFA cA", "cA cR", "cA sR"), lvs_only=True)
def reused_port(t, way, steps):
    """A SYN of a port used before goes to another dest at once, with an entry of its own, also where iptables has NAT."""
    conntrack(t, True)
    conversation = Conversation(t, dests=2)
    client, port, rport = conversation.client, conversation.port, conversation.rport
    watch(t, 4, "tcp", port, rport)
    if way == "nat":
        # What is past the director is not for the rules about this host's own packets.
        rules(t, 4, "nat", f"-A POSTROUTING -p tcp --dport {rport} -j SNAT --to-source {client}",
              f"-A OUTPUT -p tcp --dport {rport} -j DNAT --to-destination {Lab.SINK[4]}")
    first = conversation.from_client(6300)
    conversation.from_server(6300, "SA", first)
    end(conversation, 6300, first, steps)
    second = conversation.from_client(6300)
    t.equal(second, next(rip for rip in conversation.rips if rip != first), "the dest of the SYN")
    conversation.from_server(6300, "SA", second)
    conversation.from_client(6300, "A")
    entry, = entries(t, 4, "tcp", port, rport)
    t.equal((entry.orig, entry.reply, entry.state),
            ((client, 6300, conversation.vip, port), (second, rport, client, 6300), "ESTABLISHED"), "the entry")


@test(lvs_only=True)
def entry_of_another_time(t):
    """An entry that was left when the module went does not lead a new connection astray."""
    conntrack(t, True)
    conversation = Conversation(t)
    watch(t, 4, "udp", conversation.port, conversation.rport)
    watch(t, 4, "tcp", conversation.port, conversation.rport)
    first = conversation.from_client(6400)
    conversation.from_server(6400, "SA", first)
    conversation.from_client(6400, "A")
    t.lab.reload()
    conntrack(t, True)
    left, = entries(t, 4, "tcp", conversation.port, conversation.rport)
    t.equal(left.reply[0], first, "the entry that was left")
    other = Lab.GHOST_RS[4][2]
    t.director.service("tcp", conversation.vip, conversation.port, "rr", [(other, conversation.rport, "-m")])
    t.equal(conversation.from_client(6400), other, "the dest")
    conversation.from_server(6400, "SA", other)
    entry, = entries(t, 4, "tcp", conversation.port, conversation.rport)
    t.equal(entry.reply, (other, conversation.rport, conversation.client, 6400), "the entry's replies")


@test
def translated_before_the_director(t):
    """Where DNAT leads to the virtual service, conntrack translates what follows the first packet, both ways."""
    conntrack(t, True)
    conversation = Conversation(t)
    port, rport = conversation.port, conversation.rport
    watch(t, 4, "tcp", port, rport)
    rules(t, 4, "nat", f"-A PREROUTING -p tcp -d {VIPS[4]['dr']} --dport {port} -j DNAT --to-destination {conversation.vip}")
    # The client speaks to another address, and hears of that one alone.
    conversation.vip = VIPS[4]["dr"]
    rip = conversation.from_client(6500)
    end(conversation, 6500, rip, "sSA cA sA cA")
    entry, = entries(t, 4, "tcp", port, rport)
    client = (conversation.client, 6500)
    t.equal((entry.orig, entry.reply), ((*client, VIPS[4]["dr"], port), (rip, rport, *client)), "tuples")


@test(lvs_only=True)
def reused_port_in_a_zone(t):
    """Zones are given in PREROUTING alone: there the SYN of a port used before is dropped once, and its repetition goes."""
    conntrack(t, True)
    conversation = Conversation(t, dests=2)
    port, rport = conversation.port, conversation.rport
    watch(t, 4, "tcp", port, rport)
    rules(t, 4, "raw", f"-A PREROUTING -p tcp -m multiport --ports {port},{rport} -j CT --zone 7")
    first = conversation.from_client(6600)
    end(conversation, 6600, first, "sSA cA sR")
    before = t.director.drops().get("conntrack", 0)
    t.lab.outside.send(conversation.make(6600))
    wait.equals(lambda: t.director.drops().get("conntrack", 0), before + 1, 5, "drops")
    second = conversation.from_client(6600)
    end(conversation, 6600, second, "sSA cA")
    entry, = entries(t, 4, "tcp", port, rport)
    client = (conversation.client, 6600)
    t.equal((entry.orig, entry.reply), ((*client, conversation.vip, port), (second, rport, *client)), "tuples")


@test(how=("pasv", "epsv", "port", "eprt"), method=("nat", "fullnat"), lvs_only=True, timeout=120)
def ftp_data(t, how, method):
    """FTP's connections are tracked, and none of their packets is invalid, whatever is replaced in them."""
    conntrack(t, True, entries=False)
    if method == "nat":
        vip, daemons = ftp.servers(t, 4, count=1)
    else:
        vip, _, daemons, _ = ftp_fullnat.servers(t, 4, count=1)
    rules(t, 4, "mangle", "-A PREROUTING -p tcp -m conntrack --ctstate INVALID -j DROP",
          "-A POSTROUTING -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j DROP")
    path = directory(t)
    ftp.curl(t, *ftp.CURL[how], ftp.url(vip, "file"), "-o", f"{path}/1", ftp.url(vip, "file"), "-o", f"{path}/2")
    t.equal([ftp.read(f"{path}/{n}") == ftp.read(f"{daemons[0].files}/file") for n in (1, 2)], [True, True], "the files")


@test(lvs_only=True)
def namespace_ends(t):
    """A namespace goes with connections that are tracked."""
    ns = Namespace("tracked")
    t.cleanup(ns.delete)
    ns.ip("link set lo up")
    ns.sysctl(ipv4__vs__conntrack=1)
    with contextlib.closing(ipvs.Director(ns)) as director:
        director.service("tcp", "127.0.0.1", 80, "rr", [("127.0.0.1", 8080, "-m")])
        with ns, socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 8080))
            server.listen()
            client.settimeout(patience.seconds(10))
            client.connect(("127.0.0.1", 80))
            t.equal(len(director.conns(port=80)), 1, "connections")
    ns.delete()


@test(lvs_only=True, timeout=200)
def namespaces_end_under_traffic(t):
    """Namespaces go while packets of connections arrive that are tracked."""
    generator = Namespace("generator")
    t.cleanup(generator.delete)
    islands = [Island(index, generator) for index in range(2)]
    for island in islands:
        t.closing(island.wire)
        island.ns.sysctl(ipv4__vs__conntrack=1)
        t.closing(island.flood())
        wait.until(lambda: island.director.totals()["inpkts"] > 500, 60, "traffic goes through")
        island.delete()


def references():
    with open("/sys/module/nf_conntrack/refcnt") as file:
        return int(file.read())


@test(lvs_only=True, timeout=300)
def unload_under_traffic(t):
    """The module goes in the middle of connections that are tracked, and leaves no reference to nf_conntrack behind."""
    conntrack(t, True, entries=False)
    lab, ports = t.lab, [t.port() for _ in range(3)]
    lines = rules_for(VIPS[4]["other"], ports, Lab.GHOST_RS[4]) + rules_for(VIPS[6]["other"], ports, Lab.GHOST_RS[6])
    t.closing(Flood(lab.outside, [p for af in FAMILIES for p in assorted(VIPS[af]["other"], Lab.GHOST_CLIENT[af], ports)]))
    lab.reload()
    before = references()
    for _ in range(5):
        lab.director_ns.sysctl(ipv4__vs__conntrack=1)
        t.equal(references() > before, True, "nf_conntrack is held")
        lab.director.rules(*lines)
        wait.until(lambda: lab.director.totals()["inpkts"] > 100, 60, "traffic goes through")
        lab.reload()
        t.equal(references(), before, "references to nf_conntrack")


def unload_conntrack():
    """All that uses nf_conntrack goes, and then it."""
    def gone(name):
        if kernel.loaded(name):
            for user in os.listdir(f"/sys/module/{name}/holders"):
                gone(user)
            run("rmmod", name, check=False)
        return not kernel.loaded(name)
    wait.until(lambda: gone("nf_conntrack"), 60, "nf_conntrack unloaded", step=0.5)


@test(lab=False, lvs_only=True, timeout=120)
def loaded_on_demand(t):
    """The module loads without nf_conntrack, which comes with the sysctl, and stays as long as the module may use it."""
    Test.drop_lab()
    kernel.remove()
    t.cleanup(lambda: kernel.loaded("lvs") or kernel.insert())
    unload_conntrack()
    run("insmod", kernel.module_path())
    t.equal((kernel.loaded("lvs"), kernel.loaded("nf_conntrack")), (True, False), "lvs and nf_conntrack loaded")
    ns = Namespace("demand")
    t.cleanup(ns.delete)
    ns.sysctl(ipv4__vs__conntrack=1)
    t.equal(kernel.loaded("nf_conntrack"), True, "nf_conntrack loaded")
    ns.sysctl(ipv4__vs__conntrack=0)
    t.equal(run("rmmod", "nf_conntrack", check=False).code != 0, True, "it cannot be unloaded")
    ns.delete()
    kernel.remove()
    unload_conntrack()
