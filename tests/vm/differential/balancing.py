# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of who gets what: schedulers, persistence, thresholds, dests that go and come back."""
from collections import Counter

from lib import ipvs, packet
from lib.ipvs import endpoint
from lib.packet import SYN
from lib.record import run

from differential.scene import about

EXACT = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "sh", "dh", "mh", "lblc", "lblcr")
WEIGHTS = ((1, 1, 1), (3, 2, 1), (0, 5, 2))
FLOWS = 24


def syns(scene, port, count=FLOWS, first=3000, clients=1):
    """From as many clients as asked for, in turn."""
    return [packet.tcp(f"10.9.1.{1 + n % clients}", first + n, scene.VIP, port, SYN) for n in range(count)]


def choices(scene, port):
    """The dest of each connection in the order of the clients' ports: a letter each."""
    letters = dict(zip(scene.RIPS, "abc"))
    return "".join(letters[conn["dest"]] for cport, conn in sorted(scene.conns(port).items()) if cport)


def service(scene, proto, port, scheduler, weights, options="", more=("", "", "")):
    dests = [(rip, port, f"-m -w {weight} {extra}") for rip, weight, extra in zip(scene.RIPS, weights, more)]
    # The order of addition decides the table of these with both modules alike.
    add = scene.director.service if scheduler in ("sh", "dh") else scene.service
    return add(proto, scene.VIP, port, scheduler, dests, options)


def there_is(scheduler):
    """Does this kernel have mainline's module of it? Debian 12's is built without twos."""
    return run("modprobe", "-n", "-q", f"ip_vs_{scheduler}", check=False).code == 0


def schedulers(scene):
    port = 8200
    for scheduler in EXACT:
        for weights in WEIGHTS:
            port += 1
            service(scene, "tcp", port, scheduler, weights)
            scene.from_outside(syns(scene, port, clients=FLOWS))
            scene.about(f"scheduler {scheduler}, weights {weights}")
            scene.fact("choices", choices(scene, port))
    for scheduler, flags in (("sh", "sh-port"), ("sh", "sh-fallback"), ("mh", "mh-port"), ("mh", "mh-fallback")):
        port += 1
        service(scene, "tcp", port, scheduler, (0, 3, 1), f"-b {flags}")
        scene.from_outside(syns(scene, port))
        scene.about(f"scheduler {scheduler}, {flags}")
        scene.fact("choices", choices(scene, port))
    if not there_is("twos"):
        return
    port += 1
    service(scene, "tcp", port, "twos", (4, 2, 0))
    scene.from_outside(syns(scene, port, 300))
    scene.about("scheduler twos")
    spread = Counter(choices(scene, port))
    scene.fact("connections within a tenth of their share", [abs(spread[name] / 300 - share) < 0.1
                                                             for name, share in (("a", 2 / 3), ("b", 1 / 3), ("c", 0))])


def connections(scene, key, port):
    """The lines that /proc has of the port, templates among them."""
    for number, conn in enumerate(sorted((c for c in scene.director.conns(port=port)),
                                         key=lambda c: (c["client"], c["cport"], c["vip"])), 1):
        fields = [conn[name] for name in ("proto", "client", "cport", "vip", "vport", "dest", "dport", "state", "engine")]
        scene.fact(f"{key}, connection {number}", f"{fields} {about(conn['expires'])}")


def persistence(scene):
    scene.about("persistence")
    service(scene, "tcp", 8301, "rr", (1, 1, 1), "-p 300")
    service(scene, "tcp", 8302, "rr", (1, 1, 1), "-p 300 -M 255.255.255.0")
    service(scene, "udp", 8303, "rr", (1, 1, 1), "-o")
    for port in (8301, 8302):
        scene.from_outside(syns(scene, port, clients=4))
        connections(scene, f"port {port}", port)
    got = scene.from_outside([packet.udp(scene.CLIENT, 3000 + n, scene.VIP, 8303, b"x") for n in range(6)])
    scene.seen("one-packet", got)
    connections(scene, "one-packet", 8303)
    scene.listing("-Ln", "--persistent-conn")
    scene.about("port 0")
    scene.service("tcp", scene.VIP6, 0, "rr", [(rip, 0, "-m") for rip in scene.RIPS6], "-p 300")
    scene.from_outside([packet.tcp(scene.CLIENT6, 3000 + n, scene.VIP6, 8310 + n % 2, SYN) for n in range(4)])
    for port in (0, 8310, 8311):
        connections(scene, f"port {port}", port)
    scene.about("data of FTP")
    ftp, ports = service(scene, "tcp", 21, "rr", (1, 1, 1), "-p 300"), (21, 20, 40000, 1023, 1024, 8300)
    scene.from_outside([packet.tcp(scene.CLIENT, 3400 + n, scene.VIP, port, SYN) for n, port in enumerate(ports)])
    for port in (0, *ports):
        connections(scene, f"port {port}", port)
    scene.director.rules(f"-E {ftp} -s rr")
    scene.from_outside([packet.tcp(scene.CLIENT, 3500 + n, scene.VIP, port, SYN) for n, port in enumerate(ports)])
    for port in ports:
        connections(scene, f"not persistent, port {port}", port)
    scene.director.rules(f"-D {ftp}")


def marks(scene):
    scene.about("mark")
    scene.director.ns.run("nft", "-f", "-", stdin="table inet marks {\nchain marks {\ntype filter hook prerouting priority -150;\n"
                          "tcp dport 8320-8321 meta mark set 77\n}\n}\n")
    order = scene.RIPS if ipvs.MODULE == "lvs" else scene.RIPS[::-1]
    scene.director.rules("-A -f 77 -s rr -p 300", *[f"-a -f 77 -r {rip}:0 -g" for rip in order])
    scene.from_outside(syns(scene, 8320, clients=3) + syns(scene, 8321, 6, clients=3))
    for port in (0, 8320, 8321):
        connections(scene, f"port {port}", port)
    scene.director.ns.run("nft", "delete", "table", "inet", "marks")


def dests(scene):
    """Overload, weight 0, and dests that go and come back."""
    scene.about("thresholds")
    service(scene, "tcp", 8330, "rr", (1, 1, 1), more=("-x 2", "-x 4 -y 2", "-x 3"))
    scene.from_outside(syns(scene, 8330))
    scene.fact("choices", choices(scene, 8330))
    scene.listing("-Ln", "--thresholds")
    scene.fact("the client hears that all are full", bool(scene.answers()))

    scene.about("weight 0")
    name = service(scene, "tcp", 8331, "wlc", (1, 1, 1))
    scene.from_outside(syns(scene, 8331, 6))
    scene.director.rules(f"-e {name} -r {endpoint(scene.RIPS[0], 8331)} -m -w 0")
    scene.from_outside(syns(scene, 8331, 6, first=3100) + syns(scene, 8331, 6))
    scene.fact("choices", choices(scene, 8331))
    scene.listing("-Ln", "-t", f"{scene.VIP}:8331")
    scene.sysctl("expire_nodest_conn", 1)
    scene.from_outside(syns(scene, 8331, 6))
    scene.fact("choices of clients that begin anew", choices(scene, 8331))
    scene.sysctl("expire_nodest_conn", 0)

    scene.about("dest removed")
    scene.director.rules(f"-d {name} -r {endpoint(scene.RIPS[1], 8331)}")
    got = scene.from_outside(syns(scene, 8331, 6) + syns(scene, 8331, 4, first=3200))
    scene.fact("packets that arrived", len(got))
    scene.fact("choices", choices(scene, 8331))
    connections(scene, "port 8331", 8331)
    scene.director.rules(f"-a {name} -r {endpoint(scene.RIPS[1], 8331)} -m -w 2")
    scene.about("dest revived")
    scene.listing("-Ln", "-t", f"{scene.VIP}:8331")
    scene.about("service gone")
    scene.director.rules(f"-D {name}")
    scene.fact("packets that arrived", len(scene.from_outside(syns(scene, 8331, 6))))
    connections(scene, "port 8331", 8331)
