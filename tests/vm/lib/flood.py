# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic without end: the same packets over and over, or the kernel's packet generator."""
import ctypes
import errno
import mmap
import os
import select
import signal
import socket
import struct
import time

from lib import packet
from lib.packet import ACK, RST, SYN
from lib.record import note, run


class Flood:
    """A process that sends the same packets over and over until it is stopped; as fast as can be, or so many a second."""

    def __init__(self, wire, packets, rate=None):
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(7200)
            # Other sockets and namespaces must be able to go.
            os.closerange(3, wire.socket.fileno())
            os.closerange(wire.socket.fileno() + 1, 1 << 12)
            try:
                begin, sent = time.monotonic(), 0
                while True:
                    for at in range(0, len(packets), 32):
                        wire.flood(packets[at:at + 32])
                        sent += len(packets[at:at + 32])
                        ahead = sent / rate - (time.monotonic() - begin) if rate else 0
                        if ahead > 0.005:
                            time.sleep(ahead)
            except OSError:  # the device has gone
                os._exit(0)
            finally:
                os._exit(1)
        note(f"process {self.pid} floods {wire.name}/{wire.device}")

    def running(self):
        return self.pid and os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


def assorted(vip, client, ports, count=300):
    """Packets of many connections: TCP, UDP, fragments, errors."""
    packets = []
    for index in range(count):
        port, sport = ports[index % len(ports)], 1024 + index
        packets.append(packet.tcp(client, sport, vip, port, SYN))
        packets.append(packet.tcp(client, sport, vip, port, ACK, payload=b"x" * 50))
        packets.append(packet.udp(client, sport, vip, port, b"y" * 20))
        if index % 10 == 0:
            segment = packet.udp_segment(client, vip, sport, port, b"z" * 1200)
            packets.append(packet.ip(client, vip, packet.UDP, segment[:800], ident=index, more=True))
            packets.append(packet.ip(client, vip, packet.UDP, segment[800:], ident=index, offset=800))
            packets.append(packet.icmp("10.0.1.1" if ":" not in vip else "fd00:b::1", vip, 3 if ":" not in vip else 1, 1,
                                       packet.udp(vip, port, client, sport, b"q" * 20)))
    return packets


def rules_for(vip, ports, rips):
    lines = []
    for port, option in zip(ports, ("-m", "-g", "-i")):
        name = f"{vip}:{port}" if ":" not in vip else f"[{vip}]:{port}"
        for flag in ("-t", "-u"):
            lines.append(f"-A {flag} {name} -s wrr")
            lines += [f"-a {flag} {name} -r {rip if ':' not in rip else '[' + rip + ']'}:{port} {option}" for rip in rips]
    return lines


class Pktgen:
    """The kernel's packet generator, two threads on one device, in the lab's router."""
    ADDRESSES = 65534

    def __init__(self, ns, device, mac, vip, port, total, rate=None, source_port=None):
        """
        total packets, 0 for ever; as many a second as can be, or as told. Clients come by chance, unless with source_port:
        then they count up, one thread's from that port, the other's from the next, and begin again after half of total: an
        address whose packet the device refused is one that was not sent, and comes again.
        """
        self.ns, self.names = ns, [f"{device}@0", f"{device}@1"]
        pace = f"ratep {rate // 2}" if rate else "delay 0"
        last = self.client(total // 2 if source_port else self.ADDRESSES)
        run("modprobe", "pktgen")
        with ns:
            base = "/proc/thread-self/net/pktgen"
            for cpu, name in enumerate(self.names):
                self._write(f"{base}/kpktgend_{cpu}", "rem_device_all", f"add_device {name}")
                self._write(f"{base}/{name}", f"count {total // 2}", "clone_skb 0", "pkt_size 60", pace,
                            f"dst_mac {mac.hex(':')}", f"dst {vip}", "src_min 10.9.0.1", f"src_max {last}",
                            *self._ports(source_port and source_port + cpu),
                            f"udp_dst_min {port}", f"udp_dst_max {port}")

    @staticmethod
    def client(number):
        """The address of a thread's first, second, ... client."""
        return f"10.9.{number >> 8}.{number & 255}"

    @staticmethod
    def _ports(only):
        if only:
            return f"udp_src_min {only}", f"udp_src_max {only}"
        return "flag IPSRC_RND", "flag UDPSRC_RND", "udp_src_min 1024", "udp_src_max 65535"

    @staticmethod
    def _write(path, *commands):
        for command in commands:
            with open(path, "w") as file:
                file.write(command + "\n")

    def start(self):
        """Returns at once; a process of its own waits for the end."""
        self.pid = os.fork()
        if self.pid == 0:
            signal.alarm(0)
            with self.ns, open("/proc/thread-self/net/pktgen/pgctrl", "w") as file:
                file.write("start\n")
                file.flush()
            os._exit(0)

    def running(self):
        if self.pid and os.waitpid(self.pid, os.WNOHANG) != (0, 0):
            self.pid = None
        return self.pid is not None

    def sent(self):
        total = 0
        for name in self.names:
            for line in self.ns.read(f"/proc/net/pktgen/{name}").splitlines():
                if "pkts-sofar:" in line:
                    total += int(line.split()[1])
        return total

    def close(self):
        if self.pid:
            with self.ns, open("/proc/thread-self/net/pktgen/pgctrl", "w") as file:
                file.write("stop\n")
            os.waitpid(self.pid, 0)
        with self.ns:
            for cpu in (0, 1):
                self._write(f"/proc/thread-self/net/pktgen/kpktgend_{cpu}", "rem_device_all")
        run("modprobe", "-r", "pktgen")


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("iov", ctypes.POINTER(_Iovec)),
                ("iov_length", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class _Message(ctypes.Structure):
    """struct mmsghdr"""
    _fields_ = [("header", _Header), ("sent", ctypes.c_uint32)]


class SynFlood:
    """
    A process that opens TCP connections over IPv4, so many a second if it can, each from another address and port. Nobody
    goes on with them; with reset each SYN has a RST right behind it, so that the connection does not live long.
    """
    BATCH = 64

    def __init__(self, wire, vip, ports, rate=10000, reset=False):
        self.shared = mmap.mmap(-1, 8)
        self.wire, self.rate = wire, rate
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(7200)
                os.closerange(3, wire.socket.fileno())
                os.closerange(wire.socket.fileno() + 1, 1 << 12)
                self._run(vip, ports, reset)
            finally:
                os._exit(1)
        note(f"process {self.pid} sends {rate} SYNs a second to {vip}, ports {ports}")

    def _run(self, vip, ports, reset):
        turn = 2 if reset else 1
        templates = [packet.tcp("10.9.0.1", 1024, vip, port, flags, seq=1) for port in ports for flags in (SYN, RST)[:turn]]
        size = len(templates[0])
        buffer = bytearray(b"".join(templates[i % len(templates)] for i in range(self.BATCH)))
        memory = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(0x0800),
                              self._index(), 0, 0, 6, self.wire.peer)
        name = ctypes.create_string_buffer(address)
        iovecs = [_Iovec(ctypes.addressof(memory) + i * size, size) for i in range(self.BATCH)]
        messages = (_Message * self.BATCH)(*[
            _Message(_Header(ctypes.addressof(name), len(address), ctypes.pointer(iovec), 1)) for iovec in iovecs])
        sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        flow, sent, begin = 0, 0, time.monotonic()
        while True:
            for i in range(self.BATCH):
                flow += i % turn == 0
                self._set_flow(buffer, i * size, flow)
            count = sendmmsg(self.wire.socket.fileno(), messages, self.BATCH, 0)
            if count < 0 and ctypes.get_errno() not in (errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
                return  # the device has gone
            if count < 0:
                select.select([], [self.wire.socket], [])
            sent += max(count, 0) // turn
            struct.pack_into("=Q", self.shared, 0, sent)
            ahead = sent / self.rate - (time.monotonic() - begin)
            if ahead > 0.005:
                time.sleep(ahead)

    def _index(self):
        return struct.unpack("=HHi12x", _getsockname(self.wire.socket.fileno()))[2]

    @staticmethod
    def _set_flow(buffer, at, flow):
        """Another source. Ones' complement sums stay as they are: what is added here is taken there, so checksums stay right."""
        low, sport = 1 + flow // 60000 % 0xfff0, 1024 + flow % 60000
        struct.pack_into("!H", buffer, at + 14, low)
        struct.pack_into("!H", buffer, at + 4, (1 - low) % 0xffff)          # the identification was 0
        struct.pack_into("!H", buffer, at + 20, sport)
        struct.pack_into("!H", buffer, at + 26, (1 + 1 + 1024 - low - sport) % 0xffff)  # the sequence number was 1

    def sent(self):
        return struct.unpack("=Q", self.shared[:8])[0]

    def a_second(self):
        return self.sent() / (time.monotonic() - self.started)

    def running(self):
        return self.pid and os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


def _getsockname(fd):
    """struct sockaddr_ll of a packet socket, with the number of its device."""
    raw, length = ctypes.create_string_buffer(20), ctypes.c_uint32(20)
    ctypes.CDLL(None).getsockname(fd, raw, ctypes.byref(length))
    return raw.raw
