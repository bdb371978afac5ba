// SPDX-License-Identifier: GPL-2.0-or-later
// Packets from IP upwards, sound unless told otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fuzz {

using Bytes = std::vector<std::uint8_t>;

struct Host {
    bool v6 = false;
    std::array<std::uint8_t, 16> bytes{}; // IPv4: the first four
    std::size_t size() const { return v6 ? 16 : 4; }
};

Host host(const std::string& text);

struct Endpoint {
    Host address;
    std::uint16_t port = 0;
};

void put16(Bytes& bytes, std::size_t at, std::uint16_t value); // big endian, as all here
std::uint16_t get16(const Bytes& bytes, std::size_t at);
// The Internet checksum's sum, not inverted; `sum` is what came before.
std::uint32_t add_words(const std::uint8_t* data, std::size_t size, std::uint32_t sum = 0);
std::uint16_t fold(std::uint32_t sum);

// What an IP header shall say, where it differs from the truth.
struct IpLies {
    std::optional<std::uint8_t> version, header_length /* in words */, ttl, protocol;
    std::optional<std::uint16_t> length, fragment /* flags and offset */, id, check;
    Bytes options;                                          // IPv4; padded to words
    std::vector<std::pair<std::uint8_t, Bytes>> extensions; // IPv6: header number, all but its first byte
};

// A packet and where its parts are.
struct Packet {
    Bytes bytes;
    bool v6 = false;
    std::uint8_t protocol = 0; // of what is at l4
    std::size_t l4 = 0;
    std::optional<std::size_t> check_at; // of the transport checksum, from l4

    std::size_t address_at(bool destination) const { return v6 ? (destination ? 24 : 8) : (destination ? 16 : 12); }
    // The sum of the pseudo header, as it is with the addresses now in place.
    std::uint32_t pseudo_sum() const;
    void repair_ip_check();
    void repair_transport_check();
    // As a sender leaves it that relies on its network card.
    void leave_transport_check_to_device();
};

Packet ip_packet(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload,
                 const IpLies& lies = {});
Packet tcp_packet(const Endpoint& from, const Endpoint& to, std::uint8_t flags, const Bytes& payload,
                  const Bytes& options, const IpLies& lies = {});
Packet udp_packet(const Endpoint& from, const Endpoint& to, const Bytes& payload, const IpLies& lies = {});
Packet icmp_packet(const Host& from, const Host& to, std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                   const Bytes& quote, const IpLies& lies = {});

} // namespace fuzz
