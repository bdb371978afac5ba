# SPDX-License-Identifier: GPL-2.0-or-later
"""iptables' rules in a namespace, and the table of the kernel's connection tracking as conntrack(8) lists it."""
import re
from collections import namedtuple

CHAINS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
# What conntrack knows of a connection; orig and reply are (source, port, destination, port).
Entry = namedtuple("Entry", "orig reply state flags")
TUPLE = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")


def iptables(af):
    return "iptables" if af == 4 else "ip6tables"


def rules(ns, af, table, *lines):
    """Puts rules into a table."""
    ns.run(f"{iptables(af)}-restore", "--noflush", stdin=f"*{table}\n" + "".join(f"{line}\n" for line in lines) + "COMMIT\n")


def flush(ns, af, table):
    ns.run(iptables(af), "-t", table, "-F")


def watch(ns, af, proto, *ports):
    """
    From now on rules in the table mangle count packets of these ports by chain and state, which also makes conntrack see
    all packets.
    """
    match = f"-p {proto} -m multiport --ports {','.join(map(str, ports))} -m conntrack --ctstate"
    rules(ns, af, "mangle", *[f"-A {chain} {match} {state}" for chain in CHAINS for state in STATES])


def seen(ns, af):
    """{chain: {state: packets}} of what those rules counted."""
    found = {chain: {} for chain in CHAINS}
    text = ns.run(f"{iptables(af)}-save", "-c", "-t", "mangle").out
    for packets, chain, state in re.findall(r"(?m)^\[(\d+):\d+\] -A (\S+) .*--ctstate (\w+)$", text):
        if int(packets):
            found[chain][state] = found[chain].get(state, 0) + int(packets)
    return found


def lists_entries(ns):
    """Some kernels of ours have no netlink for conntrack's table."""
    return ns.run("conntrack", "-L", check=False).code == 0


def entries(ns, af, proto, *ports):
    """The entries that have one of the ports."""
    text = ns.run("conntrack", "-L", "-f", f"ipv{af}", "-p", proto).out
    found = []
    for line in text.splitlines():
        (s1, d1, sp1, dp1), (s2, d2, sp2, dp2) = TUPLE.findall(line)
        orig, reply = (s1, int(sp1), d1, int(dp1)), (s2, int(sp2), d2, int(dp2))
        if {orig[1], orig[3], reply[1], reply[3]} & set(ports):
            state = line.split()[3]
            found.append(Entry(orig, reply, state if "=" not in state else "", set(re.findall(r"\[(\w+)\]", line))))
    return found
