# SPDX-License-Identifier: GPL-2.0-or-later
"""A network namespace. `with ns:` puts the calling thread into it: sockets made there belong to it for good."""
import ctypes
import os
import threading

from lib.record import RECORD, run

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
PREFIX = "lvs-"


def _setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    _stack = threading.local()

    def __init__(self, name, create=True):
        self.name = PREFIX + name
        if create:
            run("ip", "netns", "add", self.name)
        self._open()

    def _open(self):
        self.fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def several(cls, names):
        """Like Namespace(name) for each of them, in one command."""
        run("ip", "-batch", "-", stdin="".join(f"netns add {PREFIX}{name}\n" for name in names))
        return [cls(name, create=False) for name in names]

    def __enter__(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _setns(self.fd)
        if not hasattr(Namespace._stack, "homes"):
            Namespace._stack.homes = []
        Namespace._stack.homes.append(home)
        return self

    def __exit__(self, *_):
        home = Namespace._stack.homes.pop()
        _setns(home)
        os.close(home)

    def run(self, *argv, **kwargs):
        return run(*argv, ns=self, **kwargs)

    def ip(self, *commands):
        """Runs ip(8) with all the commands; `ip -6` with those that begin with -6, which -batch does not know."""
        for options, chosen in (((), [c for c in commands if not c.startswith("-6 ")]),
                                (("-6",), [c[3:] for c in commands if c.startswith("-6 ")])):
            if chosen:
                self.run("ip", *options, "-batch", "-", stdin="".join(command + "\n" for command in chosen))

    def sysctl(self, **values):
        """Sets net.* values; a double underscore in a name stands for a dot: ipv4__ip_forward=1."""
        for name, value in values.items():
            self.write("/proc/sys/net/" + name.replace("__", "/"), value)

    def write(self, path, value):
        RECORD.note(f"[{self.name}] $ echo {value} > {path}")
        with self, open(path, "w") as file:
            file.write(str(value))

    def read(self, path, limit=-1):
        """Reads a file; /proc/net/ is this namespace's."""
        with self, open(path.replace("/proc/net/", "/proc/thread-self/net/")) as file:
            return file.read(limit)

    def mac(self, device):
        out = self.run("ip", "-br", "link", "show", device).out
        return bytes.fromhex(out.split()[2].replace(":", ""))

    def delete(self):
        """Removes the name; the namespace itself goes when its last user does."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
            run("ip", "netns", "del", self.name)


class Anonymous(Namespace):
    """One without a name, made by this process alone, which is much faster; gone when it and all its sockets are closed."""

    def __init__(self):
        self.name = "(anonymous)"
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.unshare(CLONE_NEWNET):
                error = ctypes.get_errno()
                raise OSError(error, f"unshare: {os.strerror(error)}")
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            _setns(home)
        finally:
            os.close(home)

    def delete(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
