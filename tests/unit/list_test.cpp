// SPDX-License-Identifier: GPL-2.0-or-later
// Lists that need what no command line can bring about: an order, connections, dropped packets.
#include "catch.hpp"
#include "tool.h"

using namespace lvs;
using namespace test;

namespace {

std::size_t position(const std::string& text, const std::string& part) {
    const std::size_t at = text.find(part);
    REQUIRE(at != std::string::npos);
    return at;
}

} // namespace

TEST_CASE("a list with --nosort keeps the kernel's order", "[list]") {
    Tool tool;
    REQUIRE(tool.restore("-A -t 192.0.2.2:80\n-A -t 192.0.2.1:80\n"
                         "-a -t 192.0.2.1:80 -r 10.0.0.1\n-a -t 192.0.2.1:80 -r 10.0.0.2\n")
                .exit_code == 0);
    const std::string as_is = tool.run("-Ln --nosort").out;
    const std::string sorted = tool.run("-Ln").out;
    CHECK(position(as_is, "192.0.2.2:80") < position(as_is, "192.0.2.1:80"));
    CHECK(position(sorted, "192.0.2.1:80") < position(sorted, "192.0.2.2:80"));
    CHECK(position(as_is, "10.0.0.2:80") < position(as_is, "10.0.0.1:80")); // the newest first
    CHECK(position(sorted, "10.0.0.1:80") < position(sorted, "10.0.0.2:80"));
}

TEST_CASE("connections come from the kernel's table", "[list]") {
    Tool tool;
    tool.kernel->connection_lines = "TCP 0A000002 D3E2 C000020A 0050 0A010202 1F90 TIME_WAIT       116\n";
    CHECK(
        tool.run("-lnc").out.ends_with("TCP 01:56  TIME_WAIT   10.0.0.2:54242     192.0.2.10:80      10.1.2.2:8080\n"));
    tool.kernel->connection_lines = "garbage\n";
    const Answer refused = tool.run("-Lc");
    CHECK(refused.exit_code == 1);
    CHECK(refused.out.empty());
    CHECK(refused.err == "unexpected input from /proc/net/ip_vs_conn\n");
}

TEST_CASE("dropped packets, of all services or one", "[list]") {
    Tool tool;
    tool.kernel->drop_tables = {{std::nullopt, {{1, "no-dest", 5}}},
                                {udp("192.0.2.10", 53), {{1, "no-dest", 3}}},
                                {tcp("192.0.2.10", 80), {{1, "no-dest", 2}}}};
    const std::string all = tool.run("--drops -n").out;
    CHECK(position(all, "Total") < position(all, "TCP  192.0.2.10:80"));
    CHECK(position(all, "TCP  192.0.2.10:80") < position(all, "UDP  192.0.2.10:53"));
    const std::string one = tool.run("--drops -n -u 192.0.2.10:53").out;
    CHECK(one.find("TCP") == std::string::npos);
    CHECK(one.find("no-dest                                   3\n") != std::string::npos);
    CHECK(tool.run("--drops -t 192.0.2.99:1").exit_code == 1);

    tool.kernel->extensions = false;
    const Answer plain = tool.run("--drops");
    CHECK(plain.exit_code == 1);
    CHECK(plain.err.find("plain ip_vs") != std::string::npos);
}

TEST_CASE("a service that is not there cannot be listed", "[list]") {
    Tool tool;
    const Answer answer = tool.run("-Ln -t 192.0.2.99:1");
    CHECK(answer.exit_code == 1);
    CHECK(answer.err == "No such service\n");
}
