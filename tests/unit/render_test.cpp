// SPDX-License-Identifier: GPL-2.0-or-later
// Tables and rules from values. What needs no counters or connections is in tests/golden.
#include "catch.hpp"
#include "values.h"

#include "codec/proc_connections.h"
#include "ipvsadm/render.h"

using namespace lvs;
using namespace test;

TEST_CASE("large numbers keep to their column", "[render]") {
    struct Case {
        std::uint64_t value;
        const char* shortened;
        const char* exact;
    };
    const Case cases[] = {
        {0, "        0", "        0"},
        {99'999'999, " 99999999", " 99999999"},
        {100'000'000, "  100000K", " 100000000"},
        {999'999'999, "  999999K", " 999999999"},
        {1'000'000'000, "    1000M", " 1000000000"},
        {99'999'999'999, "   99999M", " 99999999999"},
        {100'000'000'000, "     100G", " 100000000000"},
        {99'999'999'999'999, "   99999G", " 99999999999999"},
        {100'000'000'000'000, "     100T", " 100000000000000"},
        {18'446'744'073'709'551'615ULL, "18446744T", " 18446744073709551615"},
    };
    for (const Case& c : cases) {
        CHECK(large_number(c.value, false) == c.shortened);
        CHECK(large_number(c.value, true) == c.exact);
    }
}

TEST_CASE("counters fill the columns of --stats and --rate", "[render]") {
    ServiceTable table;
    table.service = {service(tcp("192.0.2.10", 80), "rr"), {3, 10, 8, 544, 426, 1, 2, 3, 4, 5}};
    table.dests.push_back(
        {dest("10.1.1.2", 8080, Forwarding::masquerade), 0, 0, 0, {1, 4'294'967'296, 3, 216, 167, 5, 4, 3, 2, 1}});
    CHECK(table_rows(table, {.numeric = true, .stats = true}, Names()) ==
          "TCP  192.0.2.10:80                       3       10        8      544      426\n"
          "  -> 10.1.1.2:8080                       1    4294M        3      216      167\n");
    CHECK(table_rows(table, {.numeric = true, .rate = true}, Names()) ==
          "TCP  192.0.2.10:80                       1        2        3        4        5\n"
          "  -> 10.1.1.2:8080                       5        4        3        2        1\n");
}

TEST_CASE("connections of a server are listed", "[render]") {
    ServiceTable table;
    table.service = {service(tcp("192.0.2.10", 80), "rr"), {}};
    table.dests.push_back({dest("10.1.1.2", 8080, Forwarding::masquerade, 5), 11, 22, 33, {}});
    table.dests.front().dest.upper_threshold = 100;
    table.dests.front().dest.lower_threshold = 50;
    const auto dest_row = [&](const ListFormat& format) {
        const std::string rows = table_rows(table, format, Names());
        return rows.substr(rows.find('\n') + 1);
    };
    CHECK(dest_row({.numeric = true}) == "  -> 10.1.1.2:8080                Masq    5      11         22        \n");
    CHECK(dest_row({.numeric = true, .thresholds = true}) ==
          "  -> 10.1.1.2:8080                100        50         11         22        \n");
    CHECK(dest_row({.numeric = true, .persistent = true}) ==
          "  -> 10.1.1.2:8080                5         33          11         22        \n");
}

TEST_CASE("thresholds are saved when set", "[render]") {
    ServiceTable table;
    table.service = {service(tcp("192.0.2.10", 80), "rr"), {}};
    table.dests.push_back({dest("10.1.1.2", 8080, Forwarding::masquerade, 5), 0, 0, 0, {}});
    table.dests.push_back(table.dests.front());
    table.dests.back().dest.upper_threshold = 100;
    table.dests.push_back(table.dests.back());
    table.dests.back().dest.lower_threshold = 50;
    CHECK(save_rules(table, {}, nullptr, true, Names()) ==
          "-A -t 192.0.2.10:80 -s rr\n"
          "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 5\n"
          "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 5 -x 100\n"
          "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 5 -x 100 -y 50\n");
    CHECK(save_rules(table, {}, nullptr, false, Names()).starts_with("-A -t web:http -s rr\n"));
}

namespace {

const std::string proc_header = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";

} // namespace

TEST_CASE("connections", "[render]") {
    const std::string proc = proc_header +
                             "TCP 0A000002 D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT       116\n"
                             "UDP 0A000002 1234 C000020A 0035 0A010202 0035 UDP           86400 sip abc\n"
                             "TCP fd00:0000:0000:0000:0000:0000:0000:0002 D3E2 fd00:0000:0000:0000:0000:0000:0000:0010 "
                             "0050 fd00:0000:0000:0000:0000:0000:0000:0001 0050 ESTABLISHED       5\n";
    const auto connections = read_connections(proc);
    REQUIRE(connections);
    const auto rows = [&](const ListFormat& format) { return connection_rows(*connections, format, Names()); };
    CHECK(rows({.numeric = true}) == "IPVS connection entries\n"
                                     "pro expire state       source             virtual            destination\n"
                                     "TCP 01:56  TIME_WAIT   10.0.0.2:54242     192.0.2.10:80      10.1.2.2:8080\n"
                                     "UDP 1440:00 UDP         10.0.0.2:4660      192.0.2.10:53      10.1.2.2:53\n"
                                     "TCP 00:05  ESTABLISHED [fd00::2]:54242    [fd00::10]:80      [fd00::1]:80\n");
    CHECK(rows({}).find("web:http") != std::string::npos);
    // 1.31 has other columns in the rows than in their title.
    CHECK(rows({.numeric = true, .persistent = true}) ==
          "IPVS connection entries\n"
          "pro expire state       source             virtual            destination        pe name          pe_data\n"
          "TCP 01:56  TIME_WAIT   10.0.0.2:54242     192.0.2.10:80      10.1.2.2:8080\n"
          "UDP 1440:00 UDP         10.0.0.2:4660      192.0.2.10:53      10.1.2.2:53      sip                abc\n"
          "TCP 00:05  ESTABLISHED [fd00::2]:54242    [fd00::10]:80      [fd00::1]:80\n");
    CHECK(
        connections_json({(*connections)[1]}, JsonStyle::line) ==
        R"({"connections":[{"protocol":"udp","state":"UDP","expires":86400,"client":{"address":"10.0.0.2","port":4660},)"
        R"("virtual":{"address":"192.0.2.10","port":53},"server":{"address":"10.1.2.2","port":53},)"
        R"("engine":{"name":"sip","data":"abc"}}]})"
        "\n");
}

TEST_CASE("local addresses of connections have a column where there are any", "[render]") {
    auto connections =
        read_connections(proc_header + "TCP 0A000002 D3E2 C000020A 0050 0A010202 1F90 ESTABLISHED       116\n"
                                       "TCP 0A000002 0000 C000020A 0050 0A010202 1F90 NONE                5 sip abc\n");
    REQUIRE(connections);
    connections->front().local = endpoint("10.1.2.1", 5000);
    CHECK(connection_rows(*connections, {.numeric = true}, Names()) ==
          "IPVS connection entries\n"
          "pro expire state       source             virtual            destination        local\n"
          "TCP 01:56  ESTABLISHED 10.0.0.2:54242     192.0.2.10:80      10.1.2.2:8080      10.1.2.1:5000\n"
          "TCP 00:05  NONE        10.0.0.2:0         192.0.2.10:80      10.1.2.2:8080      -\n");
    CHECK(connection_rows(*connections, {.numeric = true, .persistent = true}, Names()) ==
          "IPVS connection entries\n"
          "pro expire state       source             virtual            destination        local              "
          "pe name          pe_data\n"
          "TCP 01:56  ESTABLISHED 10.0.0.2:54242     192.0.2.10:80      10.1.2.2:8080      10.1.2.1:5000\n"
          "TCP 00:05  NONE        10.0.0.2:0         192.0.2.10:80      10.1.2.2:8080      -                  "
          "sip              abc\n");
    CHECK(connections_json({connections->front()}, JsonStyle::line)
              .find(R"("local":{"address":"10.1.2.1","port":5000}})") != std::string::npos);
}

TEST_CASE("a connection table of an unknown form is refused", "[render]") {
    const auto row = GENERATE(as<std::string>{}, "TCP", "TCP 0A000002 D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT",
                              "TCP XX000002 D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT 116",
                              "TCP 0A0000020A D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT 116",
                              "TCP 0A000002 D3E2F C000020A 0050 0A010202 1F90 TIME_WAIT 116",
                              "TCP 0A000002 D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT soon",
                              "TCP fd00::x D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT 116");
    CHECK_FALSE(read_connections(proc_header + row + "\n"));
    CHECK_FALSE(read_connections(""));
}

TEST_CASE("dropped packets", "[render]") {
    const std::vector<DropCounter> none = {{1, "no-dest", 0}, {2, "too-big", 0}};
    CHECK(drop_tables({{std::nullopt, none}, {tcp("192.0.2.10", 80), none}}, true, Names()) ==
          "No packet was dropped.\n");
    CHECK(drop_tables({{std::nullopt, {{1, "no-dest", 12}, {2, "too-big", 3}}},
                       {tcp("192.0.2.10", 80), {{1, "no-dest", 12}, {2, "too-big", 0}}},
                       {udp("192.0.2.10", 53), none}},
                      true, Names()) == "Dropped packets by reason             Packets\n"
                                        "Total\n"
                                        "  no-dest                                  12\n"
                                        "  too-big                                   3\n"
                                        "TCP  192.0.2.10:80\n"
                                        "  no-dest                                  12\n");
    CHECK(drop_tables({{tcp("192.0.2.10", 80), {{1, "no-dest", 1}}}}, false, Names()).find("TCP  web:http") !=
          std::string::npos);
}
