# SPDX-License-Identifier: GPL-2.0-or-later
"""ipvsadm --drain: a real server leaves without cutting connections, or with RSTs at the deadline."""
import subprocess

from lib import patience, wait
from lib.harness import test
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.record import note
from lib.traffic import Server, TcpClient, UdpClient
from fullnat import local_addresses
from options import sockets, was_reset

METHODS = ("nat", "dr", "tun", "fullnat")


class Drain:
    """ipvsadm --drain in the background."""

    def __init__(self, t, *args):
        self.argv = [t.director.tool, "--drain", *args, "-n"]
        note(" ".join(self.argv) + " &")
        with t.lab.director_ns:
            self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def end(self):
        """(exit code, what it said); after that it runs no more."""
        out, err = self.process.communicate(timeout=patience.seconds(30))
        note(f"exit code {self.process.returncode}: {out}{err}")
        return self.process.returncode, out, err

    def close(self):
        if self.running():
            self.process.kill()
            self.process.communicate()


class Site:
    """A service with two real servers."""

    def __init__(self, t, method="nat", af=4, proto="tcp", options=""):
        self.t, self.vip, self.port, self.proto = t, VIPS[af]["other" if method == "fullnat" else method], t.port(), proto
        self.rips = Lab.RS[af][:2]
        for ns, rip in zip(t.lab.rs, self.rips):
            t.closing(Server(ns, proto, rip if method in ("nat", "fullnat") else self.vip, self.port, rip))
        option = "-b" if method == "fullnat" else METHOD_OPTION[method]
        self.name = t.director.service(proto, self.vip, self.port, "rr", [(rip, self.port, option) for rip in self.rips], options)
        for laddr in local_addresses(t, af) if method == "fullnat" else ():
            t.director.ipvsadm("-P", *self.name.split(), "-z", laddr)

    def client(self):
        return self.t.closing((TcpClient if self.proto == "tcp" else UdpClient)(self.t.lab.client, self.vip, self.port))

    def drain(self, rip, *args):
        address = f"[{rip}]" if ":" in rip else rip
        return self.t.closing(Drain(self.t, *self.name.split(), "-r", f"{address}:{self.port}", *args))

    def dests(self):
        return self.t.director.dests(self.proto, self.vip, self.port)

    def begun(self, rip):
        wait.equals(lambda: self.dests()[rip]["weight"], 0, 10, "the weight")


@test(lvs_only=True, method=METHODS)
def waits(t, method):
    """New connections go elsewhere, the old one lives on until it ends; then the real server is gone."""
    site = Site(t, method)
    client = site.client()
    rip = client.exchange(1000, 1000)
    drain = site.drain(rip, "--deadline", "5m")
    site.begun(rip)
    others = {site.client().exchange(10, 10) for _ in range(4)}
    t.equal((rip in others, len(others)), (False, 1), "the servers of new connections")
    t.equal((client.exchange(100000, 100000), drain.running(), rip in site.dests()), (rip, True, True), "the old one meanwhile")
    client.close()
    code, out, err = drain.end()
    t.equal((code, out.startswith(f"{rip}:{site.port}: drained in "), "reset" in out), (0, True, False), "how it ended")
    t.equal(err.splitlines()[0].startswith(f"{rip}:{site.port}: 1 connection left, reset in "), True, f"its progress: {err}")
    t.equal(list(site.dests()), [site.rips[1 - site.rips.index(rip)]], "the real servers")


@test(lvs_only=True, method=METHODS, af=(4, 6))
def deadline(t, method, af):
    """At the deadline client and server of a connection that is left get a RST; the other server's goes on."""
    site = Site(t, method, af)
    clients = {client.exchange(1000, 1000): client for client in (site.client(), site.client())}
    rip, other = site.rips
    drain = site.drain(rip, "--deadline", "3s")
    site.begun(rip)
    t.equal(clients[rip].exchange(20000, 20000), rip, "the connection while it is drained")
    t.equal(was_reset(clients[rip].socket), True, "the client's connection was reset")
    code, out, _ = drain.end()
    t.equal((code, out.strip().endswith(", 1 connection reset")), (0, True), f"how it ended: {out}")
    wait.equals(lambda: sockets(t.lab.rs[0], site.port), 0, 5, "the server's connections")
    t.equal((clients[other].exchange(1000, 1000), list(site.dests())), (other, [other]), "the other server")


@test(lvs_only=True)
def goes_on_after_a_batch_that_failed(t):
    """Somebody else's weight for the real server, in a batch that is refused, changes nothing: its clients go elsewhere still."""
    site = Site(t, options="-p 100")
    client = site.client()
    rip = client.exchange(1000, 1000)
    drain = site.drain(rip, "--deadline", "5m")
    site.begun(rip)
    rules = f"-e {site.name} -r {rip}:{site.port} -m -w 5\n-d {site.name} -r 10.1.0.250:{site.port}\n"
    t.equal(t.director.ipvsadm("-R", check=False, stdin=rules).code != 0, True, "the batch is refused")
    t.equal(site.dests()[rip]["weight"], 0, "the weight")
    t.equal(site.client().exchange(10, 10) != rip, True, "the client's next connection goes elsewhere")
    client.close()
    t.equal(drain.end()[0], 0, "how it ended")


@test(lvs_only=True)
def silent(t):
    """Of a connection that was silent all the time nobody knows what its ends await: who speaks next gets the RST."""
    site = Site(t)
    client = site.client()
    rip = client.exchange(1000, 1000)
    code, out, _ = site.drain(rip, "--deadline", "1").end()
    t.equal((code, out.strip().endswith(", 1 connection reset"), list(site.dests())),
            (0, True, [one for one in site.rips if one != rip]), "how it ended")
    client.socket.sendall(b"x")
    t.equal(was_reset(client.socket), True, "the client's connection was reset")


@test(lvs_only=True)
def persistent(t):
    """A persistent client's new connections go elsewhere at once."""
    site = Site(t, options="-p 300")
    client = site.client()
    rip = client.exchange(10, 10)
    t.equal({site.client().exchange(10, 10) for _ in range(3)}, {rip}, "the server before")
    drain = site.drain(rip)
    site.begun(rip)
    wait.equals(lambda: site.client().exchange(10, 10) == rip, False, 10, "the same server")
    t.equal((client.exchange(10, 10), drain.running()), (rip, True), "the old connection")


@test(lvs_only=True)
def udp(t):
    """A UDP flow counts as long as the director remembers it."""
    t.director.ipvsadm("--set", "0", "0", "2")
    t.cleanup(t.director.ipvsadm, "--set", "0", "0", "300")
    site = Site(t, proto="udp")
    rip = site.client().name()
    drain = site.drain(rip)
    site.begun(rip)
    t.equal(drain.running(), True, "it waits")
    t.equal((drain.end()[0], rip in site.dests()), (0, False), "exit code, the real server")


@test(lvs_only=True)
def somebody_else(t):
    """It gives way to whoever gives the real server a weight again, or deletes it; what is not there cannot be drained."""
    site = Site(t)
    first = site.client()
    rip = first.exchange(10, 10)
    drain = site.drain(rip, "--deadline", "5m")
    site.begun(rip)
    t.director.ipvsadm("-e", *site.name.split(), "-r", f"{rip}:{site.port}", "-m", "-w", "3")
    code, _, err = drain.end()
    t.equal((code, "was given a weight again" in err, site.dests()[rip]["weight"]), (255, True, 3), "how it ended")
    t.equal(first.exchange(10, 10), rip, "the connection")
    drain = site.drain(rip)
    site.begun(rip)
    t.director.ipvsadm("-d", *site.name.split(), "-r", f"{rip}:{site.port}")
    code, _, err = drain.end()
    t.equal((code, "was deleted by somebody else" in err), (255, True), "how it ended")
    t.equal(site.drain(rip).end()[0::2], (255, "No such destination\n"), "a real server that is not there")
    t.director.ipvsadm("-D", *site.name.split())
    t.equal(site.drain(rip).end()[0::2], (255, "Service not defined\n"), "a service that is not there")
