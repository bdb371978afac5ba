# SPDX-License-Identifier: GPL-2.0-or-later
"""Dests on the director itself: who reaches its loopback addresses, and packets with IPv6's extension headers."""
import socket

from fullnat import fullnat_service, local_addresses
from lib import toa, wait
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.traffic import Server, TcpClient, UdpClient

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
# Destination Options, padding alone, in every packet of a socket's.
EXTENDED = (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\x00\x00\x01\x04\x00\x00\x00\x00")


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


@test(lvs_only=True)
def behind_extension_headers(t):
    """A connection whose segments have Destination Options, and TOA, arrives at a socket of the director's by FULLNAT."""
    rport = t.port()
    t.closing(Server(t.lab.director_ns, "tcp", Lab.BACK[6], rport, "here"))
    vip, port, _ = fullnat_service(t, "tcp", 6, Lab.BACK[6], rport, local_addresses(t, 6))
    with TcpClient(t.lab.client, vip, port, options=[EXTENDED]) as client:
        t.equal(client.exchange(1 << 20, 1 << 20), "here", "the server that answered")


@test(lvs_only=True)
def datagrams_behind_extension_headers(t):
    """The same of datagrams that a header of UOA's is put into."""
    toa.load(t)
    rport = t.port()
    t.closing(Server(t.lab.director_ns, "udp", Lab.BACK[6], rport, "here"))
    vip, port, name = fullnat_service(t, "udp", 6, Lab.BACK[6], rport, local_addresses(t, 6))
    t.director.ipvsadm("-E", *name.split(), "-s", "rr", "--uoa", "header")
    before = toa.counters()["uoa_got"]
    with UdpClient(t.lab.client, vip, port, options=[EXTENDED]) as client:
        for _ in range(4):
            t.equal(client.name(), "here", "the server that answered")
    t.equal(toa.counters()["uoa_got"] - before, 3, "datagrams that told the client")
