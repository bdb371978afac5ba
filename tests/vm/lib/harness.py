# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers tests, runs them, and shows what a failing one did."""
import difflib
import fnmatch
import itertools
import os
import signal
import sys
import time
import traceback

from lib import ipvs, kernel, patience
from lib.lab import Lab
from lib.record import RECORD

TESTS = []
REPLAY_LINES = 200
LAB_TIMEOUT = 120


class Skip(Exception):
    pass


class NoLab(Exception):
    """Nothing else can be tested."""


class Case:
    def __init__(self, name, function, arguments, timeout, needs, lvs_only):
        self.name, self.function, self.arguments, self.timeout = name, function, arguments, timeout
        self.needs, self.lvs_only = needs, lvs_only


def test(function=None, *, timeout=60, lab=True, lvs_only=False, **matrix):
    """
    Registers a test: called with a Test and, for each keyword given here, one of its values; there is one test for each
    combination. lab=False: the test needs no lab and wants none to stand. lvs_only: mainline cannot pass it.
    """
    def register(function):
        subject = function.__module__
        for values in itertools.product(*matrix.values()):
            label = ",".join(str(value) for value in values)
            name = f"{subject}.{function.__name__}" + (f"[{label}]" if label else "")
            TESTS.append(Case(name, function, dict(zip(matrix, values)), timeout, lab, lvs_only))
        return function
    return register(function) if function else register


class Test:
    """What a test works with."""
    lab_instance = None
    next_port = 20000

    def __init__(self, case):
        self.case = case
        self.cleanups = []

    @property
    def lab(self):
        if Test.lab_instance is None:
            # Whichever test comes first builds it: not out of that one's time, since without a lab no other test runs.
            left = signal.alarm(patience.seconds(LAB_TIMEOUT))
            try:
                Test.lab_instance = Lab()
            except Exception as error:
                raise NoLab("the lab could not be set up") from error
            finally:
                signal.alarm(left)
        return Test.lab_instance

    @property
    def director(self):
        return self.lab.director

    @classmethod
    def drop_lab(cls):
        if cls.lab_instance is not None:
            cls.lab_instance.destroy()
            cls.lab_instance = None

    @staticmethod
    def port():
        """A port that no test before had: connections of earlier tests may still be there."""
        Test.next_port += 1
        return Test.next_port

    def cleanup(self, function, *args):
        self.cleanups.append((function, args))

    def closing(self, thing):
        self.cleanup(thing.close)
        return thing

    def finish(self):
        for function, args in reversed(self.cleanups):
            try:
                function(*args)
            except Exception as error:  # a clean-up that fails must not hide why the test failed
                RECORD.note(f"clean-up: {error!r}")
        if Test.lab_instance is not None:
            Test.lab_instance.director.clear()

    @staticmethod
    def equal(value, expected, what="value"):
        if value == expected:
            return
        if isinstance(value, str) and isinstance(expected, str) and "\n" in value + expected:
            lines = difflib.unified_diff(expected.splitlines(), value.splitlines(), "expected", "is", lineterm="", n=1)
            raise AssertionError(f"{what}:\n    " + "\n    ".join(line.rstrip("\n") for line in lines))
        raise AssertionError(f"{what}: expected {expected!r}, is {value!r}")

    @staticmethod
    def skip(reason):
        raise Skip(reason)


def _alarm(*_):
    raise AssertionError("the test's time is over")


def _selected(patterns):
    def wanted(name):
        return not patterns or any(fnmatch.fnmatchcase(name, pattern) or pattern in name for pattern in patterns)
    return [case for case in TESTS if wanted(case.name)]


def _show_failure(case, error):
    print("".join(traceback.format_exception(error)).rstrip())
    print(f"---- what {case.name} did ----")
    if len(RECORD.lines) > REPLAY_LINES:
        print(f"    ... ({len(RECORD.lines) - REPLAY_LINES} lines more)")
    print("\n".join(RECORD.lines[-REPLAY_LINES:]))
    if Test.lab_instance is not None and kernel.loaded(ipvs.MODULE):
        _show_director(Test.lab_instance.director)
    _print_head("dmesg (tail)", "\n".join(kernel.LOG.lines[-30:]))
    print("---- end ----")


def _show_director(director):
    try:
        views = [("-Ln",), ("-Ln", "--stats")] + ([("--drops",)] if ipvs.MODULE == "lvs" else [])
        if director.table_size() <= 1 << 16:  # else it would take minutes
            views.append(("-Lnc",))
        for view in views:
            result = director.ipvsadm(*view, check=False)
            _print_head(f"director$ ipvsadm {' '.join(view)}", result.out + result.err)
        for path in ("/proc/net/ip_vs", "/proc/net/ip_vs_conn", "/proc/net/ip_vs_stats"):
            _print_head(f"director$ cat {path}", director.ns.read(path, 1 << 14))
    except Exception as problem:  # the director may be what is broken
        print(f"the director cannot be looked at: {problem!r}")


def _print_head(title, text):
    lines = text.splitlines()
    print(title)
    print("\n".join("    " + line for line in lines[:40]))
    if len(lines) > 40:
        print(f"    ... ({len(lines) - 40} lines more)")


def _run_one(case):
    """None if the test passed, else the Exception: Skip if it was skipped."""
    RECORD.clear()
    context = Test(case)
    started = time.monotonic()
    if not case.needs:
        Test.drop_lab()
    error = None
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(patience.seconds(case.timeout))
    try:
        if case.lvs_only and ipvs.MODULE != "lvs":
            raise Skip("for lvs only")
        case.function(context, **case.arguments)
    except Exception as problem:
        error = problem
    finally:
        signal.alarm(0)
    if error is None:
        bad = kernel.LOG.complaints()
        if bad:
            error = AssertionError("the kernel complained: " + "; ".join(bad))
    took = time.monotonic() - started
    if isinstance(error, Skip):
        print(f"skip {case.name} ({error})", flush=True)
    elif error is None:
        print(f"ok {case.name} ({took:.1f} s)", flush=True)
    else:
        print(f"not ok {case.name} ({took:.1f} s)", flush=True)
        _show_failure(case, error)
    signal.alarm(patience.seconds(60))
    try:
        context.finish()
    except Exception as problem:
        print(f"clean-up of {case.name}: {problem!r}")
    finally:
        signal.alarm(0)
    sys.stdout.flush()
    return error


def run(patterns, stop=False):
    cases = _selected(patterns)
    if not cases:
        print(f"no test matches {' '.join(patterns)}")
        return 1
    print(f"kernel {os.uname().release}, module {ipvs.MODULE}, {len(cases)} tests", flush=True)
    started = time.monotonic()
    results = []

    def step(name, function):
        RECORD.clear()
        begin = time.monotonic()
        try:
            function()
        except Exception as error:
            print(f"not ok {name} ({time.monotonic() - begin:.1f} s)")
            _show_failure(Case(name, function, {}, 0, True, False), error)
            results.append(False)
            return False
        print(f"ok {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        results.append(True)
        return True

    if step("module.loads", kernel.load):
        for case in cases:
            error = _run_one(case)
            results.append(None if isinstance(error, Skip) else error is None)
            if isinstance(error, NoLab) or stop and not results[-1]:
                break
        step("module.unloads", _unload)
    step("log.clean", kernel.LOG.check)
    passed, failed, skipped = (results.count(value) for value in (True, False, None))
    print(f"({time.monotonic() - started:.0f} s)")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed else 0


def _unload():
    Test.drop_lab()
    kernel.unload()
