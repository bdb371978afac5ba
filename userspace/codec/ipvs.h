// SPDX-License-Identifier: GPL-2.0-or-later
// Generic netlink family "IPVS": requests from the model to bytes, replies from bytes to the model.
#pragma once

#include "codec/attribute.h"
#include "model/listing.h"
#include "model/operation.h"

namespace lvs {

// Payloads begin after genlmsghdr.
struct Request {
    std::uint8_t command = 0;
    Bytes payload;
    bool operator==(const Request&) const = default;
};

// IPVS_CMD_* or LVS_OP_*, which only a batch of family "LVS" may have.
std::uint32_t command_of(const Operation& operation);
Request encode_operation(const Operation& operation); // one that is no extension
Request encode_get_service(const ServiceId& id);
Request encode_get_services();                 // dump
Request encode_get_dests(const ServiceId& id); // dump
Request encode_get_info();
Request encode_get_timeouts();
Request encode_set_timeouts(const Timeouts& timeouts);
Request encode_get_daemons(); // dump
Request encode_start_daemon(const Daemon& daemon);
Request encode_stop_daemon(DaemonState state);

Result<ListedService> decode_service(const Attributes& reply);
// A dest without a family of its own (older kernels) has its service's.
Result<ListedDest> decode_dest(const Attributes& reply, Family service_family);
Result<Info> decode_info(const Attributes& reply);
Result<Timeouts> decode_timeouts(const Attributes& reply);
Result<Daemon> decode_daemon(const Attributes& reply);

// Parts that family "LVS" has in common with this one.
void put_service_and_dest(AttributeWriter& out, const Operation& operation, std::uint16_t service_nest,
                          std::uint16_t dest_nest);
Result<ServiceId> decode_service_id(const Attributes& service);
Result<ListedDest> decode_dest_nest(const Attributes& nest, Family service_family);

} // namespace lvs
