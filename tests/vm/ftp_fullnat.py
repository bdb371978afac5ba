# SPDX-License-Identifier: GPL-2.0-or-later
"""
FTP by FULLNAT: the real servers know no way to the client. What it says of its address is replaced by a local one of the
director's, at a port that is taken until the data connection is over, or until nobody comes any more.
"""
import contextlib
import hashlib
import json
import os
import re
import socket
import struct
import time

import ftp
from fullnat import MSS, all_are_given_back, limit_ports, local_addresses, pool, used
from lib import ipvs, kernel, packet, patience, toa, wait
from lib.daemons import directory
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.persistent import FAMILIES, Persistent

SIZE = 2 << 20
WAYS = ("pasv,4", "epsv,4", "port,4", "eprt,4", "epsv,6", "eprt,6")
# As long as somebody is awaited who does not come: the timeout of LISTEN.
PATIENCE = 120


def without_way_to_clients(t):
    """The real servers know the director's local addresses alone."""
    for ns in t.lab.rs:
        ns.ip("route del default via 10.1.0.1", "route del default via fd00:c::1",
              "route add 10.8.0.0/16 via 10.1.0.1", "route add fd00:8::/64 via fd00:c::1")
        t.cleanup(ns.ip, "route del 10.8.0.0/16 via 10.1.0.1", "route del fd00:8::/64 via fd00:c::1",
                  "route add default via 10.1.0.1", "route add default via fd00:c::1")


def give_pool(t, vip, af, count=1):
    """Returns the service's name and its local addresses."""
    name, laddrs = f"-t {ipvs.endpoint(vip, 21)}", local_addresses(t, af, count)
    for laddr in laddrs:
        t.director.ipvsadm("-P", *name.split(), "-z", laddr)
    without_way_to_clients(t)
    return name, laddrs


def servers(t, af, **options):
    """As ftp.servers(), by FULLNAT. Returns VIP, the service's name, the servers and the local addresses."""
    vip, daemons = ftp.servers(t, af, method="-b", kind="other", **options)
    name, laddrs = give_pool(t, vip, af, 2)
    return vip, name, daemons, laddrs


def connections(t, laddrs):
    """Those from these local addresses, as ipvsadm lists them; other tests have left some."""
    return [c for c in json.loads(t.director.ipvsadm("-L", "-c", "--json").out)["connections"]
            if c.get("local", {}).get("address") in laddrs]


def receive(sock, size):
    """As much as that."""
    got = bytearray()
    while len(got) < size:
        piece = sock.recv(size - len(got))
        if not piece:
            break
        got += piece
    return bytes(got)


def digest(path):
    return hashlib.sha256(ftp.read(path)).hexdigest()


def up_and_down(t, how, vip, daemons):
    """Two files down and one up on one control connection, all of the same server, whole. Returns what was read."""
    path = directory(t)
    down = [f"{path}/{number}" for number in range(2)]
    ftp.curl(t, *ftp.CURL[how], ftp.url(vip, "file"), "-o", down[0], ftp.url(vip, "file"), "-o", down[1])
    t.equal(digest(down[0]), digest(down[1]), "both files, of one server")
    ftp.curl(t, *ftp.CURL[how], "-T", down[0], ftp.url(vip, "up/sent"))
    took = [daemon for daemon in daemons if os.path.exists(f"{daemon.files}/up/sent")]
    t.equal([digest(f"{daemon.files}/up/sent") for daemon in took], [digest(down[0])], "what was sent")
    os.unlink(f"{took[0].files}/up/sent")
    return digest(down[0])


@test(way=WAYS, lvs_only=True, timeout=200)
def transfers(t, way):
    """Large files both ways, behind texts that were replaced in both directions; the ports that it took come back."""
    how, af = way.split(",")
    vip, name, daemons, laddrs = servers(t, int(af), count=2, size=SIZE)
    read = {up_and_down(t, how, vip, daemons) for _ in range(2)}
    t.equal(read < {digest(f"{daemon.files}/file") for daemon in daemons}, True, "the files of one")
    # In turn they get one with two files down, and one with a file up.
    t.equal(sorted(dest["stats"]["conns"] for dest in t.director.dests("tcp", vip, 21).values()), [4, 6], "connections")
    t.equal((sum(used(t, name).values()), len(connections(t, laddrs))), (10, 10), "ports taken, connections that have them")
    all_are_given_back(t, name, [ipvs.endpoint(rip, 21) for rip in Lab.RS[int(af)][:2]])


@test(how=("pasv", "epsv", "port", "eprt"), lvs_only=True, timeout=120)
def other_ports(t, how):
    """The server listens on another port than clients ask for, and calls back from whatever port it gets."""
    vip, _, daemons, _ = servers(t, 4, port=2121, count=1, from_port_20=False)
    up_and_down(t, how, vip, daemons)


@test(how=("pasv", "port"), lvs_only=True, timeout=120)
def persistent(t, how):
    """A client of a persistent service stays with its server, whose data connections belong to no template."""
    vip, _, daemons, _ = servers(t, 4, count=2, options="-p 100")
    read = {up_and_down(t, how, vip, daemons) for _ in range(2)}
    t.equal(len(read), 1, "servers that served")
    t.equal(len(t.director.templates()), 1, "templates")


@test(af=FAMILIES, lvs_only=True)
def data_that_nobody_read(t, af):
    """A persistent service's connections to other ports, as FTPS has them, come from their client's one local address."""
    service = Persistent(t, "tcp", af, "-p 30", port=21, method="-b")
    laddrs = local_addresses(t, af, 3)
    t.director.rules(f"-P {service.name} -z {','.join(laddrs)}")
    ports, seen = (21, 20, *range(40000, 40010)), {}
    for client in service.clients:
        for port in ports:
            t.lab.outside.send(packet.tcp(client, t.port(), service.vip, port, packet.SYN))
    wait.equals(lambda: sum(used(t, service.name).values()), len(service.clients) * len(ports), 10, "ports taken")
    for conn in connections(t, laddrs):
        seen.setdefault(conn["client"]["address"], set()).add(conn["local"]["address"])
    t.equal([len(seen[client]) for client in service.clients], [1] * len(service.clients), f"local addresses of each: {seen}")


@test(how=("pasv", "port"), lvs_only=True, timeout=120)
def control_outlives_a_long_transfer(t, how):
    """While data flows the control connection is silent for longer than its timeout."""
    vip, _, daemons, _ = servers(t, 4, count=1, rate=ftp.SIZE // 5)
    t.director.ipvsadm("--set", "2", "0", "0")
    t.cleanup(t.director.ipvsadm, "--set", "900", "0", "0")
    path, begin = directory(t), time.monotonic()
    ftp.curl(t, *ftp.CURL[how], "-Q", "-NOOP", ftp.url(vip, "file"), "-o", f"{path}/1")
    t.equal(time.monotonic() - begin > 3, True, "it took its time")
    t.equal(digest(f"{path}/1"), digest(f"{daemons[0].files}/file"), "the file")


@test(lvs_only=True, timeout=120)
def what_both_ends_see(t):
    """The client is called from the virtual service, the server has the local address for its client."""
    vip, name, _, laddrs = servers(t, 4, count=1)
    control = t.closing(ftp.Control(t.lab.client, vip))
    control.say("USER anonymous")
    told = control.say("PASV")
    t.equal(told.startswith(f"227 Entering Passive Mode ({vip.replace('.', ',')},"), True, told)
    listener, port = listens(t, t.lab.client, Lab.CLIENT[4])
    # The server takes no other address than that of who asks.
    t.equal(control.say(command("PORT", Lab.CLIENT[4], port))[:3], "200", "PORT")
    control.socket.sendall(b"LIST\r\n")
    data, peer = listener.accept()
    data.close()
    t.equal(peer, (vip, 20), "the data connection comes from")
    found = connections(t, laddrs)
    t.equal(sorted(c["virtual"]["port"] for c in found), [20, 21], "connections")
    t.equal(len({c["local"]["address"] for c in found}), 1, "local addresses of both")
    t.equal(sum(used(t, name).values()), 2, "ports taken")


def listens(t, ns, address, port=0):
    """A socket that does, and its port."""
    with ns:
        sock = t.closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(patience.seconds(20))
    sock.bind((address, port))
    sock.listen()
    return sock, sock.getsockname()[1]


def command(verb, address, port):
    if verb == "EPRT":
        return f"EPRT |{2 if ':' in address else 1}|{address}|{port}|"
    return f"{verb} {address.replace('.', ',')},{port >> 8},{port & 255}"


def endpoint_in(text):
    """What a PORT or EPRT names."""
    if text.startswith("EPRT"):
        _, address, port = text[5:].strip("|").split("|")
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address)) if ":" in address else address, int(port)
    numbers = text[5:].split(",")
    return ".".join(numbers[:4]), int(numbers[4]) << 8 | int(numbers[5])


class Session:
    """A control connection, by FULLNAT unless told, of which the test speaks both ends, to the first real server."""

    def __init__(self, t, af, vip=None, rip=None, method="-b"):
        self.t, self.vip, self.rip = t, vip or VIPS[af]["other"], rip or Lab.RS[af][0]
        listener, _ = listens(t, t.lab.rs[0], self.rip, 21)
        self.name, self.laddr = t.director.service("tcp", self.vip, 21, "rr", [(self.rip, 21, method)]), None
        if method == "-b":
            self.name, (self.laddr,) = give_pool(t, self.vip, 6 if ":" in self.rip else 4)
        self.listener = listener
        self.client, self.server = self.another()

    def another(self):
        """One more: the client's end and the server's."""
        with self.t.lab.client:
            client = self.t.closing(socket.create_connection((self.vip, 21), patience.seconds(20)))
        server = self.t.closing(self.listener.accept()[0])
        for sock in client, server:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(patience.seconds(20))
        return client, server

    def asks(self, text):
        """Returns what the server gets of it."""
        self.client.sendall(text.encode() + b"\r\n")
        return self.server.recv(1000).decode()[:-2]

    def answers(self, text):
        self.server.sendall(text.encode() + b"\r\n")
        return self.client.recv(1000).decode()[:-2]

    def calls(self, address, port, server=0, sport=0):
        """The server's end of a data connection, or None."""
        with self.t.lab.rs[server]:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.settimeout(patience.seconds(5))
        if sport:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((Lab.RS[6 if ":" in self.rip else 4][server], sport))
        try:
            sock.connect((address, port))
        except OSError:
            sock.close()
            return None
        return self.t.closing(sock)

    def used(self):
        return used(self.t, self.name)[self.laddr]


@test(way=("PORT,4", "EPRT,4", "EPRT,6"), lvs_only=True)
def many_on_one_control_connection(t, way):
    """Texts of several lengths one after another, and much text behind them; each data connection is another one."""
    verb, af = way.split(",")
    session, vip, client = Session(t, int(af)), VIPS[int(af)]["other"], Lab.CLIENT[int(af)]
    seen = set()
    for number in range(6):
        listener, port = listens(t, t.lab.client, client, (9, 10, 300, 4096, 65535, 50000)[number])
        told = session.asks(command(verb, client, port))
        t.equal(endpoint_in(told)[0], session.laddr, told)
        seen.add(endpoint_in(told))
        t.equal(session.answers("200 PORT command successful."), "200 PORT command successful.", "the answer")
        data = session.calls(*endpoint_in(told), sport=20)
        accepted, peer = listener.accept()
        t.equal(peer[:2], (vip, 20), "the client is called from")
        with data, accepted:
            for number_of, (one, other) in enumerate(((data, accepted), (accepted, data))):
                sent = bytes([number, number_of]) * 20000
                one.sendall(sent)
                t.equal(receive(other, len(sent)) == sent, True, "data")
        t.equal(session.calls(*endpoint_in(told)), None, "a second one at the same port")
        listener.close()
    t.equal(len(seen), 6, "ports")
    for one, other in ((session.client, session.server), (session.server, session.client)):
        sent = os.urandom(200000)
        one.sendall(sent)
        t.equal(receive(other, len(sent)) == sent, True, "what follows on the control connection")


def data_connections(session):
    return [c for c in connections(session.t, [session.laddr]) if c["virtual"]["port"] == 20]


@test(lvs_only=True)
def same_port_again(t):
    """A client that waits at the same port as before is found there: what is left of the former connection makes way."""
    session, client = Session(t, 4), Lab.CLIENT[4]
    listener, port = listens(t, t.lab.client, client)
    for _ in range(3):
        told = session.asks(command("PORT", client, port))
        data = session.calls(*endpoint_in(told), sport=20)
        accepted, _ = listener.accept()
        with accepted:
            data.close()
            t.equal(accepted.recv(1), b"", "the server ends it")
        wait.equals(lambda: [c["state"] for c in data_connections(session)], ["TIME_WAIT"], 5, "the end of it")
        t.equal(session.answers("226 done"), "226 done", "the answer")
    t.equal(session.used(), 2, "ports taken")


@test(lvs_only=True, method=("-m", "-b"))
def same_passive_ports_again(t, method):
    """Between the same two ports there may be a data connection again, as soon as the one of before is over."""
    session, client, cport = Session(t, 4, method=method), Lab.CLIENT[4], t.port()
    listener, port = listens(t, t.lab.rs[0], session.rip)
    for _ in range(3):
        t.equal(session.answers(command("227", session.rip, port)), command("227", session.vip, port), "what the client is told")
        with t.lab.client:
            data = t.closing(socket.socket())
        data.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        data.settimeout(patience.seconds(20))
        data.bind((client, cport))
        data.connect((session.vip, port))
        accepted, _ = listener.accept()
        accepted.sendall(b"file")
        accepted.close()
        t.equal((data.recv(5), data.recv(1)), (b"file", b""), "what arrives, and its end")
        data.close()
        wait.equals(lambda: [c["state"] for c in t.director.conns(session.vip, port)], ["TIME_WAIT"], 5, "the end of it")


@test(lvs_only=True)
def same_port_of_two_servers(t):
    """By NAT a client that waited for one server may wait for another at the same port."""
    session, client = Session(t, 4, method="-m"), Lab.CLIENT[4]
    listener, port = listens(t, t.lab.client, client)
    others, other = listens(t, t.lab.rs[1], Lab.RS[4][1], 21)[0], ipvs.endpoint(Lab.RS[4][1], 21)
    t.director.rules(f"-a {session.name} -r {other} -m", f"-e {session.name} -r {ipvs.endpoint(session.rip, 21)} -m -w 0")
    with t.lab.client:
        client_of_other = t.closing(socket.create_connection((session.vip, 21), patience.seconds(20)))
    server_of_other = t.closing(others.accept()[0])
    for server, ends in enumerate(((session.client, session.server), (client_of_other, server_of_other))):
        session.client, session.server = ends
        text = command("PORT", client, port)
        t.equal(session.asks(text), text, "what the server is told")
        data = session.calls(client, port, server=server, sport=20)
        t.equal(data is not None, True, "the server gets through")
        accepted = t.closing(listener.accept()[0])
        data.sendall(b"file")
        data.close()
        t.equal((accepted.recv(5), accepted.recv(1)), (b"file", b""), "what arrives, and its end")
        accepted.close()
        wait.equals(lambda: [c["state"] for c in t.director.conns(session.vip, 20) if c["cport"] == port], ["TIME_WAIT"], 5,
                    "the end of it")


@test(lvs_only=True)
def commands_in_pieces(t):
    """What is not in one segment is not followed and arrives as it was said, as by NAT."""
    session = Session(t, 4)
    text = command("PORT", Lab.CLIENT[4], 4000).encode() + b"\r\n"
    session.client.sendall(text[:11])
    got = session.server.recv(1000)
    session.client.sendall(text[11:])
    while len(got) < len(text):
        got += session.server.recv(1000)
    t.equal((got, session.used()), (text, 1), "what arrives, and ports taken")


@test(lvs_only=True, timeout=120)
def lies_are_not_followed(t):
    """Addresses that are not of who names them take no port; where a port is taken nobody but the server is let in, once."""
    session, client, router = Session(t, 4), Lab.CLIENT[4], Lab.ROUTER_CLIENT[4]
    for text in (command("PORT", router, 4000), command("EPRT", router, 4000), command("PORT", session.laddr, 4000), "PORT 1,2,3",
                 "EPRT |2|::1|4000|", command("PORT", client, 0), f"PORT {client.replace('.', ',')},256,1"):
        t.equal((session.asks(text), session.used()), (text, 1), "what arrives, and ports taken")
    for text in (command("227", Lab.RS[4][1], 4000), command("227", session.laddr, 4000), "229 (|||70000|)", "229 (||4000|)"):
        t.equal(session.answers(text), text, "arrives as it was said")
        t.equal(ftp.connects(t.lab.client, session.vip, 4000), False, f"a way in after {text}")
    listener, port = listens(t, t.lab.client, client)
    told = endpoint_in(session.asks(command("PORT", client, port)))
    t.equal(session.used(), 2, "ports taken")
    t.equal(session.calls(*told, server=1), None, "another server's call")
    t.equal(ftp.connects(t.lab.client, *told), False, "the client's own")
    t.equal(session.calls(told[0], told[1] + 1), None, "a call to the next port")
    t.equal(session.used(), 2, "the port is still taken")
    data = session.calls(*told)
    t.equal(listener.accept()[1], (session.vip, data.getsockname()[1]), "called from")
    t.equal(session.calls(*told), None, "a second call")


@test(lvs_only=True)
def passive_once(t):
    """What the server agreed on is for its client, once, and goes by a local address."""
    session, rip = Session(t, 4), Lab.RS[4][0]
    listener, port = listens(t, t.lab.rs[0], rip)
    for text, shown in ((command("227 Passive", rip, port) + ".", command("227 Passive", session.vip, port) + "."),
                        (f"229 Extended (|||{port}|)", f"229 Extended (|||{port}|)")):
        t.equal(session.answers(text), shown, "what the client gets")
        t.equal(ftp.connects(t.lab.router, session.vip, port), False, "another client")
        t.equal([ftp.connects(t.lab.client, session.vip, port) for _ in range(2)], [True, False], "once")
        t.equal(listener.accept()[1][0], session.laddr, "who the server is called by")
    # A new text takes the place of the one before, as a client's does.
    t.equal(session.asks("PASV"), "PASV", "the next command")


@test(lvs_only=True, timeout=400)
def nobody_comes(t):
    """A port where the server does not come in time is given back; so is one that another text took the place of."""
    if "LVS_STRESS" not in os.environ or kernel.SLOW:
        t.skip("two minutes of waiting, which `make stress` does")
    session, client = Session(t, 4), Lab.CLIENT[4]
    first = endpoint_in(session.asks(command("PORT", client, 4000)))
    told = endpoint_in(session.asks(command("PORT", client, 4001)))
    t.equal((first != told, session.used()), (True, 2), "another port, and ports taken")
    t.equal(session.calls(*first), None, "a call to the first")
    begin = time.monotonic()
    wait.equals(session.used, 1, PATIENCE + 10, "ports taken", step=0.5)
    took = time.monotonic() - begin
    t.equal(took > PATIENCE - 10, True, f"given back after {took} s")
    t.equal(session.calls(*told), None, "a call that is too late")
    t.equal(session.answers("425 too late"), "425 too late", "the control connection works")
    t.equal(endpoint_in(session.asks(command("PORT", client, 4002)))[0], session.laddr, "and listens again")
    session.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.client.close()
    wait.equals(session.used, 0, 30, "ports taken after the end of the control connection")


@test(lvs_only=True)
def no_port_left(t):
    """Without a port the text goes to the server as it is, and is counted; a port that is free again is taken."""
    limit_ports(t, 6000, 6001)
    session, client = Session(t, 4), Lab.CLIENT[4]
    sessions = [(session.client, session.server), session.another()]
    text = command("PORT", client, 4000)
    listener, port = listens(t, t.lab.client, client, 4000)
    told = endpoint_in(session.asks(text))
    data = session.calls(*told)
    accepted = t.closing(listener.accept()[0])
    session.client, session.server = sessions[1]
    t.equal(endpoint_in(session.asks(text))[0], session.laddr, "the second port")
    session.client, session.server = sessions[0]
    t.equal(session.asks(text), text, "without a port")
    t.equal(pool(t, session.name), {session.laddr: (4, 0, 1)}, "ports taken, conflicts, searches in vain")
    sessions[1][0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sessions[1][0].close()
    wait.equals(session.used, 2, 30, "ports taken after the other control connection")
    t.equal(session.answers("425 no"), "425 no", "the answer")
    t.equal(endpoint_in(session.asks(text))[0], session.laddr, "a port again")
    data.sendall(b"still")
    t.equal((accepted.recv(10), port), (b"still", 4000), "the first data connection")


@test(lvs_only=True)
def flush(t):
    """Without services nobody is awaited any more."""
    session = Session(t, 4)
    told = endpoint_in(session.asks(command("PORT", Lab.CLIENT[4], 4000)))
    t.equal(session.used(), 2, "ports taken")
    t.director.ipvsadm("-C")
    t.equal(session.calls(*told), None, "a call")
    t.director.rules(f"-A {session.name} -s rr", f"-P {session.name} -z {session.laddr}")
    wait.equals(session.used, 1, 5, "ports taken")
    t.equal([c["virtual"]["port"] for c in connections(t, [session.laddr])], [21], "connections")


@test(lvs_only=True, timeout=120)
def unload(t):
    """Neither those who wait nor what was agreed on keep the module."""
    session = Session(t, 4)
    for index in range(20):
        session.client, session.server = session.another()
        t.equal(endpoint_in(session.asks(command("PORT", Lab.CLIENT[4], 4000 + index)))[0], session.laddr, "local address")
    t.equal(session.used(), 41, "ports taken")
    t.lab.reload()
    t.equal(t.director.conns(), [], "connections of a module just loaded")


@test(lvs_only=True)
def namespace_ends(t):
    """A namespace goes with a port at which somebody is awaited; there the real server is the director itself."""
    ns = Namespace("listening")
    t.cleanup(ns.delete)
    ns.ip("link set lo up", *[f"addr add 10.99.0.{number}/32 dev lo" for number in range(1, 5)])
    with contextlib.closing(ipvs.Director(ns)) as director:
        name = director.service("tcp", "10.99.0.1", 21, "rr", [("10.99.0.2", 21, "-b")])
        director.ipvsadm("-P", *name.split(), "-z", "10.99.0.3")
        with ns, socket.socket() as listener, socket.socket() as client:
            listener.bind(("10.99.0.2", 21))
            listener.listen()
            client.settimeout(patience.seconds(10))
            client.bind(("10.99.0.4", 0))
            client.connect(("10.99.0.1", 21))
            server, peer = listener.accept()
            with server:
                client.sendall(command("PORT", "10.99.0.4", 4000).encode() + b"\r\n")
                told = endpoint_in(server.recv(1000).decode()[:-2])
            t.equal((peer[0], told[0]), ("10.99.0.3", "10.99.0.3"), "who the server takes for its client")
        row = director.ipvsadm("-G", *name.split(), "-n").out.splitlines()[3].split()
        t.equal(row[2], "2", "ports taken")
    ns.delete()


@test(lvs_only=True)
def between_families(t):
    """From IPv6 to IPv4 nothing is followed: neither end's address means anything to the other."""
    session = Session(t, 6, rip=Lab.RS[4][0])
    text = command("EPRT", Lab.CLIENT[6], 4000)
    t.equal((session.asks(text), session.used()), (text, 1), "what arrives, and ports taken")
    for text in ("229 Extended (|||4000|)", command("227", Lab.RS[4][0], 4000)):
        t.equal(session.answers(text), text, "arrives as it was said")
    with t.lab.client, socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(patience.seconds(5))
        t.equal(sock.connect_ex((session.vip, 4000)) != 0, True, "no way in")


class Ghost:
    """A control connection of which the test makes every packet, after its handshake: the client's numbers from 1001 on."""

    def __init__(self, t, af):
        self.t, self.client, self.rip, self.vip = t, Lab.GHOST_CLIENT[af], Lab.GHOST_RS[af][0], VIPS[af]["other"]
        self.sport, self.laddr, self.lport = t.port(), local_addresses(t, af)[0], None
        name = t.director.service("tcp", self.vip, 21, "rr", [(self.rip, 21, "-b")])
        t.director.ipvsadm("-P", *name.split(), "-z", self.laddr)
        t.lab.inside.drain()
        t.lab.outside.drain()
        syn = self.request(packet.SYN, 1000, options=MSS)
        self.lport, self.delta = syn.sport, syn.seq - 1000
        self.reply(packet.SYN | packet.ACK, 5000, 1001, options=MSS)

    def request(self, flags, seq, ack=0, payload=b"", options=b"", ends=None):
        """Sends a segment of the client's, and returns it as the real server gets it."""
        sport, dport = ends or (self.sport, 21)
        self.t.lab.outside.send(packet.tcp(self.client, sport, self.vip, dport, flags, seq, ack, payload, options=options))
        got = self.t.lab.inside.receive(lambda p: p.dst == self.rip)
        self.t.equal((got.src, got.valid), (self.laddr, True), f"request {got.faults}")
        return got

    def reply(self, flags, seq, ack=0, payload=b"", options=b"", ends=None):
        """The same the other way; @ack is in the client's numbers if it is on the control connection."""
        sport, dport = ends or (21, self.lport)
        ack = ack if ends else (ack + self.delta) % (1 << 32)
        self.t.lab.inside.send(packet.tcp(self.rip, sport, self.laddr, dport, flags, seq, ack, payload, options=options))
        got = self.t.lab.outside.receive(lambda p: p.dst == self.client)
        self.t.equal((got.src, got.valid), (self.vip, True), f"reply {got.faults}")
        return got

    def number(self, seq):
        """The server's number of what the client numbers so, but for replaced texts."""
        return (seq + self.delta) % (1 << 32)


def sack(left, right):
    return struct.pack("!BBBBII", 1, 1, 5, 10, left % (1 << 32), right % (1 << 32))


@test(lvs_only=True, af=(4, 6))
def numbers(t, af):
    """What FULLNAT and the texts make of sequence numbers, of SACK and of repetitions, with the option that tells the client."""
    limit_ports(t, 60260, 60415)  # 235,1xx: longer than any that the client tells
    g = Ghost(t, af)
    told = toa.option(g.client, g.sport, kind=254)
    data = packet.ACK | packet.PSH
    port = t.port()
    text = command("EPRT" if af == 6 else "PORT", g.client, port).encode() + b"\r\n"
    first = g.request(data, 1001, 5001, text)
    laddr, lport = endpoint_in(first.payload.decode()[:-2])
    more = len(first.payload) - len(text)
    t.equal((laddr, more != 0), (g.laddr, True), f"the address, and a text of another length: {first.payload}")
    t.equal((first.seq, first.ack, first.options), (g.number(1001), 5001, told), "the first segment")
    again = g.request(data, 1001, 5001, text)
    t.equal((again.seq, again.payload, again.options), (first.seq, first.payload, told), "the same again")
    behind = 1001 + len(text)
    got = g.request(data, behind, 5001, b"NOOP\r\n")
    t.equal((got.seq, got.payload, got.options), (g.number(behind + more), b"NOOP\r\n", told), "what follows")
    t.equal(g.request(packet.ACK, 1000, 5001).seq, g.number(1000), "what was before")
    # What the server acknowledges, in its numbers: nothing of the text, a part of it, all of it, and what follows.
    for acknowledged, meant in ((1001, 1001), (1001 + 8, 1006), (behind + more, behind), (behind + more + 6, behind + 6)):
        t.equal(g.reply(packet.ACK, 5001, acknowledged).ack, meant, f"acknowledges {acknowledged}")
    got = g.reply(packet.ACK, 5001, 1001, options=sack(g.number(behind + more), g.number(behind + more + 6)))
    t.equal((got.ack, got.options), (1001, sack(behind, behind + 6)), "SACK")
    # Both directions: the server's text becomes another one, too.
    passive = command("227 Passive", g.rip, 4000) if af == 4 else "229 Extended (|||4000|)"
    got = g.reply(data, 5001, behind + more + 6, passive.encode() + b"\r\n")
    shown = (command("227 Passive", g.vip, 4000) if af == 4 else passive).encode() + b"\r\n"
    t.equal((got.seq, got.ack, got.payload), (5001, behind + 6, shown), "the server's text")
    got = g.request(packet.ACK, behind + 6, 5001 + len(shown))
    t.equal((got.seq, got.ack, got.options), (g.number(behind + more + 6), 5001 + len(passive) + 2, b""), "the client's answer")
    passive_data(t, g, told)
    active_data(t, g, lport, port)


def passive_data(t, g, told):
    """The client comes: as any connection of the service's."""
    ends = (g.sport + 1, 4000)
    syn = g.request(packet.SYN, 7000, options=MSS, ends=ends)
    t.equal((syn.dport, syn.seq != 7000), (4000, True), "the client's SYN")
    got = g.reply(packet.SYN | packet.ACK, 8000, (syn.seq + 1) % (1 << 32), options=MSS, ends=(4000, syn.sport))
    t.equal((got.flow, got.ack), ((g.vip, 4000, g.client, ends[0]), 7001), "the SYN+ACK")
    t.equal(got.options, b"\x02\x04" + struct.pack("!H", 1460 - len(told)), "the MSS")
    got = g.request(packet.ACK, 7001, 8001, ends=ends)
    t.equal(got.options, toa.option(g.client, ends[0], kind=254), "the client's address")


def active_data(t, g, lport, port):
    """The server comes: it chose the ends itself, so numbers stay, and it knows whom it calls."""
    timestamp = b"\x01\x01\x08\x0a" + bytes(7) + b"\x01"
    syn = g.reply(packet.SYN, 9000, options=MSS + timestamp, ends=(20, lport))
    t.equal((syn.flow, syn.seq, syn.options), ((g.vip, 20, g.client, port), 9000, MSS + timestamp), "the server's SYN")
    ends = (port, 20)
    got = g.request(packet.SYN | packet.ACK, 6000, 9001, options=MSS + timestamp, ends=ends)
    t.equal((got.flow, got.seq, got.ack, got.options), ((g.laddr, lport, g.rip, 20), 6000, 9001, MSS + timestamp), "the SYN+ACK")
    got = g.reply(packet.ACK, 9001, 6001, b"data", ends=(20, lport))
    t.equal((got.seq, got.ack, got.payload), (9001, 6001, b"data"), "the server's data")
    got = g.request(packet.ACK, 6001, 9005, ends=ends)
    t.equal((got.seq, got.ack, got.options), (6001, 9005, b""), "the client's answer")


@test(lvs_only=True)
def no_port_is_repeated(t):
    """A text that went as it was for want of a port goes so again, whatever is free by then: the numbers depend on it."""
    limit_ports(t, 6000, 6000)
    g = Ghost(t, 4)
    data = packet.ACK | packet.PSH
    text = command("PORT", g.client, t.port()).encode() + b"\r\n"
    first = g.request(data, 1001, 5001, text)
    t.equal(endpoint_in(first.payload.decode()[:-2]), (g.laddr, 6000), "the only port")
    g.reply(packet.SYN, 9000, options=MSS, ends=(20, 6000))
    behind, more = 1001 + len(text), len(first.payload) - len(text)
    second = g.request(data, behind, 5001, text)
    t.equal((second.payload, second.seq), (text, g.number(behind + more)), "without a port")
    limit_ports(t, 6000, 6001)
    again = g.request(data, behind, 5001, text)
    t.equal((again.payload, again.seq), (text, second.seq), "the same again")
    third = g.request(data, behind + len(text), 5001, text)
    t.equal(endpoint_in(third.payload.decode()[:-2]), (g.laddr, 6001), "a new text")


@test(lvs_only=True)
def in_proc(t):
    """The control connection is counted where ip_vs counts it, its data connections are not."""
    session = Session(t, 4)
    _, port = listens(t, t.lab.client, Lab.CLIENT[4])
    before, = re.findall(r"(?m)^TCP  21      (\d+) +ftp", t.lab.director_ns.read("/proc/net/ip_vs_app"))
    session.calls(*endpoint_in(session.asks(command("PORT", Lab.CLIENT[4], port))))
    session.another()
    after, = re.findall(r"(?m)^TCP  21      (\d+) +ftp", t.lab.director_ns.read("/proc/net/ip_vs_app"))
    t.equal(int(after) - int(before), 1, "control connections in /proc/net/ip_vs_app")
    t.equal([c["dest"] for c in t.director.conns(session.vip) if c["cport"] == port], [session.rip], "in /proc/net/ip_vs_conn")
