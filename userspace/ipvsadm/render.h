// SPDX-License-Identifier: GPL-2.0-or-later
// What ipvsadm prints, as text. Columns and trailing blanks are what scripts parse.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"

#include <string>
#include <vector>

namespace lvs {

struct ServiceTable {
    ListedService service;
    std::vector<ListedDest> dests;
};

// Tables (render_table.cpp)
std::string version_line(const Info& info);
std::string table_header(const ListFormat& format);
std::string table_rows(const ServiceTable& table, const ListFormat& format, const Resolver& names);
std::string large_number(std::uint64_t value, bool exact);
std::string timeouts_line(const Timeouts& timeouts);
std::string daemon_line(const Daemon& daemon);

// Rules that restore the table (render_save.cpp)
std::string save_rules(const ServiceTable& table, bool numeric, const Resolver& names);

// `-t 192.0.2.1:80`, `-f 7 -6`: a service as an option (render_save.cpp)
std::string service_option(const ServiceId& id, bool numeric, const Resolver& names);

// `TCP  192.0.2.1:80`, `FWM  7 IPv6` (render_table.cpp)
std::string service_title(const ServiceId& id, bool numeric, const Resolver& names);

// Connections, from the text of /proc/net/ip_vs_conn (render_connections.cpp)
Result<std::string, Failure> connection_rows(const std::string& proc_text, const ListFormat& format,
                                             const Resolver& names);

// Drop counters (render_drops.cpp)
std::string drop_tables(const std::vector<DropTable>& tables, bool numeric, const Resolver& names);

const char* forwarding_option(Forwarding forwarding);
const char* tunnel_type_name(TunnelType type);

} // namespace lvs
