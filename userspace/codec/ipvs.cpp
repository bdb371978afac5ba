// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/ipvs.h"

#include <arpa/inet.h>
#include <linux/ip_vs.h>
#include <lvs/abi.h>

#include <algorithm>

namespace lvs {

namespace {

void put_address(AttributeWriter& out, std::uint16_t type, const Address& address) {
    out.put_bytes(type, address.bytes);
}

void put_service_id(AttributeWriter& out, const ServiceId& id) {
    out.put(IPVS_SVC_ATTR_AF, static_cast<std::uint16_t>(family_of(id)));
    if (const auto* marked = std::get_if<Marked>(&id)) {
        out.put(IPVS_SVC_ATTR_FWMARK, marked->mark.value);
        return;
    }
    const auto& listener = std::get<Listener>(id);
    out.put(IPVS_SVC_ATTR_PROTOCOL, static_cast<std::uint16_t>(listener.protocol));
    put_address(out, IPVS_SVC_ATTR_ADDR, listener.endpoint.address);
    out.put(IPVS_SVC_ATTR_PORT, htons(listener.endpoint.port.value));
}

void put_service_body(AttributeWriter& out, const Service& service) {
    out.put_string(IPVS_SVC_ATTR_SCHED_NAME, service.scheduler);
    if (!service.persistence_engine.empty())
        out.put_string(IPVS_SVC_ATTR_PE_NAME, service.persistence_engine);
    const ip_vs_flags flags{.flags = service.flags, .mask = ~0U};
    out.put(IPVS_SVC_ATTR_FLAGS, flags);
    out.put(IPVS_SVC_ATTR_TIMEOUT, service.timeout);
    out.put(IPVS_SVC_ATTR_NETMASK, service.netmask);
}

void put_dest_id(AttributeWriter& out, const Endpoint& dest) {
    put_address(out, IPVS_DEST_ATTR_ADDR, dest.address);
    out.put(IPVS_DEST_ATTR_PORT, htons(dest.port.value));
    out.put(IPVS_DEST_ATTR_ADDR_FAMILY, static_cast<std::uint16_t>(dest.address.family));
}

void put_dest_body(AttributeWriter& out, const Dest& dest) {
    out.put(IPVS_DEST_ATTR_FWD_METHOD, static_cast<std::uint32_t>(dest.forwarding));
    out.put(IPVS_DEST_ATTR_WEIGHT, dest.weight.value);
    out.put(IPVS_DEST_ATTR_TUN_TYPE, static_cast<std::uint8_t>(dest.tunnel.type));
    out.put(IPVS_DEST_ATTR_TUN_PORT, htons(dest.tunnel.port.value));
    out.put(IPVS_DEST_ATTR_TUN_FLAGS, dest.tunnel.flags);
    out.put(IPVS_DEST_ATTR_U_THRESH, dest.upper_threshold);
    out.put(IPVS_DEST_ATTR_L_THRESH, dest.lower_threshold);
}

template <class Body> void in_nest(AttributeWriter& out, std::uint16_t type, const Body& body) {
    const std::size_t nest = out.begin_nest(type);
    body();
    out.end_nest(nest);
}

Result<Attributes> nested(const Attributes& outer, std::uint16_t type, const char* missing) {
    const Attribute* nest = outer.find(type);
    if (!nest)
        return malformed(missing);
    return Attributes::parse(nest->value);
}

std::optional<Family> known_family(std::uint16_t value) {
    const auto family = static_cast<Family>(value);
    if (family == Family::ipv4 || family == Family::ipv6)
        return family;
    return std::nullopt;
}

// Kernels send 16 bytes for either family; four are enough for IPv4.
Result<Address> read_address(const Attributes& from, std::uint16_t type, Family family) {
    Address address;
    address.family = family;
    const Attribute* found = from.find(type);
    if (!found || found->value.size() < address.size())
        return malformed("address missing or too short");
    std::copy_n(found->value.begin(), address.size(), address.bytes.begin());
    return address;
}

Port read_port(const Attributes& from, std::uint16_t type) {
    return {ntohs(from.get<std::uint16_t>(type))};
}

// The counters, from the nest of 64-bit ones if the kernel has it, else from the older one.
Result<Stats> read_stats(const Attributes& from, std::uint16_t type64, std::uint16_t type32) {
    Stats stats;
    const Attribute* nest = from.find(type64);
    const bool wide = nest != nullptr;
    if (!wide)
        nest = from.find(type32);
    if (!nest)
        return stats;
    auto parsed = Attributes::parse(nest->value);
    if (!parsed)
        return parsed.error();
    const auto read = [&](std::uint16_t type, bool always_wide) -> std::uint64_t {
        if (wide || always_wide)
            return parsed->get<std::uint64_t>(type);
        return parsed->get<std::uint32_t>(type);
    };
    stats.connections = read(IPVS_STATS_ATTR_CONNS, false);
    stats.in_packets = read(IPVS_STATS_ATTR_INPKTS, false);
    stats.out_packets = read(IPVS_STATS_ATTR_OUTPKTS, false);
    stats.in_bytes = read(IPVS_STATS_ATTR_INBYTES, true);
    stats.out_bytes = read(IPVS_STATS_ATTR_OUTBYTES, true);
    stats.connection_rate = read(IPVS_STATS_ATTR_CPS, false);
    stats.in_packet_rate = read(IPVS_STATS_ATTR_INPPS, false);
    stats.out_packet_rate = read(IPVS_STATS_ATTR_OUTPPS, false);
    stats.in_byte_rate = read(IPVS_STATS_ATTR_INBPS, false);
    stats.out_byte_rate = read(IPVS_STATS_ATTR_OUTBPS, false);
    return stats;
}

Request with_service(std::uint8_t command, const ServiceId& id) {
    AttributeWriter out;
    in_nest(out, IPVS_CMD_ATTR_SERVICE, [&] { put_service_id(out, id); });
    return {command, out.take()};
}

Result<Endpoint> decode_dest_id(const Attributes& dest, Family service_family) {
    Family family = service_family;
    if (dest.has<std::uint16_t>(IPVS_DEST_ATTR_ADDR_FAMILY)) {
        const auto own = known_family(dest.get<std::uint16_t>(IPVS_DEST_ATTR_ADDR_FAMILY));
        if (!own)
            return malformed("dest of unknown family");
        family = *own;
    }
    auto address = read_address(dest, IPVS_DEST_ATTR_ADDR, family);
    if (!address)
        return address.error();
    if (!dest.has<std::uint16_t>(IPVS_DEST_ATTR_PORT))
        return malformed("dest without port");
    return Endpoint{*address, read_port(dest, IPVS_DEST_ATTR_PORT)};
}

} // namespace

std::uint32_t command_of(const Operation& operation) {
    return std::visit(Overloaded{
                          [](const AddService&) { return std::uint32_t{IPVS_CMD_NEW_SERVICE}; },
                          [](const EditService&) { return std::uint32_t{IPVS_CMD_SET_SERVICE}; },
                          [](const DeleteService&) { return std::uint32_t{IPVS_CMD_DEL_SERVICE}; },
                          [](const AddDest&) { return std::uint32_t{IPVS_CMD_NEW_DEST}; },
                          [](const EditDest&) { return std::uint32_t{IPVS_CMD_SET_DEST}; },
                          [](const DeleteDest&) { return std::uint32_t{IPVS_CMD_DEL_DEST}; },
                          [](const DrainDest&) { return std::uint32_t{LVS_OP_DRAIN_DEST}; },
                          [](const ResetDest&) { return std::uint32_t{LVS_OP_RESET_DEST}; },
                          [](const AddLocalAddress&) { return std::uint32_t{LVS_OP_ADD_LADDR}; },
                          [](const DeleteLocalAddress&) { return std::uint32_t{LVS_OP_DEL_LADDR}; },
                          [](const SetProfile&) { return std::uint32_t{LVS_OP_SET_PROFILE}; },
                          [](const DeleteProfile&) { return std::uint32_t{LVS_OP_DEL_PROFILE}; },
                          [](const ZeroCounters&) { return std::uint32_t{IPVS_CMD_ZERO}; },
                          [](const Flush&) { return std::uint32_t{IPVS_CMD_FLUSH}; },
                      },
                      operation);
}

void put_service_and_dest(AttributeWriter& out, const Operation& operation, std::uint16_t service_nest,
                          std::uint16_t dest_nest) {
    const auto whole_service = [&](const Service& service) {
        in_nest(out, service_nest, [&] {
            put_service_id(out, service.id);
            put_service_body(out, service);
        });
    };
    const auto service_id = [&](const ServiceId& id) { in_nest(out, service_nest, [&] { put_service_id(out, id); }); };
    const auto only_ids = [&](const ServiceId& id, const Endpoint& dest) {
        service_id(id);
        in_nest(out, dest_nest, [&] { put_dest_id(out, dest); });
    };
    const auto whole_dest = [&](const ServiceId& id, const Dest& dest) {
        service_id(id);
        in_nest(out, dest_nest, [&] {
            put_dest_id(out, dest.endpoint);
            put_dest_body(out, dest);
        });
    };
    std::visit(Overloaded{
                   [&](const AddService& add) { whole_service(add.service); },
                   [&](const EditService& edit) { whole_service(edit.service); },
                   [&](const DeleteService& del) { service_id(del.service); },
                   [&](const AddDest& add) { whole_dest(add.service, add.dest); },
                   [&](const EditDest& edit) { whole_dest(edit.service, edit.dest); },
                   [&](const DeleteDest& del) { only_ids(del.service, del.dest); },
                   [&](const DrainDest& drain) { only_ids(drain.service, drain.dest); },
                   [&](const ResetDest& reset) { only_ids(reset.service, reset.dest); },
                   [&](const AddLocalAddress& add) { service_id(add.service); },
                   [&](const DeleteLocalAddress& del) { service_id(del.service); },
                   [&](const SetProfile& set) { service_id(set.profile.service); },
                   [&](const DeleteProfile& del) { service_id(del.service); },
                   [&](const ZeroCounters& zero) {
                       if (zero.service)
                           service_id(*zero.service);
                   },
                   [](const Flush&) {},
               },
               operation);
}

Request encode_operation(const Operation& operation) {
    AttributeWriter out;
    put_service_and_dest(out, operation, IPVS_CMD_ATTR_SERVICE, IPVS_CMD_ATTR_DEST);
    return {static_cast<std::uint8_t>(command_of(operation)), out.take()};
}

Request encode_get_service(const ServiceId& id) {
    return with_service(IPVS_CMD_GET_SERVICE, id);
}

Request encode_get_services() {
    return {IPVS_CMD_GET_SERVICE, {}};
}

Request encode_get_dests(const ServiceId& id) {
    return with_service(IPVS_CMD_GET_DEST, id);
}

Request encode_get_info() {
    return {IPVS_CMD_GET_INFO, {}};
}

Request encode_get_timeouts() {
    return {IPVS_CMD_GET_CONFIG, {}};
}

Request encode_set_timeouts(const Timeouts& timeouts) {
    AttributeWriter out;
    out.put(IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcp);
    out.put(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin);
    out.put(IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udp);
    return {IPVS_CMD_SET_CONFIG, out.take()};
}

Request encode_get_daemons() {
    return {IPVS_CMD_GET_DAEMON, {}};
}

Request encode_start_daemon(const Daemon& daemon) {
    AttributeWriter out;
    in_nest(out, IPVS_CMD_ATTR_DAEMON, [&] {
        out.put(IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(daemon.state));
        out.put_string(IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface);
        out.put(IPVS_DAEMON_ATTR_SYNC_ID, daemon.sync_id);
        if (daemon.max_length)
            out.put(IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_length);
        if (daemon.group && daemon.group->family == Family::ipv4)
            out.put_bytes(IPVS_DAEMON_ATTR_MCAST_GROUP, ByteView(daemon.group->bytes).first(4));
        else if (daemon.group)
            out.put_bytes(IPVS_DAEMON_ATTR_MCAST_GROUP6, daemon.group->bytes);
        if (daemon.port.value)
            out.put(IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port.value);
        if (daemon.ttl)
            out.put(IPVS_DAEMON_ATTR_MCAST_TTL, daemon.ttl);
    });
    return {IPVS_CMD_NEW_DAEMON, out.take()};
}

Request encode_stop_daemon(DaemonState state) {
    AttributeWriter out;
    in_nest(out, IPVS_CMD_ATTR_DAEMON, [&] { out.put(IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(state)); });
    return {IPVS_CMD_DEL_DAEMON, out.take()};
}

Result<ServiceId> decode_service_id(const Attributes& service) {
    const auto family = known_family(service.get<std::uint16_t>(IPVS_SVC_ATTR_AF));
    if (!family)
        return malformed("service of unknown family");
    if (service.has<std::uint32_t>(IPVS_SVC_ATTR_FWMARK))
        return ServiceId{Marked{{service.get<std::uint32_t>(IPVS_SVC_ATTR_FWMARK)}, *family}};

    if (!service.has<std::uint16_t>(IPVS_SVC_ATTR_PROTOCOL) || !service.has<std::uint16_t>(IPVS_SVC_ATTR_PORT))
        return malformed("service without protocol or port");
    auto address = read_address(service, IPVS_SVC_ATTR_ADDR, *family);
    if (!address)
        return address.error();
    const auto protocol = static_cast<Protocol>(service.get<std::uint16_t>(IPVS_SVC_ATTR_PROTOCOL));
    return ServiceId{Listener{protocol, {*address, read_port(service, IPVS_SVC_ATTR_PORT)}}};
}

Result<ListedService> decode_service(const Attributes& reply) {
    auto nest = nested(reply, IPVS_CMD_ATTR_SERVICE, "no service in it");
    if (!nest)
        return nest.error();
    auto id = decode_service_id(*nest);
    if (!id)
        return id.error();
    if (!nest->has<ip_vs_flags>(IPVS_SVC_ATTR_FLAGS) || !nest->find(IPVS_SVC_ATTR_SCHED_NAME) ||
        !nest->has<std::uint32_t>(IPVS_SVC_ATTR_TIMEOUT) || !nest->has<std::uint32_t>(IPVS_SVC_ATTR_NETMASK))
        return malformed("service without scheduler, flags, timeout or netmask");

    ListedService listed;
    Service& service = listed.service;
    service.id = *id;
    service.scheduler = nest->get_string(IPVS_SVC_ATTR_SCHED_NAME);
    service.persistence_engine = nest->get_string(IPVS_SVC_ATTR_PE_NAME);
    service.flags = nest->get<ip_vs_flags>(IPVS_SVC_ATTR_FLAGS).flags & user_flags;
    service.timeout = nest->get<std::uint32_t>(IPVS_SVC_ATTR_TIMEOUT);
    service.netmask = nest->get<std::uint32_t>(IPVS_SVC_ATTR_NETMASK);
    auto stats = read_stats(*nest, IPVS_SVC_ATTR_STATS64, IPVS_SVC_ATTR_STATS);
    if (!stats)
        return stats.error();
    listed.stats = *stats;
    return listed;
}

Result<ListedDest> decode_dest(const Attributes& reply, Family service_family) {
    auto nest = nested(reply, IPVS_CMD_ATTR_DEST, "no dest in it");
    if (!nest)
        return nest.error();
    return decode_dest_nest(*nest, service_family);
}

Result<ListedDest> decode_dest_nest(const Attributes& nest, Family service_family) {
    auto endpoint = decode_dest_id(nest, service_family);
    if (!endpoint)
        return endpoint.error();
    if (!nest.has<std::uint32_t>(IPVS_DEST_ATTR_FWD_METHOD) || !nest.has<std::uint32_t>(IPVS_DEST_ATTR_WEIGHT))
        return malformed("dest without forwarding method or weight");

    ListedDest listed;
    Dest& dest = listed.dest;
    dest.endpoint = *endpoint;
    dest.forwarding =
        static_cast<Forwarding>(nest.get<std::uint32_t>(IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK);
    dest.weight = {nest.get<std::int32_t>(IPVS_DEST_ATTR_WEIGHT)};
    dest.upper_threshold = nest.get<std::uint32_t>(IPVS_DEST_ATTR_U_THRESH);
    dest.lower_threshold = nest.get<std::uint32_t>(IPVS_DEST_ATTR_L_THRESH);
    dest.tunnel.type = static_cast<TunnelType>(nest.get<std::uint8_t>(IPVS_DEST_ATTR_TUN_TYPE));
    dest.tunnel.port = read_port(nest, IPVS_DEST_ATTR_TUN_PORT);
    dest.tunnel.flags = nest.get<std::uint16_t>(IPVS_DEST_ATTR_TUN_FLAGS);
    listed.active = nest.get<std::uint32_t>(IPVS_DEST_ATTR_ACTIVE_CONNS);
    listed.inactive = nest.get<std::uint32_t>(IPVS_DEST_ATTR_INACT_CONNS);
    listed.persistent = nest.get<std::uint32_t>(IPVS_DEST_ATTR_PERSIST_CONNS);
    auto stats = read_stats(nest, IPVS_DEST_ATTR_STATS64, IPVS_DEST_ATTR_STATS);
    if (!stats)
        return stats.error();
    listed.stats = *stats;
    return listed;
}

Result<Info> decode_info(const Attributes& reply) {
    if (!reply.has<std::uint32_t>(IPVS_INFO_ATTR_VERSION) || !reply.has<std::uint32_t>(IPVS_INFO_ATTR_CONN_TAB_SIZE))
        return malformed("no version or table size in it");
    return Info{reply.get<std::uint32_t>(IPVS_INFO_ATTR_VERSION),
                reply.get<std::uint32_t>(IPVS_INFO_ATTR_CONN_TAB_SIZE)};
}

Result<Timeouts> decode_timeouts(const Attributes& reply) {
    // UDP and TCP timeouts are absent on kernels built without the protocol.
    return Timeouts{reply.get<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_TCP),
                    reply.get<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
                    reply.get<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_UDP)};
}

Result<Daemon> decode_daemon(const Attributes& reply) {
    auto nest = nested(reply, IPVS_CMD_ATTR_DAEMON, "no daemon in it");
    if (!nest)
        return nest.error();
    if (!nest->has<std::uint32_t>(IPVS_DAEMON_ATTR_STATE) || !nest->find(IPVS_DAEMON_ATTR_MCAST_IFN) ||
        !nest->has<std::uint32_t>(IPVS_DAEMON_ATTR_SYNC_ID))
        return malformed("daemon without state, interface or syncid");
    Daemon daemon;
    daemon.state = static_cast<DaemonState>(nest->get<std::uint32_t>(IPVS_DAEMON_ATTR_STATE));
    daemon.interface = nest->get_string(IPVS_DAEMON_ATTR_MCAST_IFN);
    daemon.sync_id = nest->get<std::uint32_t>(IPVS_DAEMON_ATTR_SYNC_ID);
    daemon.max_length = nest->get<std::uint16_t>(IPVS_DAEMON_ATTR_SYNC_MAXLEN);
    daemon.port = {nest->get<std::uint16_t>(IPVS_DAEMON_ATTR_MCAST_PORT)};
    daemon.ttl = nest->get<std::uint8_t>(IPVS_DAEMON_ATTR_MCAST_TTL);
    for (const auto& [type, family] : {std::pair(IPVS_DAEMON_ATTR_MCAST_GROUP, Family::ipv4),
                                       std::pair(IPVS_DAEMON_ATTR_MCAST_GROUP6, Family::ipv6)}) {
        if (!nest->find(static_cast<std::uint16_t>(type)))
            continue;
        auto group = read_address(*nest, static_cast<std::uint16_t>(type), family);
        if (!group)
            return group.error();
        daemon.group = *group;
    }
    return daemon;
}

} // namespace lvs
