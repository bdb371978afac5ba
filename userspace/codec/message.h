// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink messages in a datagram, and what an acknowledgement says.
#pragma once

#include "codec/attribute.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace lvs {

// What stands before the attributes of a generic netlink request: nlmsghdr and genlmsghdr.
inline constexpr std::uint32_t request_header_size = 20;

struct Message {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    ByteView payload; // after nlmsghdr

    bool interrupted() const; // a dump that the kernel could not make consistent
};

Result<std::vector<Message>> split_datagram(ByteView datagram);

// How a request ended, as an NLMSG_ERROR or NLMSG_DONE says; none for any other message.
struct Outcome {
    std::optional<Error> error; // none: success
};
Result<std::optional<Outcome>> outcome_of(const Message& message);

// The attributes of a generic netlink reply.
Result<Attributes> reply_attributes(const Message& message);

} // namespace lvs
