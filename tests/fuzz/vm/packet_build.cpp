// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_build.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdexcept>

namespace fuzz {

Host host(const std::string& text) {
    Host host{.v6 = text.find(':') != std::string::npos};
    if (inet_pton(host.v6 ? AF_INET6 : AF_INET, text.c_str(), host.bytes.data()) != 1)
        throw std::invalid_argument("not an address: " + text);
    return host;
}

void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t add_words(const std::uint8_t* data, std::size_t size, std::uint32_t sum) {
    for (std::size_t i = 0; i + 1 < size; i += 2)
        sum += static_cast<std::uint32_t>(data[i] << 8 | data[i + 1]);
    if (size % 2)
        sum += static_cast<std::uint32_t>(data[size - 1] << 8);
    return fold(sum);
}

std::uint16_t fold(std::uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::uint32_t Packet::pseudo_sum() const {
    const std::size_t size = v6 ? 16 : 4;
    std::uint32_t sum = add_words(bytes.data() + address_at(false), 2 * size);
    return sum + protocol + static_cast<std::uint32_t>(bytes.size() - l4);
}

void Packet::repair_ip_check() {
    const std::size_t length = std::min<std::size_t>((bytes[0] & 15U) * 4, bytes.size());
    if (v6 || length < 20)
        return;
    put16(bytes, 10, 0);
    put16(bytes, 10, static_cast<std::uint16_t>(~add_words(bytes.data(), length)));
}

void Packet::repair_transport_check() {
    if (!check_at || l4 + *check_at + 2 > bytes.size())
        return;
    const bool pseudo = v6 || protocol != IPPROTO_ICMP;
    put16(bytes, l4 + *check_at, 0);
    const std::uint32_t sum = add_words(bytes.data() + l4, bytes.size() - l4, pseudo ? fold(pseudo_sum()) : 0);
    const auto check = static_cast<std::uint16_t>(~fold(sum));
    put16(bytes, l4 + *check_at, protocol == IPPROTO_UDP && !check ? 0xffff : check);
}

void Packet::leave_transport_check_to_device() {
    if (check_at && l4 + *check_at + 2 <= bytes.size())
        put16(bytes, l4 + *check_at, fold(pseudo_sum()));
}

namespace {

void append(Bytes& to, const Bytes& what) {
    to.insert(to.end(), what.begin(), what.end());
}
void append(Bytes& to, const Host& address) {
    to.insert(to.end(), address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
}

Packet ipv4(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload, const IpLies& lies) {
    Packet packet{.protocol = protocol};
    Bytes options = lies.options;
    options.resize(std::min<std::size_t>((options.size() + 3) / 4 * 4, 40));
    packet.l4 = 20 + options.size();
    Bytes& b = packet.bytes;
    b.resize(12);
    b[0] = static_cast<std::uint8_t>(lies.version.value_or(4) << 4 |
                                     (lies.header_length.value_or(static_cast<std::uint8_t>(packet.l4 / 4)) & 15));
    put16(b, 2, lies.length.value_or(static_cast<std::uint16_t>(packet.l4 + payload.size())));
    put16(b, 4, lies.id.value_or(1));
    put16(b, 6, lies.fragment.value_or(0));
    b[8] = lies.ttl.value_or(64);
    b[9] = lies.protocol.value_or(protocol);
    append(b, from);
    append(b, to);
    append(b, options);
    append(b, payload);
    packet.repair_ip_check();
    if (lies.check)
        put16(b, 10, *lies.check);
    return packet;
}

Packet ipv6(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload, const IpLies& lies) {
    Packet packet{.v6 = true, .protocol = protocol};
    Bytes& b = packet.bytes;
    b.resize(8);
    b[0] = static_cast<std::uint8_t>(lies.version.value_or(6) << 4);
    const std::uint8_t last = lies.protocol.value_or(protocol);
    b[6] = lies.extensions.empty() ? last : lies.extensions[0].first;
    b[7] = lies.ttl.value_or(64);
    append(b, from);
    append(b, to);
    for (std::size_t i = 0; i < lies.extensions.size(); i++) {
        b.push_back(i + 1 < lies.extensions.size() ? lies.extensions[i + 1].first : last);
        append(b, lies.extensions[i].second);
    }
    packet.l4 = b.size();
    append(b, payload);
    put16(b, 4, lies.length.value_or(static_cast<std::uint16_t>(b.size() - 40)));
    return packet;
}

} // namespace

Packet ip_packet(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload, const IpLies& lies) {
    return from.v6 ? ipv6(from, to, protocol, payload, lies) : ipv4(from, to, protocol, payload, lies);
}

Packet tcp_packet(const Endpoint& from, const Endpoint& to, std::uint8_t flags, const Bytes& payload,
                  const Bytes& options, const IpLies& lies) {
    Bytes segment(20);
    put16(segment, 0, from.port);
    put16(segment, 2, to.port);
    append(segment, options);
    segment.resize(std::min<std::size_t>((segment.size() + 3) / 4 * 4, 60));
    segment[12] = static_cast<std::uint8_t>(segment.size() / 4 << 4);
    segment[13] = flags;
    put16(segment, 14, 8192);
    append(segment, payload);
    Packet packet = ip_packet(from.address, to.address, IPPROTO_TCP, segment, lies);
    packet.check_at = 16;
    packet.repair_transport_check();
    return packet;
}

Packet udp_packet(const Endpoint& from, const Endpoint& to, const Bytes& payload, const IpLies& lies) {
    Bytes segment(8);
    put16(segment, 0, from.port);
    put16(segment, 2, to.port);
    put16(segment, 4, static_cast<std::uint16_t>(8 + payload.size()));
    append(segment, payload);
    Packet packet = ip_packet(from.address, to.address, IPPROTO_UDP, segment, lies);
    packet.check_at = 6;
    packet.repair_transport_check();
    return packet;
}

Packet icmp_packet(const Host& from, const Host& to, std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                   const Bytes& quote, const IpLies& lies) {
    Bytes message(8);
    message[0] = type;
    message[1] = code;
    put16(message, 4, static_cast<std::uint16_t>(rest >> 16));
    put16(message, 6, static_cast<std::uint16_t>(rest));
    append(message, quote);
    Packet packet = ip_packet(from, to, static_cast<std::uint8_t>(from.v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}),
                              message, lies);
    packet.check_at = 2;
    packet.repair_transport_check();
    return packet;
}

} // namespace fuzz
