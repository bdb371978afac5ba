# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs bench/guest.py where each measure is to be had, and brings its records back."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

BENCH = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(BENCH)
BUILD = os.environ.get("LVS_BUILD") or os.path.join(ROOT, "build")
OUT = os.path.join(BUILD, "bench")

# name: kernel of scripts/vm (none: the stock one, in QEMU), its further options, memory in MiB, limit in s
MEASURES = {
    "instructions": (None, ["--icount"], 2048, 2400),
    "time": ("bench", ["--cpus", "1"], 2048, 2400),
    "memory": ("bench", ["--cpus", "1"], 5120, 1200),
    "accept": (None, ["--icount"], 1024, 600),
}


class ProcessorClock:
    """Tells User Mode Linux how much processor time this host has given to it.

    Its fourth console is a socket. Whatever comes in is a question; the credentials that come along say who asks, and
    that is the process in which the whole kernel runs.
    """

    def __init__(self):
        self.ours, theirs = socket.socketpair()
        # scripts/vm has its own use for the first few.
        self.theirs = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 20)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        threading.Thread(target=self.answer, daemon=True).start()

    @property
    def options(self):
        return ["--append", f"con3=fd:{self.theirs}"]

    def answer(self):
        while True:
            question, ancillary, _, _ = self.ours.recvmsg(64, socket.CMSG_SPACE(struct.calcsize("3i")))
            if not question:
                return
            if b"?" not in question:
                continue
            pid = struct.unpack("3i", ancillary[0][2])[0]
            # The processor-time clock of another process, as clock_getcpuclockid(3) makes it.
            self.ours.sendall(b"%d\n" % time.clock_gettime_ns(~pid << 3 | 2))


def build_module(checkout, kernel):
    """lvs.ko of a checkout for a kernel of scripts/vm; returns its path."""
    stock = kernel is None
    build = os.path.join(OUT if checkout == ROOT else os.path.join(checkout, "build"), kernel or "stock")
    directory = shell('default=$(default_vm_kernel); kernel_headers "$default"' if stock else f'kernel_headers "$(kernel_named {kernel})"')
    subprocess.run(["make", "-s", "--no-print-directory", "-C", checkout, "module", f"KDIR={directory}", f"LVS_BUILD={build}"]
                   + ([] if stock else ["ARCH=um"]), check=True, stdout=sys.stderr, env={**os.environ, "LVS_BUILD": build})
    return os.path.realpath(os.path.join(build, "lvs.ko"))


def shell(command):
    """Runs a command that uses the functions of scripts/common.sh."""
    return subprocess.run(["bash", "-c", f". {ROOT}/scripts/common.sh; {command}"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def measure(name, base=None, only="", repeats=9):
    """Returns the guest's records. With base, a checkout, its lvs stands in for ip_vs."""
    kernel, options, memory, limit = MEASURES[name]
    if kernel:
        subprocess.run([f"{ROOT}/scripts/kernel", kernel], check=True, stdout=subprocess.DEVNULL)
        options = [*options, "--kernel", kernel]
    other = f"base={build_module(os.path.abspath(base), kernel)}" if base else "ip_vs"
    directors = ["--director", other, "--director", f"lvs={build_module(ROOT, kernel)}"]
    out = os.path.join(OUT, name)
    os.makedirs(out, exist_ok=True)
    results = os.path.join(out, "results.jsonl")
    if os.path.exists(results):
        os.remove(results)
    clock, handed = [], ()
    if kernel:
        processor_clock = ProcessorClock()
        clock, handed = processor_clock.options, (processor_clock.theirs,)
    subprocess.run(["make", "-s", "--no-print-directory", "-C", ROOT, "tools"], check=True, stdout=sys.stderr)
    environment = {**os.environ, "LVS_IPVSADM": os.path.join(BUILD, "userspace", "ipvsadm"), "LVS_ACCEPT": os.path.join(OUT, "accept-program")}
    subprocess.run(["gcc", "-Wall", "-Wextra", "-O2", "-o", environment["LVS_ACCEPT"], f"{BENCH}/accept.c"], check=True)
    code = subprocess.run([f"{ROOT}/scripts/vm", *options, *clock, "--mem", str(memory), "--timeout", str(limit), "--out", out, "--",
                           "python3", f"{BENCH}/guest.py", name, *directors, "--only", only, "--repeats", str(repeats)],
                          check=False, pass_fds=handed, env=environment).returncode
    if code:
        print(f"bench: the VM ended with {code}; its kernel log is {out}/kernel.log", file=sys.stderr)
        sys.exit(2)
    with open(results, encoding="ascii") as file:
        return [json.loads(line) for line in file]
