// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/lvs.h"

#include "codec/message.h"

#include <lvs/abi.h>

#include <algorithm>

namespace lvs {

EncodedBatch encode_batch(std::span<const Operation> operations) {
    AttributeWriter out;
    EncodedBatch batch;
    const auto mark = [&] { batch.boundaries.push_back(static_cast<std::uint32_t>(request_header_size + out.size())); };
    for (const Operation& operation : operations) {
        mark();
        const std::size_t nest = out.begin_nest(LVS_A_OP);
        out.put(LVS_OP_A_CMD, std::uint32_t{command_of(operation)});
        put_service_and_dest(out, operation, LVS_OP_A_SERVICE, LVS_OP_A_DEST);
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
