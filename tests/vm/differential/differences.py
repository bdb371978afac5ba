# SPDX-License-Identifier: GPL-2.0-or-later
"""The differences from ip_vs that there are; docs/differences.md has the reason of each, under the same name."""
import os
import re


class Difference:
    """
    A fact of a scenario: regular expressions for all of its key, its value with ip_vs and that with lvs; None: it has no such
    fact. since, until: the first kernel that has the difference, and the first that has it no more.
    """

    def __init__(self, name, scenario, key, ip_vs, lvs, since=(0, 0), until=(99, 0)):
        self.name, self.scenario, self.key, self.ip_vs, self.lvs = name, scenario, key, ip_vs, lvs
        self.since, self.until = since, until

    def applies(self):
        kernel = tuple(int(number) for number in os.uname().release.split(".")[:2])
        return self.since <= kernel < self.until

    def covers(self, scenario, key, ip_vs, lvs):
        def fits(pattern, value):
            return value is None if pattern is None else value is not None and re.fullmatch(pattern, value)
        return (self.applies() and scenario == self.scenario and re.fullmatch(self.key, key) and
                fits(self.ip_vs, ip_vs) and fits(self.lvs, lvs))


HEAD = r".*(ipvsadm .*|ip_vs), line 1"
SIZE = r"IP Virtual Server version 1\.2\.1 \(size=\d+\)"
# No scenario shows them.
UNPLAYED = {"Packets that iptables -m ipvs knows", "Entries of AH and ESP", "Service for all ports beside one of FTP"}
DIFFERENCES = [
    Difference("Flags of half a size", "errnos", "errno: service flags too short", "accepted", "EINVAL"),
    Difference("No sync daemons", "errnos", "errno: (stop a )?daemon.*", "E.*|accepted", "ENOTSUP"),
    Difference("Protocols that nobody handles", "errnos", "errno: protocol 200", "accepted", "ENOTSUP"),
    Difference("Forwarding methods that there are not", "errnos", "errno: method 7", "accepted", "EINVAL"),
    Difference("Tunnel types that there are not", "errnos", "errno: tunnel type 9", "accepted", "EINVAL"),
    Difference("Order of dests", "replies", "reply: order of dests", "newest first", "oldest first"),
    Difference("Size of the connection table", "listings", HEAD, SIZE, SIZE, since=(7, 0)),
    Difference("Size of the connection table", "replies", "reply: info", ".* 2=[0-9a-f]{8}", ".* 2=00100000", since=(7, 0)),
    Difference("FTP without a module of its own", "listings", "rules: ip_vs_app, line 2", None, "TCP  21      0      ftp *"),
    Difference("Range of switches", "sysctls", "sysctl: (backup_only|cache_bypass|conntrack|expire_nodest_conn|expire_quiescent_template|"
               "ignore_tunneled|nat_icmp_send|pmtu_disc|run_estimation|snat_reroute|schedule_icmp|sloppy_sctp|sloppy_tcp|sync_persist_mode), values",
               "'-1': -1.*", "'-1': EINVAL; '0': 0; '1': 1; '2': EINVAL.*"),
    Difference("Range of conn_reuse_mode", "sysctls", "sysctl: conn_reuse_mode, values", "'-1': -1.*",
               "'-1': EINVAL; '0': 0; '1': 1; '2': 2; '3': 3; '4': EINVAL.*"),
    Difference("Negative numbers", "sysctls", "sysctl: (lblcr?_expiration|am_droprate|amemthresh|sync_refresh_period|"
               "sync_sock_size), values", "'-1': -1.*", "'-1': EINVAL.*"),
    Difference("Load factors", "sysctls", "sysctl: (conn|svc)_lfactor, .*", ".*-2", ".*-[34]", since=(7, 0)),
    Difference("Sysctls of newer kernels", "sysctls", "sysctl: (conn_lfactor|svc_lfactor|conn_max|est_nice|est_cpulist), .*", None, ".*",
               until=(7, 0)),
    Difference("lblcr_expiration in every namespace", "sysctls", "sysctl: lblcr_expiration, .*", None, ".*"),
    Difference("Sysctls of FULLNAT", "sysctls", "sysctl: (fullnat_.*|(conn_expire_tcp_rst|toa_trusted_upstreams), .*)", None, ".*"),
    Difference("Start of the turn of wrr", "schedulers", r"scheduler wrr, weights \((3, 2, 1|0, 5, 2)\): choices",
               "(abcaab)+|(bcbbbbc)+bcb", "(aababc)+|(bbbbcbc)+bbb"),
    Difference("Table of mh", "schedulers", "scheduler mh, .*: choices", "[abc]*", "[abc]{24}"),
    Difference("Drained dest of sh and dh", "schedulers", "scheduler ([sd]h, weights \\(0, 5, 2\\)|sh, sh-port): choices",
               "[bc]{0,23}", "[bc]{24}"),
    Difference("Ties of lblcr", "schedulers", "scheduler lblcr, .*: choices", "[abc]{24}", "[abc]{24}"),
    Difference("Quote of a packet too big for a tunnel", "methods", ".*: errors to the client, packet 2",
               "45.{70}3f06.*|60.{108}3f.*", "45.{70}4006.*|60.{108}40.*"),
    Difference("Quote of a packet too big for a tunnel", "ipsec", "(ESP|AH), ipip, IPv[46]: answers, packet 2",
               "45.{70}3f33.*|60.{108}3f.*", "45.{70}4033.*|60.{108}40.*"),
    Difference("Fragments of a tunnel", "ipsec", "(ESP|AH), ipip, IPv4: fragments, packets", "3", "2"),
    Difference("Fragments of a tunnel", "ipsec", "(ESP|AH), ipip, IPv4: fragments, packet [12]", "45000414.*", "45000(5dc|260).*"),
    Difference("Fragments of a tunnel", "ipsec", "(ESP|AH), ipip, IPv4: fragments, packet 3", "45000028.*", None),
    Difference("AH over IPv6", "ipsec", "AH, .*, IPv6: requests", "0", "1"),
    Difference("AH over IPv6", "ipsec", "AH, nat, IPv6: reply", "fd00:.*", "2001:.*"),
    Difference("SYN+ACK as first packet", "tcp", "TCP, first packet: iSA", "SYN_RECV.*", "no connection"),
    Difference("Port used again", "secure_tcp", "TCP, secure_tcp: iS .* iS[AF]?", "(TIME_WAIT|CLOSE), up to 4 s",
               "SYN_RECV, up to 61 s", since=(7, 0)),
    Difference("Port used again", "secure_tcp", "TCP, secure_tcp, client only: iS .* iS[AF]?",
               "(TIME_WAIT|CLOSE), up to 4 s", "SYNACK, up to 120 s", since=(7, 0)),
    Difference("Size of the connection table", "tcp", HEAD, SIZE, SIZE, since=(7, 0)),
    Difference("Size of the connection table", "sctp", HEAD, SIZE, SIZE, since=(7, 0)),
    Difference("Port used again while tracked", "tracked", "port used again, reset: first SYN, packets", "0", "1"),
    Difference("Invalid packets", "tracked", "dr, tcp, IPv[46]: states in (OUTPUT|POSTROUTING)", ".*'INVALID', 1.*'NEW', 1.*",
               ".*'NEW', 1.*'UNTRACKED', 1.*"),
]
