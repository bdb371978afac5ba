# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT64 and NAT46: a real server in another network than the director, and TCP and UDP of which a test plays both ends."""
import ipaddress

from fullnat import fullnat_service, local_addresses
from lib import packet
from lib.lab import VIPS, Lab
from lib.namespace import Namespace

# What clients and the service are of, what dests and local addresses are of.
DIRECTIONS = ("64", "46")
HEADER = {4: 20, 6: 40}
LEAST_MTU = 1280


def families(direction):
    return int(direction[0]), int(direction[1])


class Far:
    """
    A real server in a network of its own, behind the lab's router, which sends it what the director translated:

        director (back) ---- router ---- far
        10.1.0.1         .254    10.44.0.1   10.44.0.2
        fd00:c::1         ::fe   fd00:44::1  fd00:44::2
    """
    ADDRESS = {4: "10.44.0.2", 6: "fd00:44::2"}
    ROUTER = {4: "10.44.0.1", 6: "fd00:44::1"}

    def __init__(self, t):
        lab = t.lab
        self.ns = Namespace("far")
        t.cleanup(self.ns.delete)
        self.ns.sysctl(ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0,
                       ipv6__conf__default__router_solicitations=0)
        self.ns.ip(f"link add eth0 type veth peer name far netns {lab.router.name}", "link set lo up", "link set eth0 up",
                   f"addr add {self.ADDRESS[4]}/24 dev eth0", f"addr add {self.ADDRESS[6]}/64 dev eth0 nodad")
        t.cleanup(lab.router.run, "ip", "link", "del", "far")
        back = ("10.8.0.0/16 via 10.1.0.1", "fd00:8::/64 via fd00:c::1")
        lab.router.ip("link set far up", f"addr add {self.ROUTER[4]}/24 dev far", f"addr add {self.ROUTER[6]}/64 dev far nodad",
                      *[f"route add {route}" for route in back])
        t.cleanup(lab.router.ip, *[f"route del {route}" for route in back])
        self.ns.ip(f"route add default via {self.ROUTER[4]}", f"route add default via {self.ROUTER[6]}")
        there = ("10.44.0.0/24 via 10.1.0.254", "fd00:44::/64 via fd00:c::fe")
        lab.director_ns.ip(*[f"route add {route}" for route in there])
        t.cleanup(lab.director_ns.ip, *[f"route del {route}" for route in there])


def fresh_paths(t):
    """Forgets which MTUs of paths were learned, now and afterwards."""
    spaces = (t.lab.client, t.lab.director_ns, t.lab.router)

    def flush():
        for ns in spaces:
            ns.ip("route flush cache", "-6 route flush cache")
    flush()
    t.cleanup(flush)


def with_ds(data, ds):
    """The packet with that DS field and ECN."""
    data = bytearray(data)
    if data[0] >> 4 == 6:
        data[0:2] = (0x6000 | ds << 4).to_bytes(2, "big")
        return bytes(data)
    data[1] = ds
    data[10:12] = b"\0\0"
    data[10:12] = packet.checksum(bytes(data[:20])).to_bytes(2, "big")
    return bytes(data)


def ds_of(got):
    return got.data[1] if got.version == 4 else int.from_bytes(got.data[:2], "big") >> 4 & 0xff


class Ghosts:
    """A service with a dest of the other family, and a client: none of the three exists but for the test."""

    def __init__(self, t, direction, proto, sport=4300, pool=None):
        self.t, self.proto, self.sport = t, proto, sport
        self.outer, self.inner = families(direction)
        self.client, self.rip, self.rport = Lab.GHOST_CLIENT[self.outer], Lab.GHOST_RS[self.inner][0], t.port()
        self.laddr, = local_addresses(t, self.inner)
        self.vip, self.port, self.name = fullnat_service(t, proto, self.outer, self.rip, self.rport,
                                                         [self.laddr] if pool is None else pool)
        self.lport = None
        t.lab.inside.drain()
        t.lab.outside.drain()

    def _build(self, src, sport, dst, dport, payload, tcp, ip_args):
        if self.proto == "udp":
            return packet.udp(src, sport, dst, dport, payload, **ip_args)
        return packet.tcp(src, sport, dst, dport, tcp.pop("flags", packet.SYN), payload=payload, **tcp, **ip_args)

    def build_request(self, payload=b"", tcp=None, **ip_args):
        return self._build(self.client, self.sport, self.vip, self.port, payload, dict(tcp or {}), ip_args)

    def build_reply(self, payload=b"", tcp=None, **ip_args):
        return self._build(self.rip, self.rport, self.laddr, self.lport, payload, dict(tcp or {}), ip_args)

    def arrives(self, what="the request"):
        """A packet of the client's, as the real server gets it."""
        got = self.t.lab.inside.receive(lambda p: p.dst == self.rip, what=what)
        if got.sport is not None:
            self.lport = got.sport
        return got

    def returns(self, what="the reply"):
        return self.t.lab.outside.receive(lambda p: p.dst == self.client, what=what)

    def request(self, payload=b"", tcp=None, ds=None, **ip_args):
        """Sends one, and returns it as the real server gets it, whose addresses, ports, payload and checksums are right."""
        data = self.build_request(payload, tcp, **ip_args)
        self.t.lab.outside.send(data if ds is None else with_ds(data, ds))
        got = self.arrives()
        self.t.equal((got.flow, got.payload, got.valid), ((self.laddr, self.lport, self.rip, self.rport), payload, True),
                     f"the request {got.faults}")
        return got

    def reply(self, payload=b"", tcp=None, ds=None, **ip_args):
        data = self.build_reply(payload, tcp, **ip_args)
        self.t.lab.inside.send(data if ds is None else with_ds(data, ds))
        got = self.returns()
        self.t.equal((got.flow, got.payload, got.valid), ((self.vip, self.port, self.client, self.sport), payload, True),
                     f"the reply {got.faults}")
        return got

    def narrow(self, side, mtu):
        """From now on the director's route to the real server ("dest") or to the client has that MTU."""
        af, device, target = ((self.inner, "back", self.rip) if side == "dest" else (self.outer, "front", self.client))
        via = "" if side == "dest" else f"via {Lab.ROUTER_FRONT[af]} "
        route = f"{target}/{32 if af == 4 else 128} {via}dev {device}"
        self.t.lab.director_ns.ip(f"route add {route} mtu {mtu}")
        self.t.cleanup(self.t.lab.director_ns.ip, f"route del {route}")


def vip_of(direction):
    return VIPS[families(direction)[0]]["other"]


def text(address, port):
    """As -Lc writes it."""
    return f"[{address}]:{port}" if ipaddress.ip_address(address).version == 6 else f"{address}:{port}"
