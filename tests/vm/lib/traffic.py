# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real servers and clients: threads with ordinary sockets of a namespace.

TCP: the client says how much it will send and how much it wants; the server answers with its name once it has got
that, then sends what was wanted. Both sides know what the bytes must be and compare each of them. UDP: the server sends everything back; to "?" it answers with its name.
"""
import errno
import os
import socket
import struct
import threading

from lib import patience
from lib.record import note

REQUEST, ANSWER = struct.Struct("!QQ"), struct.Struct("!16s?")
CHUNK = 1 << 18


class Blob:
    """Random bytes, made once; `upload` and `download` are different parts of it."""
    _data = None
    _lock = threading.Lock()

    @classmethod
    def get(cls, size, shift):
        with cls._lock:
            if cls._data is None:
                cls._data = os.urandom(11 << 20)
        return memoryview(cls._data)[shift:shift + size]

    @classmethod
    def upload(cls, size):
        return cls.get(size, 0)

    @classmethod
    def download(cls, size):
        return cls.get(size, 1 << 16)


def _arrives(sock, expected):
    """Reads as many bytes as expected has; True if they are the same."""
    buffer, done, same = bytearray(CHUNK), 0, True
    view = memoryview(buffer)
    while done < len(expected):
        count = sock.recv_into(view[:min(len(expected) - done, CHUNK)])
        if not count:
            raise AssertionError(f"connection closed with {len(expected) - done} bytes to come")
        same = same and view[:count] == expected[done:done + count]
        done += count
    return same


def _read_exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Server:
    """Listens until closed; one thread accepts, each TCP connection has its own."""

    def __init__(self, ns, proto, address, port, name):
        self.proto, self.name = proto, name
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
        with ns:
            self.socket = socket.socket(_family(address), kind)
        if _family(address) == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        if proto == "tcp":
            self.socket.listen(512)
        else:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.errors = []
        self.open = set()
        note(f"{ns.name}: {proto} server {name} on {address} port {port}")
        threading.Thread(target=self._tcp if proto == "tcp" else self._udp, daemon=True).start()

    def _tcp(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            while True:
                up, down = REQUEST.unpack(_read_exactly(sock, REQUEST.size))
                same = _arrives(sock, Blob.upload(up))
                sock.sendall(ANSWER.pack(self.name.encode(), same))
                sock.sendall(Blob.download(down))
        except (ConnectionError, OSError):
            pass
        except AssertionError as error:
            self.errors.append(error)
        finally:
            sock.close()
            self.open.discard(sock)

    def _udp(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(1 << 16)
                if peer is None:  # shut down
                    return
                self.socket.sendto(self.name.encode() if data == b"?" else data, peer)
            except ConnectionError:
                continue
            except OSError as error:
                if error.errno not in (errno.ENOMEM, errno.ENOBUFS):  # a kernel that is short of memory does not end it
                    return

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for sock in list(self.open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class TcpClient:
    """One connection to a Server. options: what setsockopt() is called with before."""

    def __init__(self, ns, address, port, source=None, sport=0, timeout=20, options=()):
        with ns:
            self.socket = socket.socket(_family(address), socket.SOCK_STREAM)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.settimeout(patience.seconds(timeout))
        if source or sport:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((source or ("::" if ":" in address else "0.0.0.0"), sport))
        self.socket.connect((address, port))

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def exchange(self, up=0, down=0):
        """Sends and receives so many bytes; raises unless all arrived whole. Returns the server's name."""
        self.socket.sendall(REQUEST.pack(up, down))
        self.socket.sendall(Blob.upload(up))
        name, same = ANSWER.unpack(_read_exactly(self.socket, ANSWER.size))
        assert same, "what the server received is not what was sent"
        assert _arrives(self.socket, Blob.download(down)), "what the client received is not what was sent"
        return name.rstrip(b"\0").decode()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with a RST, which leaves no TIME_WAIT on either side."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def datagram(size):
    """Random bytes that are not the one question that a server knows."""
    return b"x" + os.urandom(size - 1)


class UdpClient:
    """A connected socket: it sees ICMP errors. options: what setsockopt() is called with before."""

    def __init__(self, ns, address, port, source=None, sport=0, timeout=10, options=()):
        with ns:
            self.socket = socket.socket(_family(address), socket.SOCK_DGRAM)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.settimeout(patience.seconds(timeout))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if source or sport:
            self.socket.bind((source or ("::" if ":" in address else "0.0.0.0"), sport))
        self.socket.connect((address, port))

    def ask(self, data=b"?"):
        """Sends a datagram and returns the answer."""
        self.socket.send(data)
        return self.socket.recv(1 << 16)

    def name(self):
        return self.ask().decode()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tcp_name(ns, address, port, **kwargs):
    """Opens a connection, asks for the server's name, and closes it."""
    with TcpClient(ns, address, port, **kwargs) as client:
        return client.exchange()


def udp_name(ns, address, port, **kwargs):
    with UdpClient(ns, address, port, **kwargs) as client:
        return client.name()
