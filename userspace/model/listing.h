// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel reports: services and dests with their counters, daemons, timeouts, drops.
#pragma once

#include "model/service.h"

#include <optional>
#include <vector>

namespace lvs {

struct Stats {
    std::uint64_t connections = 0;
    std::uint64_t in_packets = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;
    // Per second, averaged by the kernel's estimator.
    std::uint64_t connection_rate = 0;
    std::uint64_t in_packet_rate = 0;
    std::uint64_t out_packet_rate = 0;
    std::uint64_t in_byte_rate = 0;
    std::uint64_t out_byte_rate = 0;
    bool operator==(const Stats&) const = default;
};

struct OptionsOfService {
    ServiceId service;
    ServiceOptions options;
    bool operator==(const OptionsOfService&) const = default;
};

struct ListedService {
    Service service;
    Stats stats;
    bool operator==(const ListedService&) const = default;
};

struct ListedDest {
    Dest dest;
    std::uint32_t active = 0;
    std::uint32_t inactive = 0;
    std::uint32_t persistent = 0;
    Stats stats;
    bool operator==(const ListedDest&) const = default;
};

// Seconds; 0 leaves a value as it is.
struct Timeouts {
    std::uint32_t tcp = 0;
    std::uint32_t tcp_fin = 0;
    std::uint32_t udp = 0;
    bool operator==(const Timeouts&) const = default;
};

struct Info {
    std::uint32_t version = 0;
    std::uint32_t table_size = 0;
    bool operator==(const Info&) const = default;
};

enum class DaemonState : std::uint32_t { master = 1, backup = 2 };

struct Daemon {
    DaemonState state = DaemonState::master;
    std::string interface;
    std::uint32_t sync_id = 0;
    std::uint16_t max_length = 0; // 0: the kernel's choice, here and below
    std::optional<Address> group;
    Port port;
    std::uint8_t ttl = 0;
    bool operator==(const Daemon&) const = default;
};

struct DropCounter {
    std::uint32_t reason = 0;
    std::string name;
    std::uint64_t packets = 0;
    bool operator==(const DropCounter&) const = default;
};

struct DropTable {
    std::optional<ServiceId> service; // none: all of the namespace
    std::vector<DropCounter> counters;
    bool operator==(const DropTable&) const = default;
};

// What is known of a local address; the numbers are of all services that share it.
struct ListedLocalAddress {
    ServiceId service;
    Address address;
    std::uint32_t ports = 0;       // taken by connections
    std::uint64_t conflicts = 0;   // ports that were passed over: a socket of the director has them
    std::uint64_t exhausted = 0;   // connections that found no port
    std::uint64_t untold = 0;      // packets that had no room for the client's address
    std::uint64_t told_by_uoa = 0; // UDP's that had it
    bool operator==(const ListedLocalAddress&) const = default;
};

// A profile comes in parts: its options, then its local addresses, one by one.
struct PartOfProfile {
    ServiceId service;
    std::optional<ServiceOptions> options;
    std::optional<Address> local_address;
    bool operator==(const PartOfProfile&) const = default;
};

// A dest of one of all services.
struct DestOfService {
    ServiceId service;
    ListedDest listed;
    bool operator==(const DestOfService&) const = default;
};

struct Connection {
    std::string protocol; // as the kernel calls it, `TCP`
    Endpoint client;
    Endpoint service;
    Endpoint dest;
    std::string state;
    std::uint32_t expires = 0; // seconds from now
    std::string engine;        // of persistence, empty: none
    std::string engine_data;
    std::optional<Endpoint> local{}; // by which the dest knows the client, with FULLNAT
    bool operator==(const Connection&) const = default;
};

// What the extension family says of itself.
struct ModuleInfo {
    std::string version;
    std::uint32_t abi_min = 0;
    std::uint32_t abi_max = 0;
    bool operator==(const ModuleInfo&) const = default;
};

} // namespace lvs
