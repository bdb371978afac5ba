# SPDX-License-Identifier: GPL-2.0-or-later
"""
keepalived, unmodified, with the examples' configurations: methods and kinds of services, health checks, a second director.

The second director is in a network of its own, which examples' keepalived-vrrp.conf is made for:

                   first .11  .2
    client --------          -------- rs1  10.2.0.11
    198.51.100.2   second .12 .3      rs2  10.2.0.12
         198.51.100.0/24    10.2.0.0/24
"""
import os
import re
import shutil
import signal
import smtplib
import sys

from lib import table, wait
from lib.daemons import Daemon, Nginx, directory, http
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM, Director
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.persistent import mark_packets
from lib.record import run
from lib.traffic import Server, UdpClient

EXAMPLES = "docs/examples"
DEFAULT_TIMEOUTS = ("900", "120", "300")
FIRST, SECOND, SORRY = "real server 1", "real server 2", "real server 3"


class Keepalived(Daemon):
    def __init__(self, t, ns, config, *options):
        path = directory(t)
        super().__init__(ns, "keepalived", "--dont-fork", "--log-console", "--use-file", config, "--pid", f"{path}/pid",
                         "--checkers_pid", f"{path}/checkers", "--vrrp_pid", f"{path}/vrrp", *options, directory=path)


def listed(director):
    """{(protocol, service, dest): (method, weight)} of the stock ipvsadm's listing."""
    return {(proto, service, dest): (words[0], int(words[1]))
            for proto, service, dest, words in table.rows(director) if dest}


def dests(t, port, proto="TCP"):
    """{dest: weight} of the checked service on this port."""
    service = f"{VIPS[4]['other']}:{port}"
    return {dest: weight for (p, s, dest), (_, weight) in listed(t.director).items() if (p, s) == (proto, service)}


def becomes(t, port, expected, what, proto="TCP"):
    wait.equals(lambda: dests(t, port, proto), expected, 60, what, step=0.1)


def pages(t, address, port, count=4):
    return {http(t.lab.client, address, port) for _ in range(count)}


METHODS = {
    ("TCP", "192.0.2.10:80", "10.1.0.11:8080"): ("Masq", 3), ("TCP", "192.0.2.10:80", "10.1.0.12:8080"): ("Masq", 1),
    ("TCP", "[2001:db8:1::10]:80", "[fd00:c::11]:8080"): ("Masq", 1),
    ("TCP", "[2001:db8:1::10]:80", "[fd00:c::12]:8080"): ("Masq", 1),
    ("TCP", "192.0.2.11:80", "10.1.0.11:80"): ("Route", 1), ("TCP", "192.0.2.11:80", "10.1.0.12:80"): ("Route", 1),
    ("TCP", "192.0.2.12:80", "10.1.0.11:80"): ("Tunnel", 1), ("TCP", "192.0.2.12:80", "10.1.0.12:80"): ("Route", 1),
    **{(proto, service, f"{rip}:8080"): ("Masq", 1) for rip in ("10.1.0.11", "10.1.0.12") for proto, service in
       (("TCP", "192.0.2.13:8080"), ("TCP", "192.0.2.14:8080"), ("TCP", "192.0.2.14:8088"), ("FWM", "7"))},
}


@test(timeout=200)
def methods(t):
    """NAT, DR, TUN over IPv4 and IPv6, groups, marks; flushing and timeouts at the start; a reload; a server that stops."""
    servers = [t.closing(Nginx(t, t.lab.rs[index], "0.0.0.0", 8080, name, more="listen 80; listen [::]:8080;"))
               for index, name in enumerate((FIRST, SECOND))]
    mark_packets(t, 7, [8007], 4)
    t.director.service("tcp", VIPS[4]["other"], 9, "rr", [(Lab.RS[4][0], 9, "-m")])
    t.cleanup(t.director.ipvsadm, "--set", *DEFAULT_TIMEOUTS)
    config = shutil.copy(f"{EXAMPLES}/keepalived-methods.conf", directory(t))
    daemon = t.closing(Keepalived(t, t.lab.director_ns, config, "--check"))
    wait.equals(lambda: listed(t.director), METHODS, 60, "what keepalived made", step=0.1)
    t.equal(t.director.ipvsadm("-L", "--timeout", tool=STOCK_IPVSADM).out, "Timeout (tcp tcpfin udp): 1000 60 100\n", "timeouts")
    saved = t.director.ipvsadm("-S", "-n", tool=STOCK_IPVSADM).out.splitlines()
    for line in ("-A -t 192.0.2.11:80 -s wlc -p 600 -M 255.255.255.0", "-A -f 7 -s sh -b sh-port"):
        t.equal([rule for rule in saved if rule == line], [line], f"that rule in {saved}")
    second = t.director.dests("tcp", VIPS[4]["nat"], 80)[Lab.RS[4][1]]
    t.equal((second["u"], second["l"]), (1000, 800), "thresholds")

    both = {FIRST, SECOND}
    t.equal(pages(t, VIPS[4]["nat"], 80), both, "pages by NAT")
    t.equal(pages(t, VIPS[6]["nat"], 80), both, "pages by NAT over IPv6")
    t.equal(pages(t, VIPS[4]["tun"], 80), both, "pages by TUN and DR")
    t.equal(len(pages(t, VIPS[4]["dr"], 80) & both), 1, "persistent pages by DR")
    for address, port in ((VIPS[4]["local"], 8080), (VIPS[4]["other"], 8080), (VIPS[4]["other"], 8088), (VIPS[4]["other"], 8007)):
        t.equal(pages(t, address, port, 2) <= both, True, f"pages of {address}:{port}")

    before = t.director.service_stats("tcp", VIPS[4]["nat"], 80)["conns"]
    with open(config) as file:
        text = file.read()
    with open(config, "w") as file:
        file.write(text.replace("weight 3", "weight 5"))
    daemon.process.send_signal(signal.SIGHUP)
    changed = {**METHODS, ("TCP", "192.0.2.10:80", "10.1.0.11:8080"): ("Masq", 5)}
    wait.equals(lambda: listed(t.director), changed, 60, "what a reload made of it", step=0.1)
    t.equal(t.director.service_stats("tcp", VIPS[4]["nat"], 80)["conns"], before, "connections of what stayed as it was")

    servers[1].stop()
    left = {key: value for key, value in changed.items() if not key[2].startswith(("10.1.0.12:", "[fd00:c::12]:"))}
    wait.equals(lambda: listed(t.director), left, 60, "the table without the second server", step=0.1)
    for method in ("nat", "dr", "tun"):
        t.equal(pages(t, VIPS[4][method], 80, 2), {FIRST}, f"pages by {method}, the second server stopped")
    daemon.stop()
    wait.equals(t.director.services, [], 10, "services after keepalived")


def certificate(t):
    path = directory(t)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=www.example", "-keyout", f"{path}/key", "-out", f"{path}/certificate")
    return f"ssl_certificate {path}/certificate; ssl_certificate_key {path}/key;"


class Farm:
    """What the checked services have as real servers: pages, by TLS too, with a weight among them, mail, names."""

    def __init__(self, t):
        self.t, self.certificate = t, certificate(t)
        self.status = [directory(t) for _ in range(2)]
        self.web, self.mail = [None] * 3, [None] * 2
        self.weigh(0, 10)
        self.weigh(1, 4)
        for index in range(3):
            self.start_web(index)
        for index in range(2):
            self.start_mail(index)
            t.closing(Server(t.lab.rs[index], "udp", Lab.RS[4][index], 5353, f"rs{index + 1}"))

    def weigh(self, index, weight):
        with open(f"{self.status[index]}/weight", "w") as file:
            file.write(f"{weight}\n")

    def start_web(self, index):
        more = f"listen {Lab.RS[4][index]}:8443 ssl; {self.certificate}"
        if index < 2:
            more += f" location /status/ {{ alias {self.status[index]}/; }}"
        self.web[index] = self.t.closing(Nginx(self.t, self.t.lab.rs[index], Lab.RS[4][index], 8080,
                                               (FIRST, SECOND, SORRY)[index], more=more))

    def start_mail(self, index):
        self.mail[index] = self.t.closing(Daemon(
            self.t.lab.rs[index], sys.executable, "-u", "-W", "ignore", "-m", "smtpd", "-n", "-c", "DebuggingServer",
            f"{Lab.RS[4][index]}:2525", directory=directory(self.t)))


def mail(t, text):
    """To the virtual service."""
    with t.lab.client, smtplib.SMTP(VIPS[4]["other"], 25, timeout=20) as smtp:
        smtp.sendmail("client@example", "user@example", f"Subject: test\n\n{text}\n")


def mailbox(server):
    """The texts of the mails that the server has."""
    with open(server.log) as log:
        return re.findall(r"hello \d", log.read())


@test(timeout=300)
def checks(t):
    """HTTP_GET, SSL_GET, SMTP_CHECK, MISC_CHECK: who fails goes or gets weight 0; quorum, sorry server; changing weights."""
    farm = Farm(t)
    os.makedirs("/etc/keepalived", exist_ok=True)
    shutil.copy(f"{EXAMPLES}/keepalived-weight-check", "/etc/keepalived/")
    t.closing(Keepalived(t, t.lab.director_ns, f"{EXAMPLES}/keepalived-checks.conf", "--check"))
    web, tls, post, names = ({f"{Lab.RS[4][index]}:{port}": weight for index, weight in enumerate(weights)}
                             for port, weights in ((8080, (3, 2)), (8443, (1, 1)), (2525, (1, 1)), (5353, (10, 4))))
    becomes(t, 80, web, "web servers")
    becomes(t, 443, tls, "TLS servers")
    becomes(t, 25, post, "mail servers")
    becomes(t, 53, names, "name servers by the weights they tell", "UDP")
    vip = VIPS[4]["other"]
    t.equal(pages(t, vip, 80, 5), {FIRST, SECOND}, "pages")
    secure = {t.lab.client.run("curl", "-sk", "-m", "20", f"https://{vip}/").out.strip() for _ in range(2)}
    t.equal(secure, {FIRST, SECOND}, "pages by TLS")
    for number in range(4):
        mail(t, f"hello {number}")
    boxes = [mailbox(server) for server in farm.mail]
    t.equal((sorted(boxes[0] + boxes[1]), len(boxes[0])), ([f"hello {number}" for number in range(4)], 2),
            "mails of both servers, how many the first has")
    with UdpClient(t.lab.client, vip, 53) as client:
        t.equal(client.name() in ("rs1", "rs2"), True, "a name server answers")

    farm.weigh(0, 1)
    becomes(t, 53, dict(names, **{"10.1.0.11:5353": 1}), "name servers, one with less weight", "UDP")
    farm.mail[0].stop()
    becomes(t, 25, {"10.1.0.12:2525": 1}, "mail servers without the first")
    # The second web server is not needed for the quorum.
    farm.web[1].stop()
    becomes(t, 80, {"10.1.0.11:8080": 3}, "web servers without the second")
    becomes(t, 443, dict(tls, **{"10.1.0.12:8443": 0}), "TLS servers, the second inhibited")
    becomes(t, 53, {"10.1.0.11:5353": 1}, "name servers without the second", "UDP")
    t.equal(pages(t, vip, 80), {FIRST}, "pages without the second")
    farm.start_web(1)
    becomes(t, 80, web, "web servers with the second back")
    becomes(t, 443, tls, "TLS servers with the second back")
    # The first one is.
    farm.web[0].stop()
    becomes(t, 80, {"10.1.0.13:8080": 1}, "the sorry server alone")
    t.equal(pages(t, vip, 80), {SORRY}, "pages without quorum")
    farm.start_web(0)
    farm.start_mail(0)
    becomes(t, 80, web, "web servers with the first back")
    becomes(t, 25, post, "mail servers with the first back")
    t.equal(pages(t, vip, 80, 5), {FIRST, SECOND}, "pages with all back")


class TwoDirectors:
    """The network drawn above."""

    def __init__(self, t):
        names = ("vrrp-client", "vrrp-net", "vrrp-first", "vrrp-second", "vrrp-rs1", "vrrp-rs2")
        spaces = Namespace.several(names)
        for ns in spaces:
            t.cleanup(ns.delete)
        self.client, net, self.first, self.second, *self.servers = spaces
        links = [(self.client, "eth0", "front", "198.51.100.2"), (self.servers[0], "eth0", "back", "10.2.0.11"),
                 (self.servers[1], "eth0", "back", "10.2.0.12")]
        for ns, host in ((self.first, 11), (self.second, 12)):
            links += [(ns, "front", "front", f"198.51.100.{host}"), (ns, "back", "back", f"10.2.0.{host - 9}")]
            ns.sysctl(ipv4__ip_forward=1)
        net.ip(*[f"link add {bridge} type bridge mcast_snooping 0" for bridge in ("front", "back")],
               "link set front up", "link set back up")
        for number, (ns, device, bridge, address) in enumerate(links):
            net.ip(f"link add port{number} type veth peer name {device} netns {ns.name}",
                   f"link set port{number} master {bridge} up")
            ns.ip("link set lo up", f"link set {device} up", f"addr add {address}/24 dev {device}")
        for ns in self.servers:
            ns.ip("route add default via 10.2.0.1")
        self.directors = [t.closing(Director(ns)) for ns in (self.first, self.second)]
        for director in self.directors:
            t.cleanup(director.clear)

    def connections(self):
        """The clients' ports of those that each director has."""
        return [{conn["cport"] for conn in director.conns()} for director in self.directors]

    def masters(self):
        """Who has both addresses."""
        return [ns.name for ns in (self.first, self.second)
                if all(f" {address}/24 " in ns.run("ip", "-br", "addr").out + " " for address in ("198.51.100.10", "10.2.0.1"))]


@test(timeout=200)
def two_directors(t):
    """VRRP: clients reach the virtual address by the first director, by the second when it fails, and by the first again."""
    network = TwoDirectors(t)
    for ns, address, name in zip(network.servers, ("10.2.0.11", "10.2.0.12"), (FIRST, SECOND)):
        t.closing(Nginx(t, ns, address, 8080, name))
    daemons = [t.closing(Keepalived(t, ns, f"{EXAMPLES}/keepalived-vrrp.conf", "--config-id", name))
               for ns, name in ((network.first, "first"), (network.second, "second"))]
    expected = {("TCP", "198.51.100.10:80", f"10.2.0.{host}:8080"): ("Masq", 1) for host in (11, 12)}
    for director in network.directors:
        wait.equals(lambda: listed(director), expected, 60, "the same table on both", step=0.1)

    def served(count=4):
        return {http(network.client, "198.51.100.10", 80) for _ in range(count)}

    def taken_over(ns, what):
        """The addresses are on this director, and its connections count."""
        wait.equals(network.masters, [ns.name], 60, what, step=0.1)
        wait.until(lambda: http(network.client, "198.51.100.10", 80), 30, f"a page, {what}", step=0.1)
        before = network.connections()
        t.equal(served(), {FIRST, SECOND}, f"pages, {what}")
        new = [len(after - known) for after, known in zip(network.connections(), before)]
        t.equal(new, [4, 0] if ns is network.first else [0, 4], f"new connections of the directors, {what}")
    taken_over(network.first, "both run")
    network.first.ip("link set front down")
    taken_over(network.second, "the first one's link failed")
    network.first.ip("link set front up")
    taken_over(network.first, "the link is back")
    daemons[0].stop(signal.SIGKILL)
    network.first.ip("link set front down", "link set back down")
    taken_over(network.second, "the first one died")
