# SPDX-License-Identifier: GPL-2.0-or-later
"""
What kube-proxy in mode ipvs does to a node, in its order, by the requests of its client library: the probe, sysctls, a
dummy device with the virtual addresses, services with and without affinity, pods that come and go. The director is the node, the
real servers are pods. Configured by the examples' kube-proxy.yaml.
"""
import re

from lib import wait
from lib.harness import test
from lib.ipvs import STOCK_IPVSADM
from lib.lab import Lab
from lib.moby import HASHED, PERSISTENT, Moby, Service
from lib.traffic import Server, TcpClient, UdpClient

CLUSTER_IP = {4: "192.0.2.100", 6: "2001:db8:1::100"}  # what the lab's router sends to the director
NETMASK = {4: 0xffffffff, 6: 128}
PROBE = Service("tcp", "198.51.100.0", 20000, netmask=NETMASK[4])
AFFINITY = 10800
SYSCTLS = {"ipv4/vs/conntrack": 1, "ipv4/vs/expire_nodest_conn": 1, "ipv4/vs/expire_quiescent_template": 1, "ipv4/ip_forward": 1}
STRICT_ARP = {"ipv4/conf/all/arp_ignore": 1, "ipv4/conf/all/arp_announce": 2}


def configuration():
    """The options of kube-proxy.yaml that are for IPVS."""
    with open("docs/examples/kube-proxy.yaml") as file:
        return dict(re.findall(r"^  (\w+): (\S+)", file.read(), re.M))


class KubeProxy:
    """Started as far as it goes before it knows of a service. reuse: before kernel 5.9 it sets conn_reuse_mode to 0."""

    def __init__(self, t, reuse=0):
        self.t, self.node = t, t.lab.director_ns
        self.options = configuration()
        self.moby = t.closing(Moby(self.node))
        self._probe()
        self._sysctls(reuse)
        t.cleanup(self.moby.set_timeouts, 900, 120, 300)
        self.moby.set_timeouts(*(int(self.options[name].rstrip("s")) for name in ("tcpTimeout", "tcpFinTimeout", "udpTimeout")))
        # The device stays down: an address is local all the same.
        self.node.ip("link add kube-ipvs0 type dummy")
        t.cleanup(self.node.ip, "link del kube-ipvs0")

    def _probe(self):
        """Whether IPVS works and has the scheduler."""
        self.moby.new_service(PROBE)
        self.t.equal(self.moby.services(), [("198.51.100.0", 20000, "rr", HASHED, 0)], "the probe")
        self.moby.del_service(PROBE)

    def _sysctls(self, reuse):
        """It reads each, writes what is not as it wants it, and ends if one is missing."""
        wanted = {**SYSCTLS, **(STRICT_ARP if self.options["strictARP"] == "true" else {}), "ipv4/vs/conn_reuse_mode": reuse}
        for name, value in wanted.items():
            path = f"/proc/sys/net/{name}"
            before = self.node.read(path).strip()
            if int(before) != value:
                self.t.cleanup(self.node.write, path, before)
                self.node.write(path, value)
            self.t.equal(self.node.read(path).strip(), str(value), name)

    def service(self, proto, af, port, affinity=False):
        """A service without pods."""
        service = Service(proto, CLUSTER_IP[af], port, scheduler=self.options["scheduler"], flags=PERSISTENT if affinity else 0,
                          timeout=AFFINITY if affinity else 0, netmask=NETMASK[af])
        self.moby.new_service(service)
        flags = HASHED | (PERSISTENT if affinity else 0)
        found = [entry for entry in self.moby.services() if entry[:2] == (service.address, port) and
                 self.moby.has_service(service)]
        self.t.equal((service.address, port, "rr", flags, service.timeout) in found, True, f"{service} among {found}")
        if CLUSTER_IP[af] not in self.node.run("ip", "-br", "addr", "show", "dev", "kube-ipvs0").out:
            self.node.ip(f"addr add {CLUSTER_IP[af]}/{32 if af == 4 else 128} dev kube-ipvs0")
        return service

    def pod_goes(self, service, address, port):
        """Begins to delete a pod. True if it is gone at once."""
        if self.try_delete(service, address, port):
            return True
        self.moby.set_dest(service, address, port, 0)
        return False

    def try_delete(self, service, address, port):
        """What kube-proxy does once a minute: a TCP pod is only deleted without connections."""
        _, _, active, inactive = self.moby.dests(service)[address]
        if service.proto == "tcp" and active + inactive:
            return False
        self.moby.del_dest(service, address, port)
        return True


def pods(t, proto, af, port):
    """Two of them, named rs1 and rs2."""
    for index in (0, 1):
        t.closing(Server(t.lab.rs[index], proto, Lab.RS[af][index], port, f"rs{index + 1}"))
    return Lab.RS[af][:2]


def ask(ns, af, port):
    """The name of the pod of a new connection, which a reset ends: the director forgets it after ten seconds."""
    client = TcpClient(ns, CLUSTER_IP[af], port)
    name = client.exchange()
    client.reset()
    return name


@test(af=(4, 6))
def tcp(t, af):
    """The probe, the settings, a service; a pod goes gracefully: its connection lives on, new ones go to the other."""
    proxy = KubeProxy(t, reuse={4: 0, 6: 1}[af])
    t.equal(proxy.moby.services(), [], "services after the probe")
    t.equal(t.director.ipvsadm("-L", "--timeout", tool=STOCK_IPVSADM).out, "Timeout (tcp tcpfin udp): 1000 60 100\n", "timeouts")
    port, target = t.port(), t.port()
    first, second = pods(t, "tcp", af, target)
    service = proxy.service("tcp", af, port)
    for pod in (first, second):
        proxy.moby.new_dest(service, pod, target)
    clients = [t.closing(TcpClient(t.lab.client, CLUSTER_IP[af], port)) for _ in range(2)]
    by_name = {client.exchange(1000, 1000): client for client in clients}
    t.equal(sorted(by_name), ["rs1", "rs2"], "pods")
    t.equal(proxy.moby.dests(service), {first: (target, 1, 1, 0), second: (target, 1, 1, 0)}, "dests")
    t.equal({ask(t.lab.director_ns, af, port) for _ in range(2)}, {"rs1", "rs2"}, "pods for the node itself")

    t.equal(proxy.pod_goes(service, first, target), False, "a pod with connections is gone at once")
    t.equal(proxy.moby.dests(service)[first][1:3], (0, 1), "weight and active connections of the pod that goes")
    t.equal({ask(t.lab.client, af, port) for _ in range(4)}, {"rs2"}, "pods of new connections")
    t.equal(by_name["rs1"].exchange(100000, 100000), "rs1", "the pod of the connection that was there")
    t.equal(proxy.try_delete(service, first, target), False, "the pod is gone, its connection open")
    by_name["rs1"].reset()
    wait.until(lambda: proxy.try_delete(service, first, target), 40, "the pod without connections is deleted", step=0.5)
    t.equal(list(proxy.moby.dests(service)), [second], "dests")
    t.equal(by_name["rs2"].exchange(1000, 1000), "rs2", "the other connection")
    proxy.moby.new_dest(service, first, target)
    t.equal({ask(t.lab.client, af, port) for _ in range(2)}, {"rs1", "rs2"}, "pods, one with the address of the deleted one")
    proxy.moby.del_service(service)
    t.equal(proxy.moby.services(), [], "services at the end")


@test
def affinity(t):
    """sessionAffinity: ClientIP. A client stays with its pod until that begins to go; its open connection stays beyond."""
    proxy = KubeProxy(t)
    port, target = t.port(), t.port()
    addresses = dict(zip(("rs1", "rs2"), pods(t, "tcp", 4, target)))
    service = proxy.service("tcp", 4, port, affinity=True)
    for pod in addresses.values():
        proxy.moby.new_dest(service, pod, target)
    client = t.closing(TcpClient(t.lab.client, CLUSTER_IP[4], port))
    mine = client.exchange()
    other, = set(addresses) - {mine}
    t.equal([ask(t.lab.client, 4, port) for _ in range(4)], [mine] * 4, "pods of the same client")
    t.equal(t.director.dests("tcp", CLUSTER_IP[4], port)[addresses[mine]]["persist"], 1, "clients that stay with the pod")
    t.equal(proxy.pod_goes(service, addresses[mine], target), False, "the pod is gone at once")
    t.equal([ask(t.lab.client, 4, port) for _ in range(4)], [other] * 4, "pods of new connections")
    t.equal(client.exchange(1000, 1000), mine, "the pod of the open connection")


@test
def udp(t):
    """A UDP pod is deleted at once; who talked to it is answered by another one, from the same socket."""
    proxy = KubeProxy(t)
    port, target = t.port(), t.port()
    addresses = dict(zip(("rs1", "rs2"), pods(t, "udp", 4, target)))
    service = proxy.service("udp", 4, port)
    for pod in addresses.values():
        proxy.moby.new_dest(service, pod, target)
    client = t.closing(UdpClient(t.lab.client, CLUSTER_IP[4], port, timeout=1))
    mine = client.name()
    other, = set(addresses) - {mine}
    t.equal([client.name() for _ in range(3)], [mine] * 3, "the pod of the flow")
    t.equal(proxy.pod_goes(service, addresses[mine], target), True, "the pod is gone at once")

    def answered():
        try:
            return client.name()
        except TimeoutError:  # the datagram that ends the connection to the deleted pod is lost
            return None
    wait.equals(answered, other, 10, "the pod of the same socket")
    t.equal([client.name() for _ in range(3)], [other] * 3, "the pod of the flow from then on")
