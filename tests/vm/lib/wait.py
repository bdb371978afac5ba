# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for a condition. Tests never sleep for a fixed time."""
import time

from lib import patience


class Timeout(AssertionError):
    pass


def until(condition, timeout=10, what="condition", step=0.02):
    """Calls condition until it returns something true, which is returned. Raises Timeout with its last value."""
    timeout = patience.seconds(timeout)
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {timeout} s (last: {value!r})")
        time.sleep(step)


def equals(function, expected, timeout=10, what="value", step=0.02):
    """Calls function until it returns expected. Raises Timeout with what it returned last."""
    timeout = patience.seconds(timeout)
    deadline = time.monotonic() + timeout
    while True:
        value = function()
        if value == expected:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: expected {expected!r} within {timeout} s, is {value!r}")
        time.sleep(step)
