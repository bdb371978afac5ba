# SPDX-License-Identifier: GPL-2.0-or-later
"""toa.ko on a real server, and a director on paper that tells it who the clients are."""
import ctypes
import os
import socket
import struct

from lib import kernel, packet, patience, wait
from lib.namespace import LIBC
from lib.record import run
from lib.wire import Wire

UOA_LOOKUP, NAT64, CLIENT, PEER = 2048, 4096, 4097, 4098
UOA_OPTION, UOA_PROTOCOL = 31, 248
NO_CLIENT = 2  # ENOENT


def module_path():
    return os.path.join(os.path.dirname(os.path.realpath(kernel.module_path())), "toa.ko")


def available():
    return os.path.exists(module_path())


def insert(*parameters):
    run("insmod", module_path(), *parameters)


def remove():
    run("rmmod", "toa")


def load(t, *parameters):
    """Loads the module for one test."""
    if not available():
        t.skip("this kernel has no ftrace that toa.ko could use")
    insert(*parameters)
    t.cleanup(lambda: kernel.loaded("toa") and remove())


def trust(networks):
    with open("/proc/sys/net/toa/directors", "w") as file:
        file.write(networks + "\n")


def counters():
    with open("/proc/net/toa_stats") as file:
        lines = [line.split() for line in file.read().splitlines()[1:]]
    return {words[0]: sum(map(int, words[1:])) for words in lines}


def option(address, port, kind=None):
    """What a director adds for a client."""
    raw = packet.packed(address)
    kind = (254 if len(raw) == 4 else 253) if kind is None else kind
    return struct.pack("!BBH", kind, 4 + len(raw), port) + raw


def uoa_header(address, port):
    added = option(address, port, UOA_OPTION)
    return struct.pack("!BBH", 0x10 if ":" not in address else 0x20, packet.UDP, 4 + len(added)) + added


class Director:
    """Addresses of the sink that are on paper only, and talk to the first real server."""

    def __init__(self, t):
        lab, self.server = t.lab, t.lab.rs[0]
        self.address = {af: lab.GHOST_RS[af][0] for af in (4, 6)}
        self.server_address = {af: lab.RS[af][0] for af in (4, 6)}
        mac = lab.sink.mac("eth0").hex(":")
        self.server.ip(*[f"neigh replace {address} lladdr {mac} dev eth0 nud permanent" for address in self.address.values()])
        self.wire = t.closing(Wire(lab.sink, "eth0", self.server.mac("eth0")))
        self.next_port = 30000

    def connection(self, af, port, **options):
        self.next_port += 1
        return Connection(self, af, self.next_port, port, **options)

    def datagram(self, af, sport, dport, payload, header=b"", ip_options=b"", fragment=0):
        """UDP, with what tells the client in front of it or among the IP options."""
        src, dst = self.address[af], self.server_address[af]
        segment = header + packet.udp_segment(src, dst, sport, dport, payload)
        proto = UOA_PROTOCOL if header else packet.UDP
        arguments = {"options": ip_options} if ip_options else {}
        if not fragment:
            self.wire.send(packet.ip(src, dst, proto, segment, **arguments))
            return
        self.wire.send(packet.ip(src, dst, proto, segment[:fragment], ident=7, more=True),
                       packet.ip(src, dst, proto, segment[fragment:], ident=7, offset=fragment))


class Connection:
    """A TCP connection by hand: the handshake's last segment carries `options`, the SYN `syn_options`."""

    def __init__(self, director, af, sport, dport, options=b"", syn_options=b"", data=b""):
        self.wire, self.sport, self.dport = director.wire, sport, dport
        self.src, self.dst = director.address[af], director.server_address[af]
        self.flow = (self.dst, dport, self.src, sport)
        self.seq, self.ack = 1000, 0
        self.segment(packet.SYN, options=syn_options)
        answer = self.wire.receive(lambda p: p.flow == self.flow and p.flags == packet.SYN | packet.ACK, 10, "SYN-ACK")
        self.seq, self.ack = self.seq + 1, answer.seq + 1
        self.segment(packet.ACK, options=options)
        if data:
            self.send(data)

    def segment(self, flags, payload=b"", options=b"", shift=0):
        self.wire.send(packet.tcp(self.src, self.sport, self.dst, self.dport, flags, self.seq + shift & 0xffffffff, self.ack, payload,
                                  options=options))

    def send(self, data, options=b""):
        self.segment(packet.ACK | packet.PSH, data, options)
        self.seq += len(data)

    def reset(self):
        self.segment(packet.RST | packet.ACK)


def listener(t, ns, address, port, backlog=128):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns:
        sock = t.closing(socket.socket(family))
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(backlog)
    sock.settimeout(patience.seconds(20))
    return sock


def ask(sock, name):
    """(address, port) by getsockopt, or None if the module knows no client."""
    try:
        if name == NAT64:
            raw, port = struct.unpack("!16sHxx", sock.getsockopt(socket.IPPROTO_IP, name, 20))
            return socket.inet_ntop(socket.AF_INET6, raw), port
        reply = sock.getsockopt(socket.IPPROTO_IP, name, 20)
    except OSError as error:
        if error.errno == NO_CLIENT:
            return None
        raise
    family, = struct.unpack("=H", reply[:2])
    port, = struct.unpack("!H", reply[2:4])
    return socket.inet_ntop(family, reply[4:8] if family == socket.AF_INET else reply[4:]), port


def ask_flow(sock, saddr, sport, daddr, dport, old=False):
    """The client of a UDP flow. old: the layout for IPv4 only. Python's getsockopt() passes nothing in."""
    raw = [packet.packed(address) for address in (saddr, daddr)]
    if old:
        data = raw[0] + raw[1] + struct.pack("!HH6x", sport, dport)
    else:
        family = socket.AF_INET if len(raw[0]) == 4 else socket.AF_INET6
        data = struct.pack("=H16s16s", family, *raw) + struct.pack("!HH20x", sport, dport)
    buffer, length = ctypes.create_string_buffer(data, len(data)), ctypes.c_uint(len(data))
    if LIBC.getsockopt(sock.fileno(), socket.IPPROTO_IP, UOA_LOOKUP, buffer, ctypes.byref(length)):
        error = ctypes.get_errno()
        if error == NO_CLIENT:
            return None
        raise OSError(error, os.strerror(error))
    if old:
        return socket.inet_ntop(socket.AF_INET, buffer.raw[12:16]), struct.unpack("!H", buffer.raw[16:18])[0]
    family, = struct.unpack("=H", buffer.raw[38:40])
    return (socket.inet_ntop(family, buffer.raw[40:44] if family == socket.AF_INET else buffer.raw[40:56]),
            struct.unpack("!H", buffer.raw[56:58])[0])


def all_gone():
    """Each socket that got an entry has lost it."""
    def balance():
        now = counters()
        return now["sockets_added"] - now["sockets_removed"]
    wait.equals(balance, 0, 20, "entries of sockets that are closed")
