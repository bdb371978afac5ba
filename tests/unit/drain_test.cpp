// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm --drain on a kernel in memory, where connections end while it waits.
#include "catch.hpp"
#include "tool.h"

using namespace lvs;
using namespace test;

namespace {

struct Draining : Tool {
    bool terminal = false;
    int waits = 0;
    std::function<void(ListedDest&)> happens = [](ListedDest& dest) { --dest.active; }; // each second

    explicit Draining(const std::string& service = "-t 192.0.2.10:80", std::uint32_t active = 3) {
        REQUIRE(run("-A " + service + " -s rr").exit_code == 0);
        REQUIRE(run("-a " + service + " -r 10.1.1.2:80 -m -w 5").exit_code == 0);
        dest().active = active;
        dest().inactive = 1;
    }
    ListedDest& dest() { return kernel->table.front().dests.front(); }
    bool is_there() const { return !kernel->table.front().dests.empty(); }

    Answer drain(const std::string& line) {
        std::istringstream in;
        std::ostringstream out, err;
        World world{[this] { return Result<std::shared_ptr<Kernel>>(kernel); },
                    names,
                    in,
                    "rules",
                    out,
                    err,
                    terminal,
                    [this](auto) {
                        ++waits;
                        if (is_there())
                            happens(dest());
                    }};
        const int code = lvs::run("ipvsadm", split_words("--drain -n " + line), world);
        return {code, out.str(), err.str()};
    }
};

constexpr const char* web_server = "-t 192.0.2.10:80 -r 10.1.1.2:80";

} // namespace

TEST_CASE("drain: waits for the connections that are alive", "[drain]") {
    Draining tool;
    const Answer answer = tool.drain(web_server);
    CHECK(answer.exit_code == 0);
    CHECK(answer.out == "10.1.1.2:80: drained in 3 s\n");
    CHECK(answer.err == "10.1.1.2:80: 3 connections left\n");
    CHECK_FALSE(tool.is_there());
}

TEST_CASE("drain: resets at the deadline what is left", "[drain]") {
    Draining tool("-t 192.0.2.10:80", 20);
    const Answer answer = tool.drain(std::string(web_server) + " --deadline 12s");
    CHECK(answer.out == "10.1.1.2:80: drained in 12 s, 8 connections reset\n");
    CHECK(answer.err == "10.1.1.2:80: 20 connections left, reset in 12 s\n"
                        "10.1.1.2:80: 10 connections left, reset in 2 s\n");
    CHECK_FALSE(tool.is_there());
    Draining at_once;
    CHECK(at_once.drain(std::string(web_server) + " --deadline 0").out ==
          "10.1.1.2:80: drained in 0 s, 3 connections reset\n");
}

TEST_CASE("drain: a terminal's line is written over", "[drain]") {
    Draining tool("-t 192.0.2.10:80", 2);
    tool.terminal = true;
    const std::string blanks(29, ' ');
    CHECK(tool.drain(web_server).err ==
          "\r10.1.1.2:80: 2 connections left\r10.1.1.2:80: 1 connection left \r" + blanks + " \r");
}

TEST_CASE("drain: datagrams have no end of their own", "[drain]") {
    Draining tool("-u 192.0.2.10:80", 0);
    tool.happens = [](ListedDest& dest) { dest.inactive = 0; };
    CHECK(tool.drain("-u 192.0.2.10:80 -r 10.1.1.2:80").out == "10.1.1.2:80: drained in 1 s\n");
    CHECK(tool.waits == 1);
}

TEST_CASE("drain: gives way to others", "[drain]") {
    Draining tool;
    tool.happens = [](ListedDest& dest) { dest.dest.weight = {7}; };
    Answer answer = tool.drain(web_server);
    CHECK(answer.exit_code == 255);
    CHECK(answer.err ==
          "10.1.1.2:80: 3 connections left\n10.1.1.2:80 was given a weight again by somebody else, it stays\n");
    REQUIRE(tool.is_there());
    tool.happens = [&](ListedDest&) { tool.kernel->table.front().dests.clear(); };
    answer = tool.drain(web_server);
    CHECK(answer.exit_code == 255);
    CHECK(answer.err == "10.1.1.2:80: 3 connections left\n10.1.1.2:80 was deleted by somebody else\n");
}

TEST_CASE("drain: what it refuses", "[drain]") {
    Draining tool;
    for (const char* deadline : {"", "x", "5d", "-1", "3 s", "s", "45000m", "99999999999999999999"})
        CHECK(tool.run("ipvsadm", std::string("--drain ") + web_server + " --deadline=" + deadline).exit_code == 2);
    CHECK(tool.drain("-t 192.0.2.10:80").err ==
          "You need to supply the 'real-server' option for the 'drain' command\n");
    CHECK(tool.drain("-t 192.0.2.10:81 -r 10.1.1.2:80").err == "Service not defined\n");
    CHECK(tool.drain("-t 192.0.2.10:80 -r 10.1.1.3:80").err == "No such destination\n");
    CHECK(tool.dest().dest.weight.value == 5);
    tool.kernel->extensions = false;
    CHECK(tool.drain(web_server).exit_code == 255);
    CHECK(tool.dest().dest.weight.value == 5);
    CHECK(tool.run("ipvsadm", "-R", std::string("--drain ") + web_server + "\n").err.find("waits and is no rule") !=
          std::string::npos);
}
