# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings under net.ipv4.vs: defaults, ranges, each namespace its own. What they do is tested with their subjects."""
import errno
from collections import namedtuple

from lib.harness import test
from lib.namespace import Namespace

# good: the ends of the range; bad: what is refused
Setting = namedtuple("Setting", "name default other good bad")
# What is kept in jiffies has 31 bits, and a second has from 100 to 1000 of them.
SECONDS = dict(good=(0, (1 << 31) // 1000), bad=(-1, (1 << 31) // 100 + 1, 1 << 40, "x"))
SWITCH = dict(good=(0, 1), bad=(-1, 2, 1 << 40, "x"))

SETTINGS = [
    Setting("lblc_expiration", 86400, 3600, **SECONDS),
    Setting("lblcr_expiration", 86400, 3600, **SECONDS),
    Setting("expire_nodest_conn", 0, 1, **SWITCH),
    Setting("expire_quiescent_template", 0, 1, **SWITCH),
    Setting("sloppy_sctp", 0, 1, **SWITCH),
]


def path(setting):
    return f"/proc/sys/net/ipv4/vs/{setting.name}"


def value(ns, setting):
    return int(ns.read(path(setting)))


@test(lvs_only=True)
def defaults_and_namespaces(t):
    """A new namespace has the defaults, and keeps them when another one's are changed."""
    other = Namespace("other")
    t.cleanup(other.delete)
    director = t.lab.director_ns
    for setting in SETTINGS:
        t.equal([value(ns, setting) for ns in (director, other)], [setting.default] * 2, f"default of {setting.name}")
        director.write(path(setting), setting.other)
        t.cleanup(director.write, path(setting), setting.default)
        t.equal([value(ns, setting) for ns in (director, other)], [setting.other, setting.default], setting.name)


@test(lvs_only=True)
def ranges(t):
    """What is out of range is refused with EINVAL, and the old value stays; the ends of the range are in it."""
    director = t.lab.director_ns
    for setting in SETTINGS:
        t.cleanup(director.write, path(setting), setting.default)
        for bad in setting.bad:
            try:
                director.write(path(setting), bad)
                refused = None
            except OSError as error:
                refused = error.errno
            t.equal((refused, value(director, setting)), (errno.EINVAL, setting.default), f"{bad} for {setting.name}")
        for good in setting.good:
            director.write(path(setting), good)
            t.equal(value(director, setting), good, setting.name)
            director.write(path(setting), setting.default)
