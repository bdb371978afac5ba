// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "values.h"

#include <algorithm>
#include <random>

using namespace lvs;
using namespace test;

TEST_CASE("services are listed by mark, family, protocol, address, port", "[model]") {
    const std::vector<ServiceId> order = {
        tcp("10.0.0.1", 1),      tcp("192.0.2.9", 80),   tcp("192.0.2.9", 443), tcp("192.0.2.10", 80),
        tcp("192.0.2.100", 9),   udp("1.2.3.4", 5),      tcp("::1", 1),         tcp("fd00::1", 443),
        tcp("fd00::10", 80),     udp("fd00::10", 53),    Marked{{1}, Family::ipv4}, Marked{{1}, Family::ipv6},
        Marked{{2}, Family::ipv4},
    };
    std::vector<ServiceId> shuffled = order;
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(7));
    REQUIRE(shuffled != order);
    std::sort(shuffled.begin(), shuffled.end(), listed_before);
    CHECK(shuffled == order);
}

TEST_CASE("services with the same address differ by protocol, port and family of the mark", "[model]") {
    CHECK(tcp("192.0.2.1", 80) == tcp("192.0.2.1", 80));
    CHECK_FALSE(tcp("192.0.2.1", 80) == udp("192.0.2.1", 80));
    CHECK_FALSE(tcp("192.0.2.1", 80) == tcp("192.0.2.1", 81));
    CHECK_FALSE(ServiceId(Marked{{1}, Family::ipv4}) == ServiceId(Marked{{1}, Family::ipv6}));
}

TEST_CASE("addresses are read and written", "[model]") {
    const auto text = GENERATE(as<std::string>{}, "0.0.0.0", "192.0.2.10", "255.255.255.255", "::", "fd00::1",
                               "::ffff:192.0.2.1");
    CHECK(address(text).text() == text);
    CHECK_FALSE(Address::parse(Family::ipv4, text + "x"));
    CHECK_FALSE(Address::parse(Family::ipv6, text + "x"));
}
