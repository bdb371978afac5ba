// SPDX-License-Identifier: GPL-2.0-or-later
// Any operations: each is encoded and decoded, and all of them as a batch, in which every byte belongs to one of them.
#include "codec.h"

#include "codec/lvs.h"
#include "codec/message.h"

#include <lvs/abi.h>

using namespace fuzz;

namespace {

lvs::Address address(Input& in) {
    lvs::Address out;
    out.family = in.flag() ? lvs::Family::ipv6 : lvs::Family::ipv4;
    for (std::size_t i = 0; i < out.size(); ++i)
        out.bytes[i] = in.byte();
    return out;
}

lvs::Endpoint endpoint(Input& in) {
    return {address(in), {in.get<std::uint16_t>()}};
}

std::string word(Input& in) {
    std::string out(in.byte() % 16, '\0');
    for (char& c : out)
        c = static_cast<char>(1 + in.byte() % 255);
    return out;
}

lvs::ServiceId service_id(Input& in) {
    if (in.flag())
        return lvs::Marked{{in.get<std::uint32_t>()}, in.flag() ? lvs::Family::ipv6 : lvs::Family::ipv4};
    return lvs::Listener{static_cast<lvs::Protocol>(in.get<std::uint16_t>()), endpoint(in)};
}

lvs::Service service(Input& in) {
    return {.id = service_id(in),
            .scheduler = word(in),
            .persistence_engine = word(in),
            .flags = in.get<std::uint32_t>() & lvs::user_flags,
            .timeout = in.get<std::uint32_t>(),
            .netmask = in.get<std::uint32_t>(),
            .options = {in.get<std::uint32_t>(), in.get<std::uint32_t>(), in.flag(), in.flag(), in.flag(),
                        in.get<std::uint32_t>(), in.get<std::uint32_t>(), in.get<std::uint32_t>(),
                        in.get<std::uint32_t>(), in.get<std::uint32_t>(), in.flag(),
                        static_cast<lvs::Uoa>(in.get<std::uint32_t>())}};
}

lvs::Profile profile(Input& in) {
    lvs::Profile out{service_id(in), service(in).options, {}};
    for (unsigned left = in.byte() % 4; left > 0; --left)
        out.local_addresses.push_back(address(in));
    return out;
}

lvs::Dest dest(Input& in) {
    return {.endpoint = endpoint(in),
            .forwarding = static_cast<lvs::Forwarding>(in.byte() & 7),
            .weight = {in.get<std::int32_t>()},
            .upper_threshold = in.get<std::uint32_t>(),
            .lower_threshold = in.get<std::uint32_t>(),
            .tunnel = {static_cast<lvs::TunnelType>(in.byte()), {in.get<std::uint16_t>()}, in.get<std::uint16_t>()}};
}

lvs::Operation operation(Input& in) {
    switch (in.byte() % 14) {
    case 0: return lvs::AddService{service(in)};
    case 1: return lvs::EditService{service(in)};
    case 2: return lvs::DeleteService{service_id(in)};
    case 3: return lvs::AddDest{service_id(in), dest(in)};
    case 4: return lvs::EditDest{service_id(in), dest(in)};
    case 5: return lvs::DeleteDest{service_id(in), endpoint(in)};
    case 6: return lvs::ZeroCounters{in.flag() ? std::optional(service_id(in)) : std::nullopt};
    case 8: return lvs::AddLocalAddress{service_id(in), address(in)};
    case 9: return lvs::DeleteLocalAddress{service_id(in), address(in)};
    case 10: return lvs::SetProfile{profile(in)};
    case 11: return lvs::DeleteProfile{service_id(in)};
    case 12: return lvs::DrainDest{service_id(in), endpoint(in)};
    case 13: return lvs::ResetDest{service_id(in), endpoint(in)};
    default: return lvs::Flush{};
    }
}

lvs::Daemon daemon(Input& in) {
    return {.state = in.flag() ? lvs::DaemonState::master : lvs::DaemonState::backup,
            .interface = word(in),
            .sync_id = in.get<std::uint32_t>(),
            .max_length = in.get<std::uint16_t>(),
            .group = in.flag() ? std::optional(address(in)) : std::nullopt,
            .port = {in.get<std::uint16_t>()},
            .ttl = in.byte()};
}

void check_batch(const std::vector<lvs::Operation>& operations) {
    const lvs::EncodedBatch batch = *lvs::encode_batch(operations);
    const lvs::Attributes all = parsed(batch.request.payload);

    MUST(batch.request.command == LVS_CMD_BATCH);
    MUST(all.all().size() == operations.size() && batch.boundaries.size() == operations.size() + 1);
    MUST(batch.boundaries.back() == lvs::request_header_size + batch.request.payload.size());
    for (std::size_t i = 0; i < operations.size(); ++i) {
        const lvs::Attribute& one = all.all()[i];
        const auto parts = lvs::Attributes::parse(one.value);
        MUST(one.type == LVS_A_OP && parts);
        MUST(parts->get<std::uint32_t>(LVS_OP_A_CMD) == lvs::command_of(operations[i]));
        for (std::uint32_t at = batch.boundaries[i]; at < batch.boundaries[i + 1]; ++at)
            MUST(batch.operation_at(at) == i);
    }
    MUST(!batch.operation_at(0) && !batch.operation_at(batch.boundaries.back()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in(data, size);
    std::vector<lvs::Operation> operations;

    check_daemon(daemon(in));
    check_timeouts({in.get<std::uint32_t>(), in.get<std::uint32_t>(), in.get<std::uint32_t>()});
    while (operations.size() < 32 && !in.empty()) {
        operations.push_back(operation(in));
        check_operation(operations.back());
    }
    check_batch(operations);
    return 0;
}
