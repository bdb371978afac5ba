# SPDX-License-Identifier: GPL-2.0-or-later
"""FTP through NAT: vsftpd on the real servers, curl as the client, and both made by hand where they lie."""
import contextlib
import hashlib
import os
import re
import socket
import time

from lib import kernel, packet, patience, wait
from lib.daemons import Daemon, directory
from lib.harness import test
from lib.ipvs import Director
from lib.lab import METHOD_OPTION, VIPS, Lab
from lib.persistent import FAMILIES, Persistent
from lib.record import run

SIZE = 1 << 20
# What makes curl ask for a data connection in that way, and believe the address that it is told.
CURL = {"pasv": ("--disable-epsv", "--no-ftp-skip-pasv-ip"), "epsv": (), "port": ("--disable-eprt", "--ftp-port", "-"),
        "eprt": ("--ftp-port", "-")}


class Vsftpd(Daemon):
    """Takes anybody, and lets them read and write in the directory `files`."""

    def __init__(self, t, ns, address, port=21, from_port_20=True, rate=0):
        path = directory(t)
        self.files = f"{path}/files"
        os.makedirs(f"{self.files}/up")
        os.makedirs(f"{path}/empty")
        os.chmod(f"{self.files}/up", 0o777)
        with open(f"{path}/vsftpd.conf", "w") as conf:
            conf.write("background=NO\nanonymous_enable=YES\nno_anon_password=YES\nftp_username=daemon\nnopriv_user=nobody\n"
                       f"anon_root={self.files}\nwrite_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\n"
                       f"anon_umask=022\nsecure_chroot_dir={path}/empty\nseccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n"
                       f"xferlog_enable=NO\nanon_max_rate={rate}\n"
                       f"connect_from_port_20={'YES' if from_port_20 else 'NO'}\nlisten_port={port}\n" +
                       (f"listen=NO\nlisten_ipv6=YES\nlisten_address6={address}\n" if ":" in address else
                        f"listen=YES\nlisten_ipv6=NO\nlisten_address={address}\n"))
        super().__init__(ns, "vsftpd", f"{path}/vsftpd.conf", directory=path)
        wait.until(lambda: answers(ns, address, port), 20, "vsftpd answers")


def answers(ns, address, port):
    try:
        Control(ns, address, port).close()
        return True
    except OSError:
        return False


class Control:
    """A control connection made by hand."""

    def __init__(self, ns, address, port=21):
        with ns:
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.settimeout(patience.seconds(20))
        self.socket.connect((address, port))
        self.lines = self.socket.makefile("rb")
        self.read()

    def read(self):
        return self.lines.readline().decode().rstrip("\r\n")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.read()

    def close(self):
        self.lines.close()
        self.socket.close()


def servers(t, af, port=21, count=2, method="-m", kind="nat", options="", size=SIZE, **server):
    """Real servers with a file of their own under the same name, and a virtual service in front of them."""
    daemons = []
    for index in range(count):
        daemon = t.closing(Vsftpd(t, t.lab.rs[index], Lab.RS[af][index], port, **server))
        with open(f"{daemon.files}/file", "wb") as file:
            file.write(hashlib.sha256(b"%d" % index).digest() * (size // 32))
        daemons.append(daemon)
    vip = VIPS[af][kind]
    t.director.service("tcp", vip, 21, "rr", [(rip, port, method) for rip in Lab.RS[af][:count]], options)
    return vip, daemons


def url(vip, path):
    return f"ftp://[{vip}]/{path}" if ":" in vip else f"ftp://{vip}/{path}"


def curl(t, *arguments):
    return t.lab.client.run("curl", "-sS", "-m", str(patience.seconds(30)), *arguments)


def read(path):
    with open(path, "rb") as file:
        return file.read()


@test(way=("pasv,4", "epsv,4", "port,4", "eprt,4", "epsv,6", "eprt,6"), lvs_only=True, timeout=120)
def transfers(t, way):
    """
    Two files down and one up on one control connection, so that what follows a changed text arrives, too; the data
    connection goes to the server that has the control connection.
    """
    how, af = way.split(",")
    vip, daemons = servers(t, int(af))
    path = directory(t)
    for turn in range(2):
        down = [f"{path}/{turn}.{number}" for number in range(2)]
        curl(t, *CURL[how], url(vip, "file"), "-o", down[0], url(vip, "file"), "-o", down[1])
        t.equal(read(down[0]) == read(down[1]), True, "both files of one server")
        curl(t, *CURL[how], "-T", down[0], url(vip, f"up/{turn}"))
        t.equal([read(f"{daemon.files}/up/{turn}") == read(down[0]) for daemon in daemons
                 if os.path.exists(f"{daemon.files}/up/{turn}")], [True], "what was sent")
    t.equal(len({read(f"{path}/{turn}.0") for turn in range(2)} | {read(f"{daemon.files}/file") for daemon in daemons}), 2, "files")
    t.equal({dest["stats"]["conns"] > 2 for dest in t.director.dests("tcp", vip, 21).values()}, {True}, "both servers took part")


@test(how=("pasv", "epsv", "port"), lvs_only=True, timeout=120)
def other_ports(t, how):
    """The servers listen on another port than clients ask for, and call back from whatever port they get."""
    vip, daemons = servers(t, 4, port=2121, count=1, from_port_20=False)
    path = directory(t)
    curl(t, *CURL[how], url(vip, "file"), "-o", f"{path}/file")
    t.equal(read(f"{path}/file") == read(f"{daemons[0].files}/file"), True, "the file")


@test(af=FAMILIES, method=("nat", "dr", "tun"))
def data_goes_with_a_persistent_service(t, af, method):
    """
    What nobody reads, or nobody can: a client's connections to port 20 and to ports that everybody may use go where its control
    connection went, and with them those to no service; others, and those of a service that is not persistent, do not.
    """
    service = Persistent(t, "tcp", af, "-p 30", port=21, method=METHOD_OPTION[method])

    def made():
        return {dest: told["stats"]["conns"] for dest, told in service.dests().items()}

    def send(client, port):
        t.lab.outside.send(packet.tcp(client, t.port(), service.vip, port, packet.SYN))

    def dest(client, port):
        before = made()
        send(client, port)
        return wait.until(lambda: [dest for dest, count in made().items() if count > before[dest]], 10, "a connection")
    dests = []
    for client in service.clients:
        dests += dest(client, 21)
        t.equal([dest(client, port) for port in (20, 40000, 65535, 1024)], [dests[-1:]] * 4, "dests of data")
    t.equal(len(set(dests)), 3, "dests of three clients")
    client, before = service.clients[0], sum(made().values())
    send(client, 1023)
    t.lab.outside.send(packet.udp(client, t.port(), service.vip, 40000, b"x"))
    dest(client, 40001)
    t.equal(sum(made().values()), before + 1, "connections after one to a port that not everybody may use, and a datagram")
    t.director.rules(f"-E {service.name} -s rr")
    send(client, 40002)
    dest(client, 21)
    t.equal(sum(made().values()), before + 2, "connections after one that is no data of a service which is not persistent")


@test(lvs_only=True)
def data_of_a_server_that_is_drained(t):
    """With weight 0 and expire_nodest_conn clients begin elsewhere, but data of a control connection is its server's."""
    vip, daemons = servers(t, 4)
    control = t.closing(Control(t.lab.client, vip))
    t.equal(control.say("USER anonymous")[:3], "230", "the answer")
    dests = t.director.dests("tcp", vip, 21)
    rip, = [rip for rip, dest in dests.items() if dest["active"]]
    daemon = daemons[Lab.RS[4].index(rip)]
    t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=1)
    t.cleanup(lambda: t.lab.director_ns.sysctl(ipv4__vs__expire_nodest_conn=0))
    t.director.rules(f"-e -t {vip}:21 -r {rip}:21 -m -w 0")
    high, low = re.search(r",(\d+),(\d+)\)", control.say("PASV")).groups()
    with t.lab.client:
        data = t.closing(socket.create_connection((vip, int(high) << 8 | int(low)), patience.seconds(10)))
    t.equal(control.say("RETR file")[:3], "150", "the answer")
    got = bytearray()
    while piece := data.recv(SIZE):
        got += piece
    t.equal(bytes(got) == read(f"{daemon.files}/file"), True, "the whole file")
    t.closing(Control(t.lab.client, vip))
    t.equal(t.director.dests("tcp", vip, 21)[rip]["stats"]["conns"], 2, "connections of the drained server")


@test(lvs_only=True)
def services_at_two_ports(t):
    """Persistent services at two of the ports that the module reads have clients of their own."""
    t.lab.director.close()
    kernel.remove()
    run("insmod", kernel.module_path(), "ftp_ports=21,2121")
    t.cleanup(t.lab.reload)
    t.lab.director = Director(t.lab.director_ns)
    first, second = [Persistent(t, "tcp", port=port, method="-g", dests=2) for port in (21, 2121)]
    t.director.rules(f"-d {first.dest(1)}", f"-d {second.dest(0)}")
    client = first.clients[0]
    t.equal([one.send(client, 5300)[1] for one in (first, second)], [21, 2121], "ports")
    t.equal([{dest: one.dests()[dest]["stats"]["conns"] for dest in one.dests()} for one in (first, second)],
            [{first.rips[0]: 1}, {first.rips[1]: 1}], "connections of each service's dests")


def control_connections(t):
    line, = re.findall(r"(?m)^TCP  21      (\d+) +ftp {14}$", t.lab.director_ns.read("/proc/net/ip_vs_app"))
    return int(line)


@test(lvs_only=True, timeout=120)
def client_sees_the_virtual_service(t):
    """What the client is told, and where the data comes from."""
    vip, _ = servers(t, 4, count=1)
    before = control_connections(t)
    control = t.closing(Control(t.lab.client, vip))
    t.equal(control_connections(t), before + 1, "control connections in /proc/net/ip_vs_app")
    control.say("USER anonymous")
    told = control.say("PASV")
    t.equal(told.startswith(f"227 Entering Passive Mode ({vip.replace('.', ',')},"), True, told)
    with t.lab.client:
        listener = socket.socket()
    with listener:
        listener.settimeout(patience.seconds(20))
        listener.bind((Lab.CLIENT[4], 0))
        listener.listen()
        port = listener.getsockname()[1]
        t.equal(control.say(f"PORT {Lab.CLIENT[4].replace('.', ',')},{port >> 8},{port & 255}")[:3], "200", "PORT")
        control.socket.sendall(b"LIST\r\n")
        data, peer = listener.accept()
        data.close()
        t.equal(peer, (vip, 20), "the data connection comes from")


@test(lvs_only=True, timeout=120)
def control_outlives_a_long_transfer(t):
    """While data flows the control connection is silent for longer than its timeout."""
    vip, daemons = servers(t, 4, count=1, rate=SIZE // 5)
    t.director.ipvsadm("--set", "2", "0", "0")
    t.cleanup(t.director.ipvsadm, "--set", "900", "0", "0")
    path, begin = directory(t), time.monotonic()
    curl(t, *CURL["pasv"], "-Q", "-NOOP", url(vip, "file"), "-o", f"{path}/1")
    t.equal(time.monotonic() - begin > 3, True, "it took its time")
    t.equal(read(f"{path}/1") == read(f"{daemons[0].files}/file"), True, "the file")


def connects(ns, address, port):
    """Whether somebody accepts there."""
    with ns:
        sock = socket.socket()
    with sock:
        sock.settimeout(patience.seconds(5))
        with contextlib.suppress(OSError):
            sock.connect((address, port))
            return True
    return False


@test(lvs_only=True, timeout=120)
def lies_are_not_followed(t):
    """Addresses that are neither the server's nor the client's, numbers that are none, and what was not agreed on."""
    port, vip, rip, client = 21, VIPS[4]["nat"], Lab.RS[4][0], Lab.CLIENT[4]
    with t.lab.rs[0]:
        listener, secret = socket.socket(), socket.socket()
    for sock, number in ((listener, port), (secret, 4000)):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((rip, number))
        sock.listen()
        t.closing(sock)
    t.director.service("tcp", vip, port, "rr", [(rip, port, "-m")])
    with t.lab.client:
        control = socket.create_connection((vip, port), patience.seconds(20))
    t.closing(control)
    server = t.closing(listener.accept()[0])

    def reply(text):
        """Returns what the client gets of it."""
        server.sendall(text.encode() + b"\r\n")
        return control.recv(1000).decode()[:-2]
    commas = rip.replace(".", ",")
    for text in (f"227 Entering ({Lab.RS[4][1].replace('.', ',')},15,160).", f"227 ({commas},15)", f"227 ({commas},0,0)",
                 f"227 ({commas},999,160)", f"228 ({commas},15,160)", "229 (|||70000|)", "229 (|||4000)", "229 (||4000|)"):
        t.equal(reply(text), text, "arrives as it was said")
        t.equal(connects(t.lab.client, vip, 4000), False, f"a way in after {text}")
    for text in (f"PORT {Lab.ROUTER_CLIENT[4].replace('.', ',')},15,160", f"EPRT |1|{Lab.ROUTER_CLIENT[4]}|4000|",
                 "PORT 1,2,3", "EPRT |2|::1|4000|"):
        control.sendall(text.encode() + b"\r\n")
        t.equal(server.recv(1000).decode()[:-2], text, "arrives as it was said")
        with t.lab.rs[0]:
            source = socket.socket()
        with source:
            source.settimeout(0.3)
            with contextlib.suppress(OSError):
                source.connect((client, 4000))
        t.equal([conn for conn in t.director.conns(vip) if conn["cport"] == 4000], [], f"data connections after {text}")
    t.equal(connects(t.lab.client, vip, 4000), False, "nothing was agreed on")
    t.equal(reply("229 Extended (|||4000|)"), "229 Extended (|||4000|)", "arrives")
    t.equal(connects(t.lab.client, vip, 4000), True, "what was agreed on")
    t.equal(reply(f"227 Passive ({commas},15,160)."), f"227 Passive ({vip.replace('.', ',')},15,160).", "the virtual address")
    t.equal([connects(t.lab.client, vip, 4000) for _ in range(2)], [True, False], "once")


@test(lvs_only=True, timeout=120)
def unload_with_control_connections(t):
    """Control connections, and data connections that nobody made yet, do not keep the module."""
    vip, _ = servers(t, 4, count=1)
    controls = [t.closing(Control(t.lab.client, vip)) for _ in range(5)]
    for control in controls:
        control.say("USER anonymous")
        t.equal(control.say("PASV")[:3], "227", "PASV")
    t.lab.reload()
    t.equal(t.director.conns(), [], "connections of a module just loaded")
