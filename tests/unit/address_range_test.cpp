// SPDX-License-Identifier: GPL-2.0-or-later
// base/address_range: addresses by ranges and networks.
#include "base/address_range.h"
#include "catch.hpp"

using namespace lvs;

namespace {

std::vector<std::string> texts(const std::string& word, std::size_t most = 100) {
    auto addresses = parse_addresses(word, most);
    if (!addresses)
        return {"error: " + addresses.error()};
    std::vector<std::string> out;
    for (const Address& address : *addresses)
        out.push_back(address.text());
    return out;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("address range: single addresses, ranges and networks") {
    CHECK(texts("10.0.0.1") == Texts{"10.0.0.1"});
    CHECK(texts("fd00::1") == Texts{"fd00::1"});
    CHECK(texts("10.0.0.254-10.0.1.1") == Texts{"10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"});
    CHECK(texts("fd00::ffff-fd00::1:1") == Texts{"fd00::ffff", "fd00::1:0", "fd00::1:1"});
    CHECK(texts("10.0.0.1-10.0.0.1") == Texts{"10.0.0.1"});
    CHECK(texts("10.0.0.6/30") == Texts{"10.0.0.5", "10.0.0.6"});
    CHECK(texts("10.0.0.6/31") == Texts{"10.0.0.6", "10.0.0.7"});
    CHECK(texts("10.0.0.6/32") == Texts{"10.0.0.6"});
    CHECK(texts("fd00::5/127") == Texts{"fd00::4", "fd00::5"});
    CHECK(texts("10.0.0.0/24", 254).size() == 254);
    CHECK(texts("255.255.255.254-255.255.255.255") == Texts{"255.255.255.254", "255.255.255.255"});
}

TEST_CASE("address range: several of them") {
    CHECK(texts("10.0.0.1,10.0.0.4-10.0.0.5,fd00::/127") ==
          Texts{"10.0.0.1", "10.0.0.4", "10.0.0.5", "fd00::", "fd00::1"});
    CHECK(texts("10.0.0.1,10.0.0.1") == Texts{"10.0.0.1", "10.0.0.1"});
    CHECK(texts("10.0.0.1,") == Texts{"error: `' is no address"});
    CHECK(texts("10.0.0.0/30,10.0.1.0/30", 3) == Texts{"error: more than 3 addresses"});
}

TEST_CASE("address range: what is none") {
    CHECK(texts("10.0.0") == Texts{"error: `10.0.0' is no address"});
    CHECK(texts("") == Texts{"error: `' is no address"});
    CHECK(texts("10.0.0.2-10.0.0.1") == Texts{"error: the last address is before the first"});
    CHECK(texts("10.0.0.2-fd00::1") == Texts{"error: `fd00::1' is no address of the same family"});
    CHECK(texts("10.0.0.2-") == Texts{"error: `' is no address of the same family"});
    CHECK(texts("10.0.0.0/33") == Texts{"error: `33' is no prefix length from 0 to 32"});
    CHECK(texts("fd00::/129") == Texts{"error: `129' is no prefix length from 0 to 128"});
    CHECK(texts("10.0.0.0/") == Texts{"error: `' is no prefix length from 0 to 32"});
    CHECK(texts("10.0.0.0/24", 253) == Texts{"error: more than 253 addresses"});
    CHECK(texts("10.0.0.0-10.0.0.100", 100) == Texts{"error: more than 100 addresses"});
    CHECK(texts("fd00::/64", 4096) == Texts{"error: more than 4096 addresses"});
}
