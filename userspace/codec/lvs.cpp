// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/lvs.h"

#include "codec/message.h"

#include <linux/ip_vs.h>
#include <lvs/abi.h>

#include <algorithm>

namespace lvs {

namespace {

const Address* local_address_of(const Operation& operation) {
    if (const auto* add = std::get_if<AddLocalAddress>(&operation))
        return &add->address;
    if (const auto* del = std::get_if<DeleteLocalAddress>(&operation))
        return &del->address;
    return nullptr;
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

// Of one service, or of all.
Request about_services(std::uint8_t command, const std::optional<ServiceId>& only) {
    AttributeWriter out;
    if (only)
        put_service_and_dest(out, DeleteService{*only}, LVS_A_SERVICE, 0);
    return {command, out.take()};
}

} // namespace

EncodedBatch encode_batch(std::span<const Operation> operations) {
    AttributeWriter out;
    EncodedBatch batch;
    const auto mark = [&] { batch.boundaries.push_back(static_cast<std::uint32_t>(request_header_size + out.size())); };
    for (const Operation& operation : operations) {
        mark();
        const std::size_t nest = out.begin_nest(LVS_A_OP);
        out.put(LVS_OP_A_CMD, command_of(operation));
        put_service_and_dest(out, operation, LVS_OP_A_SERVICE, LVS_OP_A_DEST);
        if (const Address* address = local_address_of(operation))
            out.put_bytes(LVS_OP_A_LADDR, ByteView(address->bytes).first(address->size()));
        out.end_nest(nest);
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
    const Attribute* raw = nest->find(LVS_LADDR_A_ADDR);
    if (!raw || (raw->value.size() != 4 && raw->value.size() != 16))
        return malformed("local address of neither 4 nor 16 bytes");
    ListedLocalAddress listed;
    listed.service = *id;
    listed.address.family = raw->value.size() == 4 ? Family::ipv4 : Family::ipv6;
    std::copy(raw->value.begin(), raw->value.end(), listed.address.bytes.begin());
    listed.ports = nest->get<std::uint32_t>(LVS_LADDR_A_PORTS);
    listed.conflicts = nest->get<std::uint64_t>(LVS_LADDR_A_CONFLICTS);
    listed.exhausted = nest->get<std::uint64_t>(LVS_LADDR_A_EXHAUSTED);
    listed.untold = nest->get<std::uint64_t>(LVS_LADDR_A_TOA_OMITTED);
    return listed;
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
