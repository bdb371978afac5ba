# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a scenario works with: it does things to a director and writes down facts, each a key and a value.

Facts must be the same in every run of the same module: identification numbers, times and checksums are left out or rounded.
"""
import errno
import itertools
import os
import select
import socket
import struct
import time

from lib import ipvs, packet, patience, wait
from lib.ipvs import STOCK_IPVSADM
from lib.lab import VIPS, Lab
from lib.netlink import NetlinkError, attrs

ROUNDED = (4, 10, 30, 61, 120, 300, 900)
GUE_PORT = 6080
NEIGHBOUR = range(130, 144)


def about(seconds):
    """A time to go, rounded up to one of the timeouts: a fact must not depend on how long the scenario took."""
    return next((f"up to {limit} s" for limit in ROUNDED if seconds <= limit), f"{seconds} s")


def render(body):
    """Attributes in their order, nests (which these replies do not flag) taken apart where they are known to be."""
    return " ".join(f"{kind}={value.hex()}" for kind, value in attrs(body))


def comparable(data):
    """
    A packet in hexadecimal without what differs each time: an IPv4 header's identification and checksum, an IPv6 header's
    flow label and a fragment's identification, a checksum of ICMPv6, and a UDP tunnel's source port and checksum.
    """
    raw = bytearray(data)
    if raw[0] >> 4 == 4:
        raw[4:6] = raw[10:12] = bytes(2)
        proto, rest = raw[9], (raw[0] & 15) * 4
    else:
        raw[0:4] = struct.pack("!I", struct.unpack("!I", raw[:4])[0] & 0xfff00000)
        proto, rest = raw[6], 40
    if proto == packet.UDP and struct.unpack_from("!H", raw, rest + 2)[0] == GUE_PORT:
        raw[rest:rest + 2] = bytes(2)
        raw[rest + 6:rest + 8] = bytes(2)
    elif raw[0] >> 4 == 6 and proto == packet.FRAGMENT:
        raw[rest + 4:rest + 8] = bytes(4)
    elif proto == packet.ICMP6:  # may be left to the hardware, which is not there
        raw[rest + 2:rest + 4] = bytes(2)
    return bytes(raw).hex()


class Scene:
    VIP, VIP6 = VIPS[4]["other"], VIPS[6]["other"]
    CLIENT, CLIENT6 = Lab.GHOST_CLIENT[4], Lab.GHOST_CLIENT[6]
    RIPS, RIPS6 = Lab.GHOST_RS[4], Lab.GHOST_RS[6]
    markers = itertools.count(1)

    def __init__(self, lab):
        self.lab, self.facts, self.prefix = lab, {}, ""
        self.director, self.genl = lab.director, lab.director.genl
        self.director.tool = STOCK_IPVSADM
        self.director.ns.sysctl(ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)

    def about(self, prefix):
        """What the facts that follow are about; their keys begin with it."""
        self.prefix = prefix

    def fact(self, key, value):
        key = f"{self.prefix}: {key}"
        assert key not in self.facts, f"two facts are called {key}"
        self.facts[key] = str(value)

    def text(self, key, text):
        """Each line a fact."""
        for number, line in enumerate(text.splitlines(), 1):
            self.fact(f"{key}, line {number}", line)

    # Control

    def request(self, command, body=b"", dump=False):
        """The replies, or the name of the errno."""
        try:
            return self.genl.dump(command, body) if dump else self.genl.request(command, body)
        except NetlinkError as error:
            return errno.errorcode[error.errno]

    def listing(self, *arguments, change=lambda text: text):
        result = self.director.ipvsadm(*arguments, check=False)
        name = "ipvsadm " + " ".join(arguments)
        self.fact(f"{name}, exit code", result.code)
        self.text(name, change(result.out + result.err))

    def proc(self, name, change=lambda text: text):
        try:
            self.text(name, change(self.director.ns.read(f"/proc/net/{name}")))
        except FileNotFoundError:
            self.fact(name, "absent")

    def sysctl(self, name, value):
        """False if there is none of this name."""
        try:
            self.director.ns.write(f"/proc/sys/net/ipv4/vs/{name}", value)
            return True
        except FileNotFoundError:
            self.fact(f"sysctl {name}", "absent")
            return False

    def service(self, proto, vip, port, scheduler, dests, options=""):
        """Dests are listed and tried newest first by ip_vs, oldest first by lvs: here the order is the same with both."""
        return self.director.service(proto, vip, port, scheduler, dests if ipvs.MODULE == "lvs" else dests[::-1], options)

    # Traffic

    def from_outside(self, packets):
        """Sends packets towards the director; returns what the dests got, once all is through."""
        return self._through(self.lab.outside, self.lab.inside, packets, (self.CLIENT, self.RIPS[0]))

    def from_inside(self, packets):
        """The same from the dests to the clients."""
        return self._through(self.lab.inside, self.lab.outside, packets, (self.RIPS[0], self.CLIENT))

    def answers(self):
        """What has come back to the clients."""
        return self.from_inside([])

    def _through(self, near, far, packets, ends):
        """Behind the packets goes one that the director only routes: what has arrived when that one does is all there will be."""
        near.flood(packets)
        payload = b"marker %d" % next(self.markers)
        near.flood([packet.udp(ends[0], 9, ends[1], 9, payload)])
        found, deadline = [], time.monotonic() + patience.seconds(20)
        while True:
            try:
                data, source = far.socket.recvfrom(65536)
            except BlockingIOError:
                assert time.monotonic() < deadline, "the packet behind the others did not arrive"
                select.select([far.socket], [], [], 1)
                continue
            if source[2] == socket.PACKET_OUTGOING or source[1] not in (0x0800, 0x86dd):
                continue
            if data.endswith(payload):
                return found
            if not (data[0] >> 4 == 6 and data[6] in (0, packet.ICMP6) and (data[6] == 0 or data[40] in NEIGHBOUR)):
                found.append(data)

    def conns(self, vport):
        """{client port: connection} of the virtual port. A connection that another has taken the place of may take a moment to go."""
        for _ in range(40):
            listed = self.director.conns(port=vport)
            found = {c["cport"]: c for c in listed}
            if len(found) == len(listed):
                break
            time.sleep(0.05)
        return found

    def seen(self, key, packets):
        """What arrived, as facts."""
        self.fact(f"{key}, packets", len(packets))
        for number, data in enumerate(packets, 1):
            self.fact(f"{key}, packet {number}", comparable(data))

    def finish(self):
        self.director.clear()
        wait.until(lambda: not self.genl.dump(4), what="no services")
        for wire in (self.lab.inside, self.lab.outside):
            wire.drain()


def pin():
    """One CPU for all that is sent, so that packets keep their order. Returns what undoes it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    return lambda: os.sched_setaffinity(0, before)
