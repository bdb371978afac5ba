# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket options of IPVS: what each reads and changes, exact lengths, errnos, privilege, together with netlink."""
import errno
import os
import shutil
import socket
import struct
import tempfile

from lib import ipvs, kernel, wait
from lib.harness import test
from lib.ipvs import NEW_DEST, NEW_SERVICE, DEST, SERVICE, STOCK_IPVSADM, dest_attrs, dest_id, service_attrs, service_id
from lib.lab import VIPS, Lab
from lib.netlink import nest, u16
from lib.record import run
from lib.sockopt import DEST_ENTRY, GET, IDENTITY, SERVICE_ENTRY, SET, Sockopt, daemon, dest, port_bytes, service
from lib.traffic import Server, TcpClient

VIP, VIP6, RIP, RIP2, RIP6 = VIPS[4]["other"], VIPS[6]["other"], "10.1.0.21", "10.1.0.22", "fd00:c::21"
TUN, DR = 2, 3
PERSISTENT, HASHED = 1, 2
WEB = service("tcp", VIP, 80)


def options(t):
    return t.closing(Sockopt(t.director.ns))


def code(function, *args):
    """The name of the errno that it fails with, or what it returns."""
    try:
        return function(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


@test
def reading(t):
    """Each option that reads tells what netlink tells."""
    s = options(t)
    t.equal(s.services(), [], "services of an empty director")
    t.director.service("tcp", VIP, 80, "wrr", [(RIP, 8080, "-m -w 5 -x 20 -y 10"), (RIP2, 80, "-m -w 0")], "-p 77 -M 255.255.0.0")
    t.director.service("udp", VIP, 53, "sh", [(RIP, 53, "-g")])
    t.director.rules("-A -f 66 -s lc", "-a -f 66 -r 10.1.0.23 -i")
    size = t.director.table_size()
    t.equal(s.get("VERSION", bytes(64)), f"IP Virtual Server version 1.2.1 (size={size})\0".encode(), "version")
    t.equal(s.info(), (0x010201, size, 3), "version, size, services")
    t.equal(s.timeouts(), (900, 120, 300), "timeouts")
    t.equal(s.get("DAEMON", bytes(48)), bytes(48), "daemons")

    zero = {"conns": 0, "inpkts": 0, "outpkts": 0, "inbytes": 0, "outbytes": 0, "cps": 0, "inpps": 0, "outpps": 0,
            "inbps": 0, "outbps": 0}
    web = {"proto": 6, "address": VIP, "port": 80, "fwmark": 0, "scheduler": "wrr", "flags": PERSISTENT | HASHED,
           "timeout": 77, "netmask": "255.255.0.0", "dests": 2, "stats": zero}
    dns = dict(web, proto=17, port=53, scheduler="sh", flags=HASHED, timeout=0, netmask="255.255.255.255", dests=1)
    mark = dict(dns, proto=6, address="0.0.0.0", port=0, fwmark=66, scheduler="lc")
    t.equal(sorted(s.services(), key=lambda e: (e["fwmark"], e["proto"])), [web, dns, mark], "services")
    t.equal(s.service("tcp", VIP, 80), web, "one service")
    t.equal(s.service(fwmark=66), mark, "one service by its mark")
    idle = {"active": 0, "inactive": 0, "persist": 0, "stats": zero}
    t.equal(s.dests("tcp", VIP, 80), {RIP: {"port": 8080, "fwd": 0, "weight": 5, "u": 20, "l": 10, **idle},
                                      RIP2: {"port": 80, "fwd": 0, "weight": 0, "u": 0, "l": 0, **idle}}, "dests")
    t.equal(s.dests("udp", VIP, 53), {RIP: {"port": 53, "fwd": DR, "weight": 1, "u": 0, "l": 0, **idle}}, "dests")
    t.equal(list(s.dests(fwmark=66)), ["10.1.0.23"], "dests of a mark")


@test
def changing(t):
    """Each option that changes something does what netlink then tells, and goes on from what netlink did."""
    s = options(t)
    s.set("ADD", service("tcp", VIP, 80, scheduler=b"wlc", flags=PERSISTENT, timeout=55, netmask="255.255.255.0"))
    s.set("ADD", service(fwmark=5))
    t.equal([(x.get("fwmark"), x["scheduler"]) for x in t.director.services() if "fwmark" in x], [(5, "rr")], "marks")
    t.equal(t.director.ipvsadm("-S", "-n", tool=STOCK_IPVSADM).out,
            f"-A -t {VIP}:80 -s wlc -p 55 -M 255.255.255.0\n-A -f 5 -s rr\n", "services")
    s.set("ADDDEST", WEB + dest(RIP, 8080, DR, 7, 30, 20))
    s.set("ADDDEST", service(fwmark=5) + dest(RIP2, 0, TUN))
    t.equal(t.director.ipvsadm("-S", "-n", tool=STOCK_IPVSADM).out,
            f"-A -t {VIP}:80 -s wlc -p 55 -M 255.255.255.0\n-a -t {VIP}:80 -r {RIP}:8080 -g -w 7\n"
            f"-A -f 5 -s rr\n-a -f 5 -r {RIP2}:0 -i -w 1 --tun-type ipip\n", "services and dests")
    added = t.director.dests("tcp", VIP, 80)[RIP]
    t.equal((added["u"], added["l"]), (30, 20), "thresholds")
    s.set("EDIT", service("tcp", VIP, 80, scheduler=b"sed"))
    s.set("EDITDEST", WEB + dest(RIP, 8080, 0, 9))
    t.equal(t.director.ipvsadm("-S", "-n", tool=STOCK_IPVSADM).out,
            f"-A -t {VIP}:80 -s sed\n-a -t {VIP}:80 -r {RIP}:8080 -m -w 9\n-A -f 5 -s rr\n-a -f 5 -r {RIP2}:0 -i -w 1 --tun-type ipip\n",
            "services and dests, edited")
    t.director.ipvsadm("-a", "-t", f"{VIP}:80", "-r", RIP2, "-m")
    t.equal(sorted(s.dests("tcp", VIP, 80)), [RIP, RIP2], "dests, one of them added by netlink")
    s.set("DELDEST", WEB + dest(RIP, 8080))
    t.equal(list(t.director.dests("tcp", VIP, 80)), [RIP2], "dests less one")
    s.set("DEL", service(fwmark=5))
    t.equal([x["address"] for x in t.director.services()], [VIP], "services less one")

    s.set("TIMEOUT", struct.pack("=3i", 1000, 0, 200))
    t.cleanup(s.set, "TIMEOUT", struct.pack("=3i", 900, 120, 300))
    t.equal(t.director.ipvsadm("-L", "--timeout").out, "Timeout (tcp tcpfin udp): 1000 120 200\n", "timeouts; 0 leaves one alone")
    t.equal(s.timeouts(), (1000, 120, 200), "timeouts")
    s.set("FLUSH")
    t.equal(t.director.services(), [], "services after a flush")


@test
def counters(t):
    """Counters and connections are netlink's; zeroing one service, and all."""
    s = options(t)
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[4][0], 8080, "rs1"))
    vip, ports = VIPS[4]["nat"], (t.port(), t.port())
    for port in ports:
        t.director.service("tcp", vip, port, "rr", [(Lab.RS[4][0], 8080, "-m")])
    clients = [t.closing(TcpClient(t.lab.client, vip, port)) for port in ports]
    for client in clients:
        client.exchange(10000, 20000)

    def counted(stats):
        return [stats[name] for name in ("conns", "inpkts", "outpkts", "inbytes", "outbytes")]

    def both(port):
        there = s.service("tcp", vip, port)["stats"], s.dests("tcp", vip, port)[Lab.RS[4][0]]
        netlink = t.director.service_stats("tcp", vip, port), t.director.dests("tcp", vip, port)[Lab.RS[4][0]]
        return [counted(there[0]), counted(there[1]["stats"]), counted(netlink[0]), counted(netlink[1]["stats"])]

    def agree(port):
        """What they all say, once the last acknowledgement came."""
        found = both(port)
        return found[0] if found.count(found[0]) == 4 and found[0][4] > 20000 else None

    said = wait.until(lambda: agree(ports[0]), 10, "the same counters of both")
    t.equal((said[0], said[3] > 10000), (1, True), "one connection, enough bytes")
    t.equal(s.dests("tcp", vip, ports[0])[Lab.RS[4][0]]["active"], 1, "active connections")
    wait.until(lambda: s.service("tcp", vip, ports[0])["stats"]["inbps"], 30, "a rate")
    s.set("ZERO", service("tcp", vip, ports[0]))
    t.equal([counted(s.service("tcp", vip, port)["stats"])[0] for port in ports], [0, 1], "connections, one service zeroed")
    s.set("ZERO", service())
    t.equal([counted(s.service("tcp", vip, port)["stats"])[0] for port in ports], [0, 0], "connections, all zeroed")
    t.equal(t.director.totals()["conns"], 0, "connections in total")


LONG = b"0123456789abcdef"
REFUSALS = [
    ("a service that is there", "ADD", WEB, "EEXIST"),
    ("unknown scheduler", "ADD", service("tcp", VIP, 81, scheduler=b"nosuch"), "ENOENT"),
    ("no scheduler's name", "ADD", service("tcp", VIP, 81, scheduler=b""), "ENOENT"),
    ("a scheduler's name without end", "ADD", service("tcp", VIP, 81, scheduler=LONG), "EINVAL"),
    ("protocol ICMP", "ADD", service(1, VIP, 81), "EFAULT"),
    ("protocol 0x106", "ADD", service(0x106, VIP, 81), "EFAULT"),
    ("edit an absent service", "EDIT", service("tcp", VIP, 81), "ESRCH"),
    ("edit to an unknown scheduler", "EDIT", service("tcp", VIP, 80, scheduler=b"nosuch"), "ENOENT"),
    ("delete an absent service", "DEL", service("udp", VIP, 80), "ESRCH"),
    ("delete an absent mark", "DEL", service(fwmark=9), "ESRCH"),
    ("zero an absent service", "ZERO", service("tcp", VIP, 81), "ESRCH"),
    ("a dest that is there", "ADDDEST", WEB + dest(RIP, 80), "EEXIST"),
    ("a dest of an absent service", "ADDDEST", service("tcp", VIP, 81) + dest(RIP, 80), "ESRCH"),
    ("negative weight", "ADDDEST", WEB + dest(RIP2, 80, weight=-1), "ERANGE"),
    ("lower over upper threshold", "ADDDEST", WEB + dest(RIP2, 80, upper=5, lower=6), "ERANGE"),
    ("a dest that is no host", "ADDDEST", WEB + dest("224.0.0.1", 80), "EINVAL"),
    ("edit an absent dest", "EDITDEST", WEB + dest(RIP2, 80), "ENOENT"),
    ("edit to negative weight", "EDITDEST", WEB + dest(RIP, 80, weight=-1), "ERANGE"),
    ("delete an absent dest", "DELDEST", WEB + dest(RIP, 81), "ENOENT"),
    ("negative timeout", "TIMEOUT", struct.pack("=3i", -1, 0, 0), "EINVAL"),
    ("timeout beyond the clock", "TIMEOUT", struct.pack("=3i", 0, 0, 0x7fffffff), "EINVAL"),
    ("start a daemon on no interface", "STARTDAEMON", daemon(1), "EINVAL"),
    ("an interface's name without end", "STARTDAEMON", daemon(1, LONG), "EINVAL"),
    ("start a daemon on an unknown interface", "STARTDAEMON", daemon(1, b"nosuch0"), "ENODEV"),
    ("a number before the first", 1152, b"", "EINVAL"),
    ("the number of INSERT", 1153, WEB, "EINVAL"),
    ("the number of LIST", 1158, WEB, "EINVAL"),
    ("the number of SAVE", 1166, WEB, "EINVAL"),
    ("a number after the last", 1168, WEB, "ENOPROTOOPT"),
]


def prepare(t):
    t.director.service("tcp", VIP, 80, "rr", [(RIP, 80, "-m")])
    return options(t)


@test
def errnos(t):
    """What is refused, with which errno; nothing has changed."""
    s = prepare(t)
    before = s.services(), s.dests("tcp", VIP, 80), s.timeouts()
    for name, option, data, expected in REFUSALS:
        t.equal(code(s.set, option, data), expected, name)
    asked = IDENTITY.pack(6, socket.inet_aton(VIP), port_bytes(81), 0)
    t.equal(code(s.get, "SERVICE", asked.ljust(SERVICE_ENTRY.size, b"\0")), "ESRCH", "read an absent service")
    t.equal(code(s.get, "DESTS", asked + bytes(8)), "ESRCH", "dests of an absent service")
    t.equal(code(s.get, 1157, bytes(64)), "EINVAL", "the number of DEST, which nobody has")
    t.equal(code(s.get, 1160, bytes(64)), "ENOPROTOOPT", "a number after the last")
    t.equal((s.services(), s.dests("tcp", VIP, 80), s.timeouts()), before, "services, dests, timeouts")


@test(lvs_only=True)
def daemons(t):
    """They answer as netlink's messages do."""
    s = options(t)
    for name, data in (("STARTDAEMON", daemon(1, b"front", 1)), ("STOPDAEMON", daemon(1))):
        t.equal(code(s.set, name, data), "ENOTSUP", name)
    t.equal(code(s.set, "STARTDAEMON", daemon(3, b"front", 1)), "EINVAL", "start neither master nor backup")
    t.equal(code(s.set, "STOPDAEMON", daemon(3)), "EINVAL", "stop neither master nor backup")


@test
def lengths(t):
    """An argument one byte too long or too short is refused; what is read may have more room, but for lists, which are exact."""
    s = prepare(t)
    good = {"ADD": service("tcp", VIP, 81), "EDIT": WEB, "DEL": WEB, "FLUSH": b"", "ADDDEST": WEB + dest(RIP2, 80),
            "DELDEST": WEB + dest(RIP, 80), "EDITDEST": WEB + dest(RIP, 80, weight=9), "TIMEOUT": struct.pack("=3i", 9, 9, 9),
            "STARTDAEMON": daemon(1, b"front"), "STOPDAEMON": daemon(1), "ZERO": service()}
    t.equal(sorted(good), sorted(SET), "an argument for each option")
    before = s.services(), s.dests("tcp", VIP, 80), s.timeouts()
    for name, data in good.items():
        t.equal(code(s.set, name, data + b"\0"), "EINVAL", f"{name} and a byte")
        if data:
            t.equal(code(s.set, name, data[:-1]), "EINVAL", f"{name} less a byte")
            t.equal(code(s.set, name, b""), "EINVAL", f"{name} with nothing")
    t.equal((s.services(), s.dests("tcp", VIP, 80), s.timeouts()), before, "services, dests, timeouts")

    web = IDENTITY.pack(6, socket.inet_aton(VIP), port_bytes(80), 0)
    sizes = {"VERSION": bytes(64), "INFO": bytes(12), "SERVICE": web.ljust(SERVICE_ENTRY.size, b"\0"),
             "TIMEOUT": bytes(12), "DAEMON": bytes(48)}
    lists = {"SERVICES": struct.pack("@I4x", 1) + bytes(SERVICE_ENTRY.size),
             "DESTS": web + struct.pack("=I4x", 1) + bytes(DEST_ENTRY.size)}
    t.equal(sorted([*sizes, *lists]), sorted(GET), "room for each option")
    for name, room in {**sizes, **lists}.items():
        whole = s.get(name, room)
        t.equal(code(s.get, name, room[:-1]), "EINVAL", f"{name} less a byte")
        t.equal(code(s.get, name, b""), "EINVAL", f"{name} without room")
        more = code(s.get, name, room + b"\0")
        t.equal(more if name in lists else more[:len(whole)], "EINVAL" if name in lists else whole, f"{name} and a byte")
    for name in lists:
        head = lists[name][:4] if name == "SERVICES" else web
        huge = struct.pack("=I4x", 0xffffffff) if name == "DESTS" else b"\xff" * 4 + bytes(4)
        t.equal(code(s.get, name, (head if name == "DESTS" else b"") + huge), "EINVAL", f"{name}, 4 G of them")


@test
def fewer_than_asked(t):
    """A list shorter than the room for it; one longer than that."""
    s = prepare(t)
    t.equal(len(s.services(room=0)), 0, "services without room")
    t.director.rules(f"-A -u {VIP}:53 -s rr", f"-a -t {VIP}:80 -r {RIP2}:80 -m")
    t.equal((len(s.services(room=1)), len(s.dests("tcp", VIP, 80, room=1))), (1, 1), "services and dests, room for one")
    if ipvs.MODULE == "lvs":  # ip_vs leaves the rest of the room and the number as they were
        t.equal((len(s.services(room=5)), len(s.dests("tcp", VIP, 80, room=5))), (2, 2), "services and dests, room for five")


@test
def ipv4_only(t):
    """IPv6 services, and dests in another family than their service's, are nowhere."""
    s = prepare(t)
    genl = t.director.genl
    genl.request(NEW_SERVICE, nest(SERVICE, service_id("tcp", VIP6, 80), service_attrs(netmask=128)))
    genl.request(NEW_DEST, nest(SERVICE, service_id("tcp", VIP, 80)) +
                 nest(DEST, dest_id(RIP6, 80), dest_attrs(fwd=TUN), u16(11, socket.AF_INET6)))
    t.equal((len(t.director.services()), len(t.director.dests("tcp", VIP, 80))), (2, 2), "services and dests by netlink")
    t.equal((s.info()[2], len(s.services())), (1, 1), "services")
    found = s.dests("tcp", VIP, 80, room=2)
    found.pop("0.0.0.0", None)  # room that ip_vs left as it was
    t.equal(list(found), [RIP], "dests")


def _unprivileged(s, function, *args):
    """The same for one who has no privilege, with a socket that somebody opened who had."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setresuid(65534, 65534, 65534)
            os.write(writer, str(code(function, *args)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@test
def privilege(t):
    """Without CAP_NET_ADMIN nothing is read or changed."""
    s = prepare(t)
    for name in SET:
        t.equal(_unprivileged(s, s.set, name, WEB), "EPERM", name)
    for name in GET:
        t.equal(_unprivileged(s, s.get, name, bytes(64)), "EPERM", name)
    t.equal(len(s.services()), 1, "services")


SHIM = """\
#include <errno.h>
int genl_ctrl_resolve(void *sk, const char *name) { return -12; }
int genl_connect(void *sk) { return -12; }
"""


@test
def stock_ipvsadm(t):
    """Debian's ipvsadm, made to think that there is no netlink family, works by socket options alone."""
    directory = tempfile.mkdtemp(prefix="lvs-shim.")
    t.cleanup(shutil.rmtree, directory)
    run("gcc", "-shared", "-fPIC", "-xc", "-", "-o", f"{directory}/shim.so", stdin=SHIM)

    def tool(*args, stdin=""):
        return t.director.ns.run("env", f"LD_PRELOAD={directory}/shim.so", STOCK_IPVSADM, *args, stdin=stdin).out

    rules = (f"-A -t {VIP}:80 -s wrr\n-a -t {VIP}:80 -r {RIP}:80 -m -w 3\n-a -t {VIP}:80 -r {RIP2}:80 -m -w 2\n"
             f"-A -u {VIP}:53 -s rr -p 300\n-a -u {VIP}:53 -r {RIP}:53 -g -w 1\n-A -f 7 -s lc\n-a -f 7 -r {RIP}:0 -i -w 1 --tun-type ipip\n")
    tool("-R", stdin=rules)
    t.director.rules(f"-A -t [{VIP6}]:80 -s rr")  # which shows in a listing by netlink only
    t.equal(sorted(tool("-S", "-n").splitlines()), sorted(rules.splitlines()), "what is saved")
    tool("-e", "-t", f"{VIP}:80", "-r", RIP, "-m", "-w", "9")
    tool("-d", "-t", f"{VIP}:80", "-r", RIP2)
    tool("-D", "-f", "7")
    tool("--set", "901", "0", "0")
    t.cleanup(t.director.ipvsadm, "--set", "900", "0", "0")
    t.equal(tool("-L", "--timeout"), "Timeout (tcp tcpfin udp): 901 120 300\n", "timeouts")
    t.equal({address: d["weight"] for address, d in t.director.dests("tcp", VIP, 80).items()}, {RIP: 9}, "weights of dests")
    for view in ("--stats", "--rate", "--thresholds"):
        t.equal(VIP in tool("-Ln", view), True, f"a listing with {view}")
    tool("-Z")
    tool("-C")
    t.equal(t.director.services(), [], "services")


@test(lab=False, lvs_only=True)
def only_while_loaded(t):
    """Without the module there are no such options."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.getsockopt(socket.IPPROTO_IP, GET["INFO"], 12)
        kernel.remove()
        t.cleanup(kernel.insert)
        t.equal(code(s.getsockopt, socket.IPPROTO_IP, GET["INFO"], 12), "ENOPROTOOPT", "GET_INFO")
