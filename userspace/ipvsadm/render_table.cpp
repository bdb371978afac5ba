// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"
#include "ipvsadm/scheduler_flags.h"

#include <array>
#include <cstring>

namespace lvs {

namespace {

// Which of the tables is printed, if several are asked for.
enum class Columns { plain, stats, rate, thresholds, persistent, tunnels };

Columns columns_of(const ListFormat& format) {
    if (format.stats)
        return Columns::stats;
    if (format.rate)
        return Columns::rate;
    if (format.thresholds)
        return Columns::thresholds;
    if (format.persistent)
        return Columns::persistent;
    if (format.tunnels)
        return Columns::tunnels;
    return Columns::plain;
}

// IPv4 names are cut to their column; IPv6 ones push the columns aside.
std::string fitted(std::string name, const Address& address, std::size_t width) {
    if (address.family == Family::ipv4 && name.size() > width)
        name.resize(width);
    return name;
}

const char* protocol_title(Protocol protocol) {
    switch (protocol) {
    case Protocol::tcp: return "TCP";
    case Protocol::udp: return "UDP";
    case Protocol::sctp: return "SCTP";
    }
    return "???";
}

const char* forwarding_title(Forwarding forwarding) {
    switch (forwarding) {
    case Forwarding::masquerade: return "Masq";
    case Forwarding::local: return "Local";
    case Forwarding::tunnel: return "Tunnel";
    case Forwarding::route: return "Route";
    case Forwarding::bypass: return "";
    case Forwarding::fullnat: return "FullNat";
    }
    return "Unknown";
}

std::string mask_text(const Service& service) {
    if (family_of(service.id) == Family::ipv6)
        return service.netmask == whole_ipv6_prefix ? "" : text(" mask %u", service.netmask);
    if (service.netmask == whole_ipv4_mask)
        return "";
    Address mask;
    std::memcpy(mask.bytes.data(), &service.netmask, sizeof service.netmask);
    return " mask " + mask.text();
}

std::string service_properties(const Service& service) {
    std::string out = " " + service.scheduler;
    const std::string flags = scheduler_flags_text(service.scheduler, service.flags);
    if (!flags.empty())
        out += " (" + flags + ")";
    if (service.has(persistent_flag)) {
        out += text(" persistent %u", service.timeout) + mask_text(service);
        if (!service.persistence_engine.empty())
            out += " pe " + service.persistence_engine;
    }
    if (service.has(one_packet_flag))
        out += " ops";
    return out + options_text(service.options);
}

std::string stats_columns(const Stats& stats, bool exact) {
    std::string out;
    for (std::uint64_t value :
         {stats.connections, stats.in_packets, stats.out_packets, stats.in_bytes, stats.out_bytes})
        out += large_number(value, exact);
    return out;
}

std::string rate_columns(const Stats& stats, bool exact) {
    std::string out;
    for (std::uint64_t value :
         {stats.connection_rate, stats.in_packet_rate, stats.out_packet_rate, stats.in_byte_rate, stats.out_byte_rate})
        out += large_number(value, exact);
    return out;
}

// The type, its port, and whether checksums are on: `gue:6080:+c`, with `r` for remote ones.
std::string tunnel_text(const Tunnel& tunnel) {
    const char* checksum = tunnel.flags & tunnel_remote_checksum ? "r+c" : tunnel.flags & tunnel_checksum ? "+c" : "-c";
    switch (tunnel.type) {
    case TunnelType::ipip: return "ipip";
    case TunnelType::gue: return text("gue:%u:%s", tunnel.port.value, checksum);
    case TunnelType::gre: return text("gre:%s", checksum);
    }
    return "unknown";
}

std::string service_row(const ListedService& listed, Columns columns, const ListFormat& format, const Resolver& names) {
    const ServiceId& id = listed.service.id;
    std::string title = service_title(id, format.numeric, names);
    if (const auto* listener = std::get_if<Listener>(&id))
        title = fitted(std::move(title), listener->endpoint.address, 33);
    switch (columns) {
    case Columns::stats: return text("%-33s", title.c_str()) + stats_columns(listed.stats, format.exact) + "\n";
    case Columns::rate: return text("%-33s", title.c_str()) + rate_columns(listed.stats, format.exact) + "\n";
    default: return title + service_properties(listed.service) + "\n";
    }
}

std::string dest_row(const ListedDest& listed, Protocol protocol, Columns columns, const ListFormat& format,
                     const Resolver& names) {
    const Dest& dest = listed.dest;
    const std::string name =
        fitted(endpoint_text(dest.endpoint, protocol, format.numeric, names), dest.endpoint.address, 28);
    const std::string start = text("  -> %-28s", name.c_str());
    const char* method = forwarding_title(dest.forwarding);
    switch (columns) {
    case Columns::stats: return start + stats_columns(listed.stats, format.exact) + "\n";
    case Columns::rate: return start + rate_columns(listed.stats, format.exact) + "\n";
    case Columns::thresholds:
        return start + text(" %-10u %-10u %-10u %-10u\n", dest.upper_threshold, dest.lower_threshold, listed.active,
                            listed.inactive);
    case Columns::persistent:
        return start + text(" %-9u %-11u %-10u %-10u\n", static_cast<unsigned>(dest.weight.value), listed.persistent,
                            listed.active, listed.inactive);
    case Columns::tunnels: {
        const std::string tunnel = dest.forwarding == Forwarding::tunnel ? tunnel_text(dest.tunnel) : "n/a";
        return start + text(" %-7s %-13s %-6d %-10u %-10u\n", method, tunnel.c_str(), dest.weight.value, listed.active,
                            listed.inactive);
    }
    case Columns::plain: break;
    }
    return start + text(" %-7s %-6d %-10u %-10u\n", method, dest.weight.value, listed.active, listed.inactive);
}

} // namespace

std::vector<std::pair<const char*, std::uint32_t>> numbers_of(const ServiceOptions& options) {
    return {{"max-conns", options.max_conns},
            {"max-rate", options.max_rate},
            {"client-conns", options.client_conns},
            {"client-rate", options.client_rate},
            {"toa-kind", options.toa_kind}};
}

std::string options_text(const ServiceOptions& options) {
    std::string out;
    if (options.established_timeout)
        out += text(" established %u", options.established_timeout);
    if (options.udp_limit)
        out += text(" udp-limit %u", options.udp_limit);
    if (options.expire_rst)
        out += " expire-rst";
    if (options.clamp_mss)
        out += " clamp-mss";
    if (options.masq_fullnat)
        out += " masq-fullnat";
    for (const auto& [name, value] : numbers_of(options))
        if (value)
            out += text(" %s %u", name, value);
    if (options.no_toa)
        out += " no-toa";
    if (options.uoa != Uoa::none)
        out += text(" uoa %s", uoa_name(options.uoa));
    return out;
}

const char* uoa_name(Uoa uoa) {
    switch (uoa) {
    case Uoa::option: return "option";
    case Uoa::header: return "header";
    case Uoa::none: break;
    }
    return "none";
}

std::string large_number(std::uint64_t value, bool exact) {
    const auto wide = static_cast<unsigned long long>(value);
    if (exact) {
        const std::string digits = text("%llu", wide);
        return digits.size() <= 8 ? text("%9s", digits.c_str()) : " " + digits;
    }
    if (wide < 100'000'000)
        return text("%9llu", wide);
    if (wide < 1'000'000'000)
        return text("%8lluK", wide / 1'000);
    if (wide < 100'000'000'000)
        return text("%8lluM", wide / 1'000'000);
    if (wide < 100'000'000'000'000)
        return text("%8lluG", wide / 1'000'000'000);
    return text("%8lluT", wide / 1'000'000'000'000);
}

std::string service_title(const ServiceId& id, bool numeric, const Resolver& names) {
    if (const auto* marked = std::get_if<Marked>(&id))
        return text("FWM  %u%s", marked->mark.value, marked->family == Family::ipv6 ? " IPv6" : "");
    const auto& listener = std::get<Listener>(id);
    return text("%-4s %s", protocol_title(listener.protocol),
                endpoint_text(listener.endpoint, listener.protocol, numeric, names).c_str());
}

std::string version_number(const Info& info) {
    return text("%u.%u.%u", (info.version >> 16) & 0xff, (info.version >> 8) & 0xff, info.version & 0xff);
}

std::string version_line(const Info& info) {
    return text("IP Virtual Server version %s (size=%u)\n", version_number(info).c_str(), info.table_size);
}

std::string table_header(const ListFormat& format) {
    const auto five = [](const char* a, const char* b, const char* c, const char* d, const char* e) {
        return text("%-33s %8s %8s %8s %8s %8s\n", "Prot LocalAddress:Port", a, b, c, d, e) +
               "  -> RemoteAddress:Port\n";
    };
    switch (columns_of(format)) {
    case Columns::stats: return five("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes");
    case Columns::rate: return five("CPS", "InPPS", "OutPPS", "InBPS", "OutBPS");
    case Columns::thresholds:
        return text("%-33s %-10s %-10s %-10s %-10s\n", "Prot LocalAddress:Port", "Uthreshold", "Lthreshold",
                    "ActiveConn", "InActConn") +
               "  -> RemoteAddress:Port\n";
    case Columns::persistent:
        return text("%-33s %-9s %-11s %-10s %-10s\n", "Prot LocalAddress:Port", "Weight", "PersistConn", "ActiveConn",
                    "InActConn") +
               "  -> RemoteAddress:Port\n";
    case Columns::tunnels:
        return "Prot LocalAddress:Port Scheduler Flags\n"
               "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n";
    case Columns::plain: break;
    }
    return "Prot LocalAddress:Port Scheduler Flags\n"
           "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
}

std::string table_rows(const ServiceTable& table, const ListFormat& format, const Resolver& names) {
    const Columns columns = columns_of(format);
    const auto* listener = std::get_if<Listener>(&table.service.service.id);
    const Protocol protocol = listener ? listener->protocol : Protocol::tcp;
    std::string out = service_row(table.service, columns, format, names);
    for (const ListedDest& dest : table.dests)
        out += dest_row(dest, protocol, columns, format, names);
    return out;
}

std::string timeouts_line(const Timeouts& timeouts) {
    return text("Timeout (tcp tcpfin udp): %u %u %u\n", timeouts.tcp, timeouts.tcp_fin, timeouts.udp);
}

std::string daemon_line(const Daemon& daemon) {
    std::string out =
        text("%s sync daemon (mcast=%s, syncid=%u", daemon.state == DaemonState::master ? "master" : "backup",
             daemon.interface.c_str(), daemon.sync_id);
    if (daemon.max_length)
        out += text(", maxlen=%u", daemon.max_length);
    if (daemon.group)
        out += ", group=" + daemon.group->text();
    if (daemon.port.value)
        out += text(", port=%u", daemon.port.value);
    if (daemon.ttl)
        out += text(", ttl=%u", daemon.ttl);
    return out + ")\n";
}

} // namespace lvs
