#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the VM that bench/run and bench/trace boot: measures what forwarding a packet costs.

Commands:
    instructions   in QEMU's counting VM, where one instruction takes one ns: pktgen's time is a count of instructions
    time           in User Mode Linux: ns of the host's processor, directors taking turns
    memory         there, too: bytes a connection, a service and a dest take
    accept         as instructions: what a real server's kernel takes for a connection, without toa.ko and with it
    trace          one row of one director between marks for the plugin of bench/trace

Writes one JSON object a measurement to $VM_OUT/results.jsonl and tells on stderr what it does.
"""

import argparse
import json
import os
import re
import sys
from dataclasses import replace

import lab
from lab import Director, Generator, HostClock, ingress_rule, ipvsadm, say, serve
from rows import BASE, MILLION, REFERENCE_ROWS, all_rows, clients, directors_of

WARM_UP = 1000  # packets
COUNTED = 20000  # packets of one measurement, where each of them takes the same instructions every time
TIMED = 10000  # where they do not
TIMED_NEW = 50000
BURSTS = 6  # of so many packets


class Report:
    def __init__(self):
        self.file = open(os.environ["VM_OUT"] + "/results.jsonl", "w", encoding="ascii")

    def add(self, **record):
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()


# --- rows --------------------------------------------------------------------------------------------------------

def prepare(row, generator):
    """Everything up to the packets that are measured."""
    if row.rule:
        ingress_rule(row.rule)
    if row.method:
        serve(row.method, row.opened_by or row.flows, row.scheduler, row.dests, row.leaves_at == lab.LOCAL)
    if row.leaves_at == lab.LOCAL:
        lab.catch_local(row.flows.port)
    if row.new:
        return
    if row.opened_by:
        generator.send(row.opened_by, WARM_UP)
    generator.send(row.flows, max(WARM_UP, row.connections))


def clean_up(row):
    if row.rule:
        ingress_rule(None)
    if row.leaves_at == lab.LOCAL:
        lab.catch_local(None)


def measure(row, director, generator, count, bursts=1):
    """What one packet takes, the generator's part included: the quickest burst, the others were disturbed."""
    if row.method:
        director.load()
    prepare(row, generator)
    cost = min(generator.forward(row.flows, count, row.leaves_at) for _ in range(bursts))
    clean_up(row)
    if row.method:
        director.unload()
    return cost


def table_buckets():
    return int(re.search(r"size=(\d+)", ipvsadm("-Ln"))[1])


def own_cost(row, generator, count, bursts=1):
    """The generator's part of a row. Flows of the other device's would be no different."""
    return generator.own_cost(replace(row.flows, device="in0"), count, bursts)


def count_instructions(rows, directors, report):
    generator, kinds = Generator(), {}
    for row in rows:
        if row.flows.kind not in kinds:
            kinds[row.flows.kind] = own_cost(row, generator, COUNTED)
        own = kinds[row.flows.kind]
        for director in directors_of(row, directors) if row.method else [Director("kernel")]:
            total = measure(row, director, generator, COUNTED)
            say(f"{row.name}: {director.name}: {total - own:.0f} instructions")
            report.add(row=row.name, director=director.name, instructions=round(total - own, 1), generator=round(own, 1))


def bursts(row):
    """(packets, bursts). What opens connections does so once, the growth of the table included."""
    if row.new:
        return TIMED_NEW, 1
    return max(TIMED, row.connections), 2 if row.connections > TIMED else BURSTS


def take_time(rows, directors, repeats, report):
    """Directors take turns, so that what disturbs this host meets all of them alike."""
    generator = Generator(HostClock())
    for row in rows:
        # The rows with a million connections open them each time.
        turns = repeats if row.connections < MILLION else max(3, repeats // 2)
        for turn in range(turns):
            own = own_cost(row, generator, TIMED, BURSTS)
            in_turn = directors_of(row, directors) if row.method else [Director("kernel")]
            for director in in_turn if turn % 2 == 0 else reversed(in_turn):
                total = measure(row, director, generator, *bursts(row))
                report.add(row=row.name, director=director.name, turn=turn, total=round(total, 1), generator=round(own, 1))
        say(f"{row.name}: {turns} turns")


# --- memory ------------------------------------------------------------------------------------------------------

MANY_SERVICES = 5000
MANY_CONNECTIONS = 10 * MILLION
AT_ONCE = 5 * MILLION  # pktgen's clients


def meminfo():
    """In bytes, caches of files emptied."""
    lab.run("sync")
    lab.write("/proc/sys/vm/drop_caches", "3")
    with open("/proc/meminfo", encoding="ascii") as file:
        return {line.split(":")[0]: 1024 * int(line.split()[1]) for line in file}


def used_memory():
    fields = meminfo()
    return fields["MemTotal"] - fields["MemFree"] - fields["Cached"] - fields["Buffers"]


def kernel_objects():
    """What services and dests are made of; little enough that all memory in use would blur it."""
    fields = meminfo()
    return fields["SUnreclaim"] + fields["Percpu"]


def open_connections(generator, number):
    """Distinct clients; above AT_ONCE the same ones from another port. No packet may get lost."""
    for first in range(0, number, AT_ONCE):
        flows = replace(clients(min(AT_ONCE, number - first)), source_port=1024 + first // AT_ONCE)
        generator.forward(flows, min(AT_ONCE, number - first))


def service_rules(number):
    for port in range(1, number + 1):
        yield f"-A -u {lab.VIP[4]}:{port} -s rr\n"


def dest_rules(number):
    for port in range(1, number + 1):
        yield f"-a -u {lab.VIP[4]}:{port} -r {lab.real_server(4)}:{port} -g -w 1\n"


def measure_memory(directors, report):
    """Services first: what a million connections leave behind takes its time to come back."""
    for director in directors:
        director.load()
        for what, rules in (("service", service_rules), ("dest", dest_rules)):
            before = kernel_objects()
            ipvsadm("-R", input="".join(rules(MANY_SERVICES)))
            used = kernel_objects() - before
            say(f"{director.name}: {used / MANY_SERVICES:.0f} bytes a {what}")
            report.add(director=director.name, what=what, number=MANY_SERVICES, bytes=used)
        director.unload()
    generator = Generator(HostClock())
    few = clients(TIMED)
    own = generator.own_cost(few, TIMED, BURSTS)
    for director in directors:
        for number in (MILLION, MANY_CONNECTIONS) if director.module else (MILLION,):
            empty = used_memory()  # before the module: its table counts
            director.load()
            serve(BASE.method, BASE.flows)
            open_connections(generator, number)
            used = used_memory() - empty
            listed = connections_listed()
            if listed != number:
                sys.exit(f"bench: {number} connections were opened, {director.name} counts {listed}")
            among = min(generator.forward(few, TIMED) for _ in range(BURSTS)) - own
            say(f"{director.name}: {number} connections: {used / number:.0f} bytes each, {used / 1e9:.2f} GB, {among:.0f} ns a packet")
            report.add(director=director.name, what="connection", number=number, bytes=used, buckets=table_buckets(),
                       ns_among_them=round(among))
            director.unload()


def connections_listed():
    return sum(int(a) + int(b) for a, b in re.findall(r"->.*\s(\d+)\s+(\d+)\s*$", ipvsadm("-Ln"), re.M))


# --- accept ------------------------------------------------------------------------------------------------------

ACCEPTED = 5000


def told_clients():
    with open("/proc/net/toa_stats", encoding="ascii") as file:
        return int(re.search(r"syn_recv_sock_toa\s+(\d+)", file.read())[1])


def count_accept(directors, report):
    program = f"{os.environ['LVS_ACCEPT']} {ACCEPTED}"
    lab.run("modprobe tun")
    for director in directors:
        if not director.module:
            continue
        without = int(lab.run(program))
        lab.run(f"insmod {os.path.dirname(director.module)}/toa.ko")
        loaded = int(lab.run(program))
        if told_clients() < ACCEPTED:
            sys.exit(f"bench: toa.ko knows {told_clients()} clients of {ACCEPTED}")
        lab.run("rmmod toa")
        say(f"accept: {without} instructions a connection, with {director.name}'s toa.ko {loaded}")
        report.add(director=director.name, without=without, loaded=loaded)


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


def trace(row, director):
    generator = Generator()
    forget, write_counts = marks()
    alone = replace(row.flows, device="in0")
    ingress_rule("drop")
    generator.send(alone, WARM_UP)
    forget()
    generator.send(alone, COUNTED)
    write_counts()
    ingress_rule(None)
    if row.method:
        director.load()
    prepare(row, generator)
    forget()
    generator.forward(row.flows, COUNTED, row.leaves_at)
    write_counts()
    with open("/proc/kallsyms", encoding="ascii") as symbols:
        lab.write(os.environ["VM_OUT"] + "/kallsyms", symbols.read().rstrip())
    clean_up(row)
    if row.method:
        director.unload()


def director_argument(text):
    name, _, module = text.partition("=")
    return Director(name, module)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("instructions", "time", "memory", "accept", "trace"))
    parser.add_argument("--director", type=director_argument, action="append", default=[], metavar="NAME[=FILE.ko]",
                        help="without a file: the kernel's ip_vs")
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose names match; the reference rows stay")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    rows = [row for row in all_rows() if row in REFERENCE_ROWS or re.search(options.only, row.name)]
    lab.make_lab()
    report = Report()
    if options.command == "instructions":
        count_instructions(rows, options.director, report)
    elif options.command == "time":
        take_time(rows, options.director, options.repeats, report)
    elif options.command == "memory":
        measure_memory(options.director, report)
    elif options.command == "accept":
        count_accept(options.director, report)
    elif options.command == "trace":
        trace(rows[-1], options.director[0])


if __name__ == "__main__":
    main()
