// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "values.h"

#include "model/order.h"

#include <algorithm>
#include <random>

using namespace lvs;
using namespace test;

namespace {

std::vector<ServiceId> listed(const std::vector<ServiceId>& services) {
    return sorted_as_listed(services, [](const auto& a, const auto& b) { return compare_listed(a, b); });
}

std::vector<ServiceId> web_on(const std::vector<std::string>& addresses) {
    std::vector<ServiceId> out;
    out.reserve(addresses.size());
    for (const std::string& text : addresses)
        out.push_back(tcp(text, 1));
    return out;
}

} // namespace

TEST_CASE("services are listed by mark, family, protocol, address, port", "[model]") {
    const std::vector<ServiceId> order = {
        tcp("10.0.0.1", 80),       tcp("10.0.0.1", 443),      tcp("10.0.0.1", 40000),    tcp("10.0.0.2", 1),
        udp("1.2.3.4", 5),         tcp("fd00::1", 443),       tcp("fd00::10", 80),       udp("fd00::10", 53),
        Marked{{1}, Family::ipv4}, Marked{{1}, Family::ipv6}, Marked{{2}, Family::ipv4},
    };
    std::vector<ServiceId> shuffled = order;
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(7));
    REQUIRE(shuffled != order);
    CHECK(listed(shuffled) == order);
}

TEST_CASE("far-apart addresses are listed as ipvsadm 1.31 lists them", "[model]") {
    // Seen on one machine; the kernel gave the last ones first.
    CHECK(listed(web_on({"192.0.2.1", "127.0.0.1"})) == web_on({"127.0.0.1", "192.0.2.1"}));
    CHECK(listed(web_on({"137.0.0.1", "10.0.0.1"})) == web_on({"10.0.0.1", "137.0.0.1"}));
    CHECK(listed(web_on({"fd00:0:1::1", "fd00:0:ffff::1"})) == web_on({"fd00:0:ffff::1", "fd00:0:1::1"}));

    const std::vector<Endpoint> given = {
        endpoint("10.0.0.1", 60000), endpoint("7d00::1", 1),   endpoint("fd00::1", 1),   endpoint("127.0.0.1", 5),
        endpoint("192.0.2.1", 5),    endpoint("138.0.0.1", 5), endpoint("137.0.0.1", 5), endpoint("10.0.0.1", 5),
    };
    const std::vector<Endpoint> seen = {
        endpoint("10.0.0.1", 60000), endpoint("7d00::1", 1), endpoint("127.0.0.1", 5), endpoint("138.0.0.1", 5),
        endpoint("192.0.2.1", 5),    endpoint("fd00::1", 1), endpoint("10.0.0.1", 5),  endpoint("137.0.0.1", 5),
    };
    CHECK(sorted_as_listed(given, [](const auto& a, const auto& b) { return compare_listed(a, b); }) == seen);
}

TEST_CASE("services with the same address differ by protocol, port and family of the mark", "[model]") {
    CHECK(tcp("192.0.2.1", 80) == tcp("192.0.2.1", 80));
    CHECK_FALSE(tcp("192.0.2.1", 80) == udp("192.0.2.1", 80));
    CHECK_FALSE(tcp("192.0.2.1", 80) == tcp("192.0.2.1", 81));
    CHECK_FALSE(ServiceId(Marked{{1}, Family::ipv4}) == ServiceId(Marked{{1}, Family::ipv6}));
}

TEST_CASE("addresses are read and written", "[model]") {
    const auto text =
        GENERATE(as<std::string>{}, "0.0.0.0", "192.0.2.10", "255.255.255.255", "::", "fd00::1", "::ffff:192.0.2.1");
    CHECK(address(text).text() == text);
    CHECK_FALSE(Address::parse(Family::ipv4, text + "x"));
    CHECK_FALSE(Address::parse(Family::ipv6, text + "x"));
}

TEST_CASE("services as keys: different ones are in one order, equal ones in none", "[model]") {
    // Among them addresses that the order of listings has in a circle.
    const std::vector<ServiceId> services = {
        tcp("10.0.0.1", 80), tcp("10.0.0.1", 443),      tcp("127.0.0.1", 80),      tcp("192.0.2.1", 80),
        udp("10.0.0.1", 80), tcp("fd00::1", 80),        Marked{{1}, Family::ipv4}, Marked{{1}, Family::ipv6},
        tcp("0.0.0.0", 0),   Marked{{2}, Family::ipv4},
    };
    const ServiceIdLess less;
    for (const ServiceId& a : services)
        for (const ServiceId& b : services) {
            CHECK(less(a, b) + less(b, a) == int(a != b));
            for (const ServiceId& c : services)
                if (less(a, b) && less(b, c))
                    CHECK(less(a, c));
        }
}
