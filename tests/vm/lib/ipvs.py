# SPDX-License-Identifier: GPL-2.0-or-later
"""The director as its user sees it: ipvsadm to change things, the kernel's own interfaces to look at them."""
import ipaddress
import os
import socket
import struct

from lib import netlink
from lib.netlink import Genl, attrs, be16, nest, u16, u32, attr, string
from lib.record import note

MODULE = os.environ.get("LVS_TEST_MODULE", "lvs")
STOCK_IPVSADM = "/usr/sbin/ipvsadm"

NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE, NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = range(1, 9)
NEW_DAEMON, DEL_DAEMON, GET_DAEMON, SET_CONFIG, GET_CONFIG, SET_INFO, GET_INFO, ZERO, FLUSH = range(9, 18)
SERVICE, DEST, DAEMON, TIMEOUT_TCP, TIMEOUT_FIN, TIMEOUT_UDP = range(1, 7)
SVC_AF, SVC_PROTOCOL, SVC_ADDR, SVC_PORT, SVC_FWMARK, SVC_SCHED, SVC_FLAGS, SVC_TIMEOUT, SVC_NETMASK = range(1, 10)
SVC_STATS, SVC_PE, SVC_STATS64 = range(10, 13)
DEST_ADDR, DEST_PORT, DEST_FWD, DEST_WEIGHT, DEST_U, DEST_L, DEST_ACTIVE, DEST_INACTIVE, DEST_PERSIST = range(1, 10)
DEST_STATS, DEST_AF, DEST_STATS64, DEST_TUN_TYPE, DEST_TUN_PORT, DEST_TUN_FLAGS = range(10, 16)
STATS_NAMES = ["conns", "inpkts", "outpkts", "inbytes", "outbytes", "cps", "inpps", "outpps", "inbps", "outbps"]
PROTOCOL = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
SERVICE_OPTION = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def service_id(proto, address, port):
    """The attributes that identify a service."""
    return (u16(SVC_AF, family(address)) + u16(SVC_PROTOCOL, PROTOCOL[proto]) +
            attr(SVC_ADDR, ipaddress.ip_address(address).packed.ljust(16, b"\0")) + be16(SVC_PORT, port))


def fwmark_id(af, mark):
    return u16(SVC_AF, af) + u32(SVC_FWMARK, mark)


def service_attrs(scheduler="rr", flags=0, timeout=0, netmask=0xffffffff):
    return (string(SVC_SCHED, scheduler) + attr(SVC_FLAGS, struct.pack("=II", flags, 0xffffffff)) +
            u32(SVC_TIMEOUT, timeout) + u32(SVC_NETMASK, netmask))


def dest_id(address, port):
    return attr(DEST_ADDR, ipaddress.ip_address(address).packed.ljust(16, b"\0")) + be16(DEST_PORT, port)


def dest_attrs(fwd=0, weight=1, u=0, low=0):
    return u32(DEST_FWD, fwd) + u32(DEST_WEIGHT, weight) + u32(DEST_U, u) + u32(DEST_L, low)


def _address(af, raw):
    return str(ipaddress.ip_address(raw[:4] if af == socket.AF_INET else raw[:16]))


def stats(raw):
    """STATS64 as a dict."""
    values = [struct.unpack("=Q", value)[0] for kind, value in attrs(raw) if 1 <= kind <= 10 and len(value) == 8]
    return dict(zip(STATS_NAMES, values))


class Director:
    def __init__(self, ns):
        self.ns = ns
        self.tool = os.environ.get("LVS_IPVSADM") or (
            STOCK_IPVSADM if MODULE == "ip_vs" else "build/userspace/ipvsadm")
        self.genl = Genl("IPVS", ns)

    def close(self):
        self.genl.close()

    # Changing things

    def ipvsadm(self, *args, stdin="", check=True, tool=None):
        return self.ns.run(tool or self.tool, *args, stdin=stdin, check=check)

    def rules(self, *lines):
        """Applies lines as `ipvsadm -S` writes them, with one command."""
        return self.ipvsadm("-R", stdin="".join(line + "\n" for line in lines))

    def service(self, proto, vip, port, scheduler, dests=(), options=""):
        """Adds a service with its dests: (address, port, options) each. Returns the name that ipvsadm has for it."""
        name = f"{SERVICE_OPTION[proto]} {endpoint(vip, port)}"
        self.rules(f"-A {name} -s {scheduler} {options}",
                   *[f"-a {name} -r {endpoint(rip, rport)} {opts}" for rip, rport, opts in dests])
        return name

    def clear(self):
        self.genl.request(FLUSH)
        note("FLUSH")

    # Looking at things

    def services(self):
        """[dict] in the kernel's order."""
        found = []
        for message in self.genl.dump(GET_SERVICE):
            raw = dict(attrs(message.get(SERVICE)))
            af = struct.unpack("=H", raw[SVC_AF])[0]
            entry = {"af": af, "scheduler": raw[SVC_SCHED].rstrip(b"\0").decode(), "stats": stats(raw[SVC_STATS64])}
            if SVC_FWMARK in raw:
                entry["fwmark"] = struct.unpack("=I", raw[SVC_FWMARK])[0]
            else:
                entry["proto"] = struct.unpack("=H", raw[SVC_PROTOCOL])[0]
                entry["address"] = _address(af, raw[SVC_ADDR])
                entry["port"] = struct.unpack("!H", raw[SVC_PORT])[0]
            found.append(entry)
        return found

    def service_stats(self, proto, vip, port):
        reply = self.genl.request(GET_SERVICE, nest(SERVICE, service_id(proto, vip, port)))[0]
        return stats(dict(attrs(reply.get(SERVICE)))[SVC_STATS64])

    def dests(self, proto, vip, port):
        """{address: dict} of the service's dests."""
        return self.dests_of(service_id(proto, vip, port))

    def dests_of(self, identity):
        """The same of the service with these attributes."""
        found = {}
        for message in self.genl.dump(GET_DEST, nest(SERVICE, identity)):
            raw = dict(attrs(message.get(DEST)))
            af = struct.unpack("=H", raw[DEST_AF])[0]
            number = {name: struct.unpack("=I", raw[kind])[0] for name, kind in
                      (("weight", DEST_WEIGHT), ("active", DEST_ACTIVE), ("inactive", DEST_INACTIVE),
                       ("persist", DEST_PERSIST), ("fwd", DEST_FWD), ("u", DEST_U), ("l", DEST_L))}
            found[_address(af, raw[DEST_ADDR])] = dict(
                number, port=struct.unpack("!H", raw[DEST_PORT])[0], stats=stats(raw[DEST_STATS64]))
        return found

    def conns(self, vip=None, port=None):
        """The connections, from /proc/net/ip_vs_conn: [dict], those of one virtual service if it is given."""
        found = []
        for line in self.ns.read("/proc/net/ip_vs_conn").splitlines()[1:]:
            proto, cip, cport, vaddr, vport, dip, dport, state, expires, *engine = line.split(maxsplit=10)
            entry = {"proto": proto, "client": _proc_address(cip), "cport": int(cport, 16),
                     "vip": _proc_address(vaddr), "vport": int(vport, 16), "dest": _proc_address(dip),
                     "dport": int(dport, 16), "state": state, "expires": int(expires), "engine": engine}
            if (vip is None or entry["vip"] == vip) and (port is None or entry["vport"] == port):
                found.append(entry)
        return found

    def templates(self):
        """Those of the connections that are templates."""
        return [c for c in self.conns() if c["cport"] == 0 and c["state"] in ("NONE", "ASSURED")]

    def table_size(self):
        """Buckets of the connection table at the moment."""
        return struct.unpack("=I", self.genl.request(GET_INFO)[0].get(2))[0]

    def totals(self):
        """The five counters of /proc/net/ip_vs_stats."""
        lines = self.ns.read("/proc/net/ip_vs_stats").splitlines()
        return dict(zip(STATS_NAMES, (int(word, 16) for word in lines[2].split())))

    def drops(self, service=None):
        """{reason: packets}: of the namespace, or of a service (proto, address, port)."""
        genl = Genl("LVS", self.ns)
        try:
            messages = genl.dump(3)
        finally:
            genl.close()
        for message in messages:
            found, identity = {}, None
            for kind, value in message.attrs():
                if kind & ~netlink.NLA_F_NESTED == 5:
                    identity = dict(attrs(value))
                elif kind & ~netlink.NLA_F_NESTED == 6:
                    drop = dict(attrs(value))
                    found[drop[2].rstrip(b"\0").decode()] = struct.unpack("=Q", drop[3])[0]
            if service is None and identity is None:
                return found
            if service and identity and SVC_PORT in identity:
                proto, address, port = service
                af = struct.unpack("=H", identity[SVC_AF])[0]
                if (struct.unpack("=H", identity[SVC_PROTOCOL])[0] == PROTOCOL[proto] and
                        af == family(address) and _address(af, identity[SVC_ADDR]) == address and
                        struct.unpack("!H", identity[SVC_PORT])[0] == port):
                    return found
        raise AssertionError(f"no drop counters of {service}")


def _proc_address(text):
    """10.0.0.2 of 0A000002, ::1 of [0000:...:0001]."""
    if text.startswith("["):
        return str(ipaddress.ip_address(text.strip("[]")))
    return str(ipaddress.ip_address(int(text, 16))) if ":" not in text else str(ipaddress.ip_address(text))
