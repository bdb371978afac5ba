# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of packets: what each method makes of them, field by field, and the errors that come and go."""
from lib import packet
from lib.ipvs import endpoint
from lib.packet import ACK, ICMP, ICMP6, SYN

METHODS = {"nat": "-m", "dr": "-g", "ipip": "-i", "gue": "-i --tun-type gue --tun-port 6080",
           "gue-csum": "-i --tun-type gue --tun-port 6080 --tun-csum", "gre": "-i --tun-type gre",
           "gre-csum": "-i --tun-type gre --tun-csum"}
UNREACHABLE = {4: ((3, 3), (3, 1), (11, 0), (3, 4), (4, 0)), 6: ((1, 4), (1, 0), (3, 0), (2, 0))}


class Ends:
    """A service of one family with one dest, or none."""

    def __init__(self, scene, af, proto, port, method=None, rip_af=None):
        self.scene, self.port = scene, port
        self.vip, self.client = (scene.VIP, scene.CLIENT) if af == 4 else (scene.VIP6, scene.CLIENT6)
        self.rip = (scene.RIPS if (rip_af or af) == 4 else scene.RIPS6)[0]
        self.rport = port + 1000 if method == "-m" else port
        dests = [(self.rip, self.rport, method)] if method else []
        self.name = scene.director.service(proto, self.vip, port, "rr", dests)

    def tcp(self, sport, flags=SYN, payload=b"", **ip):
        return packet.tcp(self.client, sport, self.vip, self.port, flags, payload=payload, **ip)

    def udp(self, sport, payload=b"payload", **ip):
        return packet.udp(self.client, sport, self.vip, self.port, payload, **ip)

    def reply(self, sport, flags=SYN | ACK, payload=b"", **ip):
        return packet.tcp(self.rip, self.rport, self.client, sport, flags, payload=payload, **ip)


def methods(scene):
    port = 8400
    families = [(4, 4), (6, 6), (4, 6), (6, 4)]
    for af, rip_af in families:
        for name, method in METHODS.items():
            if af != rip_af and name in ("nat", "dr"):
                continue
            port += 1
            ends = Ends(scene, af, "tcp", port, method, rip_af)
            udp = Ends(scene, af, "udp", port, method, rip_af)
            scene.about(f"{name}, IPv{af} to IPv{rip_af}")
            marked = {} if af == 6 else {"df": True}
            scene.seen("TCP", scene.from_outside([
                ends.tcp(3000), ends.tcp(3000, ACK, b"x" * 100), ends.tcp(3001, ttl=2), ends.tcp(3002, **marked)]))
            scene.seen("UDP", scene.from_outside([udp.udp(3000), udp.udp(3001, b"")]))
            scene.seen("TTL 1", scene.from_outside([ends.tcp(3003, ttl=1)]))
            scene.seen("too big", scene.from_outside([ends.tcp(3000, ACK, b"x" * (1460 if af == 4 else 1440), **marked)]))
            scene.seen("errors to the client", scene.answers())
            if name == "nat":
                scene.seen("replies", scene.from_inside([ends.reply(3000), ends.reply(3000, ACK, b"y" * 60, ttl=9)]))


def icmp(scene):
    port = 8450
    for af in (4, 6):
        ends = Ends(scene, af, "tcp", port, "-m")
        scene.from_outside([ends.tcp(3000)])
        for kind, code in UNREACHABLE[af]:
            scene.about(f"ICMP {kind}/{code}, IPv{af}")
            quoted = packet.tcp(ends.client, 3000, ends.rip, ends.rport, SYN)
            scene.seen("from the dest", scene.from_inside([packet.icmp(ends.rip, ends.client, kind, code, quoted, 1400)]))
            back = packet.tcp(ends.vip, ends.port, ends.client, 3000, SYN | ACK)
            scene.seen("from the client", scene.from_outside([packet.icmp(ends.client, ends.vip, kind, code, back, 1400)]))
        for proto in ("tcp", "udp"):
            alone = Ends(scene, af, proto, port + 1)
            scene.about(f"nobody serves, {proto}, IPv{af}")
            scene.from_outside([getattr(alone, proto)(3000)])
            answers = scene.answers()
            scene.fact("answers", len(answers))
            for data in answers:
                parsed = packet.Packet(data)
                scene.fact("answer", (parsed.src, parsed.dst, parsed.kind, parsed.code, parsed.proto in (ICMP, ICMP6),
                                      parsed.payload.hex()))
        scene.director.clear()


def deleted_dest(scene):
    """Errors of a dest that is no more."""
    ends = Ends(scene, 4, "tcp", 8460, "-m")
    scene.from_outside([ends.tcp(3000)])
    scene.director.rules(f"-d {ends.name} -r {endpoint(ends.rip, ends.rport)}")
    scene.about("dest gone")
    scene.seen("reply", scene.from_inside([ends.reply(3000)]))
    scene.seen("request", scene.from_outside([ends.tcp(3000, ACK)]))
