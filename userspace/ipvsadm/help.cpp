// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/help.h"

#include <lvs/abi.h>

namespace lvs {

const char* const version_text = "ipvsadm v1.31 (lvs-director " LVS_VERSION ", IPVS v1.2.1)\n";

const char* const save_usage = "usage: ipvsadm-save [-n]\n"
                               "Prints the table of virtual services as rules for ipvsadm-restore.\n"
                               "  -n   addresses and ports as numbers";

const char* const restore_usage = "usage: ipvsadm-restore < RULES\n"
                                  "Replaces the table of virtual services by the rules on standard input, "
                                  "all of them or none.";

const char* const help_text = R"(ipvsadm v1.31 (lvs-director )" LVS_VERSION R"(, IPVS v1.2.1)
Administers a Linux Virtual Server: clients connect to a virtual service, and this host,
the director, spreads their connections over real servers.

  ipvsadm -A -t 192.0.2.10:80 -s rr                      a virtual service, round robin
  ipvsadm -a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m        a real server for it, behind NAT
  ipvsadm -a -t 192.0.2.10:80 -r 10.1.1.3 -g -w 2        another, direct routing, weight 2
  ipvsadm -Ln                                            the table
  ipvsadm -Lnc                                           the connections
  ipvsadm -S -n > rules; ipvsadm -C; ipvsadm -R < rules  save, clear, restore

The command comes first:
  -A, --add-service SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [-o] [--pe ENGINE] [-b FLAGS]
                    [-V SECONDS] [--udp-limit SECONDS] [--expire-rst] [--clamp-mss] [--masq-fullnat] [LIMITS]
                    [--toa-kind N] [--no-toa] [--uoa option|header]
  -E, --edit-service         the same for a service that exists
  -D, --delete-service SERVICE
  -C, --clear                delete all services
  -a, --add-server SERVICE -r SERVER [-m|-i|-g|-b] [-w WEIGHT] [-x UPPER] [-y LOWER] [TUNNEL]
  -e, --edit-server          the same for a real server that exists; weight 0 drains it
  -d, --delete-server SERVICE -r SERVER
      --drain SERVICE -r SERVER [--deadline TIME] [-n]
                             weight 0, wait for its connections to end, delete it; at the deadline
                             (300s, 5m, 1h) reset what is left
  -L, -l, --list [SERVICE | -c | --timeout | --daemon] [FORMAT]
  -Z, --zero [SERVICE]       set counters to zero
  -S, --save [-n]            print the table as rules
  -R, --restore              apply the rules on standard input, all of them or none
      --set TCP FIN UDP      timeouts in seconds; 0 leaves one as it is
      --start-daemon master|backup [DAEMON]
      --stop-daemon master|backup
  -P, --add-laddr SERVICE -z ADDRESSES   local addresses, under which FULLNAT speaks to real servers
  -Q, --del-laddr SERVICE -z ADDRESSES   connections that have one keep it until they end
  -G, --get-laddr [SERVICE] [-n]         the pools, ports taken, conflicts with the director's own sockets
      --profile set SERVICE [-z ADDRESSES] [-V SECONDS] [--masq-fullnat] [...]
                             what SERVICE gets whenever somebody adds it: keepalived, say, which knows
                             nothing of FULLNAT. HOST without a PORT: all ports without a profile of their own
      --profile delete SERVICE
      --profile list [-n]
      --drops [SERVICE] [-n] dropped packets by reason (needs the module lvs)
  -h, --help                 this text
  -v, --version

SERVICE, where clients connect:
  -t, --tcp-service HOST:PORT    HOST and PORT may be names; an IPv6 address stands in brackets
  -u, --udp-service HOST:PORT
      --sctp-service HOST:PORT
  -f, --fwmark-service MARK      packets that a firewall rule has marked
  -6, --ipv6                     after -f: the IPv6 ones

Options of a service:
  -s, --scheduler NAME       rr wrr lc wlc ... (default wlc)
  -p, --persistent [SECONDS] a client stays with its real server (default 360)
  -M, --netmask MASK         clients of one network count as one
  -o, --ops                  schedule every UDP packet anew
      --pe ENGINE            persistence engine, such as sip
  -V, --vsestablish-timeout SECONDS   of established TCP connections, instead of --set's
      --udp-limit SECONDS    after so long a UDP flow is scheduled anew, even if it never pauses
      --expire-rst           both ends of a TCP connection get a RST when it expires
      --clamp-mss            a SYN through a tunnel states no larger segments than fit there
      --masq-fullnat         -m, for real servers added from then on, means -b
      --max-conns N --max-rate N         LIMITS: connections at once, new ones a second;
      --client-conns N --client-rate N   the same of each client's address. What is beyond is dropped
      --toa-kind N           FULLNAT tells real servers the client in a TCP option of this kind (254)
      --no-toa               ... or does not
      --uoa option|header    ... for UDP in an option of IPv4, or a header of IP protocol 248 (none)
                             (-V and all that follow it need the module lvs)
  -b, --sched-flags FLAGS    sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3

Options of a real server:
  -r, --real-server HOST[:PORT]
  -m, --masquerading         NAT: any port, replies come back through the director
  -g, --gatewaying           direct routing: same network, same port (default)
  -i, --ipip                 tunnel: any network, same port
  -b, --fullnat              NAT of both ends: any network, any port; needs local addresses (-P)
  -z, --laddr ADDRESSES      10.0.0.1, 10.0.0.1-10.0.0.9, 10.0.0.0/28, some of these with commas
                             between them, or the same of IPv6
  -w, --weight N             share of the connections (default 1)
  -x, --u-threshold N        no new connections from this many on
  -y, --l-threshold N        ... until they are fewer than this
      --tun-type ipip|gue|gre --tun-port PORT --tun-nocsum --tun-csum --tun-remcsum

FORMAT of a list, which -c, --connection makes one of connections:
  -n, --numeric              addresses and ports as numbers
      --stats --rate         counters; their rates per second
  -X, --exact                numbers at full length
      --thresholds --persistent-conn --tun-info
      --nosort               in the order of the kernel
      --json[=pretty]        everything as a JSON document, on one line or indented; also of -G,
                             --profile list, --drops

DAEMON, connection synchronisation:
      --mcast-interface NAME (eth0) --syncid 0-255 --sync-maxlen BYTES
      --mcast-group ADDRESS --mcast-port PORT --mcast-ttl N

Exit codes: 0 success, 1 list failed, 2 wrong usage or no kernel module, 255 refused by the kernel.
)";

} // namespace lvs
