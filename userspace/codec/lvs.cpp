// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/lvs.h"

#include "codec/message.h"

#include <arpa/inet.h>
#include <linux/ip_vs.h>
#include <lvs/abi.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lvs {

namespace {

const Address* local_address_of(const Operation& operation) {
    if (const auto* add = std::get_if<AddLocalAddress>(&operation))
        return &add->address;
    if (const auto* del = std::get_if<DeleteLocalAddress>(&operation))
        return &del->address;
    return nullptr;
}

// A service that is added without options gets those of its profile.
const ServiceOptions* options_of(const Operation& operation) {
    if (const auto* add = std::get_if<AddService>(&operation))
        return add->has_options() ? &add->service.options : nullptr;
    if (const auto* edit = std::get_if<EditService>(&operation))
        return &edit->service.options;
    if (const auto* set = std::get_if<SetProfile>(&operation))
        return &set->profile.options;
    return nullptr;
}

void put_address(AttributeWriter& out, const Address& address) {
    out.put_bytes(LVS_OP_A_LADDR, ByteView(address.bytes).first(address.size()));
}

// What is off is not named.
void put_options(AttributeWriter& out, const ServiceOptions& options) {
    const std::uint32_t flags =
        (options.expire_rst ? LVS_OPTION_F_EXPIRE_RST : 0u) | (options.clamp_mss ? LVS_OPTION_F_CLAMP_MSS : 0u) |
        (options.masq_fullnat ? LVS_OPTION_F_MASQ_FULLNAT : 0u) | (options.no_toa ? LVS_OPTION_F_NO_TOA : 0u);
    const std::size_t nest = out.begin_nest(LVS_OP_A_OPTIONS);
    if (options.established_timeout)
        out.put(LVS_OPTION_A_EST_TIMEOUT, options.established_timeout);
    if (options.udp_limit)
        out.put(LVS_OPTION_A_UDP_LIMIT, options.udp_limit);
    if (flags)
        out.put(LVS_OPTION_A_FLAGS, flags);
    for (const auto& [type, value] : {std::pair(LVS_OPTION_A_MAX_CONNS, options.max_conns),
                                      {LVS_OPTION_A_MAX_RATE, options.max_rate},
                                      {LVS_OPTION_A_CLIENT_CONNS, options.client_conns},
                                      {LVS_OPTION_A_CLIENT_RATE, options.client_rate},
                                      {LVS_OPTION_A_TOA_KIND, options.toa_kind},
                                      {LVS_OPTION_A_UOA, static_cast<std::uint32_t>(options.uoa)}})
        if (value)
            out.put(static_cast<std::uint16_t>(type), value);
    out.end_nest(nest);
}

Result<Attributes> nest_of(const Attributes& reply, std::uint16_t type, const char* complaint) {
    const Attribute* nest = reply.find(type);
    if (!nest)
        return malformed(complaint);
    return Attributes::parse(nest->value);
}

Result<ServiceId> service_of(const Attributes& reply) {
    auto service = nest_of(reply, LVS_A_SERVICE, "no service in it");
    if (!service)
        return service.error();
    return decode_service_id(*service);
}

// Of the family that its length tells.
Result<Address> address_of(const Attributes& nest, std::uint16_t type) {
    const Attribute* raw = nest.find(type);
    if (!raw || (raw->value.size() != 4 && raw->value.size() != 16))
        return malformed("address of neither 4 nor 16 bytes");
    Address address;
    address.family = raw->value.size() == 4 ? Family::ipv4 : Family::ipv6;
    std::copy(raw->value.begin(), raw->value.end(), address.bytes.begin());
    return address;
}

Result<ServiceOptions> options_in(const Attributes& reply) {
    auto nest = nest_of(reply, LVS_A_OPTIONS, "no options in it");
    if (!nest)
        return nest.error();
    const auto flags = nest->get<std::uint32_t>(LVS_OPTION_A_FLAGS);
    return ServiceOptions{.established_timeout = nest->get<std::uint32_t>(LVS_OPTION_A_EST_TIMEOUT),
                          .udp_limit = nest->get<std::uint32_t>(LVS_OPTION_A_UDP_LIMIT),
                          .expire_rst = (flags & LVS_OPTION_F_EXPIRE_RST) != 0,
                          .clamp_mss = (flags & LVS_OPTION_F_CLAMP_MSS) != 0,
                          .masq_fullnat = (flags & LVS_OPTION_F_MASQ_FULLNAT) != 0,
                          .max_conns = nest->get<std::uint32_t>(LVS_OPTION_A_MAX_CONNS),
                          .max_rate = nest->get<std::uint32_t>(LVS_OPTION_A_MAX_RATE),
                          .client_conns = nest->get<std::uint32_t>(LVS_OPTION_A_CLIENT_CONNS),
                          .client_rate = nest->get<std::uint32_t>(LVS_OPTION_A_CLIENT_RATE),
                          .toa_kind = nest->get<std::uint32_t>(LVS_OPTION_A_TOA_KIND),
                          .no_toa = (flags & LVS_OPTION_F_NO_TOA) != 0,
                          .uoa = static_cast<Uoa>(nest->get<std::uint32_t>(LVS_OPTION_A_UOA))};
}

// The port's attribute follows the address's.
Result<Endpoint> endpoint_of(const Attributes& nest, std::uint16_t type) {
    auto address = address_of(nest, type);
    if (!address)
        return address.error();
    const auto port_type = static_cast<std::uint16_t>(type + 1);
    if (!nest.has<std::uint16_t>(port_type))
        return malformed("address without a port");
    return Endpoint{*address, {ntohs(nest.get<std::uint16_t>(port_type))}};
}

std::string protocol_name(std::uint16_t number) {
    switch (number) {
    case IPPROTO_TCP: return "TCP";
    case IPPROTO_UDP: return "UDP";
    case IPPROTO_SCTP: return "SCTP";
    }
    return "IP";
}

// Of one service, or of all.
Request about_services(std::uint8_t command, const std::optional<ServiceId>& only) {
    AttributeWriter out;
    if (only)
        put_service_and_dest(out, DeleteService{*only}, LVS_A_SERVICE, 0);
    return {command, out.take()};
}

} // namespace

Result<EncodedBatch, BatchError> encode_batch(std::span<const Operation> operations) {
    AttributeWriter out;
    EncodedBatch batch;
    const auto mark = [&] { batch.boundaries.push_back(static_cast<std::uint32_t>(request_header_size + out.size())); };
    for (const Operation& operation : operations) {
        mark();
        const std::size_t nest = out.begin_nest(LVS_A_OP);
        out.put(LVS_OP_A_CMD, command_of(operation));
        put_service_and_dest(out, operation, LVS_OP_A_SERVICE, LVS_OP_A_DEST);
        if (const Address* address = local_address_of(operation))
            put_address(out, *address);
        if (const ServiceOptions* options = options_of(operation))
            put_options(out, *options);
        if (const auto* set = std::get_if<SetProfile>(&operation)) {
            const std::size_t addresses = out.begin_nest(LVS_OP_A_LADDRS);
            for (const Address& address : set->profile.local_addresses)
                put_address(out, address);
            out.end_nest(addresses);
        }
        out.end_nest(nest);
        if (!out.fits())
            return BatchError{{E2BIG, "an operation is too long for netlink", std::nullopt},
                              batch.boundaries.size() - 1};
    }
    mark();
    batch.request = {LVS_CMD_BATCH, out.take()};
    return batch;
}

std::optional<std::size_t> EncodedBatch::operation_at(std::uint32_t offset) const {
    const auto after = std::upper_bound(boundaries.begin(), boundaries.end(), offset);
    if (after == boundaries.begin() || after == boundaries.end())
        return std::nullopt;
    return static_cast<std::size_t>(after - boundaries.begin()) - 1;
}

Request encode_get_module_info() {
    return {LVS_CMD_GET_INFO, {}};
}

Request encode_get_drops() {
    return {LVS_CMD_GET_DROPS, {}};
}

Request encode_get_local_addresses(const std::optional<ServiceId>& only) {
    return about_services(LVS_CMD_GET_LADDRS, only);
}

Request encode_get_connections() {
    return {LVS_CMD_GET_CONNS, {}};
}

Request encode_get_options() {
    return {LVS_CMD_GET_OPTIONS, {}};
}

Request encode_get_profiles() {
    return {LVS_CMD_GET_PROFILES, {}};
}

Request encode_get_all_dests(const std::optional<ServiceId>& only) {
    return about_services(LVS_CMD_GET_DESTS, only);
}

Result<ListedLocalAddress> decode_local_address(const Attributes& reply) {
    auto id = service_of(reply);
    if (!id)
        return id.error();
    auto nest = nest_of(reply, LVS_A_LADDR, "no local address in it");
    if (!nest)
        return nest.error();
    auto address = address_of(*nest, LVS_LADDR_A_ADDR);
    if (!address)
        return address.error();
    ListedLocalAddress listed;
    listed.service = *id;
    listed.address = *address;
    listed.ports = nest->get<std::uint32_t>(LVS_LADDR_A_PORTS);
    listed.conflicts = nest->get<std::uint64_t>(LVS_LADDR_A_CONFLICTS);
    listed.exhausted = nest->get<std::uint64_t>(LVS_LADDR_A_EXHAUSTED);
    listed.untold = nest->get<std::uint64_t>(LVS_LADDR_A_TOA_OMITTED);
    listed.told_by_uoa = nest->get<std::uint64_t>(LVS_LADDR_A_UOA_TOLD);
    return listed;
}

Result<OptionsOfService> decode_options(const Attributes& reply) {
    auto id = service_of(reply);
    if (!id)
        return id.error();
    auto options = options_in(reply);
    if (!options)
        return options.error();
    return OptionsOfService{*id, *options};
}

Result<PartOfProfile> decode_part_of_profile(const Attributes& reply) {
    auto id = service_of(reply);
    if (!id)
        return id.error();
    PartOfProfile part{*id, std::nullopt, std::nullopt};
    if (!reply.find(LVS_A_LADDR)) {
        auto options = options_in(reply);
        if (!options)
            return options.error();
        part.options = *options;
        return part;
    }
    auto nest = nest_of(reply, LVS_A_LADDR, "no local address in it");
    if (!nest)
        return nest.error();
    auto address = address_of(*nest, LVS_LADDR_A_ADDR);
    if (!address)
        return address.error();
    part.local_address = *address;
    return part;
}

Result<DestOfService> decode_dest_of_service(const Attributes& reply) {
    auto id = service_of(reply);
    if (!id)
        return id.error();
    auto nest = nest_of(reply, LVS_A_DEST, "no dest in it");
    if (!nest)
        return nest.error();
    auto listed = decode_dest_nest(*nest, family_of(*id));
    if (!listed)
        return listed.error();
    return DestOfService{*id, *listed};
}

Result<Connection> decode_connection(const Attributes& reply) {
    auto nest = nest_of(reply, LVS_A_CONN, "no connection in it");
    if (!nest)
        return nest.error();
    if (!nest->has<std::uint16_t>(LVS_CONN_A_PROTOCOL) || !nest->has<std::uint32_t>(LVS_CONN_A_EXPIRES))
        return malformed("connection without protocol or time");
    Connection out;
    out.protocol = protocol_name(nest->get<std::uint16_t>(LVS_CONN_A_PROTOCOL));
    out.state = nest->get_string(LVS_CONN_A_STATE);
    out.expires = nest->get<std::uint32_t>(LVS_CONN_A_EXPIRES);
    const std::pair<std::uint16_t, Endpoint*> ends[] = {
        {LVS_CONN_A_CLIENT, &out.client}, {LVS_CONN_A_VIRTUAL, &out.service}, {LVS_CONN_A_DEST, &out.dest}};
    for (const auto& [type, end] : ends) {
        auto endpoint = endpoint_of(*nest, type);
        if (!endpoint)
            return endpoint.error();
        *end = *endpoint;
    }
    if (nest->find(LVS_CONN_A_LOCAL)) {
        auto local = endpoint_of(*nest, LVS_CONN_A_LOCAL);
        if (!local)
            return local.error();
        out.local = *local;
    }
    out.engine = nest->get_string(LVS_CONN_A_PE_NAME);
    if (const Attribute* data = nest->find(LVS_CONN_A_PE_DATA))
        out.engine_data.assign(data->value.begin(), data->value.end());
    return out;
}

Result<ModuleInfo> decode_module_info(const Attributes& reply) {
    if (!reply.has<std::uint32_t>(LVS_A_ABI_MIN) || !reply.has<std::uint32_t>(LVS_A_ABI_MAX))
        return malformed("no range of ABI versions in it");
    return ModuleInfo{reply.get_string(LVS_A_VERSION), reply.get<std::uint32_t>(LVS_A_ABI_MIN),
                      reply.get<std::uint32_t>(LVS_A_ABI_MAX)};
}

Result<DropTable> decode_drops(const Attributes& reply) {
    DropTable table;
    if (const Attribute* nest = reply.find(LVS_A_SERVICE)) {
        auto service = Attributes::parse(nest->value);
        if (!service)
            return service.error();
        auto id = decode_service_id(*service);
        if (!id)
            return id.error();
        table.service = *id;
    }
    for (const Attribute& attribute : reply.all()) {
        if (attribute.type != LVS_A_DROP)
            continue;
        auto drop = Attributes::parse(attribute.value);
        if (!drop)
            return drop.error();
        if (!drop->has<std::uint32_t>(LVS_DROP_A_REASON) || !drop->has<std::uint64_t>(LVS_DROP_A_COUNT))
            return malformed("drop counter without reason or count");
        table.counters.push_back({drop->get<std::uint32_t>(LVS_DROP_A_REASON), drop->get_string(LVS_DROP_A_NAME),
                                  drop->get<std::uint64_t>(LVS_DROP_A_COUNT)});
    }
    return table;
}

} // namespace lvs
