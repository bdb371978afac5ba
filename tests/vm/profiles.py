# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles: what a service gets when it is added, whoever adds it, so that clients which know IPVS only have FULLNAT."""
import errno
import json
import os
import signal
import struct

from fullnat import local_addresses, pool
from lib import netlink, wait
from lib.daemons import Daemon, Nginx, directory, http
from lib.harness import test
from lib.ipvs import NEW_DEST, NEW_SERVICE, STOCK_IPVSADM, service_attrs, service_id
from lib.lab import VIPS, Lab
from lib.netlink import Genl, NetlinkError, attr, attrs, nest, u32
from lib.traffic import Server, TcpClient

BATCH, GET_PROFILES = 2, 8
A_OP, A_SERVICE, A_LADDR, A_OPTIONS = 4, 5, 8, 11
OP_CMD, OP_SERVICE, OP_LADDR, OP_OPTIONS, OP_LADDRS = 1, 2, 4, 5, 6
SET_PROFILE, DEL_PROFILE, LADDRS_MAX = 258, 259, 2048


def profile(t, name, options):
    """Sets a profile for the time of the test."""
    t.director.ipvsadm("--profile", "set", *name.split(), *options.split())
    t.cleanup(t.director.ipvsadm, "--profile", "delete", *name.split())


def listed(t):
    return t.director.ipvsadm("--profile", "list", "-n").out.splitlines()[2:]


def rules(t, name):
    return [line for line in t.director.ipvsadm("-S", "-n").out.splitlines() if f"{name} " in f"{line} "]


@test(lvs_only=True)
def kept(t):
    """Listed, saved and restored, twice as well; services come and go, -C too; a failed restore changes none."""
    name, laddrs = f"-t {VIPS[4]['other']}:{t.port()}", local_addresses(t, 4, 3)
    first, _, last = laddrs
    profile(t, name, f"-z {first},{last} -V 600 --expire-rst --masq-fullnat")
    rule = f"--profile set {name} -z {first},{last} -V 600 --expire-rst --masq-fullnat"
    table = [f"TCP  {name[3:]} established 600 expire-rst masq-fullnat", f"  -> {first}", f"  -> {last}"]
    t.equal((rules(t, name), listed(t)), ([rule], table), "the rule and the list")
    found = json.loads(t.director.ipvsadm("--profile", "list", "--json").out)["profiles"]
    t.equal([(one["established_timeout"], one["masq_fullnat"], one["local_addresses"]) for one in found],
            [(600, True, [first, last])], "in JSON")
    t.director.rules(f"-A {name} -s rr", f"-a {name} -r 10.1.0.11:80 -m")
    saved = [rule, f"-A {name} -s rr -V 600 --expire-rst --masq-fullnat", f"-a {name} -r 10.1.0.11:80 -b -w 1",
             f"-P {name} -z {first}", f"-P {name} -z {last}"]
    t.equal(rules(t, name), saved, "the service's rules")
    for _ in range(2):
        t.director.ipvsadm("-C")
        t.equal(listed(t), table, "the list after -C")
        t.director.ipvsadm("-R", stdin="\n".join(saved))
        t.equal(rules(t, name), saved, "the rules restored")
    failed = t.director.ipvsadm("-R", check=False,
                                stdin=f"--profile set {name} -V 7\n--profile delete {name}\n-D -f 4999\n")
    t.equal((failed.code != 0, rules(t, name)), (True, saved), "refused, the rules")


@test(lvs_only=True, client=("ours", "stock", "netlink"))
def holds_for(t, client):
    """Whatever adds the service, its NAT dests are FULLNAT dests, with the pool and the timeouts of the profile."""
    vip, port, rport = VIPS[4]["other"], t.port(), t.port()
    rip, name, laddrs = Lab.RS[4][0], f"-t {VIPS[4]['other']}:{port}", local_addresses(t, 4, 2)
    t.closing(Server(t.lab.rs[0], "tcp", rip, rport, "rs1"))
    profile(t, name, f"-z {','.join(laddrs)} -V 50 --masq-fullnat")
    if client == "netlink":
        identity = nest(1, service_id("tcp", vip, port), service_attrs("rr"))
        t.director.genl.request(NEW_SERVICE, identity)
        t.director.genl.request(NEW_DEST, identity + nest(2, attr(1, bytes(map(int, rip.split("."))) + bytes(12)),
                                                          netlink.be16(2, rport), u32(3, 0), u32(4, 1), u32(5, 0), u32(6, 0)))
    else:
        tool = STOCK_IPVSADM if client == "stock" else None
        t.director.ipvsadm("-A", *name.split(), "-s", "rr", tool=tool)
        t.director.ipvsadm("-a", *name.split(), "-r", f"{rip}:{rport}", "-m", tool=tool)
    stock = t.director.ipvsadm("-Ln", *name.split(), tool=STOCK_IPVSADM).out
    t.equal("Masq" in stock, True, f"what the stock tool says of it:\n{stock}")
    t.equal("FullNat" in t.director.ipvsadm("-Ln", *name.split()).out, True, "what ours says")
    with TcpClient(t.lab.client, vip, port) as conn:
        t.equal(conn.exchange(100000, 100000), "rs1", "the server that answered")
        peers = t.lab.rs[0].run("ss", "-tnH", "state", "established", f"( sport = :{rport} )").out
        t.equal(any(f"{laddr}:" in peers for laddr in laddrs), True, f"the client that the server sees:\n{peers}")
        t.equal(sum(used for used, _, _ in pool(t, name).values()), 1, "ports taken")
        t.equal(t.director.conns(vip, port)[0]["expires"] <= 50, True, "the timeout of the profile, of 900 s otherwise")


@test(lvs_only=True)
def which_one(t):
    """A service's own profile before its address's, that of its protocol only; of marks by number and family."""
    vip, port, mark = VIPS[4]["other"], t.port(), t.port()
    profile(t, f"-t {vip}:{port}", "-V 10")
    profile(t, f"-t {vip}", "-V 20")
    profile(t, f"-f {mark} -6", "-V 30")
    for name, options in ((f"-t {vip}:{port}", " -V 10"), (f"-t {vip}:{t.port()}", " -V 20"), (f"-u {vip}:{port}", ""),
                          (f"-t {VIPS[4]['nat']}:{port}", ""), (f"-f {mark} -6", " -V 30"), (f"-f {mark}", "")):
        t.director.ipvsadm("-A", *name.split(), "-s", "rr")
        added = [line for line in t.director.ipvsadm("-S", "-n").out.splitlines() if line.startswith("-A")]
        t.equal(added, [f"-A {name} -s rr{options}"], f"the service {name}")
        t.director.ipvsadm("-C")
    t.director.ipvsadm("-A", "-t", f"{vip}:{port}", "-s", "rr", "--expire-rst")
    t.equal(rules(t, f"-t {vip}:{port}")[1:], [f"-A -t {vip}:{port} -s rr --expire-rst"], "one with options of its own")


@test(lvs_only=True, af=(4, 6), own=(True, False))
def later(t, af, own):
    """A service that was there before its profile keeps what it has, and its real server NAT; saved and restored, too."""
    vip, port, rip, laddrs = VIPS[af]["nat"], t.port(), Lab.RS[af][0], local_addresses(t, af, 3)
    host, server = (f"[{address}]" if af == 6 else address for address in (vip, rip))
    name, name_of_profile = f"-t {host}:{port}", f"-t {host}:{port if own else 0}"
    t.closing(Server(t.lab.rs[0], "tcp", rip, port, "rs1"))
    t.director.rules(f"-A {name} -s rr", f"-a {name} -r {server}:{port} -m", f"-P {name} -z {laddrs[2]}",
                     f"-P {name} -z {laddrs[0]}")
    before = rules(t, name)
    profile(t, name_of_profile, f"-z {','.join(laddrs)} -V 600 --masq-fullnat")
    table = t.director.ipvsadm("-Ln").out, list(pool(t, name))
    saved = t.director.ipvsadm("-S", "-n").out
    added = [f"-E {name} -s rr", f"-Q {name} -z {','.join(laddrs)}"]
    t.equal([line for line in rules(t, name) if not line.startswith("--profile")], before[:1] + added + before[1:], "its rules")
    for _ in range(2):
        t.director.ipvsadm("-C")
        t.director.ipvsadm("-R", stdin=saved)
        t.equal((t.director.ipvsadm("-Ln").out, list(pool(t, name))), table, "the table and the pool restored")
        t.equal(t.director.ipvsadm("-S", "-n").out, saved, "the rules restored")
    with TcpClient(t.lab.client, vip, port) as conn:
        t.equal(conn.exchange(1000, 1000), "rs1", "the server that answered")
        t.equal(sum(used for used, _, _ in pool(t, name).values()), 0, "ports taken: it is NAT")


@test(lvs_only=True)
def too_many(t):
    """More local addresses than a profile has room for are refused before the kernel is asked, IPv6 ones as well."""
    name = f"-t {VIPS[4]['other']}:{t.port()}"
    for laddrs in ("10.77.0.0-10.77.8.0", "fd00:77::1-fd00:77::1000"):
        result = t.director.ipvsadm("--profile", "set", *name.split(), "-z", laddrs, check=False)
        t.equal((result.code, "more than 2048 addresses" in result.err, listed(t)), (2, True, []),
                f"code, text, profiles: {result.err}")


def op(command, identity, options=b"", laddrs=()):
    return nest(A_OP, u32(OP_CMD, command), nest(OP_SERVICE, identity), nest(OP_OPTIONS, options),
                nest(OP_LADDRS, *[attr(OP_LADDR, laddr) for laddr in laddrs]))


def dumped(lvs):
    """[number of local addresses] of each profile, in the order they were set."""
    numbers = []
    for message in lvs.dump(GET_PROFILES):
        kinds = [kind & 0x3fff for kind, _ in message.attrs()]
        if A_OPTIONS in kinds:
            numbers.append(0)
        else:
            numbers[-1] += kinds.count(A_LADDR)
    return numbers


@test(lvs_only=True)
def many(t):
    """The most local addresses, set, dumped in many messages, brought to a service, deleted; one more is refused."""
    t.lab.director_ns.run("ip", "route", "add", "local", "10.77.0.0/16", "dev", "lo")
    t.cleanup(t.lab.director_ns.run, "ip", "route", "del", "local", "10.77.0.0/16", "dev", "lo")
    lvs, port = t.closing(Genl("LVS", t.lab.director_ns)), t.port()
    identity = service_id("tcp", VIPS[4]["other"], port)
    laddrs = [struct.pack("!I", 0x0a4d0000 + 1 + i) for i in range(LADDRS_MAX + 1)]
    others = [service_id("tcp", VIPS[4]["other"], t.port()) for _ in range(300)]
    lvs.request(BATCH, op(SET_PROFILE, identity, laddrs=laddrs[1:]) + b"".join(op(SET_PROFILE, one) for one in others))
    t.cleanup(lvs.request, BATCH, b"".join(op(DEL_PROFILE, one) for one in [identity, *others]))
    t.equal(dumped(lvs), [LADDRS_MAX] + [0] * len(others), "profiles")
    lvs.request(BATCH, op(SET_PROFILE, others[0], laddrs=laddrs[:5]))
    t.equal(dumped(lvs), [LADDRS_MAX] + [0] * (len(others) - 1) + [5], "profiles, the one that was set again last")
    name = f"-t {VIPS[4]['other']}:{port}"
    t.director.ipvsadm("-A", *name.split(), "-s", "rr")
    t.equal(len(pool(t, name)), LADDRS_MAX, "local addresses of the service")
    t.director.ipvsadm("-Q", *name.split(), "-z", "10.77.0.2-10.77.0.9")
    t.equal(len(pool(t, name)), LADDRS_MAX - 8, "local addresses of the service, without eight")


@test(lvs_only=True)
def refused(t):
    """What is wrong is refused with a message and changes nothing."""
    lvs, port = t.closing(Genl("LVS", t.lab.director_ns)), t.port()
    identity, absent = (service_id("tcp", VIPS[4]["other"], p) for p in (port, t.port()))
    laddr = bytes(map(int, local_addresses(t, 4)[0].split(".")))
    lvs.request(BATCH, op(SET_PROFILE, identity, laddrs=[laddr]))
    t.cleanup(lvs.request, BATCH, op(DEL_PROFILE, identity))
    no_service = nest(A_OP, u32(OP_CMD, SET_PROFILE))
    wrong_nest = nest(A_OP, u32(OP_CMD, SET_PROFILE), nest(OP_SERVICE, identity), nest(OP_LADDRS, u32(OP_CMD, 1)))
    for what, operation, code in (
            ("twice the same", op(SET_PROFILE, identity, laddrs=[laddr, laddr]), errno.EEXIST),
            ("not local", op(SET_PROFILE, identity, laddrs=[laddr, b"\x0a\x09\x09\x09"]), errno.EADDRNOTAVAIL),
            ("half an address", op(SET_PROFILE, identity, laddrs=[b"\x0a"]), errno.EINVAL),
            ("too many", op(SET_PROFILE, identity, laddrs=[laddr] * (LADDRS_MAX + 1)), errno.EINVAL),
            ("an option out of range", op(SET_PROFILE, identity, u32(1, 1000001)), errno.EINVAL),
            ("something else among the addresses", wrong_nest, errno.EINVAL), ("no service", no_service, errno.EINVAL),
            ("none to delete", op(DEL_PROFILE, absent), errno.ESRCH)):
        try:
            lvs.request(BATCH, op(SET_PROFILE, absent) + op(DEL_PROFILE, identity) + op(SET_PROFILE, identity, u32(1, 5))
                        + op(DEL_PROFILE, absent) + operation)
        except NetlinkError as error:
            t.equal((error.errno, bool(error.message)), (code, True), f"{what}: {error}")
        else:
            raise AssertionError(f"{what} was accepted")
        t.equal(dumped(lvs), [1], f"profiles after {what}")
        raw = dict(attrs(lvs.dump(GET_PROFILES)[0].get(A_OPTIONS | netlink.NLA_F_NESTED)))
        t.equal(raw[1], bytes(4), f"its timeout after {what}")


CONFIG = """virtual_server {vip} {port} {{
    delay_loop 1
    lb_algo {algo}
    lb_kind NAT
    protocol TCP
    real_server {rip} 8080 {{
        weight 1
        TCP_CHECK {{
            connect_timeout 2
            retry 1
            delay_before_retry 1
        }}
    }}
}}
"""


@test(lvs_only=True, timeout=300)
def keepalived(t):
    """A stock keepalived with lb_kind NAT has FULLNAT, through reloads that change, delete and add the service."""
    rip, vip, port = Lab.RS[4][0], VIPS[4]["other"], t.port()
    name, other, path = f"-t {vip}:{port}", t.port(), directory(t)
    t.closing(Nginx(t, t.lab.rs[0], rip, 8080, "real server 1"))
    profile(t, f"-t {vip}", f"-z {local_addresses(t, 4)[0]} --masq-fullnat")

    def configure(*services):
        with open(f"{path}/keepalived.conf", "w") as conf:
            conf.write("".join(CONFIG.format(vip=vip, port=number, algo=algo, rip=rip) for number, algo in services))

    def method():
        """Of each of its services."""
        return {int(line.split()[2].split(":")[1]): line.split()[5] for line in
                t.director.ipvsadm("-S", "-n").out.splitlines() if line.startswith(f"-a -t {vip}:")}

    configure((port, "rr"))
    daemon = t.closing(Daemon(t.lab.director_ns, "keepalived", "--dont-fork", "--log-console", "--check",
                              "--use-file", f"{path}/keepalived.conf", "--pid", f"{path}/pid",
                              "--checkers_pid", f"{path}/checkers", directory=path,
                              env=dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin")))
    wait.equals(method, {port: "-b"}, 60, "the methods", step=0.1)
    wait.equals(lambda: http(t.lab.client, vip, port), "real server 1", 20, "the page")
    for services in (((port, "wrr"),), ((other, "rr"),), ((port, "rr"), (other, "wrr"))):
        configure(*services)
        daemon.process.send_signal(signal.SIGHUP)
        wait.equals(lambda: (method(), {rules(t, f"-t {vip}:{number}")[0].split()[4] for number in method()}),
                    ({number: "-b" for number, _ in services}, {algo for _, algo in services}), 60,
                    "the methods and schedulers after a reload", step=0.1)
        for number, _ in services:
            wait.equals(lambda: http(t.lab.client, vip, number), "real server 1", 20, f"the page of {number}")
            t.equal(len(pool(t, f"-t {vip}:{number}")), 1, "local addresses")
    t.equal(rules(t, name)[0].startswith("-A"), True, "profiles of the service itself")
