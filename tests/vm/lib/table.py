# SPDX-License-Identifier: GPL-2.0-or-later
"""What `ipvsadm -L` lists, taken apart, to hold other clients' numbers against it."""
from lib.ipvs import STOCK_IPVSADM

PROTOCOLS = ("TCP", "UDP", "SCTP", "FWM")


def rows(director, *options):
    """[(protocol, service, dest or None, words)]: of each line what comes after the name, as the stock tool prints it."""
    found, service = [], None
    for line in director.ipvsadm("-Ln", *options, tool=STOCK_IPVSADM).out.splitlines():
        first, *rest = line.split()
        if first in PROTOCOLS:
            service = (first, rest[0])
            found.append((*service, None, rest[1:]))
        elif first == "->" and service:
            found.append((*service, rest[0], rest[1:]))
    return found


def dests(director):
    """{(protocol, service, dest): (weight, active, inactive)}"""
    return {(proto, service, dest): tuple(map(int, words[1:]))
            for proto, service, dest, words in rows(director) if dest}


def counters(director):
    """{(protocol, service, dest or None): (connections, packets in, packets out, bytes in, bytes out)}"""
    return {(proto, service, dest): tuple(map(int, words))
            for proto, service, dest, words in rows(director, "--stats", "--exact")}


def totals(director):
    """The sums of the services' counters."""
    return tuple(map(sum, zip(*(numbers for (_, _, dest), numbers in counters(director).items() if dest is None))))
