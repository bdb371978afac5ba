# SPDX-License-Identifier: GPL-2.0-or-later
"""Dests on the director itself: who reaches its loopback addresses."""
from fullnat import fullnat_service, local_addresses
from lib import wait
from lib.harness import test
from lib.lab import VIPS
from lib.traffic import Server, UdpClient

LOOPBACK = {4: "127.0.0.1", 6: "::1"}


@test(lvs_only=True, way=("nat,44", "nat,66", "fullnat,44", "fullnat,66", "fullnat,64", "fullnat,46"))
def loopback_is_not_for_the_network(t, way):
    """What listens on the loopback address alone serves clients of this host through a service; others' packets are dropped."""
    method, families = way.split(",")
    outer, inner = map(int, families)
    rport = t.port()
    t.closing(Server(t.lab.director_ns, "udp", LOOPBACK[inner], rport, "here"))
    if method == "nat":
        vip, port = VIPS[outer]["other"], t.port()
        t.director.service("udp", vip, port, "rr", [(LOOPBACK[inner], rport, "-m")])
    else:
        vip, port, _ = fullnat_service(t, "udp", outer, LOOPBACK[inner], rport, local_addresses(t, inner))
    with UdpClient(t.lab.client, vip, port) as stranger:
        stranger.socket.send(b"?")
        wait.equals(lambda: t.director.drops(("udp", vip, port)).get("local-route", 0), 1, 5, "packets dropped")
    with UdpClient(t.lab.director_ns, vip, port) as client:
        t.equal(client.name(), "here", "the server that answered")
