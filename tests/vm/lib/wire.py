# SPDX-License-Identifier: GPL-2.0-or-later
"""A network card in our hands: sends packets as they are given, and sees what arrives."""
import errno
import select
import socket
import struct
import time

from lib import packet, patience
from lib.record import note

SOL_PACKET, PACKET_AUXDATA, TP_STATUS_CSUMNOTREADY = 263, 8, 8
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86dd


def _was_taken_apart(error):
    """A GSO packet of SCTP shares its pieces with the one that went on, and whose receiver in this very kernel eats from them."""
    return error.errno == errno.EFAULT


class Wire:
    """The device of a namespace; `peer` is the MAC address that packets are sent to."""

    def __init__(self, ns, device, peer):
        self.name, self.device, self.peer = ns.name, device, peer
        with ns:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)

    def send(self, *packets):
        for data in packets:
            note(f"{self.name}/{self.device} sends {packet.describe(data)}")
            self._send(data)

    def _send(self, data):
        ethertype = ETH_P_IP if data[0] >> 4 == 4 else ETH_P_IPV6
        self.socket.sendto(data, (self.device, ethertype, 0, 0, self.peer))

    def flood(self, packets):
        """Sends many packets without remembering each."""
        for data in packets:
            while True:
                try:
                    self._send(data)
                    break
                except BlockingIOError:
                    select.select([], [self.socket], [])

    def drain(self):
        """Forgets what has arrived so far."""
        while True:
            try:
                self.socket.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                if not _was_taken_apart(error):
                    raise

    def receive(self, match=lambda p: True, timeout=5, what="a packet"):
        """The next packet that match accepts, parsed; raises if none comes."""
        timeout = patience.seconds(timeout)
        deadline = time.monotonic() + timeout
        seen = []
        while True:
            found = self._next(match, seen)
            if found:
                note(f"{self.name}/{self.device} receives {packet.describe(found.data)}")
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                lines = "".join(f"\n    {line}" for line in seen)
                raise AssertionError(f"{self.name}/{self.device}: {what} did not arrive in {timeout} s; seen:{lines}")
            select.select([self.socket], [], [], left)

    def _next(self, match, seen):
        while True:
            try:
                data, control, _, address = self.socket.recvmsg(65536, 256)
            except BlockingIOError:
                return None
            except OSError as error:
                if not _was_taken_apart(error):
                    raise
                continue
            if address[2] == socket.PACKET_OUTGOING or address[1] not in (ETH_P_IP, ETH_P_IPV6):
                continue
            status = struct.unpack_from("=I", control[0][2])[0] if control else 0
            # A checksum that is left to the hardware is right by definition, and not there yet.
            parsed = packet.Packet(data, offloaded=bool(status & TP_STATUS_CSUMNOTREADY))
            if match(parsed):
                return parsed
            seen.append(packet.describe(data))

    def close(self):
        self.socket.close()
