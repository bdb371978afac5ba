# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that read the director's numbers, unmodified: prometheus-node-exporter, collectd. Held against the stock ipvsadm."""
import glob
import os
import re
import shutil

from lib import table, wait
from lib.daemons import Daemon, directory, http
from lib.harness import test
from lib.ipvs import endpoint
from lib.lab import VIPS, Lab
from lib.persistent import mark_packets
from lib.traffic import Server, TcpClient, UdpClient

MARK = 0x2a
TOTALS = ("connections", "incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes")
CSV = "/var/lib/collectd/csv"


def busy_director(t):
    """Services by address, of both families, and by mark, with connections open and closed to dests of several weights."""
    t.lab.reload()  # totals of nothing else
    web, closed, marked, dns = (t.port() for _ in range(4))
    for index in (0, 1):
        for af in (4, 6):
            t.closing(Server(t.lab.rs[index], "tcp", Lab.RS[af][index], 8080, f"rs{index + 1}"))
    t.closing(Server(t.lab.rs[2], "udp", VIPS[4]["dr"], dns, "rs3"))
    first, second = ((Lab.RS[4][index], 8080, f"-m -w {weight}") for index, weight in ((0, 3), (1, 2)))
    t.director.service("tcp", VIPS[4]["nat"], web, "wrr", [first, second])
    t.director.service("tcp", VIPS[4]["nat"], closed, "rr", [first, second])
    t.director.service("tcp", VIPS[6]["nat"], web, "rr", [(Lab.RS[6][0], 8080, "-m -w 7"), (Lab.RS[6][1], 8080, "-m -w 0")])
    t.director.service("udp", VIPS[4]["dr"], dns, "rr", [(Lab.RS[4][2], dns, "-g")])
    t.director.rules(f"-A -f {MARK} -s rr", f"-a -f {MARK} -r {Lab.RS[4][0]}:8080 -m -w 9")
    mark_packets(t, MARK, [marked], 4)

    for vip, port, count in ((VIPS[4]["nat"], web, 5), (VIPS[6]["nat"], web, 2), (VIPS[4]["other"], marked, 1)):
        for _ in range(count):
            t.closing(TcpClient(t.lab.client, vip, port)).exchange(3000, 70000)
    for _ in range(3):
        with TcpClient(t.lab.client, VIPS[4]["nat"], closed) as client:
            client.exchange(1, 1)
    with UdpClient(t.lab.client, VIPS[4]["dr"], dns) as client:
        client.name()
    # ip_vs adds its counters up every two seconds.
    wait.until(lambda: table.totals(t.director)[0] == 12 and table.totals(t.director)[4] > 8 * 70000, 10, "all is counted")
    return endpoint(VIPS[4]["nat"], web), endpoint(VIPS[4]["nat"], closed)


def labels(text):
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def exported(text):
    """What the exporter's page says: the totals, and {(protocol, service, dest): (weight, active, inactive)}."""
    values, backends = {}, {}
    for name, braces, value in re.findall(r"^node_ipvs_(\w+?)(?:_total)?(\{.*\})? (\S+)$", text, re.M):
        if braces:
            its = labels(braces)
            service = (str(int(its["local_mark"], 16)) if its["local_mark"] else
                       endpoint(its["local_address"], its["local_port"]))
            backend = (its["proto"], service, endpoint(its["remote_address"], its["remote_port"]))
            backends.setdefault(backend, {})[name] = int(float(value))
        else:
            values[name] = int(float(value))
    columns = ("backend_weight", "backend_connections_active", "backend_connections_inactive")
    return (tuple(values.get(name) for name in TOTALS),
            {backend: tuple(its.get(column) for column in columns) for backend, its in backends.items()})


@test(timeout=90)
def node_exporter(t):
    """prometheus-node-exporter tells Prometheus what ipvsadm lists: the totals, and of each dest weight and connections."""
    web, closed = busy_director(t)
    path = directory(t)
    t.closing(Daemon(t.lab.director_ns, "sh", "-c",
                     '. docs/examples/prometheus-node-exporter; exec prometheus-node-exporter $ARGS', directory=path))

    def metrics():
        return http(t.lab.director_ns, "127.0.0.1", 9100, "/metrics")
    t.equal('node_scrape_collector_success{collector="ipvs"} 1' in wait.until(metrics, 30, "the exporter answers").splitlines(),
            True, "the collector works")

    def difference():
        exporter, listed = exported(metrics()), (table.totals(t.director), table.dests(t.director))
        return None if exporter == listed else (exporter, listed)
    # An acknowledgement, or the end of a connection, may be under way.
    wait.equals(difference, None, 10, "what the exporter and ipvsadm tell differently")
    totals, dests = exported(metrics())
    t.equal((totals[0], totals[3] > 8 * 3000, totals[4] > 8 * 70000), (12, True, True), "connections, enough bytes")
    first, second = (endpoint(address, 8080) for address in Lab.RS[4][:2])
    t.equal((dests["TCP", web, first], dests["TCP", web, second]), ((3, 3, 0), (2, 2, 0)), "dests of open connections")
    t.equal(sorted(dests["TCP", closed, dest][1:] for dest in (first, second)), [(0, 1), (0, 2)], "dests of closed ones")
    t.equal(dests["FWM", str(MARK), first], (9, 1, 0), "the dest of the mark")


def collected():
    """{(service, dest or None): {type: the last line of its file}} of what collectd wrote."""
    found = {}
    for file in glob.glob(f"{CSV}/director/ipvs-*/*"):
        name = os.path.basename(os.path.dirname(file))
        address, proto, port = re.fullmatch(r"ipvs-(.*)_(TCP|UDP)(\d+)", name).groups()
        kind, dest = re.fullmatch(r"(\w+)-(.*)-\d{4}-\d\d-\d\d", os.path.basename(file)).groups()
        dest = None if dest == "total" else endpoint(*dest.rsplit("_", 1))
        with open(file) as text:
            *_, last, _ = ["", *text.read().split("\n")]  # what comes after the last end of a line is not whole yet
        values = [int(word) for word in last.split(",")[1:] if word.isdigit()]
        found.setdefault((proto, endpoint(address, port), dest), {})[kind] = values
    return {key: tuple(kinds["connections"] + kinds["if_packets"] + kinds["if_octets"])
            for key, kinds in found.items() if len(kinds) == 3}


@test(timeout=90)
def collectd(t):
    """collectd's plugin, which uses the socket options, writes what ipvsadm lists, for each IPv4 service and dest."""
    web, closed = busy_director(t)
    shutil.rmtree(CSV, ignore_errors=True)
    t.closing(Daemon(t.lab.director_ns, "collectd", "-f", "-C", "docs/examples/collectd.conf", directory=directory(t)))

    def listed():
        found = table.counters(t.director)
        mark = {("TCP", "0.0.0.0:0", dest): value for (proto, _, dest), value in found.items() if proto == "FWM"}
        return {**{key: value for key, value in found.items() if key[0] != "FWM" and "[" not in key[1]}, **mark}

    def difference():
        written, told = collected(), listed()
        return None if written == told else (written, told)
    wait.equals(difference, None, 40, "what collectd and ipvsadm tell differently", step=0.2)
    numbers, first = collected(), endpoint(Lab.RS[4][0], 8080)
    t.equal((numbers["TCP", web, None][0], numbers["TCP", web, first][0], numbers["TCP", closed, None][0]), (5, 3, 3),
            "connections")
    t.equal(numbers["TCP", web, None][4] > 5 * 70000, True, "enough bytes")
