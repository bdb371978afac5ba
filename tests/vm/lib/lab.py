# SPDX-License-Identifier: GPL-2.0-or-later
"""
The network that the tests run in: one namespace each, links are veth pairs, offloads on.

    client ----------- router ----------------- director
    10.0.0.2      10.0.0.1  10.0.1.1 (front) 10.0.1.2
    fd00:a::2     fd00:a::1  fd00:b::1        fd00:b::2
                       |                          |
                   10.1.0.254                 10.1.0.1 (back)
                   fd00:c::fe                 fd00:c::1
                       |                          |
              ---------+--------+--------+--------+---------+----  (a bridge in the router)
                                |        |        |         |
                               rs1      rs2      rs3       sink
                            10.1.0.11    .12      .13       .20
                            fd00:c::11   ::12     ::13      ::20

The director and the real servers have the virtual addresses (VIPS); the router sends these to the director. A real
server answers through the director (NAT), except what leaves with a virtual address as its source (DR, TUN):
that goes to the router.

For packets made by hand there are clients and real servers that exist only on paper, so that nobody answers for them:
clients in 10.9.0.0/16 and fd00:9::/64 live in the router (lib/wire.py: `lab.outside`), real servers 10.1.0.21 to .29
and fd00:c::21 to ::29 in the sink (`lab.inside`).
"""
from lib import kernel
from lib.ipvs import Director
from lib.namespace import Namespace
from lib.record import run
from lib.wire import Wire

# One virtual address for each method, so that path MTUs that a client learned in one test do not reach another.
VIPS = {
    4: {"nat": "192.0.2.10", "dr": "192.0.2.11", "tun": "192.0.2.12", "local": "192.0.2.13",
        "local-dr": "192.0.2.13", "other": "192.0.2.14"},
    6: {"nat": "2001:db8:1::10", "dr": "2001:db8:1::11", "tun": "2001:db8:1::12", "local": "2001:db8:1::13",
        "local-dr": "2001:db8:1::13", "other": "2001:db8:1::14"},
}
METHOD_OPTION = {"nat": "-m", "dr": "-g", "tun": "-i", "local": "-m", "local-dr": "-g"}
PREFIX_LEN = {4: 24, 6: 64}


class Lab:
    ROUTER_FRONT = {4: "10.0.1.1", 6: "fd00:b::1"}
    ROUTER_BACK = {4: "10.1.0.254", 6: "fd00:c::fe"}
    ROUTER_CLIENT = {4: "10.0.0.1", 6: "fd00:a::1"}
    CLIENT = {4: "10.0.0.2", 6: "fd00:a::2"}
    FRONT = {4: "10.0.1.2", 6: "fd00:b::2"}
    BACK = {4: "10.1.0.1", 6: "fd00:c::1"}
    RS = {4: ["10.1.0.11", "10.1.0.12", "10.1.0.13"], 6: ["fd00:c::11", "fd00:c::12", "fd00:c::13"]}
    SINK = {4: "10.1.0.20", 6: "fd00:c::20"}
    # On paper only:
    GHOST_CLIENT = {4: "10.9.0.1", 6: "fd00:9::1"}
    GHOST_RS = {4: ["10.1.0.21", "10.1.0.22", "10.1.0.23"], 6: ["fd00:c::21", "fd00:c::22", "fd00:c::23"]}

    def __init__(self):
        names = ["client", "router", "director", "rs1", "rs2", "rs3", "sink"]
        spaces = Namespace.several(names)
        self.spaces = spaces
        self.client, self.router, self.director_ns = spaces[:3]
        self.rs = spaces[3:6]
        self.sink = spaces[6]
        servers = self.rs + [self.sink]
        for ns in spaces:
            # Duplicate address detection would cost seconds; multicast joins are noise.
            ns.sysctl(ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0,
                      ipv6__conf__default__router_solicitations=0, ipv6__conf__default__accept_ra=0,
                      ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0)
        links = [(self.client, "eth0", self.router, "client"), (self.director_ns, "front", self.router, "front"),
                 (self.director_ns, "back", self.router, "to-director")]
        links += [(ns, "eth0", self.router, "to-" + ns.name.split("-")[1]) for ns in servers]
        run("ip", "-batch", "-", stdin="".join(
            f"link add {a_dev} netns {a.name} type veth peer name {b_dev} netns {b.name}\n"
            for a, a_dev, b, b_dev in links))
        for ns in (self.router, self.director_ns):
            ns.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        self._client()
        self._router([link[3] for link in links[2:]])
        self._director()
        for index, ns in enumerate(servers):
            self._server(ns, *([self.RS[af][index] for af in (4, 6)] if index < 3 else self.SINK.values()))
        self._wires()
        self.director = Director(self.director_ns)

    def _client(self):
        extra = [f"addr add 10.0.0.{n}/24 dev eth0" for n in range(3, 6)]
        self.client.ip("link set lo up", "link set eth0 up",
                       "addr add 10.0.0.2/24 dev eth0", "addr add fd00:a::2/64 dev eth0 nodad", *extra,
                       "route add default via 10.0.0.1", "route add default via fd00:a::1")

    def _router(self, ports):
        self.router.ip(
            "link set lo up", "link add br0 type bridge mcast_snooping 0", "link set br0 up",
            *[f"link set {port} master br0 up" for port in ports],
            "link set client up", "link set front up",
            "addr add 10.0.0.1/24 dev client", "addr add fd00:a::1/64 dev client nodad",
            "addr add 10.0.1.1/24 dev front", "addr add fd00:b::1/64 dev front nodad",
            "addr add 10.1.0.254/24 dev br0", "addr add fd00:c::fe/64 dev br0 nodad",
            "route add 192.0.2.0/24 via 10.0.1.2", "route add 2001:db8:1::/64 via fd00:b::2",
            "route add blackhole 10.9.0.0/16", "route add blackhole fd00:9::/64")

    def _director(self):
        # The director's own clients get the answers of DR from outside, with an address of the director as source.
        self.director_ns.sysctl(ipv4__conf__front__accept_local=1)
        # Each test gets the errors it waits for, however many went to the same client before.
        self.director_ns.sysctl(ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)
        self.director_ns.ip(
            "link set lo up", "link set front up", "link set back up",
            "addr add 10.0.1.2/24 dev front", "addr add fd00:b::2/64 dev front nodad",
            "addr add 10.1.0.1/24 dev back", "addr add fd00:c::1/64 dev back nodad",
            "route add default via 10.0.1.1", "route add default via fd00:b::1", *self._vips("lo"))

    def _server(self, ns, v4, v6):
        ns.sysctl(ipv4__conf__all__arp_ignore=1, ipv4__conf__all__arp_announce=2)
        ns.ip("link set lo up", "link set eth0 up",
              f"addr add {v4}/24 dev eth0", f"addr add {v6}/64 dev eth0 nodad", *self._vips("lo"),
              "route add default via 10.1.0.1", "route add default via fd00:c::1",
              "rule add from 192.0.2.0/24 lookup 100", "-6 rule add from 2001:db8:1::/64 lookup 100",
              "route add default via 10.1.0.254 table 100", "route add default via fd00:c::fe table 100",
              "link set tunl0 up", "link set ip6tnl0 up", "link set sit0 up")
        ns.sysctl(ipv4__conf__tunl0__rp_filter=0)

    @staticmethod
    def _vips(device):
        return ([f"addr add {vip}/32 dev {device}" for vip in sorted(set(VIPS[4].values()))] +
                [f"addr add {vip}/128 dev {device} nodad" for vip in sorted(set(VIPS[6].values()))])

    def _wires(self):
        sink_mac = self.sink.mac("eth0")
        hexmac = sink_mac.hex(":")
        self.director_ns.ip(*[f"neigh add {ghost} lladdr {hexmac} dev back nud permanent"
                              for ghosts in self.GHOST_RS.values() for ghost in ghosts])
        self.outside = Wire(self.router, "front", self.director_ns.mac("front"))
        self.inside = Wire(self.sink, "eth0", self.director_ns.mac("back"))

    def reload(self):
        """The module goes, with services and connections if there are any, and comes back empty."""
        self.director.close()
        kernel.remove()
        kernel.insert()
        self.director = Director(self.director_ns)

    def destroy(self):
        self.outside.close()
        self.inside.close()
        self.director.close()
        for ns in self.spaces:
            ns.delete()
