# SPDX-License-Identifier: GPL-2.0-or-later
"""
Memory that is refused on purpose, by the kernel's fault injection.

`Nth` refuses one allocation of the calling thread, the n-th from now on; `each_allocation` tries all of them in turn.
`slab` refuses allocations wherever they come from, interrupts included: those of chosen caches, or those that may not wait.
"""
import contextlib
import itertools
import os

from lib import kernel
from lib.record import note

DEBUGFS = "/sys/kernel/debug"
NTH = "/proc/thread-self/fail-nth"
LIMIT = 30000


def available():
    return os.path.exists(NTH) and all(os.path.isdir(f"{DEBUGFS}/{name}") for name in ("failslab", "fail_page_alloc"))


def _set(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def _configure(attribute, **values):
    for name, value in values.items():
        _set(f"{DEBUGFS}/{attribute}/{name.replace('_', '-')}", value)


# As they are when nobody asks for more: no report of each failure, everything that a thread asks for is counted by fail-nth.
def _defaults():
    for attribute in ("failslab", "fail_page_alloc"):
        _configure(attribute, probability=0, interval=1, times=-1, space=0, verbose=0, task_filter="N", ignore_gfp_wait="N")
    _configure("failslab", cache_filter="N")
    _configure("fail_page_alloc", min_order=0, ignore_gfp_highmem="Y")


@contextlib.contextmanager
def expected():
    """Allocations fail in here, and the kernel may say so: its traces of failed allocations are no complaints."""
    _defaults()
    with kernel.LOG.failed_allocations_expected():
        try:
            yield
        finally:
            _defaults()


class Nth:
    """`with Nth(n) as nth`: the n-th allocation of this thread fails. Afterwards nth.hit tells whether there was one."""

    def __init__(self, n):
        self.n = n
        self.fd = os.open(NTH, os.O_RDWR | os.O_CLOEXEC)

    def __enter__(self):
        os.pwrite(self.fd, str(self.n).encode(), 0)
        return self

    def __exit__(self, *_):
        self.left = int(os.pread(self.fd, 16, 0))
        os.pwrite(self.fd, b"0", 0)
        os.close(self.fd)
        self.hit = self.left == 0


def each_allocation(operation, check, step=1, what="operation"):
    """
    Runs operation with its first allocation refused, then its second (or, with a step, only each so manieth), until a run
    meets none that is refused. After each run check(error) is called; error is None if the run went well all the same.
    Returns how many runs had a refusal, and how many of these failed.
    """
    failed = 0
    for runs, n in enumerate(itertools.count(1, step)):
        assert n < LIMIT, f"{what}: still meets refused allocations at the {n}th"
        error, nth = None, Nth(n)
        try:
            with nth:
                operation()
        except OSError as problem:
            error = problem
        try:
            assert nth.hit or error is None, f"fails although no allocation was refused: {error!r}"
            check(error)
        except AssertionError as problem:
            raise AssertionError(f"{what}, allocation {n} refused ({'met' if nth.hit else 'not met'}), "
                                 f"which gave {error!r}: {problem}") from problem
        if not nth.hit:
            note(f"{what}: {n} allocations or fewer, {runs} of them refused in turn, of which {failed} made it fail")
            return runs, failed
        failed += error is not None


@contextlib.contextmanager
def counting_only(caches):
    """Nth counts and refuses what comes from these slab caches, and nothing else."""
    marked = [f"/sys/kernel/slab/{cache}/failslab" for cache in caches]
    for path in marked:
        _set(path, 1)
    _configure("failslab", cache_filter="Y")
    _configure("fail_page_alloc", min_order=20)
    try:
        yield
    finally:
        _configure("failslab", cache_filter="N")
        _configure("fail_page_alloc", min_order=0)
        for path in marked:
            _set(path, 0)


@contextlib.contextmanager
def slab(caches=(), probability=100, times=-1, atomic_only=False):
    """
    Refuses so many percent of the allocations from slab caches, of everybody: from these caches only (all, if none is
    named), at most so many times, only those that may not wait.
    """
    marked = [f"/sys/kernel/slab/{cache}/failslab" for cache in caches]
    for path in marked:
        _set(path, 1)
    try:
        _configure("failslab", cache_filter="Y" if marked else "N", ignore_gfp_wait="Y" if atomic_only else "N", times=times,
                   probability=probability)
        yield
    finally:
        _configure("failslab", probability=0, cache_filter="N", ignore_gfp_wait="N", times=-1)
        for path in marked:
            _set(path, 0)


def has_cache(name):
    return os.path.exists(f"/sys/kernel/slab/{name}/failslab")


@contextlib.contextmanager
def pages(order, times):
    """Refuses allocations of 2**order pages or more, of everybody, that may not wait, at most so many times."""
    try:
        _configure("fail_page_alloc", min_order=order, ignore_gfp_wait="Y", times=times, probability=100)
        yield
    finally:
        _configure("fail_page_alloc", probability=0, min_order=0, ignore_gfp_wait="N", times=-1)


def slab_times_left():
    with open(f"{DEBUGFS}/failslab/times") as file:
        return int(file.read())


@contextlib.contextmanager
def workers():
    """Refuses every allocation of the kernel's workers, small or large."""
    chosen = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().startswith("kworker/u"):
                    _set(f"/proc/{pid}/make-it-fail", 1)
                    chosen.append(pid)
        except FileNotFoundError:
            continue
    try:
        for attribute in ("failslab", "fail_page_alloc"):
            _configure(attribute, task_filter="Y", probability=100)
        yield
    finally:
        for attribute in ("failslab", "fail_page_alloc"):
            _configure(attribute, probability=0, task_filter="N")
        for pid in chosen:
            with contextlib.suppress(FileNotFoundError):
                _set(f"/proc/{pid}/make-it-fail", 0)
