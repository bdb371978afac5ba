# SPDX-License-Identifier: GPL-2.0-or-later
"""toa.ko: what a real server shows as the client's address."""
import contextlib
import os
import socket
import threading

from lib import daemons, packet, patience, toa, wait
from lib.harness import test

CLIENT = {4: ("203.0.113.7", 4711), 6: ("2001:db8:99::7", 4711)}
TURNS = int(os.environ.get("LVS_STRESS", "3"))


def shown(sock):
    return sock.getpeername()[:2]


def mapped(endpoint):
    return "::ffff:" + endpoint[0], endpoint[1]


@test(kind=("254/8", "200/8", "253/20", "254/20"), listens=(4, 6), timeout=120)
def client_is_shown(t, kind, listens):
    """By accept(), getpeername() and getsockopt(); the last one tells the true peer, too. listens 6: IPv4 comes mapped."""
    number, length = map(int, kind.split("/"))
    af = 4 if length == 8 else 6
    if af > listens:
        t.skip("no IPv6 to an IPv4 listener")
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0" if listens == 4 else "::", t.port())
    connection = director.connection(af, server.getsockname()[1], options=toa.option(*CLIENT[af], kind=number))
    sock, name = server.accept()
    expected = mapped(CLIENT[4]) if af < listens else CLIENT[af]
    with sock:
        t.equal(name[:2], expected, "accept()")
        t.equal(shown(sock), expected, "getpeername()")
        t.equal(sock.getsockname()[1], server.getsockname()[1], "getsockname()")
        t.equal(toa.ask(sock, toa.CLIENT), CLIENT[af], "the client by getsockopt()")
        t.equal(toa.ask(sock, toa.PEER), (director.address[af], connection.sport), "the true peer")
        t.equal(toa.ask(sock, toa.NAT64), CLIENT[6] if af == 6 else None, "an IPv6 client")
        connection.reset()
    t.equal(toa.counters()["syn_recv_sock_toa"], 1, "counter")
    toa.all_gone()


@test(listens=(4, 6))
def ipv6_client_over_ipv4(t, listens):
    """NAT64: an IPv6 listener's mapped socket shows it, an IPv4 one has no room and tells it by getsockopt()."""
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0" if listens == 4 else "::", t.port())
    connection = director.connection(4, server.getsockname()[1], options=toa.option(*CLIENT[6], kind=254))
    with server.accept()[0] as sock:
        t.equal(shown(sock), CLIENT[6] if listens == 6 else (director.address[4], connection.sport), "getpeername()")
        t.equal(toa.ask(sock, toa.NAT64), CLIENT[6], "getsockopt()")
        t.equal(toa.ask(sock, toa.CLIENT), CLIENT[6], "getsockopt()")


@test
def told_with_later_data(t):
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0", t.port())
    connection = director.connection(4, server.getsockname()[1])
    with server.accept()[0] as sock:
        true = (director.address[4], connection.sport)
        t.equal(shown(sock), true, "before")
        connection.send(b"x", options=toa.option(*CLIENT[4]))
        t.equal(sock.recv(1), b"x", "data")
        t.equal(shown(sock), CLIENT[4], "after")
        connection.send(b"y", options=toa.option("203.0.113.99", 1))
        t.equal(sock.recv(1), b"y", "data")
        t.equal(shown(sock), CLIENT[4], "the first counts")
    t.equal(toa.counters()["late_toa"], 1, "late_toa")


@test
def told_with_deferred_accept(t):
    """The data that completes the handshake tells it."""
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0", t.port())
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)
    connection = director.connection(4, server.getsockname()[1])
    connection.send(b"x", options=toa.option(*CLIENT[4]))
    sock, name = server.accept()
    with sock:
        t.equal(name, CLIENT[4], "accept()")


@test
def forged_ones_are_ignored(t):
    """In a SYN, outside the window, impossible addresses, on connections that this host made, other lengths."""
    toa.load(t)
    director = toa.Director(t)
    port = t.port()
    server = toa.listener(t, director.server, "0.0.0.0", port)
    for what, arguments in (("SYN", {"syn_options": toa.option(*CLIENT[4])}),
                            ("multicast", {"options": toa.option("224.0.0.1", 1)}),
                            ("port 0", {"options": toa.option(CLIENT[4][0], 0)}),
                            ("length 12", {"options": b"\xfe\x0c" + bytes(10)}),
                            ("cut off", {"options": b"\x01\x01\x01\x01\x01\xfe\x08\x12"})):
        connection = director.connection(4, port, **arguments)
        with server.accept()[0] as sock:
            t.equal(shown(sock), (director.address[4], connection.sport), what)
            t.equal(toa.ask(sock, toa.CLIENT), None, what)
    t.equal(toa.counters()["bad_address"], 2, "bad_address")
    connection = director.connection(4, port)
    with server.accept()[0] as sock:
        connection.segment(packet.ACK, b"forged", options=toa.option(*CLIENT[4]), shift=1 << 30)
        connection.send(b"x")
        t.equal(sock.recv(1), b"x", "data")
        t.equal(shown(sock), (director.address[4], connection.sport), "outside the window")
    t.equal(toa.counters()["out_of_window"], 1, "out_of_window")
    _own_connection(t, director)


def _own_connection(t, director):
    with director.server:
        sock = t.closing(socket.socket())
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        sock.connect((director.address[4], 80))
    own = (director.server_address[4], sock.getsockname()[1])
    syn = director.wire.receive(lambda p: (p.src, p.sport) == own and p.flags == packet.SYN, what="SYN")

    def send(flags, seq, payload=b"", options=b""):
        director.wire.send(packet.tcp(director.address[4], 80, *own, flags, seq, syn.seq + 1, payload, options=options))
    send(packet.SYN | packet.ACK, 5000)
    send(packet.ACK | packet.PSH, 5001, b"x", toa.option(*CLIENT[4]))
    sock.settimeout(patience.seconds(10))
    t.equal(sock.recv(1), b"x", "data")
    t.equal(shown(sock), (director.address[4], 80), "a connection that this host made")


@test(af=(4, 6))
def only_directors_are_trusted(t, af):
    toa.load(t, "directors=198.51.100.0/24,2001:db8:5::/48")
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0" if af == 4 else "::", t.port())

    def accepted():
        connection = director.connection(af, server.getsockname()[1], options=toa.option(*CLIENT[af]))
        with server.accept()[0] as sock:
            return shown(sock) == CLIENT[af] or shown(sock) == (director.address[af], connection.sport) and None
    t.equal(accepted(), None, "a stranger's")
    t.equal(toa.counters()["untrusted"], 1, "untrusted")
    toa.trust(f"198.51.100.0/24 {director.address[af]}")
    t.equal(accepted(), True, "the director's")
    toa.trust("10.1.0.0/29,fd00:c::/125")
    t.equal(accepted(), None, "a stranger's again")
    for wrong in ("10.0.0.0/33", "fd00::/129", "10.0.0", "10.0.0.0/", "x" * 2000):
        try:
            toa.trust(wrong)
        except OSError:
            continue
        raise AssertionError(f"taken: {wrong!r}")
    with open("/proc/sys/net/toa/directors") as file:
        t.equal(file.read(), "10.1.0.0/29,fd00:c::/125\n", "the list is as before")


@test(timeout=120)
def nginx_logs_the_client(t):
    toa.load(t)
    director = toa.Director(t)
    address, port = director.server_address[4], t.port()
    nginx = t.closing(daemons.Nginx(t, director.server, address, port, "rs1", log="access.log"))
    connection = director.connection(4, port, options=toa.option(*CLIENT[4]), data=b"GET /it HTTP/1.0\r\n\r\n")
    director.wire.receive(lambda p: p.flow == connection.flow and b"200 OK" in p.payload, 20, "the answer")
    line = wait.until(lambda: [line for line in nginx.access_log() if "GET /it" in line], 10, "log line")[0]
    t.equal(line.split()[0], CLIENT[4][0], "address in nginx's log")


@test(how=("option", "header"), af=(4, 6))
def udp_clients(t, how, af):
    if how == "option" and af == 6:
        t.skip("IPv6 has no such options")
    toa.load(t)
    director = toa.Director(t)
    port = t.port()
    with director.server:
        sock = t.closing(socket.socket(socket.AF_INET if af == 4 else socket.AF_INET6, socket.SOCK_DGRAM))
    sock.bind((director.server_address[af], port))
    sock.settimeout(patience.seconds(10))
    tuples = (director.address[af], 40001, director.server_address[af], port)
    t.equal(toa.ask_flow(sock, *tuples), None, "before")
    for number, client in enumerate((CLIENT[af], ("2001:db8:99::8", 99))):
        payload = f"datagram {number} ".encode() * 4
        added = {"ip_options": toa.option(*client, kind=31)} if how == "option" else {"header": toa.uoa_header(*client)}
        director.datagram(af, 40001, port, payload, fragment=24 if number and how == "header" else 0, **added)
        data, source = sock.recvfrom(2000)
        t.equal((data, source[:2]), (payload, (director.address[af], 40001)), "what UDP sees")
        t.equal(toa.ask_flow(sock, *tuples), client, "the client")
    t.equal(toa.ask_flow(sock, director.address[af], 40002, *tuples[2:]), None, "another flow")
    if af == 4:
        t.equal(toa.ask_flow(sock, *tuples, old=True), None, "no IPv6 client by the old layout")
        director.datagram(af, 40003, port, b"old", header=toa.uoa_header(*CLIENT[4]))
        t.equal(sock.recv(100), b"old", "data")
        t.equal(toa.ask_flow(sock, director.address[af], 40003, *tuples[2:], old=True), CLIENT[4], "the old layout")
    _bad_headers(t, director, af, sock, port)


def _bad_headers(t, director, af, sock, port):
    good = toa.uoa_header(*CLIENT[4])
    before = toa.counters()["uoa_invalid"]
    bad = [b"\x00" + good[1:], b"\x11" + good[1:], good[:1] + b"\x06" + good[2:], good[:2] + b"\xff\xff" + good[4:]]
    for header in bad:
        director.datagram(af, 40004, port, b"bad", header=header)
    src, dst = director.address[af], director.server_address[af]
    director.wire.send(packet.ip(src, dst, toa.UOA_PROTOCOL, good[:3]), packet.ip(src, dst, toa.UOA_PROTOCOL, good + b"\x01"))
    director.datagram(af, 40004, port, b"plain")
    t.equal(sock.recv(100), b"plain", "only the good one arrives")
    t.equal(toa.counters()["uoa_invalid"] - before, len(bad) + 2, "uoa_invalid")


@test(timeout=240)
def thousand_threads(t):
    """All ask at once, while other connections come and go: nobody sees a wrong address."""
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "::", t.port(), 1024)
    port = server.getsockname()[1]
    sockets = []
    for number in range(20):
        client = (f"203.0.113.{number + 1}", 1000 + number)
        director.connection(4, port, options=toa.option(*client))
        sockets.append((t.closing(server.accept()[0]), mapped(client)))
    wrong, start = [], threading.Barrier(1001)

    def ask(sock, expected):
        start.wait()
        for _ in range(5):
            if shown(sock) != expected:
                wrong.append((sock, expected))
    threading.stack_size(1 << 18)
    t.cleanup(threading.stack_size, 0)
    threads = [threading.Thread(target=ask, args=sockets[number % 20]) for number in range(1000)]
    for thread in threads:
        thread.start()
    start.wait()
    for number in range(5):
        director.connection(4, port, options=toa.option("198.51.100.1", 2000 + number)).reset()
        server.accept()[0].close()
    for thread in threads:
        thread.join()
    t.equal(wrong, [], "wrong addresses")
    t.equal(toa.counters()["getname_toa_ok"], 20 + 5 + 5000, "names shown")
    t.equal(toa.counters()["missed_no_memory"], 0, "misses")


@test(cpus=("all", "one"), timeout=600)
def unload_under_load(t, cpus):
    """The module goes and comes while connections are made and threads ask: what they see is the client or the true peer."""
    if cpus == "one":
        t.cleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, {0})
    elif "VM_EMULATED" in os.environ:
        # A breakpoint that is set while a function's first byte changes may stay in the code that QEMU has translated: one
        # processor changes the byte, another runs into the breakpoint that is no more, for ever.
        t.skip("QEMU's emulated processors miss changes to the code they run")
    toa.load(t)
    director = toa.Director(t)
    server = toa.listener(t, director.server, "0.0.0.0", t.port(), 1024)
    port = server.getsockname()[1]
    wrong, stop, rounds = [], threading.Event(), [0]

    def ask(sock, allowed):
        while not stop.is_set():
            if shown(sock) not in allowed:
                wrong.append((sock, allowed))

    def come_and_go():
        while not stop.is_set():
            with director.server:
                sock = socket.socket()
            with sock:
                sock.connect((director.server_address[4], port))
                rounds[0] += 1

    def accept():
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                server.accept()[0].close()
    held = []
    for number in range(8):
        connection = director.connection(4, port, options=toa.option(CLIENT[4][0], 1 + number))
        sock = t.closing(server.accept()[0])
        t.equal(shown(sock), (CLIENT[4][0], 1 + number), "before")
        held.append((sock, ((CLIENT[4][0], 1 + number), (director.address[4], connection.sport))))
    server.settimeout(1)
    threads = [threading.Thread(target=ask, args=held[number % 8]) for number in range(16)]
    threads += [threading.Thread(target=come_and_go), threading.Thread(target=accept)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(TURNS):
            before = rounds[0]
            toa.remove()
            toa.insert()
            wait.until(lambda: rounds[0] > before + 3, 60, "connections go on")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    t.equal(wrong, [], "wrong addresses")
    for sock, allowed in held:
        t.equal(shown(sock), allowed[1], "what the old module knew is forgotten")
