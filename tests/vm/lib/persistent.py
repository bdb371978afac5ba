# SPDX-License-Identifier: GPL-2.0-or-later
"""Services that are persistent or otherwise special, with dests on paper, and what their clients send."""
import socket

from lib import ipvs, packet
from lib.ipvs import endpoint, fwmark_id, service_id
from lib.lab import VIPS, Lab

CLIENTS = {4: ["10.9.0.1", "10.9.0.2", "10.9.1.1"], 6: ["fd00:9::1", "fd00:9::2", "fd00:9::1:1"]}
FAMILIES = (4, 6)


class Persistent:
    """A service with dests on paper, and what clients send it."""

    def __init__(self, t, proto="udp", af=4, options="-p 30", port=None, dests=3, method="-m", mark=None):
        self.t, self.proto, self.af, self.mark = t, proto, af, mark
        self.vip, self.port = VIPS[af]["other"], t.port() if port is None else port
        self.rips, self.clients = Lab.GHOST_RS[af][:dests], CLIENTS[af]
        if mark:
            self.name = f"-f {mark}" + (" -6" if af == 6 else "")
            self.identity = fwmark_id(socket.AF_INET6 if af == 6 else socket.AF_INET, mark)
        else:
            self.name = f"{ipvs.SERVICE_OPTION[proto]} {endpoint(self.vip, self.port)}"
            self.identity = service_id(proto, self.vip, self.port)
        self.method, self.options = method, options
        self.set_up()
        t.lab.inside.drain()

    def set_up(self):
        self.t.director.rules(*self.lines())

    def lines(self):
        return [f"-A {self.name} -s rr {self.options}"] + [f"-a {self.dest(i)} {self.method}" for i in range(len(self.rips))]

    def dest(self, index):
        return f"{self.name} -r {endpoint(self.rips[index], self.port)}"

    def send(self, client, sport, port=None, proto=None, flags=packet.SYN):
        """Returns the address and port of the dest that got it."""
        port, proto = self.port if port is None else port, proto or self.proto
        data = (packet.udp(client, sport, self.vip, port, b"x") if proto == "udp" else
                packet.tcp(client, sport, self.vip, port, flags))
        self.t.lab.outside.send(data)
        got = self.t.lab.inside.receive(lambda p: (p.src, p.sport) == (client, sport))
        return got.dst, got.dport

    def dests(self):
        return self.t.director.dests_of(self.identity)

    def persistent(self):
        """Templates of each dest."""
        return [self.dests()[rip]["persist"] for rip in self.rips if rip in self.dests()]

    def templates(self):
        """{client network: its template}"""
        if self.mark:
            proto, vip = "IP", {4: f"0.0.0.{self.mark}", 6: f"0:{self.mark:x}::"}[self.af]
        else:
            proto, vip = self.proto.upper(), self.vip
        return {c["client"]: c for c in self.t.director.templates() if (c["proto"], c["vip"], c["vport"]) ==
                (proto, vip, self.port)}

    def template(self, network):
        return self.templates().get(network)


def mark_packets(t, mark, ports, af):
    """Packets to the ports get the mark on their way into the director."""
    ns, family = t.lab.director_ns, "ip6" if af == 6 else "ip"
    table = f"{family} marks{mark}"
    ports = ", ".join(str(port) for port in ports)
    ns.run("nft", "-f", "-", stdin=f"""table {table} {{
        chain pre {{ type filter hook prerouting priority mangle;
            tcp dport {{ {ports} }} meta mark set {mark}
            udp dport {{ {ports} }} meta mark set {mark}
        }}
    }}
""")
    t.cleanup(ns.run, "nft", "delete", "table", *table.split())
