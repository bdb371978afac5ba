# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of the control plane: errnos, replies, listings, sysctls."""
import errno
import os
import re
import socket

import netlink as subject
from lib.ipvs import (DAEMON, DEL_DAEMON, DEST, FLUSH, GET_CONFIG, GET_DAEMON, GET_DEST, GET_INFO, GET_SERVICE, NEW_DAEMON,
                      NEW_DEST, NEW_SERVICE, SERVICE, SET_CONFIG, dest_attrs, dest_id, fwmark_id, service_attrs, service_id)
from lib.netlink import attr, attrs, be16, nest, string, u16, u32

from differential.scene import Scene, render

RIP_FIRST = bytes((10, 1, 0, 21))
VIP, VIP6, RIPS, RIPS6 = Scene.VIP, Scene.VIP6, Scene.RIPS, Scene.RIPS6


def errnos(scene):
    """Every row of the table, and requests at the edge of what is accepted."""
    def prepare():
        scene.request(FLUSH)
        for sid, rip, netmask in ((subject.SID, RIPS[0], 0xffffffff), (subject.SID6, RIPS6[0], 128)):
            scene.request(NEW_SERVICE, nest(SERVICE, sid, service_attrs(netmask=netmask)))
            scene.request(NEW_DEST, nest(SERVICE, sid) + nest(DEST, dest_id(rip, 80), dest_attrs()))

    def try_it(name, command, body):
        answer = scene.request(command, body)
        scene.fact(name, answer if isinstance(answer, str) else "accepted")
        if not isinstance(answer, str):
            prepare()

    prepare()
    scene.about("errno")
    for cases in subject.REFUSALS.values():
        for name, command, body in cases:
            try_it(name, command, body)
    new, in_service = subject.NEW, nest(SERVICE, subject.SID)
    good = dest_id(RIPS[1], 80)
    for name, command, body in (
            ("daemon, unknown interface", NEW_DAEMON, nest(DAEMON, u32(1, 1), string(2, "nosuch0"), u32(3, 1))),
            ("daemon, bad state", NEW_DAEMON, nest(DAEMON, u32(1, 7), string(2, "front"), u32(3, 1))),
            ("daemon without syncid", NEW_DAEMON, nest(DAEMON, u32(1, 1), string(2, "front"))),
            ("daemon, group is no multicast", NEW_DAEMON,
             nest(DAEMON, u32(1, 1), string(2, "front"), u32(3, 1), attr(5, bytes((10, 1, 0, 1))))),
            ("stop a daemon that does not run", DEL_DAEMON, nest(DAEMON, u32(1, 1))),
            ("stop a daemon without state", DEL_DAEMON, nest(DAEMON)),
            ("port 0, not persistent", NEW_SERVICE, nest(SERVICE, service_id("tcp", VIP, 0), service_attrs())),
            ("one-packet of TCP", NEW_SERVICE, nest(SERVICE, new, service_attrs(flags=4))),
            ("scheduler none", NEW_SERVICE, nest(SERVICE, new, service_attrs("none"))),
            ("all flags", NEW_SERVICE, nest(SERVICE, new, service_attrs(flags=0xffffffff, timeout=10))),
            ("protocol 200", NEW_SERVICE, nest(SERVICE, u16(1, 2), u16(2, 200), attr(3, bytes(16)), be16(4, 80), service_attrs())),
            ("mark 0", NEW_SERVICE, nest(SERVICE, fwmark_id(socket.AF_INET, 0), service_attrs())),
            ("mark beside an address", NEW_SERVICE, nest(SERVICE, new, u32(5, 9), service_attrs())),
            ("IPv4 address of 4 bytes", NEW_SERVICE,
             nest(SERVICE, u16(1, 2), u16(2, 6), attr(3, bytes((192, 0, 2, 14))), be16(4, 81), service_attrs())),
            ("IPv4 netmask 0", NEW_SERVICE, nest(SERVICE, new, service_attrs(netmask=0))),
            ("greatest weight", NEW_DEST, in_service + nest(DEST, good, dest_attrs(weight=0x7fffffff))),
            ("greatest threshold", NEW_DEST, in_service + nest(DEST, good, dest_attrs(u=0x7fffffff))),
            ("lower threshold alone", NEW_DEST, in_service + nest(DEST, good, dest_attrs(low=5))),
            ("method 7", NEW_DEST, in_service + nest(DEST, good, dest_attrs(fwd=7))),
            ("method with higher bits", NEW_DEST, in_service + nest(DEST, good, dest_attrs(fwd=0x103))),
            ("dest 0.0.0.0", NEW_DEST, in_service + nest(DEST, dest_id("0.0.0.0", 80), dest_attrs())),
            ("dest on this host", NEW_DEST, in_service + nest(DEST, dest_id("10.1.0.1", 80), dest_attrs())),
            ("dest 127.0.0.1", NEW_DEST, in_service + nest(DEST, dest_id("127.0.0.1", 80), dest_attrs())),
            ("dest of an unknown family", NEW_DEST, in_service + nest(DEST, good, dest_attrs(fwd=2), u16(11, 77))),
            ("tunnel type 9", NEW_DEST, in_service + nest(DEST, good, dest_attrs(fwd=2), attr(13, b"\x09"))),
            ("IPv6 dest by tunnel", NEW_DEST, in_service + nest(DEST, dest_id(RIPS6[0], 80), dest_attrs(fwd=2), u16(11, 10))),
            ("dests of an absent service", GET_DEST, nest(SERVICE, subject.ABSENT)),
            ("config of nothing", SET_CONFIG, b""),
            ("longest timeout", SET_CONFIG, u32(4, (2 ** 31 - 1) // 1000))):
        try_it(name, command, body)
    scene.request(SET_CONFIG, u32(4, 900))
    answer = scene.request(GET_DEST, nest(SERVICE, subject.ABSENT), dump=True)
    scene.fact("dump dests of an absent service", answer if isinstance(answer, str) else len(answer))
    answer = scene.request(GET_SERVICE, nest(SERVICE), dump=True)
    scene.fact("dump services, empty nest", answer if isinstance(answer, str) else len(answer))


RULES = f"""
-A -t {VIP}:8001 -s rr
-a -t {VIP}:8001 -r {RIPS[0]}:80 -m -w 3 -x 100 -y 50
-a -t {VIP}:8001 -r {RIPS[1]}:8001 -g -w 0
-a -t {VIP}:8001 -r {RIPS[2]}:8001 -i -w 2147483647
-A -t {VIP}:8002 -s wlc -p 600 -M 255.255.255.0
-a -t {VIP}:8002 -r 10.1.0.1:80 -m
-A -u {VIP}:8003 -s sh -o -b sh-port,sh-fallback
-a -u {VIP}:8003 -r {RIPS[0]}:53 -m
-A --sctp-service {VIP}:8004 -s mh -b mh-port
-a --sctp-service {VIP}:8004 -r {RIPS[0]}:9899 -m -x 7
-A -t {VIP}:0 -s lc -p 360
-a -t {VIP}:0 -r {RIPS[0]}:0 -g
-A -t {VIP}:8005 -s wrr -p 30 --pe sip
-A -t [{VIP6}]:8001 -s dh
-a -t [{VIP6}]:8001 -r [{RIPS6[0]}]:80 -m -w 5
-a -t [{VIP6}]:8001 -r {RIPS[0]}:8001 -i --tun-type gue --tun-port 6080
-A -u [{VIP6}]:8006 -s nq -p 100 -M 64
-a -u [{VIP6}]:8006 -r [{RIPS6[1]}]:8006 -i --tun-type gre --tun-csum
-a -u [{VIP6}]:8006 -r [{RIPS6[2]}]:8006 -i --tun-type gue --tun-port 6080 --tun-remcsum
-A -f 101 -s sed -p 10
-a -f 101 -r {RIPS[0]}:0 -g
-a -f 101 -r {RIPS[1]}:1234 -m
-A -f 102 -6 -s lblc
-a -f 102 -6 -r [{RIPS6[0]}]:0 -i
"""
SAVE_AND_LISTS = (
    ("-Ln",), ("-S", "-n"), ("-Ln", "--stats"), ("-Ln", "--rate"), ("-Ln", "--thresholds"), ("-Ln", "--persistent-conn"),
    ("-Ln", "--exact"), ("-Ln", "--stats", "--exact"), ("-Ln", "--tun-info"), ("-L", "--timeout"), ("-L", "--daemon"),
    ("-Ln", "-t", f"{VIP}:8001"), ("-Ln", "-f", "101"), ("-Ln", "-f", "102"), ("-Ln", "-t", f"{VIP}:99"), ("-Lnc",))


def identity(message):
    """The attributes of the service that name it."""
    return b"".join(attr(kind, value) for kind, value in attrs(message.get(SERVICE)) if kind <= 5)


def blocks(text):
    """/proc/net/ip_vs with its services, and the dests of each, in alphabetical order."""
    *head, rest = text.split("\n", 3)
    services = [block.split("\n") for block in re.split(r"\n(?=\S)", rest.rstrip("\n"))]
    return "\n".join(head + sorted("\n".join(block[:1] + sorted(block[1:])) for block in services))


def conns_in_order(text):
    """Connections of templates and other scenarios come in the order of a hash table."""
    head, *rest = text.splitlines()
    return "\n".join([head] + sorted(rest))


def listings(scene):
    scene.about("empty")
    scene.listing("-Ln")
    scene.proc("ip_vs")
    scene.about("rules")
    scene.director.rules(*RULES.strip().splitlines())
    for arguments in SAVE_AND_LISTS:
        scene.listing(*arguments)
    scene.proc("ip_vs", blocks)
    for name in ("ip_vs_app", "ip_vs_conn", "ip_vs_conn_sync", "ip_vs_stats", "ip_vs_stats_percpu"):
        scene.proc(name, conns_in_order if "conn" in name else (lambda text: text))


def replies(scene):
    """Raw, attribute by attribute and in order."""
    scene.about("reply")
    scene.director.rules(*RULES.strip().splitlines())
    services = sorted(scene.request(GET_SERVICE, dump=True), key=identity)
    scene.fact("flags of a service dump", {message.flags for message in services})
    for message in services:
        name = render(identity(message))
        scene.fact(f"service {name}", f"command {message.command} version {message.version} {render(message.body)}")
        alone = scene.request(GET_SERVICE, nest(SERVICE, identity(message)))[0]
        scene.fact(f"service {name} alone", f"flags {alone.flags} command {alone.command} {render(alone.body)}")
        dests = scene.request(GET_DEST, nest(SERVICE, identity(message)), dump=True)
        if len(dests) == 3:
            first = dict(attrs(dests[0].get(DEST)))[1]
            scene.fact("order of dests", "oldest first" if first[:4] == RIP_FIRST else "newest first")
        for number, dest in enumerate(sorted(dests, key=lambda dest: dest.body), 1):
            scene.fact(f"dest {number} of {name}", f"flags {dest.flags} command {dest.command} {render(dest.body)}")
    for name, command in (("info", GET_INFO), ("config", GET_CONFIG)):
        message = scene.request(command)[0]
        scene.fact(name, f"flags {message.flags} command {message.command} version {message.version} {render(message.body)}")
    scene.fact("daemons", len(scene.request(GET_DAEMON, dump=True)))


VALUES = ("-1", "0", "1", "2", "3", "4", "8", "100", "2147483647", "2147483648", "x", "")
# Lists, and what other hosts' memory decides.
NOT_NUMBERS = ("sync_threshold", "est_cpulist", "sync_qlen_max")


def sysctls(scene):
    scene.about("sysctl")
    directory = "/proc/sys/net/ipv4/vs"
    with scene.director.ns:
        names = sorted(os.listdir(directory))
    for name in names:
        path = f"{directory}/{name}"
        default = scene.director.ns.read(path).strip()
        scene.fact(f"{name}, default", default if name != "sync_qlen_max" else "of this host's memory")
        if name in NOT_NUMBERS:
            continue
        results = []
        for value in VALUES:
            try:
                scene.director.ns.write(path, value)
                results.append(f"{value!r}: {scene.director.ns.read(path).strip()}")
            except OSError as error:
                results.append(f"{value!r}: {errno.errorcode[error.errno]}")
            scene.director.ns.write(path, default)
        scene.fact(f"{name}, values", "; ".join(results))
