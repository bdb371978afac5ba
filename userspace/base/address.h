// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses, ports, marks and weights as types of their own, so that none is taken for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace lvs {

enum class Family : std::uint16_t { ipv4 = 2 /* AF_INET */, ipv6 = 10 /* AF_INET6 */ };

// IPv4 uses the first four bytes; the rest is zero, so that equality is equality of bytes.
struct Address {
    Family family = Family::ipv4;
    std::array<std::uint8_t, 16> bytes{};

    std::size_t size() const { return family == Family::ipv4 ? 4 : 16; }
    bool is_multicast() const;
    std::string text() const;
    static std::optional<Address> parse(Family family, const std::string& text);

    auto operator<=>(const Address&) const = default;
};

struct Port {
    std::uint16_t value = 0; // host order
    auto operator<=>(const Port&) const = default;
};

struct Fwmark {
    std::uint32_t value = 0;
    auto operator<=>(const Fwmark&) const = default;
};

struct Weight {
    std::int32_t value = 1;
    auto operator<=>(const Weight&) const = default;
};

struct Endpoint {
    Address address;
    Port port;
    auto operator<=>(const Endpoint&) const = default;
};

} // namespace lvs
