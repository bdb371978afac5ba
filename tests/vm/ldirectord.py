# SPDX-License-Identifier: GPL-2.0-or-later
"""ldirectord, unmodified, which runs the stock ipvsadm, with the examples' configuration."""
import os

from lib import table, wait
from lib.daemons import Daemon, Nginx, directory, http
from lib.harness import test
from lib.lab import VIPS, Lab

FIRST, SECOND, FALLBACK = "real server 1", "real server 2", "the fallback"
QUIESCENT, REMOVED = "192.0.2.10:80", "192.0.2.11:80"


def weights(t, service):
    """{dest: weight}"""
    return {dest: int(words[1]) for _, name, dest, words in table.rows(t.director) if dest and name == service}


def becomes(t, service, expected, what):
    wait.equals(lambda: weights(t, service), expected, 90, what, step=0.1)


def start(t, index):
    # On port 80 it serves DR, on 8080 NAT; without a name of its own ldirectord's pages would not tell who is who.
    name = (FIRST, SECOND, FALLBACK)[index]
    return t.closing(Nginx(t, t.lab.rs[index], "0.0.0.0", 8080, name, more="listen 80;"))


@test(timeout=400)
def ldirectord(t):
    """Negotiated and connect checks; who fails gets weight 0 or leaves the table; without anybody the fallback serves."""
    servers = [start(t, index) for index in range(3)]
    first, second = (f"{address}:8080" for address in Lab.RS[4][:2])
    first_dr, second_dr = (f"{address}:80" for address in Lab.RS[4][:2])
    environment = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    daemon = t.closing(Daemon(t.lab.director_ns, "ldirectord", "-d", "docs/examples/ldirectord.cf", "start",
                              directory=directory(t), env=environment))

    def pages(method, count=4):
        return {http(t.lab.client, VIPS[4][method], 80) for _ in range(count)}
    becomes(t, QUIESCENT, {first: 3, second: 2}, "dests, both serve")
    becomes(t, REMOVED, {first_dr: 1, second_dr: 1}, "dests by DR, both serve")
    t.equal((pages("nat"), pages("dr")), ({FIRST, SECOND}, {FIRST, SECOND}), "pages")

    servers[0].stop()
    becomes(t, QUIESCENT, {first: 0, second: 2}, "dests, the first is quiet")
    becomes(t, REMOVED, {second_dr: 1}, "dests by DR, the first is gone")
    t.equal((pages("nat"), pages("dr")), ({SECOND}, {SECOND}), "pages")

    servers[1].stop()
    becomes(t, QUIESCENT, {first: 0, second: 0, f"{Lab.RS[4][2]}:8080": 1}, "dests, nobody serves")
    becomes(t, REMOVED, {f"{Lab.RS[4][2]}:80": 1}, "dests by DR, nobody serves")
    t.equal((pages("nat"), pages("dr")), ({FALLBACK}, {FALLBACK}), "pages")

    start(t, 0)
    becomes(t, QUIESCENT, {first: 3, second: 0}, "dests, the first is back")
    becomes(t, REMOVED, {first_dr: 1}, "dests by DR, the first is back")
    t.equal((pages("nat"), pages("dr")), ({FIRST}, {FIRST}), "pages")
    daemon.stop()
