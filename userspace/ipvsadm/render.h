// SPDX-License-Identifier: GPL-2.0-or-later
// What ipvsadm prints, as text. Columns and trailing blanks are what scripts parse.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"

#include <string>
#include <utility>
#include <vector>

namespace lvs {

struct ServiceTable {
    ListedService service;
    std::vector<ListedDest> dests;
};

// Tables (render_table.cpp)
std::string version_number(const Info& info); // 1.2.1
std::string version_line(const Info& info);
std::string table_header(const ListFormat& format);
std::string table_rows(const ServiceTable& table, const ListFormat& format, const Resolver& names);
std::string large_number(std::uint64_t value, bool exact);
std::string timeouts_line(const Timeouts& timeouts);
std::string daemon_line(const Daemon& daemon);

// Rules that restore the table (render_save.cpp)
// `profile`: the one that the service will get when it is added, or null.
std::string save_rules(const ServiceTable& table, const std::vector<Address>& pool, const Profile* profile,
                       bool numeric, const Resolver& names);
std::string save_profile(const Profile& profile, bool numeric, const Resolver& names);

// `-t 192.0.2.1:80`, `-f 7 -6`: a service as an option (render_save.cpp)
std::string service_option(const ServiceId& id, bool numeric, const Resolver& names);

// `TCP  192.0.2.1:80`, `FWM  7 IPv6` (render_table.cpp)
std::string service_title(const ServiceId& id, bool numeric, const Resolver& names);

// Connections (render_connections.cpp)
std::string connection_rows(const std::vector<Connection>& connections, const ListFormat& format,
                            const Resolver& names);

// Drop counters (render_drops.cpp)
std::string drop_tables(const std::vector<DropTable>& tables, bool numeric, const Resolver& names);

// Pools of local addresses (render_laddrs.cpp)
std::string local_address_table(const std::vector<ListedLocalAddress>& listed, bool numeric, const Resolver& names);

// Profiles (render_profiles.cpp)
std::string profile_table(const std::vector<Profile>& profiles, bool numeric, const Resolver& names);

// Limits and the like by the names of their options (render_table.cpp)
std::vector<std::pair<const char*, std::uint32_t>> numbers_of(const ServiceOptions& options);

// A way to tell the client of a UDP flow, as `--uoa` has it (render_table.cpp)
const char* uoa_name(Uoa uoa);

// ` established 600 expire-rst`: options as a listing has them, empty if there are none (render_table.cpp)
std::string options_text(const ServiceOptions& options);

// The same as JSON documents, each ending with a newline (render_json.cpp, docs/json.md)
std::string services_json(const Info& info, const std::vector<ServiceTable>& tables, JsonStyle style);
std::string connections_json(const std::vector<Connection>& connections, JsonStyle style);
std::string timeouts_json(const Timeouts& timeouts, JsonStyle style);
std::string daemons_json(const std::vector<Daemon>& daemons, JsonStyle style);
std::string local_addresses_json(const std::vector<ListedLocalAddress>& listed, JsonStyle style);
std::string profiles_json(const std::vector<Profile>& profiles, JsonStyle style);
std::string drops_json(const std::vector<DropTable>& tables, JsonStyle style);

const char* forwarding_option(Forwarding forwarding);
const char* tunnel_type_name(TunnelType type);

} // namespace lvs
