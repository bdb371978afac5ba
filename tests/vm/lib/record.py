# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs commands and remembers them with their output, so that a failing test can show how it got there."""
import shlex
import subprocess
import time

from lib import patience

SHOWN = 60


class CommandFailed(AssertionError):
    pass


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err


class Record:
    """The transcript of one test."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)

    def clear(self):
        self.lines = []


RECORD = Record()


def note(text):
    RECORD.note("# " + text)


def run(*argv, ns=None, stdin="", check=True, timeout=60, env=None):
    """Runs a command, in a namespace if one is given, and returns its Result; raises if it fails and check is set."""
    prefix = f"[{ns.name}] " if ns else ""
    RECORD.note(f"{prefix}$ {shlex.join(argv)}")
    if stdin:
        lines = stdin.splitlines()
        RECORD.note("\n".join(f"    < {line}" for line in lines[:SHOWN]))
        if len(lines) > SHOWN:
            RECORD.note(f"    < ({len(lines) - SHOWN} lines more)")
    started = time.monotonic()
    kwargs = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    if ns:
        with ns:
            process = subprocess.Popen(argv, **kwargs)
    else:
        process = subprocess.Popen(argv, **kwargs)
    try:
        out, err = process.communicate(stdin.encode(), patience.seconds(timeout))
    except BaseException:
        process.kill()
        RECORD.note(f"    (killed after {time.monotonic() - started:.0f} s)")
        raise
    result = Result(argv, process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
    lines = (result.out + result.err).splitlines()
    for line in lines[:SHOWN]:
        RECORD.note("    " + line)
    if len(lines) > SHOWN:
        RECORD.note(f"    ({len(lines) - SHOWN} lines more)")
    if result.code:
        RECORD.note(f"    (exit code {result.code})")
    if check and result.code:
        raise CommandFailed(f"{shlex.join(argv)}: exit code {result.code}: {(result.err or result.out).strip()}")
    return result
