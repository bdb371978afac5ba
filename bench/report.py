# SPDX-License-Identifier: GPL-2.0-or-later
"""From the guest's records to results: medians and ratios, verdicts, the table, the files that are kept."""

import collections
import datetime
import json
import os
import statistics
import subprocess

import plot
import rows
from measuring import ROOT

# The same path among a million connections may cost so many times what it costs alone.
MILLION_INSTRUCTIONS = 1.15
MILLION_NS = 2.5
TEN_MILLION_BYTES = 2.5e9
# toa.ko may make a connection of a real server's cost so many times what it costs without.
ACCEPT_WITH_TOA = 1.03

# Against an older lvs: from here on it is called slower. Below, it may be the compiler's mood or the host's.
SLOWER_INSTRUCTIONS = 1.01
SLOWER_NS = 1.05

# What these paths took in the bench that the budgets were made with (6.1.0-56): far from it, this bench is in doubt.
ANCHORS = {
    ("nft ingress fwd", "kernel"): 528,
    ("IP forwarding", "kernel"): 3938,
    ("DR (the base)", "ip_vs"): 5234,
    ("NAT", "ip_vs"): 5541,
    ("TUN", "ip_vs"): 5702,
    ("new, DR", "ip_vs"): 7925,
}


def spread(values):
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": round(median, 4), "q1": round(low, 4), "q3": round(high, 4), "turns": len(values)}


def collect(records, against):
    """Everything that is known, as it is kept in latest.json."""
    found = {row.name: {"row": row.name, "group": row.group, "budget": row.budget} for row in rows.all_rows()}
    for record in records.get("instructions", []):
        entry = found[record["row"]].setdefault("instructions", {"generator": record["generator"]})
        entry[record["director"]] = record["instructions"]
    turns = collections.defaultdict(dict)
    for record in records.get("time", []):
        turns[record["row"], record["director"]][record["turn"]] = record
    for (name, director), by_turn in turns.items():
        own = statistics.median(record["generator"] for record in by_turn.values())
        for record in by_turn.values():
            record["ns"] = record["total"] - own
        entry = found[name].setdefault("ns", {"generator": spread([record["generator"] for record in by_turn.values()])})
        entry[director] = spread([record["ns"] for record in by_turn.values()])
    for entry in found.values():
        instructions, ns = entry.get("instructions", {}), entry.get("ns", {})
        if "lvs" in instructions and against in instructions:
            instructions["ratio"] = round(instructions["lvs"] / instructions[against], 4)
        if "lvs" in ns and against in ns:
            name = entry["row"]
            ns["ratio"] = spread([turns[name, "lvs"][turn]["ns"] / turns[name, against][turn]["ns"]
                                  for turn in turns[name, "lvs"].keys() & turns[name, against].keys()])
    results = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "against": against,
        "rows": [entry for entry in found.values() if "instructions" in entry or "ns" in entry],
        "memory": records.get("memory", []),
        "accept": records.get("accept", []),
    }
    results["broken"] = judge(results)
    return results


def revision():
    git = lambda *command: subprocess.run(["git", "-C", ROOT, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                          text=True, check=False).stdout.strip()
    changed = " with changes" if git("status", "--porcelain", "--", "kmod", "include", "Kbuild") else ""
    return git("rev-parse", "--short=12", "HEAD") + changed


# --- verdicts ----------------------------------------------------------------------------------------------------

def judge_row(entry, against):
    """What is wrong with a row."""
    instructions, ns = entry.get("instructions", {}), entry.get("ns", {})
    most, most_ns = (SLOWER_INSTRUCTIONS, SLOWER_NS) if against == "base" else (1, 1)
    faults = []
    if instructions.get("ratio", 0) > most:
        faults.append(f"{instructions['ratio']:.3f} times {against}'s instructions")
    if against != "base" and entry["budget"] and instructions.get("lvs", 0) > entry["budget"]:
        faults.append(f"over the budget of {entry['budget']} instructions")
    if "ratio" in ns and ns["ratio"]["median"] > most_ns and ns["ratio"]["q1"] > 1:
        faults.append(f"{ns['ratio']['median']:.2f} times {against}'s ns")
    return faults


def judge_beside(row, by_name):
    """What is wrong with a row in comparison with another one of lvs's own."""
    costs = [by_name.get(name, {}).get("instructions", {}).get("lvs") for name in (row.name, row.beside.row)]
    if None in costs or costs[0] <= costs[1] * row.beside.times:
        return []
    return [f"{row.name}: {costs[0] / costs[1]:.2f} times the instructions of {row.beside.row}, {row.beside.times} allowed"]


def judge(results):
    """The broken promises, one line each."""
    broken = [f"{entry['row']}: {fault}" for entry in results["rows"] for fault in judge_row(entry, results["against"])]
    broken += [f"accept: toa.ko makes it {record['loaded'] / record['without']:.3f} times, {ACCEPT_WITH_TOA} allowed"
               for record in results["accept"]
               if record["director"] == "lvs" and record["loaded"] > record["without"] * ACCEPT_WITH_TOA]
    if results["against"] == "base":
        return broken
    by_name = {entry["row"]: entry for entry in results["rows"]}
    for row in rows.all_rows():
        if row.beside:
            broken += judge_beside(row, by_name)
    base, million = (by_name.get(name, {}) for name in (rows.BASE.name, rows.MILLION_ROW.name))
    if "instructions" in base and "instructions" in million:
        ratio = million["instructions"]["lvs"] / base["instructions"]["lvs"]
        if ratio > MILLION_INSTRUCTIONS:
            broken.append(f"1 M flows take {ratio:.2f} times the instructions of one, {MILLION_INSTRUCTIONS} allowed")
    if "ns" in base and "ns" in million:
        ratio = million["ns"]["lvs"]["median"] / base["ns"]["lvs"]["median"]
        if ratio > MILLION_NS:
            broken.append(f"1 M flows take {ratio:.2f} times the ns of one, {MILLION_NS} allowed")
    for record in results["memory"]:
        if record["director"] == "lvs" and record["number"] == 10 * rows.MILLION and record["bytes"] > TEN_MILLION_BYTES:
            broken.append(f"10 M connections take {record['bytes'] / 1e9:.2f} GB, {TEN_MILLION_BYTES / 1e9} allowed")
    return broken


# --- the table ---------------------------------------------------------------------------------------------------

def print_all(results):
    if results["rows"]:
        print_rows(results)
    if results["memory"]:
        print_memory(results["memory"])
    for record in results["accept"]:
        print(f"\nA connection of a real server's, from SYN to close: {record['without']} instructions, with toa.ko of {record['director']} "
              f"{record['loaded']}: {record['loaded'] / record['without']:.3f} times")


def print_rows(results):
    against = results["against"]
    number = lambda value: "" if value is None else f"{value:.0f}"
    median = lambda figure: None if figure is None else figure["median"]
    print("\nWhat one packet takes (UDP, 60 bytes; IPv6 80) above the generator. ns: medians; the ratio's quartiles beside it.\n")
    print(f"{'':26}|{'instructions':^51}|{'ns':^56}")
    print(f"{'':26}|{'generator':>10}{against:>8}{'lvs':>8}{'ratio':>7}{'budget':>8}{'anchor':>8}  |"
          f"{'generator':>10}{against:>8}{'lvs':>8}{'ratio':>7} {'spread':^12}  verdict")
    for entry in results["rows"]:
        instructions, ns = entry.get("instructions", {}), entry.get("ns", {})
        name = entry["row"]
        other = against if entry["group"] != "kernel" else "kernel"
        ratio, ns_ratio = instructions.get("ratio"), ns.get("ratio")
        faults = judge_row(entry, against)
        print(f"{name:26}|{number(instructions.get('generator')):>10}{number(instructions.get(other)):>8}"
              f"{number(instructions.get('lvs')):>8}{f'{ratio:.2f}' if ratio else '':>7}{number(entry['budget']):>8}"
              f"{number(ANCHORS.get((name, other))):>8}  |{number(median(ns.get('generator'))):>10}{number(median(ns.get(other))):>8}"
              f"{number(median(ns.get('lvs'))):>8}{f'''{ns_ratio['median']:.2f}''' if ns_ratio else '':>7} "
              f"{f'''{ns_ratio['q1']:.2f} - {ns_ratio['q3']:.2f}''' if ns_ratio else '':^12}  "
              f"{'; '.join(faults) or ('ok' if ratio or ns_ratio else '')}".rstrip())
    print("\nRows of the kernel alone: nft ingress fwd is the floor. anchor: what the kernel or ip_vs took where the budgets were made.")


def print_memory(records):
    print(f"\n{'memory':12}{'of each':>12}{'number':>12}{'bytes each':>12}{'in all':>10}{'buckets':>10}{'ns a packet':>13}")
    for record in records:
        print(f"{record['director']:12}{record['what']:>12}{record['number']:12}{record['bytes'] / record['number']:12.0f}"
              f"{record['bytes'] / 1e6:7.0f} MB{record.get('buckets', ''):>10}"
              f"{record.get('ns_among_them', ''):>13}")


# --- files -------------------------------------------------------------------------------------------------------

def save(results, directory):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "latest.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    with open(os.path.join(directory, "latest.svg"), "w", encoding="utf-8") as file:
        file.write(plot.draw(results))
    print(f"\nAll figures: {path}; drawn: latest.svg beside it")
