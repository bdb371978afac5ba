// SPDX-License-Identifier: GPL-2.0-or-later
// Command lines to commands. Wrong ones and their texts are in tests/golden.
#include "catch.hpp"
#include "values.h"

#include "base/text.h"
#include "ipvsadm/parse.h"

#include <arpa/inet.h>

using namespace lvs;
using namespace test;

namespace {

Result<Command, Failure> parse(const std::string& line) {
    return parse_command("ipvsadm", split_words(line), Names());
}

Command parsed(const std::string& line) {
    INFO(line);
    auto command = parse(line);
    if (!command)
        FAIL(command.error().text);
    return *command;
}

template <class Change> Command changing(Change change) {
    return Command{Operation{std::move(change)}};
}

} // namespace

TEST_CASE("one command in all its spellings", "[parse]") {
    const Command expected =
        changing(AddDest{tcp("192.0.2.10", 80), dest("10.1.1.2", 8080, Forwarding::masquerade, 5)});
    const auto line =
        GENERATE(as<std::string>{}, "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 5",
                 "-a -t192.0.2.10:80 -r10.1.1.2:8080 -mw5", "-a -mt 192.0.2.10:80 -w=5 -r=10.1.1.2:8080",
                 "-at 192.0.2.10:80 -w 5 -r 10.1.1.2:8080 -m", "-a -t web:http -r 10.1.1.2:8080 -w 5 -m",
                 "--add-server --tcp-service 192.0.2.10:80 --real-server 10.1.1.2:8080 --masquerading --weight 5",
                 "--add-server --tcp-service=web:80 --real-server=10.1.1.2:8080 --masquerading --weight=5");
    CHECK(parsed(line) == expected);
}

TEST_CASE("FULLNAT and its local addresses", "[parse]") {
    const ServiceId web = tcp("192.0.2.10", 80);
    const Command fullnat = changing(AddDest{web, dest("10.1.1.2", 8080, Forwarding::fullnat, 2)});
    CHECK(parsed("-a -t web:80 -r 10.1.1.2:8080 -b -w 2") == fullnat);
    CHECK(parsed("-a -t web:80 -r 10.1.1.2:8080 -bw 2") == fullnat);
    CHECK(parsed("--add-server -t web:80 -r 10.1.1.2:8080 --fullnat -w2") == fullnat);
    CHECK(parsed("-e -t web:80 -br 10.1.1.2:8080") ==
          changing(EditDest{web, dest("10.1.1.2", 8080, Forwarding::fullnat)}));
    const Command flags = parsed("-A -t web:80 -s sh -b sh-port"); // of a service it is what it always was
    CHECK(std::get<AddService>(std::get<Operation>(flags)).service.flags == scheduler_flag_2);
    CHECK(parsed("-P -t web:80 -z 10.0.0.1-10.0.0.2") ==
          Command{Changes{{AddLocalAddress{web, address("10.0.0.1")}, AddLocalAddress{web, address("10.0.0.2")}}}});
    CHECK(parsed("-Q -f 7 -6 --laddr=fd00::1") ==
          Command{Changes{{DeleteLocalAddress{Marked{{7}, Family::ipv6}, address("fd00::1")}}}});
    CHECK(parsed("-Gn") == Command{ListLocalAddresses{std::nullopt, true}});
    CHECK(parsed("-G -t web:80 --json") == Command{ListLocalAddresses{web, false, JsonStyle::line}});
    CHECK(parse("-P -t web:80").error().text ==
          "You need to supply the 'local-address' option for the 'add-laddr' command");
    CHECK(parse("-P -t web:80 -z 10.0.0.0/16").error().text ==
          "illegal local address specified: more than 4096 addresses");
    CHECK(parse("-a -t web:80 -r 10.1.1.2 -b -m").error().text == "multiple 'forwarding-method' options specified");
}

TEST_CASE("lists", "[parse]") {
    CHECK(parsed("") == Command{ListServices{}});
    CHECK(parsed("-L") == Command{ListServices{}});
    CHECK(parsed("-Ln") == Command{ListServices{std::nullopt, {.numeric = true}}});
    CHECK(parsed("-lnc") == Command{ListConnections{{.numeric = true}}});
    CHECK(parsed("-L -n --stats -X") ==
          Command{ListServices{std::nullopt, {.numeric = true, .stats = true, .exact = true}}});
    CHECK(parsed("-L --nosort -u web:53") == Command{ListServices{udp("192.0.2.10", 53), {.sorted = false}}});
    CHECK(parsed("-L --timeout") == Command{ListTimeouts{}});
    CHECK(parsed("-ln --daemon") == Command{ListDaemons{}});
    CHECK(parsed("-Sn") == Command{Save{true}});
    CHECK(parsed("--drops -n") == Command{ListDrops{std::nullopt, true}});
    CHECK(parsed("--drops -f 7") == Command{ListDrops{Marked{{7}, Family::ipv4}, false}});
    CHECK(parsed("-h") == Command{ShowHelp{}});
    CHECK(parsed("--version") == Command{ShowVersion{}});
}

TEST_CASE("services", "[parse]") {
    Service expected = service(tcp("192.0.2.10", 80), "wlc");
    CHECK(parsed("-A -t 192.0.2.10:80") == changing(AddService{expected}));
    CHECK(parsed("-D -t 192.0.2.10:80") == changing(DeleteService{expected.id}));
    CHECK(parsed("-Z -t 192.0.2.10:80") == changing(ZeroCounters{expected.id}));
    CHECK(parsed("-Z") == changing(ZeroCounters{}));
    CHECK(parsed("-C") == changing(Flush{}));

    expected.flags = persistent_flag;
    expected.timeout = 360;
    CHECK(parsed("-E -t web:80 -p") == changing(EditService{expected}));
    expected.timeout = 77;
    expected.netmask = 0x00ffffff; // 255.255.255.0 in network order, on a little-endian machine
    CHECK(parsed("-E -t web:80 -p 77 -M 255.255.255.0") == changing(EditService{expected}));
    CHECK(parsed("-E -t web:80 -p77 -M 255.255.255.0") == changing(EditService{expected}));
    CHECK(parsed("-E -t web:80 --persistent=77 -M 255.255.255.0") == changing(EditService{expected}));

    Service six = service(tcp("fd00::10", 80), "mh");
    six.flags = scheduler_flag_1 | scheduler_flag_2;
    CHECK(parsed("-A -t [six]:http -s mh -b mh-fallback,mh-port") == changing(AddService{six}));

    Service marked = service(Marked{{7}, Family::ipv6}, "rr");
    CHECK(parsed("-A -f 7 -6 -s rr") == changing(AddService{marked}));

    Service once = service(udp("192.0.2.10", 53), "rr");
    once.flags = one_packet_flag;
    CHECK(parsed("-A -u web:53 -s rr -o") == changing(AddService{once}));
}

TEST_CASE("a mask may stand before the service", "[parse]") {
    const auto netmask_of = [](const std::string& line) {
        return std::get<AddService>(std::get<Operation>(parsed(line))).service.netmask;
    };
    const std::uint32_t mask = netmask_of("-A -t web:80 -p -M 255.255.255.0");
    CHECK(mask != whole_ipv4_mask);
    for (const char* service : {"-t web:80", "-u web:80", "--sctp-service web:80", "-f 7"})
        CHECK(netmask_of(std::string("-A -M 255.255.255.0 ") + service + " -p") == mask);
    for (const char* service : {"-t [six]:80", "-f 7 -6"})
        CHECK(netmask_of(std::string("-A -M 255.255.255.0 ") + service + " -p") == whole_ipv6_prefix);
}

TEST_CASE("a name in brackets is an IPv6 host's, if there is one", "[parse]") {
    CHECK(parsed("-D -t dual:80") == changing(DeleteService{tcp("192.0.2.20", 80)}));
    CHECK(parsed("-D -t [dual]:80") == changing(DeleteService{tcp("fd00::20", 80)}));
    CHECK(parsed("-D -t [web]:80") == changing(DeleteService{tcp("192.0.2.10", 80)}));
    CHECK(parsed("-D -t six:80") == changing(DeleteService{tcp("fd00::10", 80)}));
    CHECK(parsed("-d -t [dual]:80 -r [dual]:8080") ==
          changing(DeleteDest{tcp("fd00::20", 80), endpoint("fd00::20", 8080)}));
}

TEST_CASE("a number alone is no host, but a mask", "[parse]") {
    for (const char* option : {"-t", "-u", "--sctp-service"})
        CHECK(parse(std::string("-D ") + option + " 3221225994").error() ==
              Failure{2, "illegal virtual server address[:port] specified"});
    CHECK(parse("-d -t web:80 -r 80").error() == Failure{2, "illegal real server address[:port] specified"});
    CHECK(parse("--drain -f 7 -r 80").error() == Failure{2, "illegal real server address[:port] specified"});
    CHECK(parsed("-D -t 192.2:80") == changing(DeleteService{tcp("192.0.0.2", 80)}));
    CHECK(std::get<AddService>(std::get<Operation>(parsed("-A -t web:80 -p -M 64"))).service.netmask == htonl(64));
}

TEST_CASE("a profile has fewer local addresses than a pool may get at once", "[parse]") {
    CHECK(parse("--profile set -t web:80 -z 10.0.0.0-10.0.7.255"));
    for (const char* addresses :
         {"10.0.0.0-10.0.8.0", "10.0.0.0/16", "fd00::-fd00::800", "10.0.0.0-10.0.7.255,10.1.0.1"})
        CHECK(parse(std::string("--profile set -t web:80 -z ") + addresses).error() ==
              Failure{2, "illegal local address specified: more than 2048 addresses"});
    CHECK(parse("-P -t web:80 -z 10.0.0.0-10.0.15.255"));
}

TEST_CASE("servers", "[parse]") {
    const ServiceId web = tcp("192.0.2.10", 80);
    const std::string start = "-a -t 192.0.2.10:80 -r ";
    CHECK(parsed(start + "10.1.1.2") == changing(AddDest{web, dest("10.1.1.2", 80, Forwarding::route)}));
    // Routed and tunneled packets keep their port.
    CHECK(parsed(start + "10.1.1.2:99 -g") == changing(AddDest{web, dest("10.1.1.2", 80, Forwarding::route)}));
    CHECK(parsed(start + "10.1.1.2:99 -i") == changing(AddDest{web, dest("10.1.1.2", 80, Forwarding::tunnel)}));
    CHECK(parsed(start + "fd00::2 -i") == changing(AddDest{web, dest("fd00::2", 80, Forwarding::tunnel)}));
    CHECK(parsed("-a -f 3 -r 10.1.1.2:99 -g") ==
          changing(AddDest{Marked{{3}, Family::ipv4}, dest("10.1.1.2", 99, Forwarding::route)}));

    Dest bounded = dest("10.1.1.2", 80, Forwarding::masquerade, 0);
    bounded.upper_threshold = 10;
    bounded.lower_threshold = 5;
    CHECK(parsed("-e -t web:80 -r 10.1.1.2 -m -w 0 -x 10 -y 5") == changing(EditDest{web, bounded}));
    CHECK(parsed("-d -t web:80 -r 10.1.1.2:ssh") == changing(DeleteDest{web, endpoint("10.1.1.2", 22)}));

    Dest gue = dest("10.1.1.2", 80, Forwarding::tunnel);
    gue.tunnel = {TunnelType::gue, {6080}, tunnel_remote_checksum};
    CHECK(parsed(start + "10.1.1.2 -i --tun-type gue --tun-port 6080 --tun-remcsum") == changing(AddDest{web, gue}));
}

TEST_CASE("timeouts and daemons", "[parse]") {
    CHECK(parsed("--set 900 120 300") == Command{SetTimeouts{{900, 120, 300}}});
    CHECK(parsed("--stop-daemon backup") == Command{StopDaemon{DaemonState::backup}});
    CHECK(parsed("--start-daemon master") == Command{StartDaemon{{.state = DaemonState::master, .interface = "eth0"}}});
    const Daemon full{.state = DaemonState::backup,
                      .interface = "dm0",
                      .sync_id = 5,
                      .max_length = 1000,
                      .group = address("ff02::90"),
                      .port = {9000},
                      .ttl = 3};
    CHECK(parsed("--start-daemon backup --mcast-interface dm0 --syncid 5 --sync-maxlen 1000 --mcast-group ff02::90 "
                 "--mcast-port 9000 --mcast-ttl 3") == Command{StartDaemon{full}});
}

TEST_CASE("the first mistake on a line is the one reported", "[parse]") {
    CHECK(parse("-A -t nosuch:80 --bogus").error() == Failure{2, "illegal virtual server address[:port] specified"});
    CHECK(parse("-A --bogus -t nosuch:80").error() == Failure{255, "--bogus: unknown option"});
    CHECK(parse("-a -t web:80 -w x -r").error() == Failure{2, "illegal weight specified"});
    CHECK(parse("-a -t web:80 -r").error() == Failure{255, "-r: missing argument"});
    CHECK(parse("--sta").error().exit_code == 255);
}
