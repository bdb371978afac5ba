// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual services and their real servers: values with equality, no input or output.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace lvs {

enum class Protocol : std::uint16_t { tcp = 6, udp = 17, sctp = 132 };

// A service is found by where its clients connect ...
struct Listener {
    Protocol protocol = Protocol::tcp;
    Endpoint endpoint;
    bool operator==(const Listener&) const = default;
};

// ... or by the mark a firewall put on their packets.
struct Marked {
    Fwmark mark;
    Family family = Family::ipv4;
    bool operator==(const Marked&) const = default;
};

using ServiceId = std::variant<Listener, Marked>;

inline Family family_of(const ServiceId& id) {
    const auto* listener = std::get_if<Listener>(&id);
    return listener ? listener->endpoint.address.family : std::get<Marked>(id).family;
}

// Service flags a user may set; the kernel's own are kept out of the model.
enum ServiceFlag : std::uint32_t {
    persistent_flag = 0x1,
    one_packet_flag = 0x4,
    scheduler_flag_1 = 0x8,
    scheduler_flag_2 = 0x10,
    scheduler_flag_3 = 0x20,
};
inline constexpr std::uint32_t user_flags =
    persistent_flag | one_packet_flag | scheduler_flag_1 | scheduler_flag_2 | scheduler_flag_3;

// How FULLNAT tells real servers the client of a UDP flow; the values are the kernel's.
enum class Uoa : std::uint32_t { none, option, header };

// What only the module lvs can do for a service.
struct ServiceOptions {
    std::uint32_t established_timeout = 0; // of TCP connections, seconds; 0: the general one
    std::uint32_t udp_limit = 0;           // after so many seconds a UDP flow may go elsewhere; 0: never
    bool expire_rst = false;               // both ends hear that their TCP connection expired
    bool clamp_mss = false;                // a SYN through a tunnel states no more than fits there
    bool masq_fullnat = false;             // real servers that are set to NAT get FULLNAT
    // Limits, 0: none. Of all clients together, and of each client's address.
    std::uint32_t max_conns = 0; // connections at once
    std::uint32_t max_rate = 0;  // new ones a second
    std::uint32_t client_conns = 0;
    std::uint32_t client_rate = 0;
    std::uint32_t toa_kind = 0; // of the TCP option that tells real servers the client; 0: the usual one
    bool no_toa = false;        // they are not told
    Uoa uoa = Uoa::none;
    bool operator==(const ServiceOptions&) const = default;
};

struct Service {
    ServiceId id;
    std::string scheduler;
    std::string persistence_engine;
    std::uint32_t flags = 0;
    std::uint32_t timeout = 0; // of persistence, seconds
    // IPv4: the mask in network order; IPv6: the prefix length.
    std::uint32_t netmask = 0;
    ServiceOptions options{};

    bool has(ServiceFlag flag) const { return (flags & flag) != 0; }
    bool operator==(const Service&) const = default;
};

// What a service of that identity gets when it is added, by whichever client. Port 0 stands for all
// ports that have no profile of their own.
struct Profile {
    ServiceId service;
    ServiceOptions options;
    std::vector<Address> local_addresses;
    bool operator==(const Profile&) const = default;
};

inline constexpr std::uint32_t whole_ipv4_mask = 0xffffffff;
inline constexpr std::uint32_t whole_ipv6_prefix = 128;

// The mask under which every client counts for itself.
inline std::uint32_t whole_mask(Family family) {
    return family == Family::ipv4 ? whole_ipv4_mask : whole_ipv6_prefix;
}

enum class Forwarding : std::uint32_t { masquerade = 0, local = 1, tunnel = 2, route = 3, bypass = 4, fullnat = 5 };

enum class TunnelType : std::uint8_t { ipip = 0, gue = 1, gre = 2 };

enum TunnelFlag : std::uint16_t {
    tunnel_no_checksum = 0,
    tunnel_checksum = 1,
    tunnel_remote_checksum = 2,
};

struct Tunnel {
    TunnelType type = TunnelType::ipip;
    Port port;
    std::uint16_t flags = tunnel_no_checksum;
    bool operator==(const Tunnel&) const = default;
};

struct Dest {
    Endpoint endpoint;
    Forwarding forwarding = Forwarding::route;
    Weight weight;
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;
    Tunnel tunnel;
    bool operator==(const Dest&) const = default;
};

} // namespace lvs
