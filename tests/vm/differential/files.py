# SPDX-License-Identifier: GPL-2.0-or-later
"""What /proc/net tells of services and connections of every kind, byte for byte; times to go are rounded, widths kept."""
import re

from lib import ipvs, packet
from lib.packet import SYN

from differential.scene import about

INVITE = (b"INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.0.1\r\nFrom: <sip:alice@example.org>\r\n"
          b"To: <sip:bob@example.org>\r\nCall-ID: 3848276298220188511@example.org\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
PORTS, MARK = range(8470, 8480), 78


def _ours(line):
    """A connection of this scenario: of its ports, or a template of its mark."""
    words = line.split()
    return int(words[4], 16) in PORTS or words[3] == f"{MARK:08X}"


def _rounded(line):
    """The time to go is behind the state (and the origin), right-aligned in seven columns."""
    def limit(match):
        return f"{match[1]}{len(match[2]) * '.'} {about(int(match[2]))}"
    return re.sub(r"((?:NONE|SYN_RECV|UDP|ASSURED)\s+(?:LOCAL |SYNC  )?)(\s*\d+)(?= |$)", limit, line)


def _connections(text):
    head, *lines = text.splitlines()
    return "\n".join([head] + sorted(_rounded(line) for line in lines if _ours(line)))


def _services(text):
    """In alphabetical order; the table's size depends on what other scenarios left."""
    *head, rest = re.sub(r"size=\d+", "size=N", text).split("\n", 3)
    found = [block.split("\n") for block in re.split(r"\n(?=\S)", rest.rstrip("\n"))]
    return "\n".join(head + sorted("\n".join(block[:1] + sorted(block[1:])) for block in found))


def _columns(text):
    """The layout: each number, with the spaces before it, as so many marks. What ip_vs counts lags behind by up to 2 s."""
    return "\n".join(re.sub(r" *\b[0-9A-F]+$| *\b[0-9A-F]+(?= )", lambda m: "#" * len(m[0]), line) if not re.search("[g-z]", line)
                     else line for line in text.splitlines())


def files(scene):
    if ipvs.MODULE == "ip_vs":
        scene.director.ns.run("modprobe", "ip_vs_pe_sip")
    scene.director.ns.run("nft", "-f", "-", stdin="table inet marks {\nchain marks {\ntype filter hook prerouting priority -150;\n"
                          f"tcp dport 8475 meta mark set {MARK}\n}}\n}}\n")
    rip, rip6 = scene.RIPS[0], scene.RIPS6[0]
    scene.director.service("tcp", scene.VIP, 8470, "wrr", [(rip, 80, "-m -w 3"), (scene.RIPS[1], 65535, "-m -w 0")])
    scene.director.service("tcp", scene.VIP6, 8470, "wlc", [(rip6, 80, "-g")])
    scene.director.service("udp", scene.VIP, 8471, "rr", [(rip, 8471, "-i")], "-p 600 -M 255.255.0.0")
    scene.director.service("udp", scene.VIP6, 8471, "rr", [(rip6, 8471, "-m")], "-p 600 -M 64")
    scene.director.service("udp", scene.VIP, 8472, "sh", [(rip, 8472, "-m")], "-o")
    scene.director.service("udp", scene.VIP6, 8472, "sh", [(rip6, 8472, "-m")], "-o")
    scene.director.service("udp", scene.VIP, 8473, "rr", [(rip, 8473, "-m")], "-p 600 --pe sip")
    scene.director.service("udp", scene.VIP, 8474, "rr", [(rip, 8474, "-m")], "-o -p 300")
    scene.director.rules(f"-A -f {MARK} -s lc -p 300", f"-a -f {MARK} -r {rip}:0 -g",
                         "-A -f 4294967295 -6 -s rr -p 60 -M 48", "-A -f 79 -s rr -o")
    scene.from_outside(
        [packet.tcp(scene.CLIENT, 3000, scene.VIP, 8470, SYN), packet.tcp(scene.CLIENT6, 3000, scene.VIP6, 8470, SYN),
         packet.udp(scene.CLIENT, 3001, scene.VIP, 8471, b"x"), packet.udp(scene.CLIENT6, 3001, scene.VIP6, 8471, b"x"),
         packet.udp(scene.CLIENT, 3002, scene.VIP, 8472, b"x"), packet.udp(scene.CLIENT6, 3002, scene.VIP6, 8472, b"x"),
         packet.udp(scene.CLIENT, 3003, scene.VIP, 8473, INVITE), packet.udp(scene.CLIENT, 3004, scene.VIP, 8474, b"x"),
         packet.tcp(scene.CLIENT, 3005, scene.VIP, 8475, SYN)])
    scene.about("files")
    scene.proc("ip_vs", _services)
    scene.proc("ip_vs_conn", _connections)
    scene.proc("ip_vs_conn_sync", _connections)
    scene.proc("ip_vs_stats", _columns)
    scene.proc("ip_vs_stats_percpu", _columns)
    scene.director.ns.run("nft", "delete", "table", "inet", "marks")
