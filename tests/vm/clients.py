# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's ipvsadm, unmodified: its commands, and its listings beside ours."""
import re

from lib import wait
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM
from lib.lab import Lab
from lib.traffic import Server, TcpClient, UdpClient

RULES = """\
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.1.0.11:8080 -m -w 1
-a -t 192.0.2.10:80 -r 10.1.0.12:8080 -m -w 30000
-A -t 192.0.2.11:443 -s wlc
-a -t 192.0.2.11:443 -r 10.1.0.11:443 -g -w 0
-a -t 192.0.2.11:443 -r 10.1.0.13:443 -i -w 7
-A -t [2001:db8:1::10]:80 -s wrr
-a -t [2001:db8:1::10]:80 -r [fd00:c::11]:8080 -m -w 3
-a -t [2001:db8:1::10]:80 -r [fd00:c::12]:8080 -m -w 2
-A -u 192.0.2.10:53 -s lc
-a -u 192.0.2.10:53 -r 10.1.0.11:53 -g -w 1
-A -u [2001:db8:1::11]:53 -s rr
-a -u [2001:db8:1::11]:53 -r [fd00:c::13]:53 -i -w 1
-A -t 192.0.2.14:22 -s rr
"""
VIEWS = ["-Ln", "-L", "-ln", "-Ln --stats", "-Ln --stats --exact", "-Ln --rate", "-Ln --thresholds", "-Ln --persistent-conn",
         "-Ln --tun-info", "-Ln --nosort", "-Ln --sort", "-Lnc", "-Lc", "-Ln --timeout", "-Ln --daemon", "-Ln --exact",
         "-Ln -t 192.0.2.10:80", "-Ln -t 192.0.2.10:80 --stats", "-Ln -t 192.0.2.99:80", "-L -u 192.0.2.10:domain",
         "-Ln --rate --exact", "", "-S -n", "-S"]


def stock(t, *args, **kwargs):
    return t.director.ipvsadm(*args, tool=STOCK_IPVSADM, **kwargs)


@test
def stock_ipvsadm_changes(t):
    """Each command of the stock tool does what it says."""
    stock(t, "-C")
    stock(t, "-A", "-t", "192.0.2.10:80", "-s", "rr")
    stock(t, "-a", "-t", "192.0.2.10:80", "-r", "10.1.0.11:8080", "-m", "-w", "5", "-x", "20", "-y", "10")
    stock(t, "-a", "-t", "192.0.2.10:80", "-r", "10.1.0.12", "-m")
    stock(t, "-E", "-t", "192.0.2.10:80", "-s", "wrr")
    stock(t, "-e", "-t", "192.0.2.10:80", "-r", "10.1.0.12", "-m", "-w", "9")
    head = (f"IP Virtual Server version 1.2.1 (size={t.director.table_size()})\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n")
    service = "TCP  192.0.2.10:80 wrr\n"
    dest1 = "  -> 10.1.0.11:8080               Masq    5      0          0         \n"
    dest2 = "  -> 10.1.0.12:80                 Masq    9      0          0         \n"
    t.equal(stock(t, "-Ln").out, head + service + dest1 + dest2, "the table")
    t.equal(stock(t, "-Ln", "--thresholds").out.splitlines()[4],
            "  -> 10.1.0.11:8080               20         10         0          0         ", "thresholds")
    saved = stock(t, "-S", "-n").out
    t.equal(saved, "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.1.0.11:8080 -m -w 5\n"
                   "-a -t 192.0.2.10:80 -r 10.1.0.12:80 -m -w 9\n", "what is saved")
    stock(t, "-d", "-t", "192.0.2.10:80", "-r", "10.1.0.12")
    t.equal(stock(t, "-Ln").out, head + service + dest1, "the table")
    stock(t, "-D", "-t", "192.0.2.10:80")
    t.equal(stock(t, "-Ln").out, head, "the table")
    stock(t, "-R", stdin=saved)
    t.equal(stock(t, "-Ln").out, head + service + dest1 + dest2, "the table restored")
    stock(t, "-Z")
    stock(t, "--set", "1000", "100", "200")
    t.equal(stock(t, "-L", "--timeout").out, "Timeout (tcp tcpfin udp): 1000 100 200\n", "timeouts")
    stock(t, "--set", "900", "120", "300")
    stock(t, "-C")
    t.equal(stock(t, "-Ln").out, head, "the table cleared")


@test
def stock_ipvsadm_errors(t):
    """The kernel's refusals have the texts that scripts know."""
    service, other = ("-t", "192.0.2.10:80"), ("-t", "192.0.2.10:81")
    stock(t, "-A", *service, "-s", "rr")
    stock(t, "-a", *service, "-r", "10.1.0.11", "-m")
    for args, text in ((("-A", *service), "Service already exists"), (("-E", *other), "No such service"),
                       (("-D", *other), "No such service"), (("-a", *other, "-r", "10.1.0.11"), "Service not defined"),
                       (("-a", *service, "-r", "10.1.0.11", "-m"), "Destination already exists"),
                       (("-d", *service, "-r", "10.1.0.12"), "No such destination"),
                       (("-e", *service, "-r", "10.1.0.12"), "No such destination"),
                       (("-A", *other, "-s", "nosuch"), "Scheduler or persistence engine not found"),
                       (("-a", *service, "-r", "224.0.0.1", "-m"),
                        "Invalid operation.  Possibly wrong module version, address not unicast, ...")):
        result = stock(t, *args, check=False)
        t.equal((result.err, result.code), (text + "\n", 255), f"answer to {' '.join(args)}")


def _output(t, view, tool):
    """Everything that a listing says. Of connections without the times to live, which run down, and without those that
    earlier tests left on ports of their own (20000 and up), which may expire between two listings."""
    result = t.director.ipvsadm(*view.split(), tool=tool, check=False)
    out = result.out
    if "c" in view:
        out = re.sub(r"^(TCP|UDP) [0-9]{2}:[0-9]{2} ", r"\1 --:-- ", out, flags=re.M)
        out = "".join(line for line in out.splitlines(keepends=True) if not re.search(r":2[0-9]{4}\b", line))
    return f"{out}{result.err}exit code {result.code}\n"


@test(timeout=150)
def same_output(t):
    """On the same state, with traffic, every listing of ours is the stock tool's byte for byte."""
    t.lab.reload()  # connections by FULLNAT, which others may have left, have a column that the stock tool does not know
    t.director.ipvsadm("-R", stdin=RULES, tool=STOCK_IPVSADM)
    for af in (4, 6):
        t.closing(Server(t.lab.rs[0], "tcp", Lab.RS[af][0], 8080, "rs1"))
        t.closing(Server(t.lab.rs[1], "tcp", Lab.RS[af][1], 8080, "rs2"))
    t.closing(Server(t.lab.rs[0], "udp", "192.0.2.10", 53, "rs1"))
    for vip in ("192.0.2.10", "2001:db8:1::10"):
        t.closing(TcpClient(t.lab.client, vip, 80)).exchange(100000, 1000000)
        TcpClient(t.lab.client, vip, 80).close()
    with UdpClient(t.lab.client, "192.0.2.10", 53) as client:
        client.name()

    for view in VIEWS:
        def outputs():
            return _output(t, view, STOCK_IPVSADM), _output(t, view, None)
        try:  # times and rates may move on between two listings; they do not always
            wait.until(lambda: len(set(outputs())) == 1, 20, f"the same output of ipvsadm {view}")
        except wait.Timeout:
            theirs, ours = outputs()
            t.equal(ours, theirs, f"output of ipvsadm {view}")


@test
def save_and_restore(t):
    """What either tool saves, the other restores to the same state."""
    t.director.ipvsadm("-R", stdin=RULES, tool=STOCK_IPVSADM)
    saved = {tool: t.director.ipvsadm("-S", "-n", tool=tool).out for tool in (STOCK_IPVSADM, t.director.tool)}
    for saver, restorer in ((STOCK_IPVSADM, t.director.tool), (t.director.tool, STOCK_IPVSADM)):
        t.director.clear()
        t.director.ipvsadm("-R", stdin=saved[saver], tool=restorer)
        t.equal(saved[saver], saved[STOCK_IPVSADM], f"what {saver} saves")
        t.equal(stock(t, "-S", "-n").out, saved[saver], f"the rules saved by {saver}, restored by {restorer}")
