# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench works with inside the VM: devices, the packet generator, and the two directors.

Packets enter at the device in0 and leave at out0, both dummies:

    pktgen -> in0 -> [IP stack, director] -> out0 (counts, frees)
"""

import os
import re
import subprocess
import sys
import termios
import tty
from dataclasses import dataclass

CLIENTS = (("-4", "10.128.0.0/9"), ("-6", "fd00:9::/32"))
MACS = {"in0": "02:00:00:00:00:01", "out0": "02:00:00:00:00:02"}
VIP = {4: "10.1.0.100", 6: "fd00:1::100"}
NEIGHBOUR = "10.2.255.3"  # behind out0 and no real server: plain forwarding
MANY_DESTS = 1000
PORT = 5000
# FULLNAT's, of the director; a port for it where there is one connection alone.
LOCAL_ADDRESS = {4: "10.2.0.1", 6: "fd00:2::1"}
LOCAL_PORT = 6000


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs a command line and returns its output; the bench stops when it fails."""
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"bench: {command}: exit code {done.returncode}")
    return done.stdout


def write(path, line):
    with open(path, "w", encoding="ascii") as file:
        file.write(line + "\n")


def sysctl(name, value):
    write("/proc/sys/" + name.replace(".", "/"), str(value))


def real_server(family, number=0):
    return f"10.2.{4 + number // 250}.{1 + number % 250}" if family == 4 else f"fd00:2::{0x1000 + number:x}"


def make_lab():
    run("modprobe pktgen")
    for name, mac in MACS.items():
        run(f"ip link add {name} address {mac} type dummy")
        run(f"ip link set {name} up")
    sysctl("net.ipv4.ip_forward", 1)
    sysctl("net.ipv6.conf.all.forwarding", 1)
    for name in ("all", *MACS):
        sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
    for device, address in (("in0", "10.1.0.1/24"), ("in0", VIP[4] + "/32"), ("out0", LOCAL_ADDRESS[4] + "/16")):
        run(f"ip address add {address} dev {device}")
    for device, address in (("in0", "fd00:1::1/64"), ("in0", VIP[6] + "/128"), ("out0", LOCAL_ADDRESS[6] + "/64")):
        run(f"ip address add {address} dev {device} nodad")
    for family, net in CLIENTS:
        run(f"ip {family} route add {net} dev in0")
    peers = [real_server(4, number) for number in range(MANY_DESTS)] + [real_server(6), NEIGHBOUR]
    run("ip -batch -", input="".join(  # nobody answers ARP here
        f"neighbour replace {peer} lladdr 02:00:00:00:00:99 nud permanent dev out0\n" for peer in peers))


def nft_rule(table, chain, rule):
    """A table with one chain with one rule; without a rule the table goes away."""
    subprocess.run(["nft", "delete", "table", *table.split()], stderr=subprocess.DEVNULL, check=False)
    if rule:
        run("nft -f -", input=f"add table {table}\nadd chain {table} bench {{ type filter hook {chain}; }}\n"
            f"add rule {table} bench {rule}\n")


def ingress_rule(rule):
    """At in0's ingress, before everything else; None takes it away."""
    nft_rule("netdev bench", "ingress device in0 priority 0", rule)


def transmitted(device):
    with open(f"/sys/class/net/{device}/statistics/tx_packets", encoding="ascii") as file:
        return int(file.read())


# --- time --------------------------------------------------------------------------------------------------------

class HostClock:
    """The processor time that the host has given to this kernel, in ns; time in which others ran there does not count.

    bench/measuring.py answers each question on the fourth console with the figure.
    """

    def __init__(self):
        self.file = os.open("/dev/tty3", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.file, termios.TCSANOW)

    def read(self):
        os.write(self.file, b"?\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += os.read(self.file, 64)
        return int(answer)


# --- generator ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Flows:
    """What pktgen sends: packets from source:source_port to destination:port.

    With last or last_port it goes through the addresses [source, last] or the ports [source_port, last_port].
    """
    destination: str
    source: str
    last: str = ""
    source_port: int = 1024
    last_port: int = 0
    port: int = PORT
    device: str = "in0"

    @property
    def family(self):
        return 6 if ":" in self.source else 4

    @property
    def kind(self):
        """Flows of one kind cost the generator the same."""
        return f"IPv{self.family}, " + ("many flows" if self.last or self.last_port else "one flow")


class Generator:
    def __init__(self, clock=None):
        """Without a clock pktgen's own serves, which counts instructions where time is made of them."""
        self.clock = clock
        self.set_up = None  # the flows of the device that the generator's thread has

    def send(self, flows, count):
        """Sends count packets into flows.device and returns how many ns (or instructions) each took."""
        thread, device = "/proc/net/pktgen/kpktgend_0", f"/proc/net/pktgen/{flows.device}"
        # A device begins without settings. Adding one makes pktgen sleep for an eighth of a second.
        if flows != self.set_up:
            write(thread, "rem_device_all")
            write(thread, f"add_device {flows.device}")
            self.set_up = flows
        settings = [f"count {count}", "xmit_mode netif_receive", "delay 0",
                    f"dst_mac {MACS[flows.device]}", "src_mac 02:00:00:00:00:98",
                    f"udp_src_min {flows.source_port}", f"udp_src_max {flows.last_port or flows.source_port}",
                    f"udp_dst_min {flows.port}", f"udp_dst_max {flows.port}"]
        if flows.family == 6:
            # IPv6 has no UDP without a checksum, and 80 bytes is the least that has room for pktgen's own header.
            settings += ["pkt_size 80", "flag UDPCSUM", f"src6 {flows.source}", f"dst6 {flows.destination}"]
        else:
            settings += ["pkt_size 60", f"src_min {flows.source}", f"src_max {flows.last or flows.source}",
                         f"dst {flows.destination}"]
        for setting in settings:
            write(device, setting)
        started = self.clock.read() if self.clock else 0
        write("/proc/net/pktgen/pgctrl", "start")
        ended = self.clock.read() if self.clock else 0
        with open(device, encoding="ascii") as file:
            state = file.read()
        result = re.search(r"Result: OK: (\d+)\(.*\) usec, (\d+) ", state)
        if not result or int(result[2]) != count:
            sys.exit(f"bench: pktgen did not send {count} packets:\n{state}")
        return (ended - started if self.clock else int(result[1]) * 1000) / count

    def forward(self, flows, count, leaves_at="out0"):
        """The same, and all of the packets must leave the director."""
        before = self.arrived(leaves_at)
        cost = self.send(flows, count)
        left = self.arrived(leaves_at) - before
        if left != count:
            sys.exit(f"bench: {count} packets went in and {left} left at {leaves_at}: {flows}")
        return cost

    def own_cost(self, flows, count, bursts=1):
        """What sending alone takes: the same packets, dropped as soon as they are in. The quickest burst."""
        ingress_rule("drop")
        self.send(flows, 1000)
        cost = min(self.send(flows, count) for _ in range(bursts))
        ingress_rule(None)
        return cost

    @staticmethod
    def arrived(where):
        return local_packets() if where == LOCAL else transmitted(where)


# Where packets for this host itself end: counted and dropped behind the director's hook.
LOCAL = "local"


def catch_local(port):
    nft_rule("ip bench", "input priority 300", port and f"udp dport {port} counter drop")


def local_packets():
    return int(re.search(r"counter packets (\d+)", run("nft list table ip bench"))[1])


# --- directors ---------------------------------------------------------------------------------------------------

METHODS = {"DR": "-g", "NAT": "-m", "TUN": "-i", "FULLNAT": "-b"}


def ipvsadm(arguments, **options):
    """Debian's ipvsadm, which drives both."""
    return run("/usr/sbin/ipvsadm " + arguments, **options)


def our_ipvsadm(arguments, **options):
    """For what Debian's does not know."""
    return run(f"{os.environ['LVS_IPVSADM']} {arguments}", **options)


class Director:
    """ip_vs or an lvs.ko. Only one of them can be loaded at a time."""

    def __init__(self, name, module=""):
        self.name = name
        self.module = module  # path; none: the kernel's own

    def load(self):
        # conn_tab_bits=20 is ip_vs at its best. lvs sizes its table itself.
        run(f"insmod {self.module}" if self.module else "modprobe ip_vs conn_tab_bits=20")
        # Idle time passes at once in QEMU: connections must not expire between their first packet and the measurement.
        ipvsadm("--set 0 0 100000")

    def unload(self):
        ipvsadm("-C")
        if self.module:
            run("rmmod " + os.path.basename(self.module).removesuffix(".ko"))
        else:
            run("modprobe -r " + " ".join(self.loaded_schedulers()) + " ip_vs")

    @staticmethod
    def loaded_schedulers():
        with open("/proc/modules", encoding="ascii") as file:
            return [line.split()[0] for line in file if line.startswith("ip_vs_")]


def serve(method, flows, scheduler="rr", dests=1, local=False):
    """One service with so many dests, each of weight 1."""
    bracket = lambda address: f"[{address}]" if ":" in address else address
    service = f"-u {bracket(VIP[flows.family])}:{flows.port}"
    rules = [f"-A {service} -s {scheduler}"]
    for number in range(dests):
        server = VIP[flows.family] if local else real_server(flows.family, number)
        rules.append(f"-a {service} -r {bracket(server)}:{flows.port} {METHODS[method]} -w 1")
    tool = ipvsadm
    if method == "FULLNAT":
        tool = our_ipvsadm
        rules.insert(1, f"-P {service} -z {LOCAL_ADDRESS[flows.family]}")
        if not flows.last:
            sysctl("net.ipv4.vs.fullnat_lport_min", LOCAL_PORT)
            sysctl("net.ipv4.vs.fullnat_lport_max", LOCAL_PORT)
    tool("-R", input="\n".join(rules) + "\n")
