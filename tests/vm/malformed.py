# SPDX-License-Identifier: GPL-2.0-or-later
"""Truncated and lying packets: dropped or passed on as IP says, counted, and connections around them go on."""
import os
import random
import struct

from lib import ipvs, packet
from lib.harness import test
from lib.lab import VIPS, Lab
from lib.packet import ICMP, ICMP6, SYN, TCP, UDP, ip, tcp_segment, udp_segment
from lib.record import note

HOP_BY_HOP, ROUTING, NO_NEXT, DEST_OPTIONS = 0, 43, 59, 60


class Bystander:
    """A TCP and a UDP service with a connection each, which must work whatever else arrives."""

    def __init__(self, t, af):
        self.t, self.af = t, af
        self.vip, self.rip, self.client = VIPS[af]["other"], Lab.GHOST_RS[af][0], Lab.GHOST_CLIENT[af]
        self.port, self.rport = t.port(), t.port()
        for proto in ("tcp", "udp"):
            t.director.service(proto, self.vip, self.port, "rr", [(self.rip, self.rport, "-m")])
        self.count = 0
        t.lab.inside.drain()
        t.lab.outside.drain()
        self.check()

    def segment(self, proto, data=b"data"):
        if proto == UDP:
            return udp_segment(self.client, self.vip, 8000, self.port, data)
        return tcp_segment(self.client, self.vip, 8000, self.port, SYN, payload=data)

    def ip(self, proto, payload, **kwargs):
        return ip(self.client, self.vip, proto, payload, **kwargs)

    def check(self, allowed=lambda p: False):
        """The connection works, and nothing but what is allowed reached the real server before it."""
        self.count += 1
        mark = b"mark %d" % self.count
        self.t.lab.outside.send(packet.udp(self.client, 8001, self.vip, self.port, mark))
        strangers = []

        def marked(p):
            if p.payload == mark:
                return True
            if p.src and p.dst == self.rip and not allowed(p):
                strangers.append(packet.describe(p.data))
            return False
        got = self.t.lab.inside.receive(marked, what="the packet of the other connection")
        self.t.equal((got.flow, got.valid), ((self.client, 8001, self.rip, self.rport), True), "the other connection")
        self.t.equal(strangers, [], "packets that reached the real server")
        self.t.lab.inside.send(packet.udp(self.rip, self.rport, self.client, 8001, mark))
        self.t.lab.outside.receive(lambda p: p.payload == mark and p.sport == self.port, what="the other connection's reply")

    def malformed(self):
        return self.t.director.drops()["malformed"] if ipvs.MODULE == "lvs" else None

    def dropped(self, name, data, counted=1):
        """The packet must not reach the real server, and must count as malformed (or not, if IP itself drops it)."""
        note(name)
        before = self.malformed()
        self.t.lab.outside.send(data)
        self.check()
        if before is not None:
            self.t.equal(self.malformed() - before, counted, f"packets counted as malformed for {name}")

    def passes(self, name, *packets):
        """What the packets carry must reach the real server, translated, with right checksums."""
        note(name)
        self.t.lab.outside.send(*packets)
        return self.t.lab.inside.receive(lambda p: p.dst == self.rip, what=name)

    def harmless(self, name, data):
        """Dropped or passed on, both will do."""
        note(name)
        self.t.lab.outside.send(data)
        self.check(allowed=lambda p: True)


@test(af=(4, 6))
def short_headers(t, af):
    """A transport header that is not all there."""
    bystander = Bystander(t, af)
    for proto, lengths in ((TCP, (0, 1, 3, 4, 12, 13, 19)), (UDP, (0, 1, 3, 4, 7))):
        segment = bystander.segment(proto)
        for length in lengths:
            bystander.dropped(f"{length} bytes of protocol {proto}", bystander.ip(proto, segment[:length]))
    for doff in (0, 4):
        bystander.dropped(f"TCP data offset {doff}", packet.tcp(
            bystander.client, 8002, bystander.vip, bystander.port, SYN, doff=doff))


@test(af=(4, 6))
def lying_lengths(t, af):
    """Lengths that say more or less than there is."""
    bystander = Bystander(t, af)
    client, vip, port = bystander.client, bystander.vip, bystander.port
    bystander.harmless("TCP data offset beyond the end", packet.tcp(client, 8003, vip, port, SYN, doff=15))
    for length in (0, 4, 7, 9, 1000, 65535):
        bystander.harmless(f"UDP length {length}", packet.udp(client, 8004, vip, port, b"1234", length=length))
    segment = bystander.segment(UDP)
    for length in (0, 10, 19, 1000, 65535) if af == 4 else (1000, 65535):
        bystander.dropped(f"IP length {length}", bystander.ip(UDP, segment, length=length), counted=0)
    bystander.dropped("IP length that cuts the UDP header off", bystander.ip(UDP, segment, length=27 if af == 4 else 7))
    if af == 4:
        for ihl in (0, 1, 4, 15):
            bystander.dropped(f"header length {ihl}", bystander.ip(UDP, segment, ihl=ihl), counted=0)
        bystander.dropped("IP checksum", bystander.ip(UDP, segment, check=0x1234), counted=0)
        options = b"\x01" * 8
        got = bystander.passes("IP options", bystander.ip(UDP, segment, options=options))
        t.equal((got.data[20:28], got.payload, got.valid), (options, b"data", True), "options, data, checksums")
    bystander.check()


@test
def fragments_v4(t):
    """IPv4 fragments: whole if all are there and consistent, else nothing."""
    bystander = Bystander(t, 4)
    data = os.urandom(3000)
    segment = bystander.segment(UDP, data)

    def fragment(start, end, ident, more=None):
        return bystander.ip(UDP, segment[start:end], ident=ident, offset=start, more=end < len(segment) if more is None else more)

    def whole(name, *packets):
        first = bystander.passes(name, *packets)
        parts = {first.offset: first.l4}
        while sum(map(len, parts.values())) < len(segment):
            more = t.lab.inside.receive(lambda p: p.dst == bystander.rip and p.offset not in parts)
            parts[more.offset] = more.l4
        t.equal(b"".join(parts[o] for o in sorted(parts))[8:] == data, True, f"{name}: the bytes are whole")
    whole("in order", fragment(0, 1480, 1), fragment(1480, 2960, 1), fragment(2960, 3008, 1))
    whole("backwards", fragment(2960, 3008, 2), fragment(1480, 2960, 2), fragment(0, 1480, 2))
    whole("a first one of 8 bytes", fragment(0, 8, 3), fragment(8, 1480, 3), fragment(1480, 2960, 3), fragment(2960, 3008, 3))
    whole("one twice", fragment(0, 1480, 4), fragment(0, 1480, 4), fragment(1480, 2960, 4), fragment(2960, 3008, 4))
    for name, packets in {
            "one missing": (fragment(0, 1480, 5), fragment(2960, 3008, 5)),
            "overlap": (fragment(0, 1480, 6), fragment(1472, 2952, 6), fragment(2952, 3008, 6)),
            "over 64 KiB": (fragment(0, 1480, 7), bystander.ip(UDP, bytes(1400), ident=7, offset=65528)),
            "length not a multiple of 8": (bystander.ip(UDP, segment[:1477], ident=8, more=True),)}.items():
        note(name)
        t.lab.outside.send(*packets)
        bystander.check()
    before = bystander.malformed()
    t.lab.outside.send(bystander.ip(TCP, bystander.segment(TCP)[:8], ident=9, more=True),
                       bystander.ip(TCP, b"\0\0\0\0", ident=9, offset=8))
    bystander.check()
    if before is not None:
        t.equal(bystander.malformed() - before, 1, "fragments that make up half a TCP header")


@test
def fragments_v6(t):
    """IPv6 fragments, and a fragment header on a packet that is whole."""
    bystander = Bystander(t, 6)
    data = os.urandom(2000)
    segment = bystander.segment(UDP, data)

    def fragment(start, end, ident):
        body = struct.pack("!BxHI", UDP, start | (end < len(segment)), ident) + segment[start:end]
        return bystander.ip(packet.FRAGMENT, body)
    first = bystander.passes("in order", fragment(0, 1232, 1), fragment(1232, 2008, 1))
    rest = t.lab.inside.receive(lambda p: p.dst == bystander.rip, what="the rest")
    t.equal((first.l4 + rest.l4)[8:] == data, True, "the bytes are whole")
    got = bystander.passes("atomic", bystander.ip(packet.FRAGMENT, struct.pack("!BxHI", UDP, 0, 2) + bystander.segment(UDP)))
    t.equal(got.payload, b"data", "data of the atomic fragment")
    for name, packets in {"one missing": (fragment(0, 1232, 3),),
                          "overlap": (fragment(0, 1232, 4), fragment(1224, 2008, 4))}.items():
        note(name)
        t.lab.outside.send(*packets)
        bystander.check()
    # The kernel's reassembly leaves this one alone, for its receiver to judge.
    bystander.harmless("not a multiple of 8", bystander.ip(packet.FRAGMENT, struct.pack("!BxHI", UDP, 1, 5) + segment[:100]))


@test
def extension_headers(t):
    """IPv6 extension headers before the transport header, whole, long and broken."""
    bystander = Bystander(t, 6)
    segment = bystander.segment(UDP)
    pad = b"\x01\x04\0\0\0\0"

    def chain(*headers, last=UDP, payload=segment):
        kinds = [kind for kind, _ in headers] + [last]
        body = b"".join(bytes([kinds[index + 1]]) + raw for index, (_, raw) in enumerate(headers)) + payload
        return bystander.ip(kinds[0], body)
    options = (DEST_OPTIONS, b"\0" + pad)
    for name, data in {"destination options": chain(options), "hop by hop": chain((HOP_BY_HOP, b"\0" + pad), options),
                       "six of them": chain(*[options] * 6),
                       "a long one": chain((DEST_OPTIONS, b"\3" + b"\x01\x1c" + bytes(28)))}.items():
        got = bystander.passes(name, data)
        t.equal((got.data[-4:], got.dst), (b"data", bystander.rip), f"{name}: data")
        offset = got.data.index(struct.pack("!H", bystander.rport), 40) - 2
        udp = got.data[offset:]
        t.equal(packet.checksum(packet.pseudo(got.src, got.dst, UDP, len(udp)) + udp), 0, f"{name}: checksum")
    for name, data in {"beyond the end": chain((DEST_OPTIONS, b"\x20" + pad)),
                       "cut off": bystander.ip(DEST_OPTIONS, b"\x11"),
                       "nothing follows": chain(last=NO_NEXT, payload=b""),
                       "routing type 0": chain((ROUTING, b"\2\0\1" + bytes(4) + bytes(16))),
                       "hop by hop not first": chain(options, (HOP_BY_HOP, b"\0" + pad)),
                       "unknown option": chain((DEST_OPTIONS, b"\0\xc2\4\0\0\0\0")),
                       "unknown header": chain(last=253)}.items():
        bystander.harmless(name, data)


@test(af=(4, 6))
def icmp(t, af):
    """Errors that quote too little, or rubbish."""
    bystander = Bystander(t, af)
    kind = 3 if af == 4 else 1
    router = Lab.ROUTER_FRONT[af]
    quoted = ip(bystander.vip, bystander.client, UDP, udp_segment(bystander.vip, bystander.client, bystander.port, 8001, b"x" * 20))
    head = 20 if af == 4 else 40
    for length in (0, 1, 8, head - 1, head, head + 1, head + 3):
        t.lab.outside.send(packet.icmp(router, bystander.vip, kind, 1, quoted[:length]))
        bystander.check()
    broken = {
        "of another version": bytes([0x50 | quoted[0] & 15]) + quoted[1:],
        "of another protocol": ip(bystander.vip, bystander.client, 200, bytes(20)),
        "a later fragment": ip(bystander.vip, bystander.client, UDP, bytes(20), offset=800, ident=3),
        "an error in an error": packet.icmp(bystander.vip, bystander.client, kind, 1, quoted)}
    if af == 4:
        broken["header length 4"] = bytes([0x44]) + quoted[1:]
        broken["header length 15"] = bytes([0x4f]) + quoted[1:]
    for name, quote in broken.items():
        note(f"quote {name}")
        t.lab.outside.send(packet.icmp(router, bystander.vip, kind, 1, quote))
        bystander.check()
    for length in (0, 1, 4, 7):
        t.lab.outside.send(bystander.ip(ICMP if af == 4 else ICMP6, packet.icmp(router, bystander.vip, kind, 1)[20:][:length]))
        bystander.check()
    whole = packet.icmp(router, bystander.vip, kind, 1, quoted)
    got = bystander.passes("a sound one", whole)
    t.equal((got.kind, got.quote.flow), (kind, (bystander.rip, bystander.rport, bystander.client, 8001)), "the sound one")


@test(af=(4, 6), timeout=90)
def mutations(t, af):
    """3,000 packets of all kinds with bits flipped and ends cut off, from a fixed seed."""
    bystander = Bystander(t, af)
    chance = random.Random(af)
    client, vip, port = bystander.client, bystander.vip, bystander.port
    quoted = ip(vip, client, UDP, udp_segment(vip, client, port, 8001, b"x" * 20))
    templates = [packet.udp(client, 8001, vip, port, b"x" * 40), packet.tcp(client, 8000, vip, port, SYN, options=b"\1" * 8),
                 packet.icmp(Lab.ROUTER_FRONT[af], vip, 3 if af == 4 else 1, 1, quoted),
                 ip(client, vip, UDP, udp_segment(client, vip, 8009, port, b"y" * 64)[:40], more=True, ident=9),
                 ip(client, vip, UDP, bytes(24), offset=40, ident=9)]
    addresses = range(12, 20) if af == 4 else range(8, 40)
    packets = []
    for _ in range(3000):
        data = bytearray(chance.choice(templates))
        for _ in range(chance.randrange(1, 4)):
            position = chance.randrange(len(data))
            if position not in addresses and position:  # else it would go elsewhere
                data[position] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            data = data[:chance.randrange(20 if af == 4 else 40, len(data))]
        if af == 4 and chance.random() < 0.8:  # let it past the first check
            ihl = max(20, (data[0] & 15) * 4)
            if chance.random() < 0.7:
                data[2:4] = len(data).to_bytes(2, "big")
            data[10:12] = b"\0\0"
            data[10:12] = packet.checksum(bytes(data[:ihl])).to_bytes(2, "big")
        elif af == 6 and chance.random() < 0.7:
            data[4:6] = (len(data) - 40).to_bytes(2, "big")
        packets.append(bytes(data))
    for start in range(0, len(packets), 500):
        t.lab.outside.flood(packets[start:start + 500])
        t.lab.inside.drain()
        t.lab.outside.drain()
    note("3000 packets sent")
    bystander.check(allowed=lambda p: True)
