# SPDX-License-Identifier: GPL-2.0-or-later
"""Generic netlink by hand, so that tests see and send exactly what is on the wire."""
import os
import socket
import struct

from lib import patience

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_DUMP_INTR, NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x10, 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2


class NetlinkError(Exception):
    def __init__(self, code, message, offset):
        super().__init__(f"{os.strerror(code)} ({message!r}, offset {offset})")
        self.errno, self.message, self.offset = code, message, offset


def attr(kind, value, length=None):
    """One attribute: bytes as they are; length lies about it."""
    length = 4 + len(value) if length is None else length
    return struct.pack("=HH", length, kind) + value + b"\0" * (-len(value) % 4)


def u8(kind, value):
    return attr(kind, struct.pack("=B", value))


def u16(kind, value):
    return attr(kind, struct.pack("=H", value))


def be16(kind, value):
    return attr(kind, struct.pack("!H", value))


def u32(kind, value):
    return attr(kind, struct.pack("=I", value & 0xffffffff))


def string(kind, value):
    return attr(kind, value.encode() + b"\0")


def nest(kind, *attrs, flag=True):
    return attr(kind | (NLA_F_NESTED if flag else 0), b"".join(attrs))


def attrs(data):
    """[(raw type, value)] of a message or a nest."""
    found, offset = [], 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        assert 4 <= length <= len(data) - offset, f"attribute {kind} has length {length}"
        found.append((kind, data[offset + 4:offset + length]))
        offset += (length + 3) & ~3
    return found


class Message:
    """One reply: its netlink flags, command and attributes, raw."""

    def __init__(self, flags, command, version, body):
        self.flags, self.command, self.version, self.body = flags, command, version, body

    def attrs(self):
        return attrs(self.body)

    def get(self, kind):
        return dict(self.attrs()).get(kind)


class Genl:
    """A socket bound to one family, in one namespace."""

    def __init__(self, family, ns=None, version=1):
        if ns:
            with ns:
                self._open()
        else:
            self._open()
        self.version, self.seq = version, 0
        self.last_flags = 0
        self.family = GENL_ID_CTRL
        reply = self.request(CTRL_CMD_GETFAMILY, string(CTRL_ATTR_FAMILY_NAME, family))[0]
        self.family = struct.unpack("=H", reply.get(CTRL_ATTR_FAMILY_ID))[0]

    def _open(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 16)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        self.socket.settimeout(patience.seconds(30))
        self.socket.bind((0, 0))

    def request(self, command, body=b"", flags=NLM_F_ACK, version=None):
        """Sends a request and returns its replies; raises NetlinkError if it is refused."""
        self.seq += 1
        self.done = False
        version = self.version if version is None else version
        payload = struct.pack("=BBH", command, version, 0) + body
        header = struct.pack("=IHHII", 16 + len(payload), self.family, NLM_F_REQUEST | flags, self.seq, 0)
        self.socket.send(header + payload)
        replies = []
        while True:
            data = self.socket.recv(1 << 20)
            while data:
                length, kind, reply_flags, seq, _ = struct.unpack_from("=IHHII", data)
                body, data = data[16:length], data[(length + 3) & ~3:]
                if seq != self.seq:
                    continue
                if kind == NLMSG_ERROR or kind == NLMSG_DONE:
                    self.last_flags = reply_flags
                    self._result(kind, reply_flags, body)
                    return replies
                cmd, ver = struct.unpack_from("=BB", body)
                replies.append(Message(reply_flags, cmd, ver, body[4:]))

    def dump(self, command, body=b""):
        return self.request(command, body, NLM_F_DUMP)

    @staticmethod
    def _result(kind, flags, body):
        code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
        if code <= 0:
            return
        tlvs = b""
        if kind == NLMSG_DONE:
            tlvs = body[4:]
        elif flags & NLM_F_ACK_TLVS:
            quoted = struct.unpack_from("=I", body, 4)[0]
            tlvs = body[4 + (16 if flags & NLM_F_CAPPED else (quoted + 3) & ~3):]
        found = dict(attrs(tlvs)) if flags & NLM_F_ACK_TLVS else {}
        message = found.get(1, b"").rstrip(b"\0").decode()
        offset = struct.unpack("=I", found[2])[0] if 2 in found else None
        raise NetlinkError(code, message, offset)

    def close(self):
        self.socket.close()
