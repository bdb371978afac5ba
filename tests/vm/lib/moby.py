# SPDX-License-Identifier: GPL-2.0-or-later
"""
The netlink client of Docker and kube-proxy (moby/ipvs) as it looks on the wire: each request has all of a service's
attributes, also those that ask, delete or are about a dest; IPv4 addresses have four bytes; nests have no NESTED flag;
a dest has no address family. It takes a reply's first attribute for the service or dest, and 16 bits of a weight.
"""
import ipaddress
import struct

from lib.ipvs import (DEL_DEST, DEL_SERVICE, DEST, DEST_ACTIVE, DEST_ADDR, DEST_AF, DEST_FWD, DEST_INACTIVE, DEST_L, DEST_PORT,
                      DEST_U, DEST_WEIGHT, GET_DEST, GET_SERVICE, NEW_DEST, NEW_SERVICE, PROTOCOL, SERVICE, SET_CONFIG, SET_DEST,
                      SVC_ADDR, SVC_AF, SVC_FLAGS, SVC_NETMASK, SVC_PORT, SVC_PROTOCOL, SVC_SCHED, SVC_TIMEOUT,
                      TIMEOUT_FIN, TIMEOUT_TCP, TIMEOUT_UDP, family)
from lib.netlink import NLM_F_ACK, NLM_F_DUMP, Genl, attr, attrs, be16, nest, string, u16, u32
from lib.record import note

PERSISTENT, HASHED = 1, 2


class Service:
    def __init__(self, proto, address, port, scheduler="rr", flags=0, timeout=0, netmask=0):
        self.proto, self.address, self.port, self.scheduler = proto, address, port, scheduler
        self.flags, self.timeout, self.netmask = flags, timeout, netmask

    def attributes(self):
        return nest(SERVICE, u16(SVC_AF, family(self.address)), u16(SVC_PROTOCOL, PROTOCOL[self.proto]),
                    attr(SVC_ADDR, ipaddress.ip_address(self.address).packed), be16(SVC_PORT, self.port),
                    string(SVC_SCHED, self.scheduler),
                    attr(SVC_FLAGS, struct.pack("=II", self.flags, 0xffffffff)),
                    u32(SVC_TIMEOUT, self.timeout), u32(SVC_NETMASK, self.netmask), flag=False)

    def __str__(self):
        return f"{self.proto} {self.address} {self.port}"


def _dest(address, port, weight):
    return nest(DEST, attr(DEST_ADDR, ipaddress.ip_address(address).packed), be16(DEST_PORT, port), u32(DEST_FWD, 0),
                u32(DEST_WEIGHT, weight), u32(DEST_U, 0), u32(DEST_L, 0), flag=False)


def _first(message):
    """The attributes in the first attribute of a reply."""
    return dict(attrs(message.attrs()[0][1]))


def _ip(af, raw):
    return str(ipaddress.ip_address(raw[:4] if af == 2 else raw[:16]))


class Moby:
    def __init__(self, ns):
        self.genl = Genl("IPVS", ns)

    def close(self):
        self.genl.close()

    def _do(self, command, service, dest=b"", flags=NLM_F_ACK):
        note(f"moby/ipvs command {command}: {service}")
        return self.genl.request(command, service.attributes() + dest, flags)

    def new_service(self, service):
        self._do(NEW_SERVICE, service)

    def del_service(self, service):
        self._do(DEL_SERVICE, service)

    def services(self):
        """[(address, port, scheduler, flags, timeout)]"""
        found = []
        for message in self.genl.request(GET_SERVICE, nest(SERVICE, flag=False), NLM_F_ACK | NLM_F_DUMP):
            raw = _first(message)
            address = _ip(struct.unpack("=H", raw[SVC_AF])[0], raw[SVC_ADDR])
            found.append((address, struct.unpack("!H", raw[SVC_PORT])[0], raw[SVC_SCHED].rstrip(b"\0").decode(),
                          struct.unpack("=I", raw[SVC_FLAGS][:4])[0], struct.unpack("=I", raw[SVC_TIMEOUT])[0]))
        return found

    def has_service(self, service):
        """Asks for this one; raises NetlinkError if it is not there."""
        return len(self._do(GET_SERVICE, service)) == 1

    def new_dest(self, service, address, port, weight=1):
        self._do(NEW_DEST, service, _dest(address, port, weight))

    def set_dest(self, service, address, port, weight):
        self._do(SET_DEST, service, _dest(address, port, weight))

    def del_dest(self, service, address, port):
        self._do(DEL_DEST, service, _dest(address, port, 0))

    def dests(self, service):
        """{address: (port, weight, active, inactive)}"""
        found = {}
        for message in self._do(GET_DEST, service, flags=NLM_F_ACK | NLM_F_DUMP):
            raw = _first(message)
            numbers = [struct.unpack("=I", raw[kind])[0] for kind in (DEST_ACTIVE, DEST_INACTIVE)]
            found[_ip(struct.unpack("=H", raw[DEST_AF])[0], raw[DEST_ADDR])] = (
                struct.unpack("!H", raw[DEST_PORT])[0], struct.unpack("=H", raw[DEST_WEIGHT][:2])[0], *numbers)
        return found

    def set_timeouts(self, tcp, fin, udp):
        self.genl.request(SET_CONFIG, u32(TIMEOUT_TCP, tcp) + u32(TIMEOUT_FIN, fin) + u32(TIMEOUT_UDP, udp))
