// SPDX-License-Identifier: GPL-2.0-or-later
// The documents that docs/json.md describes.
#include "ipvsadm/render.h"
#include "ipvsadm/scheduler_flags.h"

#include <nlohmann/json.hpp>

#include <cctype>
#include <cstring>
#include <sstream>

namespace lvs {

namespace {

using Json = nlohmann::ordered_json;

std::string document(const Json& json, JsonStyle style) {
    // Whatever the kernel sent is printed; what is not UTF-8 in it is replaced.
    return json.dump(style == JsonStyle::pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n";
}

const char* name_of(Protocol protocol) {
    switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::sctp: return "sctp";
    }
    return "unknown";
}

const char* name_of(Family family) {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}

const char* name_of(Forwarding forwarding) {
    switch (forwarding) {
    case Forwarding::masquerade: return "masquerade";
    case Forwarding::local: return "local";
    case Forwarding::tunnel: return "tunnel";
    case Forwarding::route: return "route";
    case Forwarding::bypass: return "bypass";
    case Forwarding::fullnat: return "fullnat";
    }
    return "unknown";
}

std::string lower(std::string word) {
    for (char& c : word)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return word;
}

Json id_json(const ServiceId& id) {
    if (const auto* marked = std::get_if<Marked>(&id))
        return {{"fwmark", marked->mark.value}, {"family", name_of(marked->family)}};
    const auto& listener = std::get<Listener>(id);
    return {{"protocol", name_of(listener.protocol)},
            {"address", listener.endpoint.address.text()},
            {"port", listener.endpoint.port.value}};
}

Json endpoint_json(const Endpoint& endpoint) {
    return {{"address", endpoint.address.text()}, {"port", endpoint.port.value}};
}

Json stats_json(const Stats& stats) {
    return {{"connections", stats.connections},
            {"in_packets", stats.in_packets},
            {"out_packets", stats.out_packets},
            {"in_bytes", stats.in_bytes},
            {"out_bytes", stats.out_bytes}};
}

Json rates_json(const Stats& stats) {
    return {{"connections", stats.connection_rate},
            {"in_packets", stats.in_packet_rate},
            {"out_packets", stats.out_packet_rate},
            {"in_bytes", stats.in_byte_rate},
            {"out_bytes", stats.out_byte_rate}};
}

Json persistence_json(const Service& service) {
    if (!service.has(persistent_flag))
        return nullptr;
    Json out{{"timeout", service.timeout}};
    if (family_of(service.id) == Family::ipv6) {
        out["netmask"] = service.netmask;
    } else {
        Address mask;
        std::memcpy(mask.bytes.data(), &service.netmask, sizeof service.netmask);
        out["netmask"] = mask.text();
    }
    if (service.persistence_engine.empty())
        out["engine"] = nullptr;
    else
        out["engine"] = service.persistence_engine;
    return out;
}

Json tunnel_json(const Tunnel& tunnel) {
    Json out{{"type", tunnel_type_name(tunnel.type)}};
    if (tunnel.type == TunnelType::gue)
        out["port"] = tunnel.port.value;
    if (tunnel.type != TunnelType::ipip)
        out["checksum"] = tunnel.flags & tunnel_remote_checksum ? "remote"
                          : tunnel.flags & tunnel_checksum      ? "on"
                                                                : "off";
    return out;
}

Json dest_json(const ListedDest& listed) {
    const Dest& dest = listed.dest;
    Json out = endpoint_json(dest.endpoint);

    out["forwarding"] = name_of(dest.forwarding);
    if (dest.forwarding == Forwarding::tunnel)
        out["tunnel"] = tunnel_json(dest.tunnel);
    out["weight"] = dest.weight.value;
    out["upper_threshold"] = dest.upper_threshold;
    out["lower_threshold"] = dest.lower_threshold;
    out["active_connections"] = listed.active;
    out["inactive_connections"] = listed.inactive;
    out["persistent_connections"] = listed.persistent;
    out["stats"] = stats_json(listed.stats);
    out["rates"] = rates_json(listed.stats);
    return out;
}

Json options_json(const ServiceOptions& options) {
    return {{"established_timeout", options.established_timeout},
            {"udp_limit", options.udp_limit},
            {"expire_rst", options.expire_rst},
            {"clamp_mss", options.clamp_mss},
            {"masq_fullnat", options.masq_fullnat},
            {"max_conns", options.max_conns},
            {"max_rate", options.max_rate},
            {"client_conns", options.client_conns},
            {"client_rate", options.client_rate},
            {"toa_kind", options.toa_kind},
            {"no_toa", options.no_toa},
            {"uoa", uoa_name(options.uoa)}};
}

Json service_json(const ServiceTable& table) {
    const Service& service = table.service.service;
    Json out = id_json(service.id), flags = Json::array(), dests = Json::array();

    std::istringstream names(scheduler_flags_text(service.scheduler, service.flags));
    for (std::string flag; std::getline(names, flag, ',');)
        flags.push_back(flag);
    for (const ListedDest& dest : table.dests)
        dests.push_back(dest_json(dest));
    out["scheduler"] = service.scheduler;
    out["scheduler_flags"] = std::move(flags);
    out["one_packet"] = service.has(one_packet_flag);
    out["persistence"] = persistence_json(service);
    out.update(options_json(service.options));
    out["stats"] = stats_json(table.service.stats);
    out["rates"] = rates_json(table.service.stats);
    out["servers"] = std::move(dests);
    return out;
}

} // namespace

std::string services_json(const Info& info, const std::vector<ServiceTable>& tables, JsonStyle style) {
    Json services = Json::array();
    for (const ServiceTable& table : tables)
        services.push_back(service_json(table));
    return document({{"version", version_number(info)}, {"table_size", info.table_size}, {"services", services}},
                    style);
}

std::string connections_json(const std::vector<Connection>& connections, JsonStyle style) {
    Json list = Json::array();
    for (const Connection& connection : connections) {
        Json one{{"protocol", lower(connection.protocol)},
                 {"state", connection.state},
                 {"expires", connection.expires},
                 {"client", endpoint_json(connection.client)},
                 {"virtual", endpoint_json(connection.service)},
                 {"server", endpoint_json(connection.dest)}};
        if (connection.local)
            one["local"] = endpoint_json(*connection.local);
        if (!connection.engine.empty())
            one["engine"] = {{"name", connection.engine}, {"data", connection.engine_data}};
        list.push_back(std::move(one));
    }
    return document({{"connections", std::move(list)}}, style);
}

std::string timeouts_json(const Timeouts& timeouts, JsonStyle style) {
    return document({{"timeouts", {{"tcp", timeouts.tcp}, {"tcp_fin", timeouts.tcp_fin}, {"udp", timeouts.udp}}}},
                    style);
}

std::string daemons_json(const std::vector<Daemon>& daemons, JsonStyle style) {
    Json list = Json::array();
    for (const Daemon& daemon : daemons) {
        Json one{{"state", daemon.state == DaemonState::master ? "master" : "backup"},
                 {"interface", daemon.interface},
                 {"sync_id", daemon.sync_id},
                 {"max_length", daemon.max_length},
                 {"group", nullptr},
                 {"port", daemon.port.value},
                 {"ttl", daemon.ttl}};
        if (daemon.group)
            one["group"] = daemon.group->text();
        list.push_back(std::move(one));
    }
    return document({{"daemons", std::move(list)}}, style);
}

std::string local_addresses_json(const std::vector<ListedLocalAddress>& listed, JsonStyle style) {
    Json all = Json::array();
    for (const ListedLocalAddress& one : listed)
        all.push_back({{"service", id_json(one.service)},
                       {"address", one.address.text()},
                       {"ports", one.ports},
                       {"conflicts", one.conflicts},
                       {"exhausted", one.exhausted},
                       {"untold", one.untold},
                       {"told_by_uoa", one.told_by_uoa}});
    return document({{"local_addresses", std::move(all)}}, style);
}

std::string profiles_json(const std::vector<Profile>& profiles, JsonStyle style) {
    Json all = Json::array();
    for (const Profile& profile : profiles) {
        Json one{{"service", id_json(profile.service)}}, addresses = Json::array();
        one.update(options_json(profile.options));
        for (const Address& address : profile.local_addresses)
            addresses.push_back(address.text());
        one["local_addresses"] = std::move(addresses);
        all.push_back(std::move(one));
    }
    return document({{"profiles", std::move(all)}}, style);
}

std::string drops_json(const std::vector<DropTable>& tables, JsonStyle style) {
    Json list = Json::array();
    for (const DropTable& table : tables) {
        Json reasons = Json::object();
        for (const DropCounter& counter : table.counters)
            reasons[counter.name] = counter.packets;
        list.push_back({{"service", nullptr}, {"reasons", std::move(reasons)}});
        if (table.service)
            list.back()["service"] = id_json(*table.service);
    }
    return document({{"drops", std::move(list)}}, style);
}

} // namespace lvs
