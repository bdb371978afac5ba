# SPDX-License-Identifier: GPL-2.0-or-later
"""Our ipvsadm on the real kernel: the golden scenarios, rules applied whole or not at all, names, drop counters."""
import json
import os
import shutil
import socket
import struct
import threading
import time

from lib import ipvs, packet, wait
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM
from lib.lab import VIPS, Lab
from lib.namespace import Namespace
from lib.traffic import tcp_name, Server

GOLDEN = "tests/golden"
RULES = """\
# two services
-A -t 192.0.2.10:http -s wlc

-a -t 192.0.2.10:http -r 10.1.0.11:http -m -w 2 -x 100 -y 50   # with limits
-A -t 192.0.2.11:ssh -s rr
"""
SAVED = """\
-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.1.0.11:80 -m -w 2 -x 100 -y 50
-A -t 192.0.2.11:22 -s rr
"""


def golden_names(t):
    """The names that the scenarios know, and no others."""
    for theirs, ours in (("hosts", "/etc/hosts"), ("services", "/etc/services")):
        with open(ours) as file:
            before = file.read()
        shutil.copyfile(f"{GOLDEN}/{theirs}", ours)

        def restore(path=ours, content=before):
            with open(path, "w") as file:
                file.write(content)
        t.cleanup(restore)


@test(scenario=("rules", "names", "ours"), timeout=240)
def golden(t, scenario):
    """Commands and answers recorded from ipvsadm 1.31 (those of "ours": where ours is better), on the real kernel."""
    runner = os.environ.get("LVS_GOLDEN", "build/tests/golden/golden")
    if not os.path.exists(runner):
        t.skip(f"{runner} is not built")
    if scenario == "ours" and t.director.tool == STOCK_IPVSADM:
        t.skip("for our ipvsadm only")
    golden_names(t)
    ns = Namespace("golden")
    t.cleanup(ns.delete)
    ns.ip("link set lo up")
    tool = os.path.abspath(t.director.tool)
    result = ns.run(runner, "--tool", tool, f"{GOLDEN}/{scenario}.golden", check=False, timeout=230)
    t.equal(result.code, 0, f"exit code; its last words: {result.out.strip().splitlines()[-1:]}")


@test(lvs_only=True)
def restore(t):
    """Comments, blank lines, service names; what is saved is what was restored, limits included."""
    director = t.director
    director.ipvsadm("-R", stdin=RULES)
    t.equal(director.ipvsadm("-S", "-n").out, SAVED, "rules saved")
    tools = os.path.dirname(os.path.abspath(director.tool))
    t.equal(t.director.ns.run(f"{tools}/ipvsadm-save", "-n").out, SAVED, "ipvsadm-save -n")
    director.ipvsadm("-A", "-t", "192.0.2.12:1", "-s", "rr")
    t.director.ns.run(f"{tools}/ipvsadm-restore", stdin=SAVED)
    t.equal(director.ipvsadm("-S", "-n").out, SAVED, "rules after ipvsadm-restore, which clears first")


@test(lvs_only=True)
def restore_all_or_nothing(t):
    """A line that cannot be read, or one that the kernel refuses: nothing is applied, and the line is named."""
    director = t.director
    director.ipvsadm("-R", stdin=SAVED)
    for bad, text in (("-A -t 192.0.2.10:80 -s rr", "Service already exists"),
                      ("-a -t 192.0.2.12:7 -r 10.1.0.11 -m", "Service not defined"),
                      ("-A -t 192.0.2.12:7 -s nosuch", "Scheduler or persistence engine not found"),
                      ("-A -t nonsense:99999", "illegal virtual server address[:port] specified"),
                      ("-A -t 192.0.2.12:7 --bogus", "--bogus: unknown option")):
        rules = f"-A -t 192.0.2.12:81 -s rr\n# a comment\n-D -t 192.0.2.11:22\n{bad}\n-A -t 192.0.2.12:82 -s rr\n"
        result = director.ipvsadm("-R", stdin=rules, check=False)
        t.equal(result.code != 0, True, f"exit code after {bad}")
        t.equal(f"<stdin>:4: {text}" in result.err, True, f"line and reason in {result.err!r}")
        t.equal(director.ipvsadm("-S", "-n").out, SAVED, f"rules after {bad}")


@test(lvs_only=True)
def restore_many(t):
    """2,000 services with a server each, in one go."""
    rules = "".join(f"-A -t 192.0.2.{100 + n // 1000}:{1 + n % 1000} -s wlc\n"
                    f"-a -t 192.0.2.{100 + n // 1000}:{1 + n % 1000} -r 10.1.0.11:80 -m -w 1\n" for n in range(2000))
    t.director.ipvsadm("-R", stdin=rules + "-D -t 192.0.2.99:1\n", check=False)
    t.equal(len(t.director.services()), 0, "services after a mistake in the last line")
    t.director.ipvsadm("-R", stdin=rules)
    t.equal(t.director.ipvsadm("-S", "-n").out, rules, "rules saved")


@test(lvs_only=True)
def restore_keeps_traffic(t):
    """Rules replaced by ipvsadm-restore under live connections."""
    vip, port = VIPS[4]["nat"], t.port()
    t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[4][0], port, "rs1"))
    t.director.service("tcp", vip, port, "rr", [(Lab.RS[4][0], port, "-m")])
    t.equal(tcp_name(t.lab.client, vip, port), "rs1", "the server that answers")
    rules = t.director.ipvsadm("-S", "-n").out
    tools = os.path.dirname(os.path.abspath(t.director.tool))
    t.director.ns.run(f"{tools}/ipvsadm-restore", stdin=rules)
    t.equal(tcp_name(t.lab.client, vip, port), "rs1", "the server that answers")


@test(lvs_only=True)
def drops(t):
    """--drops names the reason, in total and for the service."""
    vip, port = VIPS[4]["other"], t.port()
    t.director.service("udp", vip, port, "rr")
    for sport in (1, 2, 3):
        t.lab.outside.send(packet.udp(Lab.GHOST_CLIENT[4], 9000 + sport, vip, port, b"x"))

    def mine():
        lines = t.director.ipvsadm("--drops").out.splitlines()
        at = next((i for i, line in enumerate(lines) if f"{vip}:{port}" in line), None)
        return lines[at + 1].split() if at is not None else None
    wait.equals(mine, ["no-dest", "3"], 5, "the service's drops")


@test
def help_and_version(t):
    """-h and -v."""
    for option in ("-h", "--help", "-v", "--version"):
        result = t.director.ipvsadm(option)
        t.equal(result.code, 0, f"exit code of {option}")
        t.equal("ipvsadm" in result.out + result.err, True, f"output of {option}")


def resolvers(t, text):
    """The system's name servers."""
    with open("/etc/resolv.conf") as file:
        before = file.read()

    def become(text):
        with open("/etc/resolv.conf", "w") as file:
            file.write(text)
    become(text)
    t.cleanup(become, before)


@test
def names_without_an_answer(t):
    """A name server that keeps silent costs a listing some seconds, not some for each address."""
    if t.director.tool == STOCK_IPVSADM:
        t.skip("for our ipvsadm only")
    t.director.rules(f"-A -t {VIPS[4]['other']}:80 -s rr",
                     *[f"-a -t {VIPS[4]['other']}:80 -r 10.1.0.{n}:80 -m" for n in range(100, 160)])
    resolvers(t, "nameserver 10.1.0.99\nnameserver 10.1.0.98\noptions timeout:5 attempts:2\n")
    t.lab.director_ns.ip("neigh replace 10.1.0.99 lladdr 02:00:00:00:00:99 dev back nud permanent",
                         "neigh replace 10.1.0.98 lladdr 02:00:00:00:00:98 dev back nud permanent")
    begin = time.monotonic()
    out = t.director.ipvsadm("-L").out
    took = time.monotonic() - begin
    t.equal((out.count("10.1.0."), took > 1), (60, True), f"addresses listed, a wait at all ({took:.1f} s)")
    assert took < 8, f"the listing took {took:.1f} s"


@test
def names_with_a_late_answer(t):
    """A change waits for a name server as long as resolv.conf says, which is longer than a listing does."""
    if t.director.tool == STOCK_IPVSADM:
        t.skip("for our ipvsadm only")
    vip, port = VIPS[4]["other"], t.port()
    with t.lab.director_ns:
        server = t.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.53", 53))

    def answers():
        query, client = server.recvfrom(512)
        time.sleep(1.6)
        server.sendto(query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + query[12:query.index(b"\0", 12) + 5] +
                      struct.pack("!3HLH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(vip), client)
    resolvers(t, "nameserver 127.0.0.53\noptions timeout:20 attempts:1\n")
    thread = threading.Thread(target=answers, daemon=True)
    thread.start()
    t.director.ipvsadm("-A", "-t", f"late.example.com:{port}", "-s", "rr")
    thread.join(10)
    t.equal(t.director.ipvsadm("-S", "-n").out, f"-A -t {vip}:{port} -s rr\n", "rules")


@test
def rules_that_cannot_be_read(t):
    """What is not read to its end clears nothing; nor does a tool that has no standard input wait for ever."""
    if t.director.tool == STOCK_IPVSADM:
        t.skip("for our ipvsadm only")
    t.director.ipvsadm("-R", stdin=SAVED)
    restore_tool = f"{os.path.dirname(os.path.abspath(t.director.tool))}/ipvsadm-restore"
    for source, why in (("< /", "Is a directory"), ("<&-", "Bad file descriptor")):
        result = t.director.ns.run("sh", "-c", f"{restore_tool} {source}", check=False, timeout=30)
        t.equal((result.code, result.err), (2, f"<stdin>: cannot read: {why}\nNothing was changed.\n"), f"answer to {source}")
        t.equal(t.director.ipvsadm("-S", "-n").out, SAVED, f"rules after {source}")
    result = t.director.ns.run("sh", "-c", f"{os.path.abspath(t.director.tool)} -Ln >&-", check=False, timeout=30)
    t.equal((result.code, "cannot write" in result.err), (1, True), f"a list without standard output: {result.err}")


@test
def json_documents(t):
    """Every list as a document, on one line or indented, with what the table says."""
    if t.director.tool == STOCK_IPVSADM:
        t.skip("for our ipvsadm only")
    vip, port, rip = VIPS[4]["nat"], t.port(), Lab.RS[4][0]
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "rs1"))
    t.director.service("tcp", vip, port, "wlc", [(rip, port, "-m -w 7 -x 50")])
    tcp_name(t.lab.client, vip, port)

    def document(*options):
        out = t.director.ipvsadm(*options).out
        t.equal(out.count("\n") == 1, options[-1] == "--json", f"one line for {options}")
        return json.loads(out)
    service, = document("-L", "--json=pretty")["services"]
    t.equal([service[key] for key in ("protocol", "address", "port", "scheduler")], ["tcp", vip, port, "wlc"], "service")
    server, = service["servers"]
    t.equal([server[key] for key in ("address", "forwarding", "weight", "upper_threshold")], [rip, "masquerade", 7, 50], "server")
    t.equal(document("-L", "-t", f"{vip}:{port}", "--json")["services"][0]["servers"][0]["stats"]["connections"], 1, "connections")
    one, = [c for c in document("-Lc", "--json")["connections"] if c["virtual"] == {"address": vip, "port": port}]
    t.equal((one["server"], one["client"]["address"]), ({"address": rip, "port": port}, Lab.CLIENT[4]), "connection")
    t.equal(document("-L", "--timeout", "--json")["timeouts"]["tcp"], 900, "timeout")
    t.equal(document("-L", "--daemon", "--json"), {"daemons": []}, "daemons")
    if ipvs.MODULE == "lvs":
        drops = document("--drops", "--json")["drops"]
        t.equal((drops[0]["service"], "too-big" in drops[0]["reasons"]), (None, True), "drops")
