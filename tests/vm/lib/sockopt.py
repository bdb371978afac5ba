# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket options of IPVS, with the layouts of <linux/ip_vs.h>."""
import ctypes
import os
import socket
import struct

from lib.ipvs import PROTOCOL
from lib.record import note

BASE = 64 + 1024 + 64
SET = {name: BASE + number for name, number in (
    ("ADD", 2), ("EDIT", 3), ("DEL", 4), ("FLUSH", 5), ("ADDDEST", 7), ("DELDEST", 8), ("EDITDEST", 9), ("TIMEOUT", 10),
    ("STARTDAEMON", 11), ("STOPDAEMON", 12), ("ZERO", 15))}
GET = {name: BASE + number for name, number in (
    ("VERSION", 0), ("INFO", 1), ("SERVICES", 2), ("SERVICE", 3), ("DESTS", 4), ("TIMEOUT", 6), ("DAEMON", 7))}
IDENTITY = struct.Struct("=H2x4s2s2xI")
SERVICE_USER = struct.Struct("=H2x4s2s2xI16sII4s")
DEST_USER = struct.Struct("=4s2s2xIiII")
DAEMON_USER = struct.Struct("=i16si")
STATS = "IIIxxxxQQIIIIIxxxx"
SERVICE_ENTRY = struct.Struct("@H2x4s2s2xI16sII4sI" + STATS)
DEST_ENTRY = struct.Struct("@4s2s2xIiIIIII" + "xxxx" + STATS)
STATS_NAMES = ("conns", "inpkts", "outpkts", "inbytes", "outbytes", "cps", "inpps", "outpps", "inbps", "outbps")
LIBC = ctypes.CDLL(None, use_errno=True)


def port_bytes(port):
    return struct.pack("!H", port)


def service(proto="tcp", address="0.0.0.0", port=0, fwmark=0, scheduler=b"rr", flags=0, timeout=0, netmask="255.255.255.255"):
    """struct ip_vs_service_user"""
    return SERVICE_USER.pack(PROTOCOL.get(proto, proto), socket.inet_aton(address), port_bytes(port), fwmark, scheduler, flags,
                             timeout, socket.inet_aton(netmask))


def dest(address, port, flags=0, weight=1, upper=0, lower=0):
    """struct ip_vs_dest_user"""
    return DEST_USER.pack(socket.inet_aton(address), port_bytes(port), flags, weight, upper, lower)


def daemon(state, interface=b"", syncid=0):
    """struct ip_vs_daemon_user"""
    return DAEMON_USER.pack(state, interface, syncid)


class Sockopt:
    """A socket in a namespace, by which its director is driven."""

    def __init__(self, ns):
        with ns:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def close(self):
        self.socket.close()

    def set(self, name, data=b""):
        """Raises OSError as setsockopt() fails."""
        note(f"setsockopt {name} {data.hex()}")
        option = SET.get(name, name)
        if LIBC.setsockopt(self.socket.fileno(), socket.IPPROTO_IP, option, data, len(data)):
            error = ctypes.get_errno()
            raise OSError(error, f"{name}: {os.strerror(error)}")

    def get(self, name, data):
        """What getsockopt() makes of a buffer that holds `data`, as long as it says."""
        buffer = ctypes.create_string_buffer(data, len(data))
        length = ctypes.c_uint32(len(data))
        if LIBC.getsockopt(self.socket.fileno(), socket.IPPROTO_IP, GET.get(name, name), buffer, ctypes.byref(length)):
            error = ctypes.get_errno()
            raise OSError(error, f"{name}: {os.strerror(error)}")
        return buffer.raw[:length.value]

    def info(self):
        """version, size, number of services"""
        return struct.unpack("=3I", self.get("INFO", bytes(12)))

    def services(self, room=None):
        """[dict], with room for as many as there are, or for another number of them."""
        room = self.info()[2] if room is None else room
        raw = self.get("SERVICES", struct.pack("@I4x", room) + bytes(room * SERVICE_ENTRY.size))
        count, = struct.unpack_from("=I", raw)
        return [_service(raw[8 + i * SERVICE_ENTRY.size:][:SERVICE_ENTRY.size]) for i in range(count)]

    def service(self, proto="tcp", address="0.0.0.0", port=0, fwmark=0):
        asked = IDENTITY.pack(PROTOCOL[proto], socket.inet_aton(address), port_bytes(port), fwmark)
        return _service(self.get("SERVICE", asked.ljust(SERVICE_ENTRY.size, b"\0")))

    def dests(self, proto="tcp", address="0.0.0.0", port=0, fwmark=0, room=None):
        """{address: dict}"""
        room = self.service(proto, address, port, fwmark)["dests"] if room is None else room
        asked = IDENTITY.pack(PROTOCOL[proto], socket.inet_aton(address), port_bytes(port), fwmark)
        raw = self.get("DESTS", asked + struct.pack("=I4x", room) + bytes(room * DEST_ENTRY.size))
        count, = struct.unpack_from("=I", raw, 16)
        return dict(_dest(raw[24 + i * DEST_ENTRY.size:][:DEST_ENTRY.size]) for i in range(count))

    def timeouts(self):
        return struct.unpack("=3i", self.get("TIMEOUT", bytes(12)))


def _service(raw):
    proto, address, port, fwmark, scheduler, flags, timeout, netmask, dests, *stats = SERVICE_ENTRY.unpack(raw)
    return {"proto": proto, "address": socket.inet_ntoa(address), "port": struct.unpack("!H", port)[0], "fwmark": fwmark,
            "scheduler": scheduler.rstrip(b"\0").decode(), "flags": flags, "timeout": timeout,
            "netmask": socket.inet_ntoa(netmask), "dests": dests, "stats": dict(zip(STATS_NAMES, stats))}


def _dest(raw):
    address, port, flags, weight, upper, lower, active, inactive, persistent, *stats = DEST_ENTRY.unpack(raw)
    return socket.inet_ntoa(address), {
        "port": struct.unpack("!H", port)[0], "fwd": flags & 7, "weight": weight, "u": upper, "l": lower, "active": active,
        "inactive": inactive, "persist": persistent, "stats": dict(zip(STATS_NAMES, stats))}
