# SPDX-License-Identifier: GPL-2.0-or-later
"""
Docker's swarm, unmodified, with the examples' docker-stack.yml: nginx in containers, a port published by the ingress network, the
virtual address of a service between containers. Docker makes directors in namespaces of its own, by mark and NAT, with
conntrack; its rules ask for the match ipvs.

    visitor 10.6.0.1 -- 10.6.0.2 node
"""
import collections
import contextlib
import ipaddress
import json
import os
import re
import shutil
import signal

import match
from lib import patience, wait
from lib.daemons import Daemon, directory, http
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM
from lib.namespace import Namespace
from lib.record import run

STACK = "docs/examples/docker-stack.yml"
NODE, PORT = "10.6.0.2", 8080
NGINX = """daemon off; master_process off; error_log stderr; pid /tmp/pid; user root; events { worker_connections 64; }
http { access_log off; client_body_temp_path /tmp; proxy_temp_path /tmp; fastcgi_temp_path /tmp; uwsgi_temp_path /tmp;
scgi_temp_path /tmp; server { listen 80; location / { return 200 "$hostname\\n"; } } }
"""
MODULES = ("veth", "bridge", "vxlan", "br_netfilter", "overlay", "nf_nat", "xt_nat", "xt_MASQUERADE", "xt_addrtype", "xt_REDIRECT")


class Sandbox(Namespace):
    """A namespace that Docker made."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self):
        os.close(self.fd)


class Docker:
    def __init__(self, t, node):
        self.path = directory(t)
        self.socket = f"unix://{self.path}/socket"
        self.daemon = Daemon(node, "dockerd", "--data-root", f"{self.path}/data", "--exec-root", f"{self.path}/exec", "--pidfile",
                             f"{self.path}/pid", "--host", self.socket, "--storage-driver", "vfs", directory=self.path)
        t.closing(self)
        wait.until(lambda: self("info", check=False).code == 0, 120, "dockerd answers", step=0.5)

    def __call__(self, *argv, check=True):
        return run("/usr/bin/docker", "--host", self.socket, *argv, check=check, timeout=patience.seconds(60))

    def sandbox(self, t, name):
        return t.closing(Sandbox(f"{self.path}/exec/netns/{name}"))

    def container_sandboxes(self, t):
        """{host name: sandbox} of the running containers."""
        template = "{{.Config.Hostname}} {{.NetworkSettings.SandboxKey}}"
        rows = self("inspect", "--format", template, *self("ps", "-q").out.split()).out
        return {name: self.sandbox(t, os.path.basename(key)) for name, key in map(str.split, rows.splitlines())}

    def import_nginx(self, name):
        """An image that holds nginx and what it is linked to, and nothing else."""
        root, nginx = f"{self.path}/root", shutil.which("nginx")
        for file in [nginx, *re.findall(r"(/\S+)", run("ldd", nginx).out)]:
            os.makedirs(root + os.path.dirname(file), exist_ok=True)
            shutil.copy(file, root + file)
        for made in ("tmp", "etc", "var/log/nginx", "var/lib/nginx"):
            os.makedirs(f"{root}/{made}", exist_ok=True)
        for file, text in (("etc/nginx.conf", NGINX), ("etc/passwd", "root:x:0:0::/:/\n"), ("etc/group", "root:x:0:\n")):
            with open(f"{root}/{file}", "w") as out:
                out.write(text)
        run("tar", "-C", root, "-cf", f"{self.path}/image.tar", ".")
        self("import", "--change", f'CMD ["{nginx}", "-c", "/etc/nginx.conf"]', f"{self.path}/image.tar", name)

    def close(self):
        with contextlib.suppress(AssertionError):
            self("stack", "rm", "lvs", check=False)
            self("swarm", "leave", "--force", check=False)
        self.daemon.stop(signal.SIGINT)
        self.daemon.close()
        for line in reversed(run("findmnt", "-rno", "TARGET").out.splitlines()):
            if line.startswith(self.path):
                run("umount", "-l", line, check=False)


def environment(t):
    """The modules that Docker needs, and a node as a host is: it forwards, and so do the namespaces that it makes."""
    if run("modprobe", "-a", *MODULES, check=False).code:
        t.skip("this kernel has not all that Docker needs")
    # Bridges are bridges again: the lab's would send all its traffic through iptables. modprobe -r would also remove the
    # module that they are made of.
    t.cleanup(run, "rmmod", "br_netfilter")
    before = run("sysctl", "net.ipv4.ip_forward").out.replace(" ", "").strip()
    t.cleanup(run, "sysctl", "-q", before)
    run("sysctl", "-q", "net.ipv4.ip_forward=1")
    match.load(t)
    visitor, node = Namespace.several(["visitor", "node"])
    for ns in (visitor, node):
        t.cleanup(ns.delete)
    visitor.ip("link set lo up", f"link add eth0 type veth peer name eth0 netns {node.name}", "link set eth0 up",
               "addr add 10.6.0.1/24 dev eth0")
    node.ip("link set lo up", "link set eth0 up", f"addr add {NODE}/24 dev eth0")
    return visitor, node


def pages(ns, address=NODE, port=PORT, count=6):
    return [http(ns, address, port) for _ in range(count)]


def dests(ingress):
    """{address: (method, weight)} of the published port's service, which is its mark's."""
    text = ingress.run(STOCK_IPVSADM, "-Ln").out
    return {address: (method, int(weight)) for address, method, weight in re.findall(r"-> (\S+):0 +(\w+) +(\d+) ", text)}


@test(timeout=400)
def stack(t):
    """A published port reaches every replica, so does their virtual address from a container; a replica goes unnoticed."""
    visitor, node = environment(t)
    docker = Docker(t, node)
    docker.import_nginx("web")
    docker("swarm", "init", "--advertise-addr", NODE)
    docker("stack", "deploy", "--resolve-image", "never", "--compose-file", STACK, "lvs")

    def running():
        return len(docker("ps", "-q", check=False).out.split())

    wait.equals(running, 2, 120, "containers", step=0.5)
    wait.until(lambda: len(set(pages(visitor)) - {None}) == 2, 60, "pages of both", step=0.5)
    both = docker.container_sandboxes(t)
    answers = collections.Counter(pages(visitor, count=20))
    t.equal(answers, {name: 10 for name in both}, "who answers at the published port")
    ingress = docker.sandbox(t, "ingress_sbox")
    t.equal(ingress.read("/proc/sys/net/ipv4/vs/conntrack"), "1\n", "the sysctl that swarm sets")
    t.equal(list(dests(ingress).values()), [("Masq", 1), ("Masq", 1)], "the replicas in the table")
    t.equal("-m ipvs --ipvs -j SNAT" in ingress.run("iptables-save", "-t", "nat").out, True, "a rule with the match ipvs")

    endpoints = json.loads(docker("service", "inspect", "--format", "{{json .Endpoint.VirtualIPs}}", "lvs_web").out)
    network = docker("network", "inspect", "--format", "{{.Id}}", "lvs_default").out.strip()
    virtual, = [str(ipaddress.ip_interface(entry["Addr"]).ip) for entry in endpoints if entry["NetworkID"] == network]
    for sandbox in both.values():
        answers = collections.Counter(pages(sandbox, virtual, 80))
        t.equal(answers, {name: 3 for name in both}, "who answers at the virtual address, between containers")

    docker("service", "scale", "--detach", "lvs_web=1")
    failed = []
    while running() > 1:
        failed += [page for page in pages(visitor) if page not in both]
    t.equal(failed, [], "requests that failed while a replica ended")
    left, = docker.container_sandboxes(t)
    t.equal(set(pages(visitor)), {left}, "who answers now")
    t.equal(list(dests(ingress).values()), [("Masq", 1)], "the replica that is left")
    docker("stack", "rm", "lvs")
    wait.equals(lambda: dests(ingress), {}, 60, "the service of a stack that is gone")
    t.equal("FWM" in ingress.run(STOCK_IPVSADM, "-Ln").out, False, "a service is left")
