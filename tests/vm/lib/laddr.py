# SPDX-License-Identifier: GPL-2.0-or-later
"""Local addresses of the director's, for FULLNAT."""
import itertools

NUMBERS = itertools.count(10)  # of local addresses


def local_addresses(t, af, count=1):
    """Gives the director that many local addresses for the test, which no other test has."""
    bits = 32 if af == 4 else 128
    numbers = [next(NUMBERS) for _ in range(count)]
    chosen = [f"10.8.{n >> 8}.{n & 255}" if af == 4 else f"fd00:8::{n:x}" for n in numbers]
    t.lab.director_ns.ip(*[f"addr add {laddr}/{bits} dev back" + (" nodad" if af == 6 else "") for laddr in chosen])
    t.cleanup(t.lab.director_ns.ip, *[f"addr del {laddr}/{bits} dev back" for laddr in chosen])
    return chosen
