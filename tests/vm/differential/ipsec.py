# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario of AH and ESP: with and without their IKE's connection, what each method makes of them, errors about them."""
from lib import packet
from lib.packet import AH, ESP

from differential.forwarding import METHODS, UNREACHABLE
from differential.scene import about

IKE = 500
KINDS = {"ESP": packet.esp, "AH": packet.ah}
PROTO = {"ESP": ESP, "AH": AH}


def fragments(kind, src, dst, ident):
    body = bytes(range(256)) * 8
    return [packet.ip(src, dst, PROTO[kind], body[at:at + 1024], ident=ident, offset=at, more=at == 0) for at in (0, 1024)]


def play(scene, kind, client, vip, rip, name):
    make, proto = KINDS[kind], PROTO[kind]
    marked = {} if ":" in vip else {"df": True}
    scene.seen("requests", scene.from_outside([
        make(client, vip, b"x" * 100), make(client, vip, b"y", ttl=2), make(client, vip, b"z" * 1000, **marked)]))
    scene.seen("cut off", scene.from_outside([packet.ip(client, vip, proto, b"\x3b\x04\0\0\0\0\0\7"[:size]) for size in (0, 3, 8)]))
    scene.seen("inside another", scene.from_outside([packet.ah(client, vip, b"\0\0\0\7\0\0\0\1sealed", follows=ESP)]))
    scene.seen("fragments", scene.from_outside(fragments(kind, client, vip, 7)))
    scene.seen("TTL 1", scene.from_outside([make(client, vip, b"old", ttl=1)]))
    scene.seen("too big", scene.from_outside([make(client, vip, b"x" * 1450, **marked)]))
    scene.seen("answers", scene.answers())
    scene.seen("replies", scene.from_inside([make(rip, client, b"x" * 100), make(rip, client, b"y", ttl=9)]))
    if name == "nat":
        scene.seen("fragments back", scene.from_inside(fragments(kind, rip, client, 8)))
    errors(scene, kind, client, vip, rip, name)


def extension_header(scene, client, vip, rip):
    """AH over IPv6, of which there is one answer only: are these packets of the connection?"""
    scene.fact("requests", len(scene.from_outside([packet.ah(client, vip, b"x" * 40)])))
    scene.fact("reply", packet.Packet(scene.from_inside([packet.ah(rip, client, b"x" * 40)])[-1]).src)


def errors(scene, kind, client, vip, rip, name):
    for number, (code, rest) in enumerate(zip(UNREACHABLE[6 if ":" in vip else 4], (0, 0, 0, 1400, 0))):
        for offset in (0, 1024):
            scene.seen(f"error {code} from the dest, fragment at {offset}", scene.from_inside([packet.icmp(
                rip, client, *code, packet.ip(client, rip, PROTO[kind], b"q" * 40, offset=offset, ident=number), rest)]))
            scene.seen(f"error {code} from the client, fragment at {offset}", scene.from_outside([packet.icmp(
                client, vip, *code, packet.ip(vip, client, PROTO[kind], b"q" * 40, offset=offset, ident=number), rest)]))


def ipsec(scene):
    number = 0
    for af in (4, 6):
        vip, rips = (scene.VIP, scene.RIPS) if af == 4 else (scene.VIP6, scene.RIPS6)
        for name in ("nat", "dr", "ipip"):
            scene.director.service("udp", vip, IKE, "rr", [(rips[0], IKE, METHODS[name])])
            for kind in KINDS:
                number += 1
                client = f"10.9.9.{number}" if af == 4 else f"fd00:9::9:{number:x}"
                scene.about(f"{kind} without IKE, {name}, IPv{af}")
                scene.seen("request", scene.from_outside([KINDS[kind](client, vip, b"x" * 40)]))
                scene.seen("answer", scene.answers())
                scene.seen("reply", scene.from_inside([KINDS[kind](rips[0], client, b"x" * 40)]))
                scene.about(f"{kind}, {name}, IPv{af}")
                scene.seen("IKE", scene.from_outside([packet.udp(client, IKE, vip, IKE, b"IKE")]))
                if (af, kind) == (6, "AH"):
                    extension_header(scene, client, vip, rips[0])
                else:
                    play(scene, kind, client, vip, rips[0], name)
                scene.fact("connections", [(c["proto"], c["cport"], about(c["expires"])) for c in scene.director.conns(vip, IKE)
                                           if c["client"] == client])
            scene.director.clear()
