# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench's rows: a star. In its middle is the base; each other row differs from it in one thing.

Schedulers choose only for new connections, so their middle is "new", the base's twin for a client's first packet.
A scheduler that kmod/sched/ has gets its row by itself.
"""

import glob
import os
import re
from dataclasses import dataclass
from typing import Optional

from lab import LOCAL, LOCAL_ADDRESS, LOCAL_PORT, MANY_DESTS, NEIGHBOUR, VIP, Flows, real_server

MILLION = 1000000
# More connections than any row opens while it is measured.
FRESH = 2 * MILLION


# One that looks at all dests, and the one with the largest table.
MANY_DESTS_SCHEDULERS = ("wlc", "mh")


@dataclass(frozen=True)
class Beside:
    row: str        # its name
    times: float    # of its instructions are allowed


@dataclass(frozen=True)
class Row:
    name: str
    group: str                      # the dimension in which it differs from the base
    flows: Flows                    # what is measured
    method: str = ""                # none: no director takes part
    scheduler: str = "rr"
    dests: int = 1
    new: bool = False               # each packet measured opens a connection
    connections: int = 1            # that are open when the measurement begins, unless new
    rule: str = ""                  # nftables at ingress instead of a director
    opened_by: Optional[Flows] = None   # the packets that open the connection, when they are not those measured
    leaves_at: str = "out0"
    budget: Optional[int] = None    # instructions above the generator
    beside: Optional[Beside] = None # another row that it may cost a little more than


# Debian builds its kernel without it.
NOT_IN_IP_VS = ("twos",)


def directors_of(row, directors):
    """Those of them that take part in a row: ip_vs has no FULLNAT, nor every scheduler."""
    ours_alone = row.method == "FULLNAT" or row.scheduler in NOT_IN_IP_VS
    return [director for director in directors if director.module or not ours_alone]


def address(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def clients(number=1, family=4):
    """So many clients, one connection each; of IPv6, where pktgen counts no addresses, one client with so many ports."""
    if family == 6:
        return Flows(VIP[6], "fd00:9::1", last_port=1023 + number if number > 1 else 0)
    first = (10 << 24) + (128 << 16) + 1
    return Flows(VIP[4], address(first), address(first + number - 1) if number > 1 else "")


def reply_to(flows):
    """What the real server behind NAT answers; it comes in where the client's packets left."""
    return Flows(flows.source, real_server(flows.family), source_port=flows.port, port=flows.source_port, device="out0")


def reply_to_local_address(flows):
    """What the real server behind FULLNAT answers, which knows the director's own address only."""
    return Flows(LOCAL_ADDRESS[flows.family], real_server(flows.family), source_port=flows.port, port=LOCAL_PORT, device="out0")


def schedulers():
    """The names of all schedulers of the module, in its sources' order; rr, which the base has, first."""
    names = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../kmod/sched/*.c"))):
        with open(path, encoding="utf-8") as file:
            names += re.findall(r'^const struct lvs_scheduler \w+ = \{\s*\.name\s*=\s*"(\w+)"', file.read(), re.M)
    return sorted(names, key=lambda name: (name != "rr", name))


# Plain paths of the kernel: the floor, and whether this bench measures what it measured elsewhere.
REFERENCE_ROWS = (
    Row("nft ingress fwd", "kernel", Flows(NEIGHBOUR, "10.128.0.1"), rule="fwd to out0"),
    Row("IP forwarding", "kernel", Flows(NEIGHBOUR, "10.128.0.1")),
)

BASE = Row("DR (the base)", "method", clients(), "DR", budget=4200)
MILLION_ROW = Row("1 M flows", "flows", clients(MILLION), "DR", connections=MILLION)
NEW = Row("new, DR", "new", clients(FRESH), "DR", new=True, budget=5500)


def director_rows():
    rows = [
        BASE,
        Row("NAT", "method", clients(), "NAT", budget=4600),
        Row("NAT, replies", "method", reply_to(clients()), "NAT", opened_by=clients(), leaves_at="in0"),
        Row("TUN", "method", clients(), "TUN", budget=4800),
        Row("FULLNAT", "method", clients(), "FULLNAT", beside=Beside("NAT", 1.10)),
        Row("FULLNAT, replies", "method", reply_to_local_address(clients()), "FULLNAT", opened_by=clients(), leaves_at="in0",
            beside=Beside("NAT, replies", 1.10)),
        Row("local", "method", clients(), "DR", leaves_at=LOCAL),
        Row("IPv6, DR", "IPv6", clients(family=6), "DR"),
        Row("IPv6, NAT", "IPv6", clients(family=6), "NAT"),
        Row("IPv6, NAT, replies", "IPv6", reply_to(clients(family=6)), "NAT", opened_by=clients(family=6), leaves_at="in0"),
        Row("IPv6, TUN", "IPv6", clients(family=6), "TUN"),
        Row("IPv6, new, DR", "IPv6", clients(64000, 6), "DR", new=True),
        Row("IPv6, 60 k flows", "IPv6", clients(60000, 6), "DR", connections=60000),
        NEW,
        Row("new, NAT", "new", clients(FRESH), "NAT", new=True, budget=5500),
        Row("new, TUN", "new", clients(FRESH), "TUN", new=True),
        Row("new, FULLNAT", "new", clients(FRESH), "FULLNAT", new=True, beside=Beside("new, NAT", 1.25)),
        Row("60 k flows", "flows", clients(60000), "DR", connections=60000),
        MILLION_ROW,
    ]
    for scheduler in schedulers():
        if scheduler != NEW.scheduler:
            rows.append(Row(f"new, {scheduler}", "scheduler", clients(FRESH), "DR", scheduler, new=True))
    rows.append(
        Row("1,000 dests, a flow each", "dests", clients(MANY_DESTS), "DR", dests=MANY_DESTS, connections=MANY_DESTS))
    for scheduler in MANY_DESTS_SCHEDULERS:
        rows.append(Row(f"new, {scheduler}, 1,000 dests", "dests", clients(FRESH), "DR", scheduler, dests=MANY_DESTS, new=True))
    return rows


def all_rows():
    return [*REFERENCE_ROWS, *director_rows()]
