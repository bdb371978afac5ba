# SPDX-License-Identifier: GPL-2.0-or-later
"""cache_bypass: a transparent proxy's packets, marked and taken in by a rule, for which no proxy is there."""
from lib import packet, wait
from lib.harness import test
from lib.lab import Lab
from lib.persistent import mark_packets

FAMILIES = (4, 6)
SETTING = "/proc/sys/net/ipv4/vs/cache_bypass"
MARK = 91


class Proxied:
    """A mark's service that gets what clients send to the origin, which is a host behind the director."""

    def __init__(self, t, af, options=""):
        self.t, self.client, self.origin, self.port = t, Lab.GHOST_CLIENT[af], Lab.GHOST_RS[af][0], t.port()
        ns, six = t.lab.director_ns, "-6 " if af == 6 else ""
        mark_packets(t, MARK, [self.port], af)
        what = [f"rule {{}} fwmark {MARK} lookup {MARK}", f"route {{}} local default dev lo table {MARK}"]
        ns.ip(*[six + line.format("add") for line in what])
        t.cleanup(ns.ip, *[six + line.format("del") for line in what])
        t.cleanup(ns.write, SETTING, "0")
        self.service = f"-f {MARK}" + (" -6" if af == 6 else "")
        t.director.ipvsadm("-A", *self.service.split(), "-s", "rr", *options.split())
        t.lab.inside.drain()
        t.lab.outside.drain()

    def switch(self, state):
        self.t.lab.director_ns.write(SETTING, state)

    def send(self, sport, proto="udp", dst=None):
        dst = dst or self.origin
        self.t.lab.outside.send(packet.udp(self.client, sport, dst, self.port, b"request", ttl=33) if proto == "udp" else
                                packet.tcp(self.client, sport, dst, self.port, packet.SYN, ttl=33))

    def arrival(self, sport):
        return self.t.lab.inside.receive(lambda p: p.sport == sport)

    def dropped(self, function):
        """How often nobody was there to serve a packet, meanwhile. IPv4 sends no errors in an origin's name."""
        before = self.t.director.drops()["no-dest"]
        function()
        wait.equals(lambda: self.t.director.drops()["no-dest"] - before, 1, what="no-dest drops")

    def conns(self, sport):
        return [c for c in self.t.director.conns(port=self.port) if c["cport"] == sport]


@test(lvs_only=True, af=FAMILIES, proto=("tcp", "udp"))
def without_a_dest(t, af, proto):
    """Off: it is refused. On: the packet goes on as it is, by a connection that lists no dest."""
    proxied = Proxied(t, af)
    proxied.dropped(lambda: proxied.send(8100, proto))
    proxied.switch("1")
    for _ in range(2):
        proxied.send(8101, proto)
        got = proxied.arrival(8101)
        t.equal((got.flow, got.ttl, got.valid), ((proxied.client, 8101, proxied.origin, proxied.port), 32, True), "what arrives")
    conn, = proxied.conns(8101)
    t.equal((conn["vip"], conn["vport"], conn["dest"], conn["dport"]),
            (proxied.origin, proxied.port, {4: "0.0.0.0", 6: "::"}[af], 0), "the connection")
    t.equal(conn["state"], {"tcp": "SYN_RECV", "udp": "UDP"}[proto], "its state")
    listed = [line.split() for line in t.director.ipvsadm("-Lnc").out.splitlines() if f":{proxied.port} " in line]
    t.equal([words[5] for words in listed], [{4: "0.0.0.0:0", 6: "[::]:0"}[af]], "the dest that ipvsadm lists")
    t.equal(t.director.services()[0]["stats"]["conns"], 0, "connections that the service counts")


@test(lvs_only=True, af=FAMILIES)
def with_a_dest_again(t, af):
    """Once there is a dest it gets new connections; those that bypass it stay as they are, switched off or not."""
    proxied = Proxied(t, af)
    proxied.switch("1")
    proxied.send(8110)
    t.equal(proxied.arrival(8110).dst, proxied.origin, "before")
    proxy = Lab.GHOST_RS[af][1]
    t.director.ipvsadm("-a", *proxied.service.split(), "-r", f"[{proxy}]:0" if af == 6 else f"{proxy}:0", "-m")
    proxied.switch("0")
    proxied.send(8111)
    t.equal(proxied.arrival(8111).dst, proxy, "a new connection")
    proxied.send(8110)
    t.equal(proxied.arrival(8110).dst, proxied.origin, "the old one")


@test(lvs_only=True, af=FAMILIES, options=("-o", "-p 30"))
def other_services(t, af, options):
    """One-packet services leave no connection behind, persistent ones no template."""
    proxied = Proxied(t, af, options)
    proxied.switch("1")
    proxied.send(8120)
    t.equal(proxied.arrival(8120).dst, proxied.origin, "where it goes")
    t.equal((len(proxied.conns(8120)), t.director.templates()), (0 if options == "-o" else 1, []), "connections, templates")


@test(lvs_only=True, af=FAMILIES)
def not_to_this_host(t, af):
    """What is for an address of the director's itself would come back: it is refused."""
    proxied = Proxied(t, af)
    proxied.switch("1")
    proxied.dropped(lambda: proxied.send(8130, dst=Lab.FRONT[af]))
    t.equal(proxied.conns(8130), [], "connections")
