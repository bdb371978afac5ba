// SPDX-License-Identifier: GPL-2.0-or-later
// Generic netlink family "LVS": batches, drop counters, version handshake.
#pragma once

#include "codec/ipvs.h"

#include <span>

namespace lvs {

struct EncodedBatch {
    Request request;
    // Where each operation begins and the last one ends, counted from the request's nlmsghdr.
    std::vector<std::uint32_t> boundaries;

    // The operation that the kernel's offset into the request points at.
    std::optional<std::size_t> operation_at(std::uint32_t offset) const;
};

// An operation of more than 64 KB is refused: it does not fit into an attribute.
Result<EncodedBatch, BatchError> encode_batch(std::span<const Operation> operations);
Request encode_get_module_info();
Request encode_get_drops();                                               // dump
Request encode_get_local_addresses(const std::optional<ServiceId>& only); // dump
Request encode_get_all_dests(const std::optional<ServiceId>& only);       // dump
Request encode_get_connections();                                         // dump
Request encode_get_options();                                             // dump
Request encode_get_profiles();                                            // dump

Result<ModuleInfo> decode_module_info(const Attributes& reply);
Result<DropTable> decode_drops(const Attributes& reply);
Result<ListedLocalAddress> decode_local_address(const Attributes& reply);
Result<DestOfService> decode_dest_of_service(const Attributes& reply);
Result<OptionsOfService> decode_options(const Attributes& reply);
Result<PartOfProfile> decode_part_of_profile(const Attributes& reply);
Result<Connection> decode_connection(const Attributes& reply);

} // namespace lvs
