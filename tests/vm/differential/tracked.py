# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario with conntrack=1: what the kernel's connection tracking knows, and the states that rules see."""
from lib import firewall, packet, wait
from lib.packet import ACK, FIN, RST, SYN

from differential.forwarding import METHODS, Ends

CHOSEN = ("nat", "dr", "ipip")


def entries(scene, af, proto, ends):
    """Entries without their times."""
    ns = scene.lab.director_ns
    for entry in firewall.entries(ns, af, proto, ends.port, ends.rport) if firewall.lists_entries(ns) else []:
        scene.fact(f"entry {entry.orig}", f"{entry.reply} {entry.state} {sorted(entry.flags)}")


def states(scene, af):
    """Which there were before, in and behind the director, and how often."""
    for chain, states in firewall.seen(scene.lab.director_ns, af).items():
        scene.fact(f"states in {chain}", sorted(states.items()))


def udp_reply(ends, sport):
    return packet.udp(ends.rip, ends.rport, ends.client, sport, b"answer")


def play(scene, af, proto, ends, name):
    """A conversation; by DR and TUN only the client's half passes the director."""
    both = name == "nat"
    if proto == "udp":
        for _ in range(2):
            scene.from_outside([ends.udp(3000)])
            if both:
                scene.from_inside([udp_reply(ends, 3000)])
        return
    scene.from_outside([ends.tcp(3000)])
    if both:
        scene.from_inside([ends.reply(3000)])
    scene.from_outside([ends.tcp(3000, ACK)])
    if both:
        scene.from_inside([ends.reply(3000, ACK, b"data")])


def tracked(scene):
    ns, port = scene.lab.director_ns, 8500
    scene.sysctl("conntrack", 1)
    try:
        for af in (4, 6):
            for name in CHOSEN:
                for proto in ("tcp", "udp"):
                    port += 1
                    ends = Ends(scene, af, proto, port, METHODS[name])
                    scene.about(f"{name}, {proto}, IPv{af}")
                    firewall.watch(ns, af, proto, port, ends.rport)
                    play(scene, af, proto, ends, name)
                    entries(scene, af, proto, ends)
                    states(scene, af)
                    firewall.flush(ns, af, "mangle")
        again(scene, port)
    finally:
        for af in (4, 6):
            firewall.flush(ns, af, "mangle")
        scene.sysctl("conntrack", 0)


def again(scene, port):
    """A SYN of a port whose connection both ends closed, or the dest reset, and the same again until it goes through."""
    for way in ("closed", "reset"):
        port += 1
        ends = Ends(scene, 4, "tcp", port, METHODS["nat"])
        scene.about(f"port used again, {way}")
        firewall.watch(scene.lab.director_ns, 4, "tcp", port, ends.rport)
        play(scene, 4, "tcp", ends, "nat")
        if way == "closed":
            scene.from_inside([ends.reply(3000, FIN | ACK)])
            scene.from_outside([ends.tcp(3000, FIN | ACK)])
            scene.from_inside([ends.reply(3000, ACK)])
        else:
            scene.from_inside([ends.reply(3000, RST)])
        scene.fact("first SYN, packets", len(scene.from_outside([ends.tcp(3000, SYN)])))
        wait.until(lambda: scene.from_outside([ends.tcp(3000, SYN)]), 10, "a SYN that goes through")
        entries(scene, 4, "tcp", ends)
        firewall.flush(scene.lab.director_ns, 4, "mangle")
