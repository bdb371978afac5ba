#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the VM that bench/run and bench/trace boot: measures what forwarding a packet costs, in instructions.

The VM has one processor that executes one instruction per nanosecond of its own time, so the time that pktgen reports
is a count of instructions. Packets enter at the device in0 and leave at out0, both dummies:

    pktgen -> in0 -> [IP stack, director] -> out0 (counts, frees)

    guest.py rows DIRECTOR...       measure each row of the table; DIRECTOR: ip_vs or lvs
    guest.py table                  measure lvs with a small table and with 2 M connections
    guest.py trace DIRECTOR ROW     run one row between marks for the plugin of bench/trace
    guest.py names                  print the rows' names

Writes one JSON object a measurement to $VM_OUT/results.jsonl and tells on stderr what it does.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Optional

LVS_MODULE = os.path.join(os.environ.get("LVS_BUILD") or os.path.join(os.path.dirname(__file__), "../build"), "lvs.ko")
CLIENTS = (("-4", "10.8.0.0/13"), ("-6", "fd00:9::/32"))
MACS = {"in0": "02:00:00:00:00:01", "out0": "02:00:00:00:00:02"}
VIP = {4: "10.1.0.100", 6: "fd00:1::100"}
REAL_SERVER = {4: "10.2.0.2", 6: "fd00:2::2"}
NEIGHBOUR = "10.2.0.3"  # behind out0 and no real server: plain forwarding

COUNT = 20000  # packets of one measurement
MANY = 60000
HUGE = 2000000


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


# --- lab ---------------------------------------------------------------------------------------------------------

def make_lab():
    run("modprobe pktgen")
    for name, mac in MACS.items():
        run(f"ip link add {name} address {mac} type dummy")
        run(f"ip link set {name} up")
    sysctl("net.ipv4.ip_forward", 1)
    sysctl("net.ipv6.conf.all.forwarding", 1)
    for name in ("all", *MACS):
        sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
    for device, address in (("in0", "10.1.0.1/24"), ("in0", VIP[4] + "/32"), ("out0", "10.2.0.1/24")):
        run(f"ip address add {address} dev {device}")
    for device, address in (("in0", "fd00:1::1/64"), ("in0", VIP[6] + "/128"), ("out0", "fd00:2::1/64")):
        run(f"ip address add {address} dev {device} nodad")
    for family, net in CLIENTS:
        run(f"ip {family} route add {net} dev in0")
    for peer in (*REAL_SERVER.values(), NEIGHBOUR):  # nobody answers ARP here
        run(f"ip neighbour replace {peer} lladdr 02:00:00:00:00:99 nud permanent dev out0")


def ingress_rule(rule):
    """One nftables rule at in0's ingress, before everything else; None takes it away."""
    subprocess.run(["nft", "delete", "table", "netdev", "bench"], stderr=subprocess.DEVNULL, check=False)
    if rule:
        run("nft -f -", input="add table netdev bench\n"
            "add chain netdev bench in { type filter hook ingress device in0 priority 0; }\n"
            f"add rule netdev bench in {rule}\n")


def transmitted(device):
    with open(f"/sys/class/net/{device}/statistics/tx_packets", encoding="ascii") as file:
        return int(file.read())


# --- generator ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Flows:
    """What pktgen sends: packets from source, or from each address of [source, last] in turn, to destination:port."""
    destination: str
    source: str
    last: str = ""
    source_port: int = 1024
    port: int = 9
    device: str = "in0"

    @property
    def family(self):
        return 6 if ":" in self.source else 4

    @property
    def kind(self):
        """Flows of one kind cost the generator the same."""
        return f"IPv{self.family}, " + ("many flows" if self.last else "one flow")


def pktgen(flows, count):
    """Sends count packets into flows.device and returns how many instructions that took."""
    thread, device = "/proc/net/pktgen/kpktgend_0", f"/proc/net/pktgen/{flows.device}"
    write(thread, "rem_device_all")
    write(thread, f"add_device {flows.device}")
    settings = [f"count {count}", "xmit_mode netif_receive", "delay 0",
                f"dst_mac {MACS[flows.device]}", "src_mac 02:00:00:00:00:98",
                f"udp_src_min {flows.source_port}", f"udp_src_max {flows.source_port}",
                f"udp_dst_min {flows.port}", f"udp_dst_max {flows.port}"]
    if flows.family == 6:
        # IPv6 has no UDP without a checksum, and 80 bytes is the least that has room for pktgen's own header.
        settings += ["pkt_size 80", "flag UDPCSUM", f"src6 {flows.source}", f"dst6 {flows.destination}"]
    else:
        settings += ["pkt_size 60", f"src_min {flows.source}", f"src_max {flows.last or flows.source}",
                     f"dst {flows.destination}"]
    for setting in settings:
        write(device, setting)
    write("/proc/net/pktgen/pgctrl", "start")
    with open(device, encoding="ascii") as file:
        state = file.read()
    result = re.search(r"Result: OK: (\d+)\(.*\) usec, (\d+) ", state)
    if not result or int(result[2]) != count:
        sys.exit(f"bench: pktgen did not send {count} packets:\n{state}")
    return int(result[1]) * 1000


def forward(flows, count, leaves_at="out0"):
    """Sends count packets, all of which must leave the director; returns instructions per packet."""
    before = transmitted(leaves_at)
    cost = pktgen(flows, count) / count
    left = transmitted(leaves_at) - before
    if left != count:
        sys.exit(f"bench: {count} packets went in and {left} left at {leaves_at}: {flows}")
    return cost


def generator_cost(flows, count=COUNT):
    """What sending alone takes: the same packets, dropped as soon as they are in."""
    ingress_rule("drop")
    pktgen(flows, 1000)
    cost = pktgen(flows, count) / count
    ingress_rule(None)
    return cost


# --- directors ---------------------------------------------------------------------------------------------------

METHODS = {"DR": "-g", "NAT": "-m", "TUN": "-i"}


def ipvsadm(arguments):
    """Debian's ipvsadm, which drives both."""
    return run("/usr/sbin/ipvsadm " + arguments)


def load(director):
    if director == "ip_vs":
        run("modprobe ip_vs conn_tab_bits=20")
        run("modprobe ip_vs_rr")
    else:
        run(f"insmod {LVS_MODULE}")
    # Idle time passes at once in this VM: connections must not expire between their first packet and the measurement.
    ipvsadm("--set 0 0 100000")


def unload(director):
    ipvsadm("-C")
    for module in ("ip_vs_rr", "ip_vs") if director == "ip_vs" else ("lvs",):
        run(f"rmmod {module}")


def serve(method, flows):
    vip, server = VIP[flows.family], REAL_SERVER[flows.family]
    if flows.family == 6:
        vip, server = f"[{vip}]", f"[{server}]"
    ipvsadm("-C")
    ipvsadm(f"-A -u {vip}:{flows.port} -s rr")
    ipvsadm(f"-a -u {vip}:{flows.port} -r {server}:{flows.port} {METHODS[method]}")


# --- rows --------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Row:
    """One line of the table. flows is what is measured, after `primed` packets of flows_first opened connections."""
    name: str
    flows: Flows
    method: str = ""                # none: no director takes part
    rule: str = ""                  # nftables at ingress instead
    primed: int = 1000
    first: Optional[Flows] = None   # the packets that open the connections, when they are not those measured
    leaves_at: str = "out0"

    def prepare(self):
        if self.rule:
            ingress_rule(self.rule)
        if self.method:
            serve(self.method, self.first or self.flows)
        if self.primed:
            pktgen(self.first or self.flows, self.primed)
        if self.first:
            pktgen(self.flows, self.primed)

    def clean_up(self):
        if self.rule:
            ingress_rule(None)


def text(address):
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def to_vip(number, family=4, clients=1):
    """Connections outlive their service, so each row has its own clients and its own port."""
    if family == 6:
        return Flows(VIP[6], f"fd00:9::{number}", port=5000 + number)
    first = (10 << 24) + (8 << 16) + (number << 14) + 1
    return Flows(VIP[4], text(first), text(first + clients - 1) if clients > 1 else "", port=5000 + number)


def reply_to(flows):
    """What the real server behind NAT answers; it comes in where the client's packets left."""
    return Flows(flows.source, REAL_SERVER[flows.family], source_port=flows.port, port=flows.source_port, device="out0")


# Plain paths of the kernel: they tell whether this bench measures what it measured elsewhere.
REFERENCE_ROWS = (
    Row("nft ingress fwd", Flows(NEIGHBOUR, "10.8.0.1"), rule="fwd to out0"),
    Row("IP forwarding", Flows(NEIGHBOUR, "10.8.0.1")),
)

DIRECTOR_ROWS = (
    Row("DR, established", to_vip(1), "DR"),
    Row("NAT, established", to_vip(2), "NAT"),
    Row("NAT, replies", reply_to(to_vip(3)), "NAT", first=to_vip(3), leaves_at="in0"),
    Row("TUN, established", to_vip(4), "TUN"),
    Row("DR, established, IPv6", to_vip(5, 6), "DR"),
    Row("NAT, established, IPv6", to_vip(6, 6), "NAT"),
    Row("NAT, replies, IPv6", reply_to(to_vip(7, 6)), "NAT", first=to_vip(7, 6), leaves_at="in0"),
    Row("TUN, established, IPv6", to_vip(8, 6), "TUN"),
    Row("DR, new connection", to_vip(9, clients=2 * COUNT), "DR", primed=0),
    Row("NAT, new connection", to_vip(12, clients=2 * COUNT), "NAT", primed=0),
    Row("DR, 60 k flows", to_vip(15, clients=MANY), "DR", primed=MANY),
)


class Report:
    def __init__(self):
        self.file = open(os.environ["VM_OUT"] + "/results.jsonl", "w", encoding="ascii")
        self.generators = {}  # cost by kind of flows

    def measure(self, row, director):
        kind = row.flows.kind
        if kind not in self.generators:
            self.generators[kind] = generator_cost(replace(row.flows, device="in0"))
            self.add(f"generator, {kind}", "kernel", self.generators[kind])
        row.prepare()
        total = forward(row.flows, COUNT, row.leaves_at)
        row.clean_up()
        self.add(row.name, director, total - self.generators[kind], generator=round(self.generators[kind], 1))

    def add(self, name, director, instructions, **more):
        record = {"row": name, "director": director, "instructions": round(instructions, 1), **more}
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()
        say(f"{director}: {name}: {instructions:.0f}")


def measure_rows(directors):
    report = Report()
    for row in REFERENCE_ROWS:
        report.measure(row, "kernel")
    for director in directors:
        load(director)
        for row in DIRECTOR_ROWS:
            report.measure(row, director)
        unload(director)


# --- 2 M connections ---------------------------------------------------------------------------------------------

def table_state():
    """(connections that the dests count, buckets of the connection table)"""
    listing = ipvsadm("-Ln")
    buckets = int(re.search(r"size=(\d+)", listing)[1])
    connections = sum(int(a) + int(b) for a, b in re.findall(r"->.*\s(\d+)\s+(\d+)\s*$", listing, re.M))
    return connections, buckets


def measure_table():
    """The same COUNT flows, alone in the table and among 2 M. No packet may get lost while the table grows."""
    report = Report()
    few, all_flows = to_vip(16, clients=COUNT), to_vip(16, clients=HUGE)
    generator = generator_cost(few)
    load("lvs")
    serve("DR", few)
    for flows, count, name in ((few, COUNT, "small table"), (all_flows, HUGE, "2 M connections")):
        say(f"lvs: opening {count} connections")
        opening = forward(flows, count) - generator
        instructions = forward(few, COUNT) - generator
        connections, buckets = table_state()
        if connections != count:
            sys.exit(f"bench: {count} connections were opened, the dests count {connections}")
        report.add(name, "lvs", instructions, generator=round(generator, 1), opening=round(opening, 1),
                   connections=connections, buckets=buckets)
    say("lvs: removing them")
    unload("lvs")


# --- trace -------------------------------------------------------------------------------------------------------

def marks():
    """Two functions whose code is a no-op that bench/trace.c recognises: forget the counts, write them."""
    import ctypes
    import mmap
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    functions = []
    for number in (1, 2):
        page.seek(32 * number)
        page.write(bytes([0x0f, 0x1f, 0x84, 0x00, number, 0x53, 0x56, 0x4c, 0xc3]))  # nopl 0x4c5653NN(...); ret
        functions.append(ctypes.CFUNCTYPE(None)(address + 32 * number))
    functions[0].page = page  # lives as long as they do
    return functions


def trace(director, name):
    row = next(row for row in (*REFERENCE_ROWS, *DIRECTOR_ROWS) if row.name == name)
    forget, write_counts = marks()
    ingress_rule("drop")
    pktgen(replace(row.flows, device="in0"), 1000)
    forget()
    pktgen(replace(row.flows, device="in0"), COUNT)
    write_counts()
    ingress_rule(None)
    if row.method:
        load(director)
    row.prepare()
    forget()
    forward(row.flows, COUNT, row.leaves_at)
    write_counts()
    with open("/proc/kallsyms", encoding="ascii") as symbols:
        write(os.environ["VM_OUT"] + "/kallsyms", symbols.read().rstrip())
    row.clean_up()
    if row.method:
        unload(director)


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "names":
        for row in (*REFERENCE_ROWS, *DIRECTOR_ROWS):
            print(row.name)
        return
    make_lab()
    if command == "rows":
        measure_rows(arguments)
    elif command == "table":
        measure_table()
    elif command == "trace":
        trace(*arguments)


if __name__ == "__main__":
    main()
