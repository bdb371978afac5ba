# SPDX-License-Identifier: GPL-2.0-or-later
"""The module under test and the kernel's log."""
import contextlib
import errno
import os
import re

from lib import ipvs, wait
from lib.record import run

# The word, not a part of another one: "DEBUG" is fine.
BAD = re.compile(r"\bBUG\b|\bWARNING\b|\bOops\b|Call Trace|general protection|refcount_t|KASAN|unregister_netdevice: waiting"
                 r"|soft lockup|self-detected stall|detected stalls|leaked|Memory state around")
# Between these marks in the log allocations fail on purpose; scripts/vm knows them too. Traces that some of them leave are
# no fault then: each real fault has another bad line beside its trace.
FAULTS_BEGIN, FAULTS_END = "lvs-test: allocations fail on purpose from here", "lvs-test: no allocation fails on purpose any more"
TRACE = re.compile(r"Call Trace")
# KCSAN reports any race in the kernel; those count in which one side at least is ours. scripts/vm goes by the same.
RACE, OUR_RACE = re.compile(r"BUG: KCSAN: "), re.compile(r"\[(lvs|toa|xt_lvs)\]")
# Debug kernels are as slow as their checks.
SLOW = any(f"-lvs-{name}" in os.uname().release for name in ("uml", "kasan", "kcsan"))
TUNNELS = ("ipip", "ip6_tunnel", "sit")


class KernelLog:
    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)
        self.lines, self.bad, self.reported = [], [], 0
        self.expecting = False

    def poll(self):
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors="replace")
            except OSError as error:
                if error.errno == errno.EPIPE:  # overwritten before we read it
                    self.lines.append("(lines lost)")
                    continue
                if error.errno == errno.EAGAIN:
                    return self.lines
                raise
            text = record.split(";", 1)[1].split("\n", 1)[0]
            self.lines.append(text)
            if text in (FAULTS_BEGIN, FAULTS_END):
                self.expecting = text == FAULTS_BEGIN
            elif BAD.search(text) and not self._is_excused(text):
                self.bad.append(text)

    def _is_excused(self, text):
        if RACE.search(text):
            return not OUR_RACE.search(text)
        return self.expecting and TRACE.search(text)

    @contextlib.contextmanager
    def failed_allocations_expected(self):
        """While this lasts, the kernel may trace allocations that fail."""
        self._mark(FAULTS_BEGIN)
        try:
            yield
        finally:
            self._mark(FAULTS_END)

    @staticmethod
    def _mark(text):
        with open("/dev/kmsg", "w") as kmsg:
            kmsg.write(f"<4>{text}\n")

    def complaints(self):
        """Bad lines since the last call."""
        self.poll()
        new, self.reported = self.bad[self.reported:], len(self.bad)
        return new

    def check(self):
        self.poll()
        assert not self.bad, "the kernel complained: " + "; ".join(self.bad)


LOG = KernelLog()


def module_path():
    return os.environ.get("LVS_KO", "build/lvs.ko")


def loaded(name):
    return os.path.isdir(f"/sys/module/{name}")


def prepare():
    """What the lab needs, and what lvs.ko depends on: insmod does not look for it."""
    run("modprobe", "-a", *TUNNELS, "veth", "bridge", "dummy")
    if ipvs.MODULE == "lvs":
        depends = run("modinfo", "-F", "depends", module_path()).out.strip()
        if depends:
            run("modprobe", "-a", *depends.split(","))


def names_from_files_only():
    """There is no name server here: no use in waiting for one."""
    with open("/etc/resolv.conf", "w") as file:
        file.write("# none\n")


def keep_hooks_compiled_in():
    """
    Keeps some hook at each place that the director uses. The kernel patches a jump in its packet path when the first hook
    comes and when the last one goes, and QEMU's emulated CPUs can hang on an instruction that another one patches: seen in
    ip_local_deliver() while packets arrived and the director came and went.
    """
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n"
                     for hook in ("prerouting", "input", "forward", "output", "postrouting"))
    run("nft", "-f", "-", stdin=f"table inet keep {{\n{chains}}}\n")


def insert():
    if ipvs.MODULE == "lvs":
        run("insmod", module_path())
    else:
        run("modprobe", "-a", ipvs.MODULE, "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc")


def remove():
    if ipvs.MODULE == "lvs":
        run("rmmod", "lvs", timeout=300)  # a debug kernel on a busy host has many connections to free
    else:
        schedulers = [name for name in os.listdir("/sys/module") if name.startswith("ip_vs_")]  # more came when asked for
        run("modprobe", "-r", *schedulers, "ip_vs")


def load():
    names_from_files_only()
    keep_hooks_compiled_in()
    prepare()
    insert()
    assert loaded(ipvs.MODULE), f"/sys/module/{ipvs.MODULE} is not there"


def unload():
    remove()
    wait.until(lambda: not loaded(ipvs.MODULE), what="module gone")
