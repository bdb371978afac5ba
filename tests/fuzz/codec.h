// SPDX-License-Identifier: GPL-2.0-or-later
// Values encoded for the kernel and decoded again.
#pragma once

#include "fuzz.h"

#include "codec/lvs.h"

#include <lvs/abi.h>

#include <algorithm>
#include <utility>

namespace fuzz {

inline lvs::Attributes parsed(const lvs::Bytes& payload) {
    auto attributes = lvs::Attributes::parse(payload);
    MUST(attributes);
    return std::move(*attributes);
}

inline lvs::Bytes batched(const lvs::Operation& operation) {
    return lvs::encode_batch({&operation, 1})->request.payload;
}

// A view of the payload.
inline lvs::Attributes only_operation(const lvs::Bytes& payload) {
    auto nest = lvs::Attributes::parse(parsed(payload).all().front().value);
    MUST(nest);
    return std::move(*nest);
}

// A reply with the options that a batch sets.
inline lvs::ServiceOptions options_again(const lvs::Service& service) {
    const lvs::Bytes payload = batched(lvs::EditService{service}); // which names them always
    const lvs::Attributes nest = only_operation(payload);
    lvs::AttributeWriter reply;
    for (const auto& [from, to] :
         {std::pair(LVS_OP_A_SERVICE, LVS_A_SERVICE), std::pair(LVS_OP_A_OPTIONS, LVS_A_OPTIONS)}) {
        const lvs::Attribute* attribute = nest.find(static_cast<std::uint16_t>(from));
        MUST(attribute);
        reply.put_bytes(static_cast<std::uint16_t>(to), attribute->value);
    }
    const auto decoded = lvs::decode_options(parsed(reply.take()));
    MUST(decoded && decoded->service == service.id);
    return decoded->options;
}

inline void check_service(const lvs::Service& service) {
    const lvs::Bytes payload = lvs::encode_operation(lvs::AddService{service}).payload;
    auto decoded = lvs::decode_service(parsed(payload));
    MUST(decoded && decoded->stats == lvs::Stats{});
    decoded->service.options = options_again(service);
    MUST(decoded->service == service);
}

inline void check_dest(const lvs::ServiceId& id, const lvs::Dest& dest) {
    const lvs::Bytes payload = lvs::encode_operation(lvs::AddDest{id, dest}).payload;
    const auto decoded = lvs::decode_dest(parsed(payload), family_of(id));
    MUST(decoded && decoded->dest == dest);
}

inline void check_id(const lvs::ServiceId& id) {
    const lvs::Bytes payload = lvs::encode_get_service(id).payload;
    const lvs::Attributes outer = parsed(payload);
    MUST(outer.all().size() == 1);
    const auto nest = lvs::Attributes::parse(outer.all().front().value);
    MUST(nest);
    const auto decoded = lvs::decode_service_id(*nest);
    MUST(decoded && *decoded == id);
}

inline void check_daemon(const lvs::Daemon& daemon) {
    const lvs::Bytes payload = lvs::encode_start_daemon(daemon).payload;
    const auto decoded = lvs::decode_daemon(parsed(payload));
    MUST(decoded && *decoded == daemon);
}

inline void check_timeouts(const lvs::Timeouts& timeouts) {
    const lvs::Bytes payload = lvs::encode_set_timeouts(timeouts).payload;
    const auto decoded = lvs::decode_timeouts(parsed(payload));
    MUST(decoded && *decoded == timeouts);
}

inline void check_local_address(const lvs::Operation& operation, const lvs::Address& address) {
    const lvs::Bytes payload = batched(operation);
    const lvs::Attributes nest = only_operation(payload);
    const lvs::Attribute* raw = nest.find(LVS_OP_A_LADDR);
    MUST(raw && std::equal(raw->value.begin(), raw->value.end(), address.bytes.begin()) &&
         raw->value.size() == address.size());
}

// As the kernel would tell of it again, part by part.
inline void check_profile(const lvs::Profile& profile) {
    const lvs::Bytes payload = batched(lvs::SetProfile{profile});
    const lvs::Attributes nest = only_operation(payload);
    const auto part = [&](std::uint16_t type, lvs::ByteView value) {
        lvs::AttributeWriter reply;
        reply.put_bytes(LVS_A_SERVICE, nest.find(LVS_OP_A_SERVICE)->value);
        reply.put_bytes(type, value);
        auto decoded = lvs::decode_part_of_profile(parsed(reply.take()));
        MUST(decoded && decoded->service == profile.service);
        return *decoded;
    };
    MUST(part(LVS_A_OPTIONS, nest.find(LVS_OP_A_OPTIONS)->value).options == profile.options);
    const auto addresses = lvs::Attributes::parse(nest.find(LVS_OP_A_LADDRS)->value);
    MUST(addresses && addresses->all().size() == profile.local_addresses.size());
    for (std::size_t i = 0; i < profile.local_addresses.size(); ++i) {
        lvs::AttributeWriter laddr;
        laddr.put_bytes(LVS_LADDR_A_ADDR, addresses->all()[i].value);
        MUST(part(LVS_A_LADDR, laddr.take()).local_address == profile.local_addresses[i]);
    }
}

inline void check_operation(const lvs::Operation& operation) {
    std::visit(lvs::Overloaded{
                   [](const lvs::AddService& add) { check_service(add.service); },
                   [](const lvs::EditService& edit) { check_service(edit.service); },
                   [](const lvs::DeleteService& del) { check_id(del.service); },
                   [](const lvs::AddDest& add) { check_dest(add.service, add.dest); },
                   [](const lvs::EditDest& edit) { check_dest(edit.service, edit.dest); },
                   [](const lvs::DeleteDest& del) { check_id(del.service); },
                   [](const lvs::DrainDest& drain) { check_id(drain.service); },
                   [](const lvs::ResetDest& reset) { check_id(reset.service); },
                   [&](const lvs::AddLocalAddress& add) { check_local_address(operation, add.address); },
                   [&](const lvs::DeleteLocalAddress& del) { check_local_address(operation, del.address); },
                   [](const lvs::SetProfile& set) { check_profile(set.profile); },
                   [](const lvs::DeleteProfile& del) { check_id(del.service); },
                   [](const lvs::ZeroCounters& zero) {
                       if (zero.service)
                           check_id(*zero.service);
                   },
                   [](const lvs::Flush&) {},
               },
               operation);
}

} // namespace fuzz
