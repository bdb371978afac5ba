# SPDX-License-Identifier: GPL-2.0-or-later
"""
FULLNAT where it is at home: real servers behind a router, in a network that knows local addresses and no client's.

    director (far) ------- gateway ------- remote
    10.4.0.1      10.4.0.2     10.5.0.1    10.5.0.11
    fd00:4::1     fd00:4::2    fd00:5::1   fd00:5::11

And the director's own health checks, which come from a local address, too.
"""
import hashlib
import os
import re
import time
import threading

from fullnat import fullnat_service, limit_ports, local_addresses, pool
from lib import toa, wait
from lib.daemons import Daemon, Nginx, directory, http
from lib.harness import test
from lib.ipvs import endpoint
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.traffic import Server, TcpClient

REMOTE = {4: "10.5.0.11", 6: "fd00:5::11"}
MEGABYTE = 1 << 20


def routed(t):
    """The drawn network. Returns the namespace of the real server."""
    gateway, remote = Namespace.several(["gateway", "remote"])
    for ns in (gateway, remote):
        t.cleanup(ns.delete)
        ns.sysctl(ipv6__conf__default__accept_dad=0, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    director = t.lab.director_ns
    director.ip(f"link add far type veth peer name near netns {gateway.name}", "link set far up",
                "addr add 10.4.0.1/24 dev far", "addr add fd00:4::1/64 dev far nodad")
    t.cleanup(director.ip, "link del far")
    gateway.ip(f"link add inside type veth peer name eth0 netns {remote.name}", "link set near up", "link set inside up",
               "addr add 10.4.0.2/24 dev near", "addr add fd00:4::2/64 dev near nodad",
               "addr add 10.5.0.1/24 dev inside", "addr add fd00:5::1/64 dev inside nodad",
               "route add 10.8.0.0/16 via 10.4.0.1", "route add fd00:8::/64 via fd00:4::1")
    remote.ip("link set lo up", "link set eth0 up", "addr add 10.5.0.11/24 dev eth0", "addr add fd00:5::11/64 dev eth0 nodad",
              "route add 10.8.0.0/16 via 10.5.0.1", "route add fd00:8::/64 via fd00:5::1")
    director.ip("route add 10.5.0.0/24 via 10.4.0.2", "route add fd00:5::/64 via fd00:4::2")
    return remote


@test(lvs_only=True, af=(4, 6), timeout=180)
def remote_server(t, af):
    """Ten megabytes both ways and a file by its hash; toa.ko tells nginx about clients that it has no route to."""
    remote = routed(t)
    refused = remote.run("ip", "route", "get", Lab.CLIENT[af], check=False)
    t.equal((refused.code, "unreachable" in refused.err), (2, True), f"the server's route to the client: {refused.out}{refused.err}")
    rip, rport, laddrs = REMOTE[af], t.port(), local_addresses(t, af, 2)
    server = t.closing(Server(remote, "tcp", rip, rport, "remote"))
    vip, port, _ = fullnat_service(t, "tcp", af, rip, rport, laddrs)
    with TcpClient(t.lab.client, vip, port) as client:
        t.equal(client.exchange(10 * MEGABYTE, 10 * MEGABYTE), "remote", "the server that answered")
        t.equal({sock.getpeername()[0] for sock in server.open} <= set(laddrs), True, "whom the server sees without toa.ko")

    toa.load(t)
    root, data = directory(t), os.urandom(10 * MEGABYTE)
    with open(f"{root}/file", "wb") as file:
        file.write(data)
    web = t.port()
    address = f"[{rip}]" if af == 6 else rip
    nginx = t.closing(Nginx(t, remote, address, web, "remote", log="access.log", more=f"location /file {{ root {root}; }}"))
    t.director.ipvsadm("-C")
    vip, port, _ = fullnat_service(t, "tcp", af, rip, web, laddrs)
    saved = f"{directory(t)}/file"
    t.lab.client.run("curl", "-sS", "-m", "60", "-o", saved, f"http://{endpoint(vip, port)}/file")
    with open(saved, "rb") as file:
        t.equal(hashlib.sha256(file.read()).hexdigest(), hashlib.sha256(data).hexdigest(), "hash of the file")
    lines = wait.until(lambda: [line for line in nginx.access_log() if "GET /file" in line], 10, "a line in nginx's log")
    t.equal([line.split()[0] for line in lines], [Lab.CLIENT[af]], "addresses in nginx's log")


CHECKS = """global_defs {{
    enable_script_security
}}
virtual_server {vip} {port} {{
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server {rip} {rport} {{
        HTTP_GET {{
            bindto {laddr}
            connect_timeout 3
            retry 0
            url {{
                path /
                status_code 200
            }}
        }}
    }}
}}
"""


CLIENTS, PAGES = 4, 200


class Load(threading.Thread):
    """Clients, one after the other, who each want a page; no more of them than there are ports."""

    def __init__(self, ns, vip, port, page):
        super().__init__()
        self.ask, self.page, self.wrong, self.right, self.over = (ns, vip, port), page, [], 0, False
        self.start()

    def run(self):
        while not self.over and self.right + len(self.wrong) < PAGES:
            time.sleep(0.02)
            got = http(*self.ask)
            if got == self.page:
                self.right += 1
            else:
                self.wrong.append(got)

    def close(self):
        self.over = True
        self.join()


@test(lvs_only=True, timeout=240)
def health_checks_from_the_local_address(t):
    """
    keepalived checks the real server from the very address, and out of the same few ports, from which clients are sent
    there: neither takes a port of the other's, no check and no client fails.
    """
    rip, rport, (laddr,) = Lab.RS[4][0], t.port(), local_addresses(t, 4)
    director = t.lab.director_ns
    before = director.read("/proc/sys/net/ipv4/ip_local_port_range").strip()
    t.cleanup(director.write, "/proc/sys/net/ipv4/ip_local_port_range", before)
    director.write("/proc/sys/net/ipv4/ip_local_port_range", "6000 6999")
    limit_ports(t, 6000, 6999)
    nginx = t.closing(Nginx(t, t.lab.rs[0], rip, rport, "checked", log="access.log"))
    vip, port, path = VIPS[4]["other"], t.port(), directory(t)
    t.cleanup(t.director.ipvsadm, "--profile", "delete", "-t", f"{vip}:{port}")
    t.director.ipvsadm("--profile", "set", "-t", f"{vip}:{port}", "-z", laddr, "--masq-fullnat")
    with open(f"{path}/keepalived.conf", "w") as conf:
        conf.write(CHECKS.format(vip=vip, port=port, rip=rip, rport=rport, laddr=laddr))
    daemon = t.closing(Daemon(director, "keepalived", "--dont-fork", "--log-console", "--log-detail", "--check", "--use-file",
                              f"{path}/keepalived.conf", "--pid", f"{path}/pid", "--checkers_pid", f"{path}/checkers",
                              directory=path, env=dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin")))
    wait.equals(lambda: http(t.lab.client, vip, port), "checked", 60, "the page", step=0.2)
    loads = [t.closing(Load(t.lab.client, vip, port, "checked")) for _ in range(CLIENTS)]

    def checks():
        """Those are told from clients by what they call themselves."""
        return sum("KeepAlive" in line for line in nginx.access_log())

    begin = checks()
    wait.until(lambda: checks() >= begin + 8 and sum(load.right for load in loads) == CLIENTS * PAGES, 120,
               "checks and clients", step=0.5)
    begin = checks()
    wait.until(lambda: checks() >= begin + 8, 60, "checks with most ports taken", step=0.5)
    for load in loads:
        load.close()
    t.equal([load.wrong for load in loads], [[]] * CLIENTS, "clients that got no page")
    with open(daemon.log) as log:
        t.equal(re.findall(r"(?im)^.*(?:fail|error|timeout|remov).*$", log.read()), [], "what keepalived complained of")
    t.equal([dest["weight"] for dest in t.director.dests("tcp", vip, port).values()], [1], "the dest's weight")
    t.equal(list(pool(t, f"-t {vip}:{port}")), [laddr], "the pool")
