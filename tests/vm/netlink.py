# SPDX-License-Identifier: GPL-2.0-or-later
"""The families IPVS and LVS attribute by attribute: errnos with a message, state unchanged, exact shapes of replies."""
import errno
import os
import socket
import struct

from lib import ipvs, netlink
from lib.harness import test
from lib.ipvs import (DAEMON, DEL_DAEMON, DEL_DEST, DEL_SERVICE, DEST, FLUSH, GET_CONFIG, GET_DAEMON, GET_DEST, GET_INFO,
                      GET_SERVICE, NEW_DAEMON, NEW_DEST, NEW_SERVICE, SERVICE, SET_CONFIG, SET_DEST, SET_INFO, SET_SERVICE,
                      TIMEOUT_FIN, TIMEOUT_TCP, TIMEOUT_UDP, ZERO, dest_attrs, dest_id, fwmark_id, service_attrs, service_id)
from lib.lab import VIPS
from lib.netlink import Genl, NetlinkError, attr, attrs, be16, nest, string, u16, u32
from lib.record import note

VIP, VIP6, RIP, RIP6 = VIPS[4]["other"], VIPS[6]["other"], "10.1.0.21", "fd00:c::21"
UNKNOWN_FAMILY = u16(1, 77) + u16(2, 6) + attr(3, bytes(16)) + be16(4, 80)
SID, SID6, ABSENT = service_id("tcp", VIP, 80), service_id("tcp", VIP6, 80), service_id("tcp", VIP, 99)
NEW = service_id("tcp", VIP, 81)
TUN, GUE = 2, 1


def service(*parts):
    return nest(SERVICE, *parts)


def dest(*parts):
    return nest(DEST, *parts)


def without(body, kind):
    """The attributes less one."""
    return b"".join(attr(k, v) for k, v in attrs(body) if k != kind)


def state(genl):
    """All that a request may change."""
    services = [m.body for m in genl.dump(GET_SERVICE)]
    dests = [[m.body for m in genl.dump(GET_DEST, nest(SERVICE, sid))] for sid in (SID, SID6)]
    return services, dests, genl.request(GET_CONFIG)[0].body


def prepare(t):
    genl = t.director.genl
    for sid, rip, netmask in ((SID, RIP, 0xffffffff), (SID6, RIP6, 128)):
        genl.request(NEW_SERVICE, service(sid, service_attrs(netmask=netmask)))
        genl.request(NEW_DEST, service(sid) + dest(dest_id(rip, 80), dest_attrs()))
    return genl


def refused(t, genl, case, expected):
    """The request fails with the errno and, from lvs, a message; nothing has changed."""
    name, command, body = case
    before = state(genl)
    try:
        genl.request(command, body)
    except NetlinkError as error:
        note(f"{name}: {error}")
        t.equal(errno.errorcode[error.errno], errno.errorcode[expected], f"errno of {name}")
        if ipvs.MODULE == "lvs" and command != SET_INFO:  # the kernel itself answers for a command that nobody has
            t.equal(bool(error.message), True, f"{name}: there is a message")
    else:
        raise AssertionError(f"{name}: accepted")
    t.equal(state(genl) == before, True, f"state unchanged by {name}")


def supported(genl, command, body):
    """Sends the request; false if lvs says that it cannot do this yet."""
    try:
        genl.request(command, body)
    except NetlinkError as error:
        if ipvs.MODULE == "lvs" and error.errno == errno.EOPNOTSUPP and "yet" in error.message:
            note(f"not yet: {error.message}")
            return False
        raise
    return True


FULL = service_attrs()
GOOD_DEST = dest_id("10.1.0.22", 80)
NEW_DEST_OK = dest_attrs()
REFUSALS = {
    errno.EINVAL: [
        ("new service without attributes", NEW_SERVICE, b""),
        ("new service, empty nest", NEW_SERVICE, service()),
        ("new service without family", NEW_SERVICE, service(without(NEW, 1), FULL)),
        ("new service without protocol", NEW_SERVICE, service(without(NEW, 2), FULL)),
        ("new service without address", NEW_SERVICE, service(without(NEW, 3), FULL)),
        ("new service without port", NEW_SERVICE, service(without(NEW, 4), FULL)),
        ("new service without scheduler", NEW_SERVICE, service(NEW, without(FULL, 6))),
        ("new service without flags", NEW_SERVICE, service(NEW, without(FULL, 7))),
        ("new service without timeout", NEW_SERVICE, service(NEW, without(FULL, 8))),
        ("new service without netmask", NEW_SERVICE, service(NEW, without(FULL, 9))),
        ("edit service without scheduler", SET_SERVICE, service(SID, without(FULL, 6))),
        ("edit service without flags", SET_SERVICE, service(SID, without(FULL, 7))),
        ("delete service without attributes", DEL_SERVICE, b""),
        ("get service without attributes", GET_SERVICE, b""),
        ("IPv6 prefix 0", NEW_SERVICE, service(service_id("tcp", VIP6, 81), service_attrs(netmask=0))),
        ("IPv6 prefix 129", NEW_SERVICE, service(service_id("tcp", VIP6, 81), service_attrs(netmask=129))),
        ("edit to IPv6 prefix 129", SET_SERVICE, service(SID6, service_attrs(netmask=129))),
        ("new dest without nest", NEW_DEST, service(SID)),
        ("new dest without address", NEW_DEST, service(SID) + dest(be16(2, 80), NEW_DEST_OK)),
        ("new dest without port", NEW_DEST, service(SID) + dest(without(GOOD_DEST, 2), NEW_DEST_OK)),
        ("new dest without method", NEW_DEST, service(SID) + dest(GOOD_DEST, without(NEW_DEST_OK, 3))),
        ("new dest without weight", NEW_DEST, service(SID) + dest(GOOD_DEST, without(NEW_DEST_OK, 4))),
        ("new dest without upper threshold", NEW_DEST, service(SID) + dest(GOOD_DEST, without(NEW_DEST_OK, 5))),
        ("new dest without lower threshold", NEW_DEST, service(SID) + dest(GOOD_DEST, without(NEW_DEST_OK, 6))),
        ("edit dest without weight", SET_DEST, service(SID) + dest(dest_id(RIP, 80), without(NEW_DEST_OK, 4))),
        ("delete dest without nest", DEL_DEST, service(SID)),
        ("dest in multicast", NEW_DEST, service(SID) + dest(dest_id("224.0.0.9", 80), NEW_DEST_OK)),
        ("dest at broadcast", NEW_DEST, service(SID) + dest(dest_id("255.255.255.255", 80), NEW_DEST_OK)),
        ("IPv6 dest in multicast", NEW_DEST, service(SID6) + dest(dest_id("ff02::1", 80), NEW_DEST_OK)),
        ("IPv6 dest link-local", NEW_DEST, service(SID6) + dest(dest_id("fe80::1", 80), NEW_DEST_OK)),
        ("upper threshold over INT_MAX", NEW_DEST, service(SID) + dest(GOOD_DEST, dest_attrs(u=1 << 31))),
        ("GUE with port 0", NEW_DEST, service(SID) + dest(GOOD_DEST, dest_attrs(fwd=TUN), attr(13, bytes([GUE])), be16(14, 0))),
        ("other family by NAT", NEW_DEST, service(SID) + dest(dest_id(RIP6, 80), dest_attrs(fwd=0), u16(11, socket.AF_INET6))),
        ("other family by DR", NEW_DEST, service(SID) + dest(dest_id(RIP6, 80), dest_attrs(fwd=3), u16(11, socket.AF_INET6))),
        ("negative timeout", SET_CONFIG, u32(TIMEOUT_TCP, -1)),
        # Ticks must fit an int: at 100 a second, the least there is, these do not.
        ("timeout too long", SET_CONFIG, u32(TIMEOUT_FIN, (2 ** 31 - 1) // 100 + 1)),
        ("UDP timeout too long", SET_CONFIG, u32(TIMEOUT_UDP, (2 ** 31 - 1) // 100 + 1)),
        ("zero, empty service", ZERO, service()),
        # Malformed: the policy refuses.
        ("service family too short", NEW_SERVICE, service(attr(1, b"\2"), without(NEW, 1), FULL)),
        ("service flags too short", NEW_SERVICE, service(NEW, without(FULL, 7), attr(7, bytes(4)))),
        ("scheduler name too long", NEW_SERVICE, service(NEW, service_attrs("x" * 40))),
        ("service timeout too short", NEW_SERVICE, service(NEW, without(FULL, 8), attr(8, b"\1\0"))),
        ("weight too short", NEW_DEST, service(SID) + dest(GOOD_DEST, without(NEW_DEST_OK, 4), attr(4, b"\1\0"))),
        ("attribute longer than its nest", NEW_SERVICE,
         attr(SERVICE | netlink.NLA_F_NESTED, struct.pack("=HH", 200, 1) + b"\2\0\0\0")),
    ],
    errno.EAFNOSUPPORT: [
        ("new service, unknown family", NEW_SERVICE, service(UNKNOWN_FAMILY, FULL)),
        ("delete service, unknown family", DEL_SERVICE, service(UNKNOWN_FAMILY)),
    ],
    errno.ESRCH: [
        ("edit absent service", SET_SERVICE, service(ABSENT, FULL)),
        ("delete absent service", DEL_SERVICE, service(ABSENT)),
        ("get absent service", GET_SERVICE, service(ABSENT)),
        ("zero absent service", ZERO, service(ABSENT)),
        ("new dest of absent service", NEW_DEST, service(ABSENT) + dest(GOOD_DEST, NEW_DEST_OK)),
        ("edit dest of absent service", SET_DEST, service(ABSENT) + dest(GOOD_DEST, NEW_DEST_OK)),
        ("delete dest of absent service", DEL_DEST, service(ABSENT) + dest(GOOD_DEST)),
        ("absent firewall mark", DEL_SERVICE, service(fwmark_id(socket.AF_INET, 7))),
    ],
    errno.EEXIST: [
        ("duplicate service", NEW_SERVICE, service(SID, FULL)),
        ("duplicate dest", NEW_DEST, service(SID) + dest(dest_id(RIP, 80), NEW_DEST_OK)),
    ],
    errno.ENOENT: [
        ("unknown scheduler", NEW_SERVICE, service(NEW, service_attrs("nosuch"))),
        ("edit to unknown scheduler", SET_SERVICE, service(SID, service_attrs("nosuch"))),
        ("unknown persistence engine", NEW_SERVICE, service(NEW, FULL, string(11, "nosuch"))),
        ("edit absent dest", SET_DEST, service(SID) + dest(GOOD_DEST, NEW_DEST_OK)),
        ("delete absent dest", DEL_DEST, service(SID) + dest(GOOD_DEST)),
        ("delete dest at another port", DEL_DEST, service(SID) + dest(dest_id(RIP, 81))),
    ],
    errno.ERANGE: [
        ("negative weight", NEW_DEST, service(SID) + dest(GOOD_DEST, dest_attrs(weight=-1))),
        ("lower over upper threshold", NEW_DEST, service(SID) + dest(GOOD_DEST, dest_attrs(u=5, low=6))),
        ("timeout of one byte", SET_CONFIG, attr(TIMEOUT_TCP, b"\1")),
        ("service nest of one byte", NEW_SERVICE, attr(SERVICE | netlink.NLA_F_NESTED, b"\1")),
        ("edit to negative weight", SET_DEST, service(SID) + dest(dest_id(RIP, 80), dest_attrs(weight=-5))),
    ],
    errno.EOPNOTSUPP: [
        ("set info", SET_INFO, b""),
    ],
}


@test(code=tuple(REFUSALS))
def errnos(t, code):
    """Every row of the table."""
    genl = prepare(t)
    for case in REFUSALS[code]:
        refused(t, genl, case, code)


@test
def daemons(t):
    """Starting one is not supported yet, or ends with the errno of the table; the dump is empty and succeeds."""
    genl = prepare(t)
    t.equal(genl.dump(GET_DAEMON), [], "daemons")
    for name, command, body in (
            ("unknown interface", NEW_DAEMON, nest(DAEMON, u32(1, 1), string(2, "nosuch0"), u32(3, 1))),
            ("stop none", DEL_DAEMON, nest(DAEMON, u32(1, 1)))):
        try:
            genl.request(command, body)
        except NetlinkError as error:
            allowed = {"unknown interface": errno.ENODEV, "stop none": errno.ESRCH}[name]
            t.equal(error.errno in (errno.EOPNOTSUPP, allowed), True, f"{name}: {error}")
        else:
            raise AssertionError(f"{name}: accepted")
    t.equal(genl.dump(GET_DAEMON), [], "daemons")


@test
def accepted_oddities(t):
    """Unknown attributes are ignored; an IPv4 address may have 4 bytes; nests need no flag; two families meet in tunnels."""
    genl = prepare(t)
    short = u16(1, socket.AF_INET) + u16(2, 6) + attr(3, socket.inet_aton(VIP)) + be16(4, 82)
    genl.request(NEW_SERVICE, nest(SERVICE, short, FULL, attr(99, b"whatever"), flag=False) + attr(50, b"more"))
    genl.request(NEW_DEST, nest(SERVICE, short, flag=False) +
                 nest(DEST, attr(1, socket.inet_aton(RIP)), be16(2, 82), NEW_DEST_OK, attr(88, b"x"), flag=False))
    t.equal(list(t.director.dests("tcp", VIP, 82)), [RIP], "dests")
    if supported(genl, NEW_DEST, service(SID) + dest(dest_id(RIP6, 80), dest_attrs(fwd=TUN), u16(11, socket.AF_INET6))):
        t.equal(sorted(t.director.dests("tcp", VIP, 80)), [RIP, RIP6], "dests")
    marks = [77] if supported(genl, NEW_SERVICE, service(fwmark_id(socket.AF_INET, 77), FULL)) else []
    t.equal([s["fwmark"] for s in t.director.services() if "fwmark" in s], marks, "marks")
    t.equal(genl.dump(GET_DEST, service(ABSENT)), [], "dests of an absent service")
    t.equal(len(genl.dump(GET_SERVICE, service())), 3 + len(marks), "services dumped with an empty nest")


def kinds(raw):
    return [kind for kind, _ in attrs(raw)]


@test
def reply_shapes(t):
    """Attributes and their order as clients know them; no nest flag; never an interrupted dump."""
    genl = prepare(t)
    marked = supported(genl, NEW_SERVICE, service(fwmark_id(socket.AF_INET6, 9), service_attrs(netmask=128)))
    stats = list(range(1, 11))
    replies = genl.dump(GET_SERVICE)
    shapes = {}
    for reply in replies:
        t.equal((reply.command, reply.flags & netlink.NLM_F_DUMP_INTR, kinds(reply.body)), (NEW_SERVICE, 0, [SERVICE]),
                "command, interrupted, attributes of a service reply")
        nested = reply.get(SERVICE)
        shapes[kinds(nested)[1]] = kinds(nested)
        raw = dict(attrs(nested))
        t.equal([kinds(raw[10]), kinds(raw[12])], [stats, [k for k in kinds(raw[12]) if k in stats]], "statistics")
        t.equal([len(v) for k, v in attrs(raw[10])], [4, 4, 4, 8, 8, 4, 4, 4, 4, 4], "sizes of the statistics")
        t.equal([len(v) for k, v in attrs(raw[12]) if k in stats], [8] * 10, "sizes of the 64-bit statistics")
        t.equal(struct.unpack("=II", raw[7])[1], 0xffffffff, "flags' mask")
        t.equal(struct.unpack("=I", raw[7][:4])[0] & 2, 2, "the flag HASHED")
    expected = {2: [1, 2, 3, 4, 6, 7, 8, 9, 10, 12], 5: [1, 5, 6, 7, 8, 9, 10, 12]}
    t.equal(shapes, expected if marked else {2: expected[2]}, "attributes of services")
    t.equal(sum(len(dict(attrs(r.get(SERVICE))).get(3, b"")) for r in replies), 32, "addresses have 16 bytes")
    one = genl.request(GET_SERVICE, service(SID))
    t.equal((len(one), one[0].command, kinds(one[0].body)), (1, NEW_SERVICE, [SERVICE]), "reply for one service")
    reply, = genl.dump(GET_DEST, service(SID))
    t.equal((reply.command, reply.flags & netlink.NLM_F_DUMP_INTR, kinds(reply.body)), (NEW_DEST, 0, [DEST]), "dest reply")
    t.equal(kinds(reply.get(DEST)), [1, 2, 3, 4, 13, 14, 15, 5, 6, 7, 8, 9, 11, 10, 12], "attributes of dests")
    info, = genl.request(GET_INFO)
    t.equal((info.command, kinds(info.body), info.get(1)), (SET_INFO, [1, 2], struct.pack("=I", 0x010201)), "info")
    config, = genl.request(GET_CONFIG)
    t.equal((config.command, kinds(config.body)), (SET_CONFIG, [4, 5, 6]), "config")


@test
def config(t):
    """A timeout of 0 or none at all leaves the value alone."""
    genl = t.director.genl

    def values():
        return [struct.unpack("=I", value)[0] for _, value in genl.request(GET_CONFIG)[0].attrs()]
    t.equal(values(), [900, 120, 300], "timeouts")
    genl.request(SET_CONFIG, u32(TIMEOUT_TCP, 1000) + u32(TIMEOUT_FIN, 0))
    t.equal(values(), [1000, 120, 300], "timeouts")
    genl.request(SET_CONFIG, u32(TIMEOUT_TCP, 900))
    genl.request(SET_CONFIG)
    t.equal(values(), [900, 120, 300], "timeouts")


@test
def unprivileged(t):
    """Every command, reads too, needs CAP_NET_ADMIN."""
    genl = prepare(t)
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(65534)
            codes = set()
            for command, flags in ((GET_SERVICE, netlink.NLM_F_DUMP), (GET_INFO, 4), (GET_CONFIG, 4), (FLUSH, 4), (ZERO, 4)):
                try:
                    genl.request(command, b"", flags)
                    codes.add("accepted")
                except NetlinkError as error:
                    codes.add(errno.errorcode[error.errno])
            os._exit(0 if codes == {"EPERM"} else 1)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(2)
    t.equal(os.waitpid(pid, 0)[1], 0, "exit code of the process without rights")
    t.equal(len(t.director.services()), 2, "services")


# The family LVS (include/lvs/abi.h)

GET_LVS_INFO, BATCH, GET_DROPS, GET_DESTS = 1, 2, 3, 5
LVS_SERVICE, LVS_DEST, FULLNAT = 5, 9, 5
A_VERSION, A_ABI_MIN, A_ABI_MAX, A_OP = 1, 2, 3, 4
OP_CMD, OP_SERVICE, OP_DEST, OP_LADDR, OP_OPTIONS = 1, 2, 3, 4, 5
GET_OPTIONS, LVS_OPTIONS = 7, 11
OPT_EST_TIMEOUT, OPT_UDP_LIMIT, OPT_FLAGS = 1, 2, 3


def op(command, sid=b"", dest_body=b"", options=None):
    return nest(A_OP, u32(OP_CMD, command), *([nest(OP_SERVICE, sid)] if sid else []),
                *([nest(OP_DEST, dest_body)] if dest_body else []), *([nest(OP_OPTIONS, options)] if options is not None else []))


def lvs_family(t):
    genl = Genl("LVS", t.lab.director_ns)
    return t.closing(genl)


@test(lvs_only=True)
def lvs_info(t):
    """GET_INFO tells versions to anyone's ABI; other commands refuse an ABI newer than the module's, with a message."""
    genl = lvs_family(t)
    info, = genl.request(GET_LVS_INFO)
    high = struct.unpack("=I", info.get(A_ABI_MAX))[0]
    t.equal(struct.unpack("=I", info.get(A_ABI_MIN))[0] <= high, True, "range of the ABI")
    t.equal(info.get(A_VERSION).rstrip(b"\0").decode(), open("/sys/module/lvs/version").read().strip(), "version")
    genl.request(GET_LVS_INFO, version=high + 1)
    for command, flags in ((BATCH, 4), (GET_DROPS, netlink.NLM_F_DUMP)):
        try:
            genl.request(command, flags=flags, version=high + 1)
        except NetlinkError as error:
            t.equal((error.errno, bool(error.message)), (errno.EPROTONOSUPPORT, True), f"answer to a newer version: {error}")
        else:
            raise AssertionError("a newer version was accepted")


@test(lvs_only=True)
def batch_applies(t):
    """A batch does what the single commands do."""
    genl, lvs = prepare(t), lvs_family(t)
    lvs.request(BATCH, op(NEW_SERVICE, NEW + FULL) + op(NEW_DEST, NEW, GOOD_DEST + dest_attrs(weight=4)) +
                op(SET_SERVICE, SID + service_attrs("wlc")) + op(SET_DEST, SID, dest_id(RIP, 80) + dest_attrs(weight=9)) +
                op(DEL_DEST, SID6, dest_id(RIP6, 80)) + op(DEL_SERVICE, SID6) + op(ZERO))
    t.equal({(s["address"], s["port"]): s["scheduler"] for s in t.director.services()},
            {(VIP, 80): "wlc", (VIP, 81): "rr"}, "services")
    t.equal((t.director.dests("tcp", VIP, 80)[RIP]["weight"], t.director.dests("tcp", VIP, 81)["10.1.0.22"]["weight"]),
            (9, 4), "weights")
    lvs.request(BATCH, op(FLUSH) + op(NEW_SERVICE, SID + FULL))
    t.equal([s["port"] for s in t.director.services()], [80], "services after a flush and a new one in a batch")
    t.equal(genl.dump(GET_DEST, service(SID)), [], "dests")


@test(lvs_only=True)
def batch_rolls_back(t):
    """If an operation fails nothing is left of those before it, whatever they were; the error points into the culprit."""
    genl, lvs = prepare(t), lvs_family(t)
    good = {
        "new service": op(NEW_SERVICE, NEW + FULL),
        "new service and dest": op(NEW_SERVICE, NEW + FULL) + op(NEW_DEST, NEW, GOOD_DEST + NEW_DEST_OK),
        "edited service": op(SET_SERVICE, SID + service_attrs("wlc", timeout=0)),
        "deleted service": op(DEL_SERVICE, SID),
        "new dest": op(NEW_DEST, SID, GOOD_DEST + NEW_DEST_OK),
        "edited dest": op(SET_DEST, SID, dest_id(RIP, 80) + dest_attrs(weight=77, fwd=3)),
        "deleted dest": op(DEL_DEST, SID, dest_id(RIP, 80)),
        "zero": op(ZERO),
        "flush": op(FLUSH),
        "flush and rebuild": op(FLUSH) + op(NEW_SERVICE, SID + service_attrs("lc")) +
                             op(NEW_DEST, SID, GOOD_DEST + NEW_DEST_OK),
        "deleted and added again": op(DEL_SERVICE, SID) + op(NEW_SERVICE, SID + service_attrs("lc")),
    }
    bad = op(DEL_SERVICE, ABSENT)
    for name, body in good.items():
        before = state(genl)
        try:
            lvs.request(BATCH, body + bad + op(NEW_SERVICE, service_id("tcp", VIP, 83) + FULL))
        except NetlinkError as error:
            note(f"{name}: {error}")
            t.equal((error.errno, bool(error.message)), (errno.ESRCH, True), f"the error after {name}")
            start = 20 + len(body)
            t.equal(error.offset is not None and start <= error.offset < start + len(bad), True,
                    f"{name}: offset {error.offset} within the failing operation at {start} to {start + len(bad)}")
        else:
            raise AssertionError(f"{name}: accepted")
        t.equal(state(genl) == before, True, f"state unchanged after {name}")


@test(lvs_only=True)
def batch_refuses(t):
    """What a batch may not hold, and operations without what they need."""
    genl, lvs = prepare(t), lvs_family(t)
    before = state(genl)
    for name, body in (("no command", nest(A_OP, nest(OP_SERVICE, SID))), ("a listing", op(GET_SERVICE, SID)),
                       ("a daemon", op(NEW_DAEMON)), ("unknown command", op(200, SID)), ("no service", op(NEW_SERVICE)),
                       ("no dest", op(NEW_DEST, SID)), ("short command", nest(A_OP, attr(OP_CMD, b"\1"))),
                       ("nest of rubbish", attr(A_OP | netlink.NLA_F_NESTED, b"\xff\xff\1")), ("empty operation", nest(A_OP))):
        try:
            lvs.request(BATCH, op(DEL_SERVICE, SID6) + body)
        except NetlinkError as error:
            note(f"{name}: {error}")
            t.equal(bool(error.message), True, f"{name}: there is a message")
        else:
            raise AssertionError(f"{name}: accepted")
        t.equal(state(genl) == before, True, f"state unchanged by {name}")


def all_options(lvs):
    """[(seconds, seconds, flags)] of the services that have any."""
    found = []
    for message in lvs.dump(GET_OPTIONS):
        raw = dict(attrs(message.get(LVS_OPTIONS | netlink.NLA_F_NESTED)))
        found.append(tuple(struct.unpack("=I", raw[kind])[0] for kind in (OPT_EST_TIMEOUT, OPT_UDP_LIMIT, OPT_FLAGS)))
    return found


@test(lvs_only=True)
def service_options(t):
    """OPTIONS replace each other as a whole, are kept by what does not name them, and have ranges."""
    lvs = lvs_family(t)
    prepare(t)
    edit = lambda options: lvs.request(BATCH, op(SET_SERVICE, SID + service_attrs("wlc"), options=options))
    t.equal(all_options(lvs), [], "options at first")
    edit(u32(OPT_EST_TIMEOUT, 1000000) + u32(OPT_FLAGS, 3))
    t.equal(all_options(lvs), [(1000000, 0, 3)], "what was set")
    edit(None)
    t.equal(all_options(lvs), [(1000000, 0, 3)], "after an edit without OPTIONS")
    for name, options in (("a long timeout", u32(OPT_EST_TIMEOUT, 1000001)), ("a long limit", u32(OPT_UDP_LIMIT, 0xffffffff)),
                          ("an unknown flag", u32(OPT_FLAGS, 16)), ("a large rate", u32(5, 1000001)), ("a large rate of clients", u32(7, 1000001)),
                          ("a kind that TCP has", u32(8, 30)), ("a kind that no option can have", u32(8, 256)), ("an unknown way to tell", u32(9, 3)), ("half a number", attr(OPT_FLAGS, b"\1\0")),
                          ("rubbish", b"\xff\xff\1\0")):
        try:
            edit(options)
        except NetlinkError as error:
            t.equal((error.errno, bool(error.message)), (errno.EINVAL, True), f"{name}: {error}")
        else:
            t.equal(name, "rubbish", "what may be passed over")
    t.equal(all_options(lvs) in ([(1000000, 0, 3)], []), True, f"after what was refused: {all_options(lvs)}")
    edit(u32(OPT_UDP_LIMIT, 7))
    t.equal(all_options(lvs), [(0, 7, 0)], "what was set then")
    edit(b"")
    t.equal(all_options(lvs), [], "after an edit with empty OPTIONS")


@test(lvs_only=True)
def large_batch(t):
    """2,000 services with a dest each in one batch; with a mistake at its end, none of them."""
    genl, lvs = t.director.genl, lvs_family(t)
    body = b"".join(op(NEW_SERVICE, sid + FULL) + op(NEW_DEST, sid, dest_id(RIP, 80) + NEW_DEST_OK)
                    for sid in (service_id("tcp", f"192.0.2.{100 + n // 1000}", 1 + n % 1000) for n in range(2000)))
    try:
        lvs.request(BATCH, body + op(DEL_SERVICE, ABSENT))
    except NetlinkError as error:
        t.equal(error.errno, errno.ESRCH, "errno")
    t.equal(len(genl.dump(GET_SERVICE)), 0, "services after the failed batch")
    lvs.request(BATCH, body)
    t.equal(len(genl.dump(GET_SERVICE)), 2000, "services")
    t.equal(len(t.director.dests("tcp", "192.0.2.101", 999)), 1, "dests of one of them")
    lvs.request(BATCH, op(FLUSH))
    t.equal(len(genl.dump(GET_SERVICE)), 0, "services after the flush")


@test(lvs_only=True)
def all_dests(t):
    """GET_DESTS: what family IPVS tells of each dest of each service, but for the real method and without STATS."""
    genl = prepare(t)
    genl.request(NEW_DEST, service(SID) + dest(GOOD_DEST, dest_attrs(fwd=FULLNAT)))
    lvs = lvs_family(t)
    found = []
    for message in lvs.dump(GET_DESTS):
        nests = {kind & ~netlink.NLA_F_NESTED: dict(attrs(value)) for kind, value in message.attrs()}
        found.append((nests[LVS_SERVICE], nests[LVS_DEST]))
    told = [(sid, dict(attrs(m.get(DEST)))) for sid in (SID, SID6) for m in genl.dump(GET_DEST, service(sid))]
    t.equal([identity for identity, _ in found], [dict(attrs(sid)) for sid, _ in told], "services")
    for (_, whole), (_, plain) in zip(found, told):
        plain.pop(ipvs.DEST_STATS)
        t.equal({**whole, ipvs.DEST_FWD: b""}, {**plain, ipvs.DEST_FWD: b""}, "a dest but for its method")
    methods = [struct.unpack("=I", whole[ipvs.DEST_FWD])[0] for _, whole in found]
    t.equal(methods, [0, FULLNAT, 0], "methods")
    t.equal(len(lvs.dump(GET_DESTS, nest(LVS_SERVICE, SID))), 2, "dests of one service")
    for body, expected in ((nest(LVS_SERVICE, ABSENT), errno.ESRCH), (nest(LVS_SERVICE, b""), errno.EINVAL)):
        try:
            lvs.dump(GET_DESTS, body)
        except NetlinkError as error:
            t.equal(error.errno, expected, "errno")
        else:
            raise AssertionError("accepted")


@test(lvs_only=True)
def drops(t):
    """GET_DROPS: the namespace's totals first, then each service; every reason is there."""
    prepare(t)
    lvs = lvs_family(t)
    messages = lvs.dump(GET_DROPS)
    t.equal([5 in {k & 0x3fff for k in kinds(m.body)} for m in messages], [False, True, True], "messages with a service")
    names = list(t.director.drops())
    t.equal(set(names) >= {"malformed", "no-dest", "dest-gone", "too-big", "ttl-exceeded"}, True, f"reasons {names}")
    t.equal(list(t.director.drops(("tcp", VIP, 80)).values()), [0] * len(names), "a new service's drops")
