# SPDX-License-Identifier: GPL-2.0-or-later
"""No memory for what FULLNAT needs beside a connection: maps of ports, the client's address in a datagram, and FTP's texts."""
import socket

from faults import test
from ftp_fullnat import Session, command, endpoint_in, listens
from fullnat import ghost, local_addresses, pool
from lib import faults, packet, patience, wait
from lib.lab import Lab
from uoa import Flow

# Where the kernel finds room for a packet that gets longer, or that is not its own.
HEADS = ("skbuff_small_head", "kmalloc-512", "kmalloc-1k", "kmalloc-2k")


def packets_without_memory(times):
    """So many packets cannot be written to; those who send them can wait for memory, and so have it."""
    return faults.slab([cache for cache in HEADS if faults.has_cache(cache)], times=times, atomic_only=True)


@test(lvs_only=True, af=(4, 6))
def port_map(t, af):
    """The first connection from a local address to a real server has no map to take its port from; the next attempt makes one."""
    laddr, = local_addresses(t, af)
    vip, port, _, _, name = ghost(t, "udp", af, [laddr])
    request = packet.udp(Lab.GHOST_CLIENT[af], 4000, vip, port, b"question")
    service = ("udp", vip, port)
    with faults.expected(), faults.pages(order=2, times=1):
        t.lab.outside.send(request)
        wait.equals(lambda: t.director.drops(service)["no-memory"], 1, 10, "packets dropped")
    t.equal((pool(t, name), t.director.service_stats(*service)["conns"]), ({laddr: (0, 0, 0)}, 0), "the pool, connections")
    t.lab.outside.send(request)
    t.equal(t.lab.inside.receive(lambda p: p.payload == b"question").src, laddr, "the next one comes from")
    t.equal(pool(t, name), {laddr: (1, 0, 0)}, "the pool")


@test(lvs_only=True, way=("66", "46"))
def client_in_a_datagram(t, way):
    """A datagram that could not be made longer is dropped and counted; it was none of those that tell."""
    how = "header"
    f = Flow(t, way, how)
    service = ("udp", f.vip, f.port)
    t.equal(f.send(b"first")[1], f.tell(how), "the first one")
    with faults.expected(), packets_without_memory(times=1):
        t.lab.outside.send(f.build_request(b"x" * 400))
        wait.equals(lambda: t.director.drops(service)["no-memory"], 1, 10, "datagrams dropped")
    for _ in range(2):
        t.equal(f.send(b"x" * 400)[1], f.tell(how), "the next ones")
    t.equal(f.send(b"x")[1], b"", "the one after")
    t.equal(f.counts(), (3, 0), "counted")


@test(lvs_only=True)
def ftp_control(t):
    """A SYN for whose control connection there was no memory is dropped and comes again."""
    session, client = Session(t, 4), Lab.CLIENT[4]
    with faults.expected(), faults.slab(["kmalloc-192", "kmalloc-256"], times=1, atomic_only=True):
        session.client, session.server = session.another()
        t.equal(faults.slab_times_left(), 0, "refusals left")
    t.equal(t.director.drops(("tcp", session.vip, 21))["no-memory"], 1, "SYNs dropped")
    t.equal(session.used(), 2, "ports taken")
    t.equal(endpoint_in(session.asks(command("PORT", client, 4000)))[0], session.laddr, "what the server is told")


@test(lvs_only=True, way=("PORT,4", "EPRT,4", "EPRT,6"))
def ftp_listener(t, way):
    """Without memory to listen the text goes as it is, with no port taken; the next one is replaced, and the server comes."""
    verb, af = way.split(",")
    session, client = Session(t, int(af)), Lab.CLIENT[int(af)]
    listener, port = listens(t, t.lab.client, client)
    text = command(verb, client, port)
    with faults.expected(), faults.slab(["kmalloc-64"], atomic_only=True):
        t.equal(session.asks(text), text, "what arrives")
    t.equal(session.used(), 1, "ports taken")
    t.equal(session.answers("425 no way"), "425 no way", "the answer")
    told = session.asks(text)
    t.equal((endpoint_in(told)[0], session.used()), (session.laddr, 2), "the address, and ports taken")
    data = session.calls(*endpoint_in(told))
    accepted = t.closing(listener.accept()[0])
    data.sendall(b"data")
    t.equal(accepted.recv(10), b"data", "what the client gets")


class OwnSession(Session):
    """One whose client is the director itself: nobody else writes to a packet, and needs memory for that, on its way."""

    def another(self):
        with self.t.lab.director_ns:
            client = self.t.closing(socket.create_connection((self.vip, 21), patience.seconds(20), (Lab.BACK[4], 0)))
        server = self.t.closing(self.listener.accept()[0])
        for sock in client, server:
            sock.settimeout(patience.seconds(20))
        return client, server


@test(lvs_only=True)
def ftp_text(t):
    """A segment whose text could not be replaced is dropped; when it comes again, the port is the one that it was to have."""
    session = OwnSession(t, 4)
    listener, port = listens(t, t.lab.director_ns, Lab.BACK[4])
    with faults.expected(), packets_without_memory(times=1):
        told = session.asks(command("PORT", Lab.BACK[4], port))
    t.equal(t.director.drops(("tcp", session.vip, 21))["no-memory"], 1, "segments dropped")
    t.equal((endpoint_in(told)[0], session.used()), (session.laddr, 2), "the address, and ports taken")
    data = session.calls(*endpoint_in(told))
    t.equal(listener.accept()[1], (session.vip, data.getsockname()[1]), "the client is called from")


@test(lvs_only=True, timeout=300, percent=(5, 30))
def scarce(t, percent):
    """Any allocation that cannot wait fails now and then, while connections come and go: no port is lost."""
    laddrs = local_addresses(t, 4, 2)
    vip, port, rip, rport, name = ghost(t, "udp", 4, laddrs)
    t.director.ipvsadm("-E", *name.split(), "-s", "rr", "--uoa", "header")
    t.director.ipvsadm("--set", "0", "0", "2")
    t.cleanup(t.director.ipvsadm, "--set", "0", "0", "300")
    with faults.expected(), faults.slab(probability=percent, atomic_only=True):
        for sport in range(2000, 3000):
            t.lab.outside.flood([packet.udp(Lab.GHOST_CLIENT[4], sport, vip, port, b"x" * 100)])
    stats, drops = t.director.service_stats("udp", vip, port), t.director.drops(("udp", vip, port))
    t.equal((stats["conns"] > 100, drops["no-memory"] > 0), (True, True), f"connections {stats['conns']}, drops {drops}")
    wait.until(lambda: not any(used for used, _, _ in pool(t, name).values()), 60, "all ports are given back")
