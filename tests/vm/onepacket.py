# SPDX-License-Identifier: GPL-2.0-or-later
"""One-packet scheduling: each datagram is a connection by itself; and SIP, where a call stays with its dest."""
from lib import ipvs, packet
from lib.harness import test
from lib.lab import METHOD_OPTION
from lib.persistent import FAMILIES, Persistent, mark_packets


def arrival(t, sport):
    got = t.lab.inside.receive(lambda p: sport in (p.sport, p.inner and p.inner.sport))
    return got.inner or got


@test(af=FAMILIES, method=("nat", "dr", "tun"))
def every_datagram_anew(t, af, method):
    """Datagrams of one flow go round; each counts as a connection, none is in the table, and the dests count none."""
    service = Persistent(t, af=af, options="-o", method=METHOD_OPTION[method])
    client = service.clients[0]
    t.lab.outside.send(*[packet.udp(client, 6100, service.vip, service.port, bytes([65 + i])) for i in range(6)])
    payloads = [arrival(t, 6100).payload for _ in range(6)]
    t.equal(sorted(payloads), [bytes([65 + i]) for i in range(6)], "what arrives")
    dests = service.dests()
    t.equal([(d["stats"]["conns"], d["stats"]["inpkts"], d["active"], d["inactive"]) for d in dests.values()],
            [(2, 2, 0, 0)] * 3, "counts of each dest")
    t.equal(t.director.conns(service.vip, service.port), [], "connections")


@test
def flag_is_for_datagrams(t):
    """A mark's service with the flag makes ordinary connections of TCP."""
    port = t.port()
    mark_packets(t, 81, [port], 4)
    service = Persistent(t, options="-o", mark=81, port=0)
    client = service.clients[0]
    t.equal(len({service.send(client, 6150, port, "tcp")[0] for _ in range(3)}), 1, "dests of a TCP connection")
    t.equal(len({service.send(client, 6150, port, "udp")[0] for _ in range(3)}), 3, "dests of datagrams")
    t.equal([c["proto"] for c in t.director.conns(service.vip, port)], ["TCP"], "connections")


@test(af=FAMILIES)
def persistent_datagrams(t, af):
    """With persistence the client's datagrams go to one dest: there is a template and no connection."""
    service = Persistent(t, af=af, options="-o -p 30")
    client, other = service.clients[:2]
    first = {service.send(client, 6200 + i % 2)[0] for i in range(6)}
    second = {service.send(other, 6200)[0] for _ in range(3)}
    t.equal((len(first), len(second), first != second), (1, 1, True), f"dests of the clients: {first}, {second}")
    t.equal((len(t.director.conns(service.vip, service.port)), sum(service.persistent())), (2, 2), "templates alone")


def sip(call, method="INVITE", name="Call-ID", extra=""):
    return (f"{method} sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\n{extra}{name}: {call}\r\n"
            f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n").encode()


def call(t, service, client, sport, message):
    t.lab.outside.send(packet.udp(client, sport, service.vip, service.port, message))
    got = t.lab.inside.receive(lambda p: (p.src, p.sport) == (client, sport))
    t.equal((got.payload, got.valid), (message, True), "the message")
    return got.dst


@test(af=FAMILIES, options=("-p 30 --pe sip", "-p 30 --pe sip -o"))
def calls_stay(t, af, options):
    """Messages of one call go to one dest, whatever port they come from; another call goes elsewhere. Both are listed."""
    service = Persistent(t, af=af, options=options)
    client = service.clients[0]
    first = {call(t, service, client, 6300 + i, sip("one@host", m, n)) for i, (m, n) in
             enumerate((("INVITE", "Call-ID"), ("ACK", "i"), ("BYE", "CALL-ID")))}
    second = {call(t, service, client, 6310 + i, sip("two@host")) for i in range(3)}
    t.equal((len(first), len(second), first != second), (1, 1, True), f"dests of the calls: {first}, {second}")
    templates = [c for c in t.director.templates() if (c["vip"], c["vport"]) == (service.vip, service.port)]
    t.equal(sorted(c["engine"] for c in templates), [["sip", "one@host"], ["sip", "two@host"]], "engine and its data")
    t.equal({c["client"] for c in templates}, {client}, "clients of the templates")
    t.equal(sum(service.persistent()), 2, "templates")
    listed = t.director.ipvsadm("-Ln").out
    t.equal("pe sip" in listed, True, f"the engine in the listing: {listed}")


@test
def calls_from_anywhere(t):
    """With netmask 0 the Call-ID alone tells a call."""
    service = Persistent(t, options="-p 30 --pe sip -M 0.0.0.0")
    dests = {call(t, service, client, 6350, sip("far@host")) for client in service.clients}
    t.equal(len(dests), 1, f"dests: {dests}")


@test
def long_calls(t):
    """The Call-ID may be as long as 255 bytes and far into the message, behind what did not come in one piece."""
    service = Persistent(t, options="-p 30 --pe sip -o")
    client = service.clients[0]
    vias = "".join(f"Via: SIP/2.0/UDP 192.0.2.{i}:5060\r\n" for i in range(30))
    dests = {call(t, service, client, 6360, sip("x" * 255, extra=vias)) for _ in range(3)}
    t.equal(len(dests), 1, f"dests: {dests}")
    fragmented = sip("fragmented@host", extra=vias * 2)
    whole = packet.udp_segment(client, service.vip, 6361, service.port, fragmented)
    for _ in range(2):
        t.lab.outside.send(packet.ip(client, service.vip, packet.UDP, whole[:1400], ident=9, more=True),
                           packet.ip(client, service.vip, packet.UDP, whole[1400:], ident=9, offset=1400))
        t.lab.inside.receive(lambda p: p.src == client)
    engines = [c["engine"] for c in t.director.templates() if (c["vip"], c["vport"]) == (service.vip, service.port)]
    t.equal(sorted(engines), [["sip", "fragmented@host"], ["sip", "x" * 255]], "calls")


@test
def messages_that_lie(t):
    """What names no call, or not properly, is dropped and counted, and makes no template; the next good message goes on."""
    service = Persistent(t, options="-p 30 --pe sip")
    client = service.clients[0]
    bad = [b"", b"\r\n\r\n", b"\x00" * 40, sip("x" * 256), sip(""), sip("a b"), sip("a\x1b[31m"), sip("ok@host")[:80],
           b"INVITE sip:b SIP/2.0\r\n\r\nCall-ID: body@host\r\n\r\n", sip("ok@host", name="X-Call-ID")]
    for i, message in enumerate(bad):
        t.lab.outside.send(packet.udp(client, 6400 + i, service.vip, service.port, message))
    # Lengths of UDP that end before the Call-ID, or before the header.
    for length in (40, 8, 4, 0):
        t.lab.outside.send(packet.udp(client, 6420, service.vip, service.port, sip("short@host"), length=length))
    call(t, service, client, 6430, sip("good@host"))
    if ipvs.MODULE == "lvs":
        t.equal(t.director.drops(("udp", service.vip, service.port))["no-call-id"], len(bad) + 4, "drops")
    found = t.director.conns(service.vip, service.port)
    t.equal(sorted(c["engine"] for c in found), [[], ["sip", "good@host"]], "connections and templates")


@test
def edited_engine(t):
    """The engine can be added to a service and taken from it."""
    service = Persistent(t, options="-p 30")
    edit = [*service.name.split(), "-s", "rr", "-p", "30"]
    t.director.ipvsadm("-E", *edit, "--pe", "sip")
    call(t, service, service.clients[0], 6500, sip("edited@host"))
    t.director.ipvsadm("-E", *edit)
    service.send(service.clients[0], 6501)
    engines = [c["engine"] for c in t.director.templates() if (c["vip"], c["vport"]) == (service.vip, service.port)]
    t.equal(sorted(engines), [[], ["sip", "edited@host"]], "templates' engines")


@test
def stream_of_calls_by_address(t):
    """TCP has no Call-ID in its first segment: a SIP service of TCP keeps clients by their address."""
    service = Persistent(t, "tcp", options="-p 30 --pe sip")
    t.equal(len({service.send(service.clients[0], sport)[0] for sport in range(6600, 6604)}), 1, "dests")
