# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets by hand: builders that can be told to lie, and a parser that verifies checksums."""
import ipaddress
import struct

ICMP, TCP, UDP, FRAGMENT, ESP, AH, ICMP6, NO_NEXT, SCTP = 1, 6, 17, 44, 50, 51, 58, 59, 132
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FLAG_NAMES = "FSRPAU"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo(src, dst, proto, length):
    src, dst = packed(src), packed(dst)
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IxxxB", length, proto)


def ip(src, dst, proto, payload, ttl=64, df=False, ident=0, offset=0, more=False, options=b"", ihl=None, length=None,
       check=None):
    """An IPv4 or IPv6 packet, by its addresses. offset is in bytes. ihl, length, check: lie about them."""
    if ":" in dst:
        if offset or more:
            payload = struct.pack("!BxHI", proto, offset | more, ident) + payload
            proto = FRAGMENT
        length = len(payload) if length is None else length
        return struct.pack("!IHBB", 6 << 28, length, proto, ttl) + packed(src) + packed(dst) + payload
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if length is None else length
    frag = offset // 8 | (0x4000 if df else 0) | (0x2000 if more else 0)
    head = struct.pack("!BBHHHBBH", 0x40 | ihl, 0, length, ident, frag, ttl, proto, 0)
    head += packed(src) + packed(dst) + options
    check = checksum(head) if check is None else check
    return head[:10] + struct.pack("!H", check) + head[12:] + payload


def udp_segment(src, dst, sport, dport, payload=b"", length=None, check=None):
    length = 8 + len(payload) if length is None else length
    head = struct.pack("!HHHH", sport, dport, length, 0)
    if check is None:
        check = checksum(pseudo(src, dst, UDP, length) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", check) + payload


def udp(src, sport, dst, dport, payload=b"", length=None, check=None, **ip_args):
    return ip(src, dst, UDP, udp_segment(src, dst, sport, dport, payload, length, check), **ip_args)


def tcp_segment(src, dst, sport, dport, flags, seq=0, ack=0, payload=b"", doff=None, options=b"", window=65535):
    doff = 5 + len(options) // 4 if doff is None else doff
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, doff << 4, flags, window, 0, 0) + options
    check = checksum(pseudo(src, dst, TCP, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", check) + head[18:] + payload


def tcp(src, sport, dst, dport, flags, seq=0, ack=0, payload=b"", doff=None, options=b"", **ip_args):
    return ip(src, dst, TCP, tcp_segment(src, dst, sport, dport, flags, seq, ack, payload, doff, options), **ip_args)


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC32C = _crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xff]
    return ~crc & 0xffffffff


def chunk(kind, value=b"", flags=0, length=None):
    length = 4 + len(value) if length is None else length
    return struct.pack("!BBH", kind, flags, length) + value + bytes(-len(value) % 4)


def sctp(src, sport, dst, dport, chunks, vtag=1, check=None, **ip_args):
    """An SCTP packet with these chunks, which chunk() makes."""
    head = struct.pack("!HHI", sport, dport, vtag)
    check = crc32c(head + bytes(4) + chunks) if check is None else check
    return ip(src, dst, SCTP, head + struct.pack("<I", check) + chunks, **ip_args)


def esp(src, dst, payload=b"", spi=0x1001, seq=1, **ip_args):
    """An ESP packet; what it carries would be encrypted."""
    return ip(src, dst, ESP, struct.pack("!II", spi, seq) + payload, **ip_args)


def ah(src, dst, payload=b"", spi=0x1001, seq=1, follows=NO_NEXT, **ip_args):
    """An AH packet with an ICV of 12 bytes before its payload, of protocol follows."""
    return ip(src, dst, AH, struct.pack("!BBHII", follows, 4, 0, spi, seq) + bytes(range(12)) + payload, **ip_args)


def icmp(src, dst, kind, code, quote=b"", rest=0, **ip_args):
    """An ICMP or ICMPv6 message; rest is its second word (the MTU of "too big")."""
    v6 = ":" in dst
    body = struct.pack("!BBHI", kind, code, 0, rest) + quote
    check = checksum((pseudo(src, dst, ICMP6, len(body)) if v6 else b"") + body)
    return ip(src, dst, ICMP6 if v6 else ICMP, body[:2] + struct.pack("!H", check) + body[4:], **ip_args)


class Packet:
    """A packet taken apart as far as it goes. `valid`: every checksum that can be verified is right."""

    def __init__(self, data, quoted=False, offloaded=False):
        self.data, self.quoted, self.offloaded = data, quoted, offloaded
        self.valid, self.faults = True, []
        self.src = self.dst = self.proto = self.ttl = self.sport = self.dport = self.flags = None
        self.kind = self.code = self.rest = self.quote = self.inner = None
        self.df = self.more = False
        self.offset = self.ident = 0
        self.payload = self.options = b""
        self.version = data[0] >> 4 if data else 0
        if self.version == 4 and len(data) >= 20:
            self._v4()
        elif self.version == 6 and len(data) >= 40:
            self._v6()

    def _fault(self, text):
        self.valid = False
        self.faults.append(text)

    def _v4(self):
        ihl = (self.data[0] & 15) * 4
        length, self.ident, frag, self.ttl, self.proto = struct.unpack("!2xHHHBB", self.data[:10])
        self.df, self.more, self.offset = bool(frag & 0x4000), bool(frag & 0x2000), (frag & 0x1fff) * 8
        self.src, self.dst = (str(ipaddress.ip_address(self.data[o:o + 4])) for o in (12, 16))
        if checksum(self.data[:ihl]):
            self._fault("IPv4 header checksum")
        if len(self.data) < length and not self.quoted:
            self._fault(f"total length {length}, has {len(self.data)}")
        self.length = length
        self._l4(self.data[ihl:length])

    def _v6(self):
        length, self.proto, self.ttl = struct.unpack("!4xHBB", self.data[:8])
        self.src, self.dst = (str(ipaddress.ip_address(self.data[o:o + 16])) for o in (8, 24))
        if len(self.data) < length + 40 and not self.quoted:
            self._fault(f"payload length {length}, has {len(self.data) - 40}")
        self.length = length + 40
        payload = self.data[40:40 + length]
        if self.proto == FRAGMENT and len(payload) >= 8:
            self.proto, frag, self.ident = struct.unpack("!BxHI", payload[:8])
            self.offset, self.more = frag & ~7, bool(frag & 1)
            payload = payload[8:]
        self._l4(payload)

    def _l4(self, l4):
        self.l4 = l4
        if self.offset:
            self.payload = l4
            return
        if self.proto in (TCP, UDP, SCTP) and len(l4) >= 4:
            self.sport, self.dport = struct.unpack("!HH", l4[:4])
        if self.proto == UDP and len(l4) >= 8:
            self.payload = l4[8:]
            check = struct.unpack("!H", l4[6:8])[0]
            if check or self.version == 6:
                self._verify(l4, UDP)
        elif self.proto == TCP and len(l4) >= 20:
            self.seq, self.ack, doff, self.flags = struct.unpack("!IIBB", l4[4:14])
            self.options, self.payload = l4[20:(doff >> 4) * 4], l4[(doff >> 4) * 4:]
            self._verify(l4, TCP)
        elif self.proto == SCTP and len(l4) >= 12:
            self.payload = l4[12:]
            if not (self.quoted or self.offloaded or self.more):
                if crc32c(l4[:8] + bytes(4) + l4[12:]) != struct.unpack("<I", l4[8:12])[0]:
                    self._fault("SCTP checksum")
        elif self.proto in (ICMP, ICMP6) and len(l4) >= 8:
            self.kind, self.code, self.rest = struct.unpack("!BBxxI", l4[:8])
            if not self.quoted and not self.offloaded and checksum((pseudo(self.src, self.dst, ICMP6, len(l4))
                                             if self.proto == ICMP6 else b"") + l4):
                self._fault("ICMP checksum")
            self.payload = l4[8:]
            if self.kind < 128 and (self.proto == ICMP6 or self.kind in (3, 4, 11, 12)):
                self.quote = Packet(self.payload, quoted=True)
        elif self.proto in (4, 41):
            self.inner = Packet(l4, offloaded=self.offloaded)

    def _verify(self, l4, proto):
        """Not of fragments; nor of what an error quotes: that is mostly cut off, and nobody looks at it."""
        if self.quoted or self.offloaded or self.more:
            return
        if checksum(pseudo(self.src, self.dst, proto, len(l4)) + l4):
            self._fault("TCP checksum" if proto == TCP else "UDP checksum")

    @property
    def flow(self):
        return (self.src, self.sport, self.dst, self.dport)

    def __repr__(self):
        return describe(self.data)


def describe(data):
    p = Packet(data)
    if p.src is None:
        return f"{len(data)} bytes {data[:24].hex()}"
    text = f"{p.src} > {p.dst}"
    if p.sport is not None:
        text = f"{p.src}.{p.sport} > {p.dst}.{p.dport}"
        text += {UDP: " udp", SCTP: " sctp"}.get(p.proto, " tcp")
        if p.flags is not None:
            text += " " + "".join(n for i, n in enumerate(FLAG_NAMES) if p.flags >> i & 1)
    elif p.kind is not None:
        text += f" icmp {p.kind}/{p.code} rest {p.rest}"
        if p.quote:
            text += f" [{describe(p.quote.data)}]"
    elif p.inner:
        text += f" ipip [{describe(p.inner.data)}]"
    else:
        text += f" proto {p.proto}"
    if p.more or p.offset:
        text += f" fragment {p.offset}{'+' if p.more else ''}"
    return f"{text} ttl {p.ttl} length {len(data)}" + "".join(f" BAD {f}" for f in p.faults if not p.quoted)
