// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/message.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace lvs {

static_assert(request_header_size == NLMSG_HDRLEN + GENL_HDRLEN);

namespace {

constexpr int greatest_errno = 4095;

// The extended-ack attributes that follow an error code.
Result<std::optional<Outcome>> with_extended_ack(int code, ByteView attributes, bool present) {
    Outcome outcome;
    if (code == 0)
        return std::optional(outcome);
    if (code > 0 || code < -greatest_errno)
        return malformed("an acknowledgement with no error code");
    outcome.error = Error{-code, {}, std::nullopt};
    if (!present)
        return std::optional(outcome);
    auto parsed = Attributes::parse(attributes);
    if (!parsed)
        return parsed.error();
    outcome.error->message = parsed->get_string(NLMSGERR_ATTR_MSG);
    if (parsed->has<std::uint32_t>(NLMSGERR_ATTR_OFFS))
        outcome.error->offset = parsed->get<std::uint32_t>(NLMSGERR_ATTR_OFFS);
    return std::optional(outcome);
}

} // namespace

bool Message::interrupted() const {
    return (flags & NLM_F_DUMP_INTR) != 0;
}

Result<std::vector<Message>> split_datagram(ByteView datagram) {
    std::vector<Message> messages;
    while (!datagram.empty()) {
        nlmsghdr header{};
        if (datagram.size() < sizeof header)
            return malformed("message header cut short");
        std::memcpy(&header, datagram.data(), sizeof header);
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > datagram.size())
            return malformed("message longer than its datagram");
        messages.push_back({header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq,
                            datagram.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN)});
        datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
    }
    return messages;
}

Result<std::optional<Outcome>> outcome_of(const Message& message) {
    int code = 0;
    const ByteView payload = message.payload;
    const bool extended = (message.flags & NLM_F_ACK_TLVS) != 0;

    if (message.type == NLMSG_DONE) {
        if (payload.size() >= sizeof code)
            std::memcpy(&code, payload.data(), sizeof code);
        return with_extended_ack(code, payload.subspan(std::min(payload.size(), sizeof code)), extended);
    }
    if (message.type != NLMSG_ERROR)
        return std::optional<Outcome>{};

    nlmsgerr error{};
    if (payload.size() < sizeof error)
        return malformed("acknowledgement cut short");
    std::memcpy(&error, payload.data(), sizeof error);
    std::size_t skip = sizeof error;
    if ((message.flags & NLM_F_CAPPED) == 0 && error.error != 0) {
        // The request is quoted whole before the attributes.
        const std::size_t quoted = std::max<std::size_t>(error.msg.nlmsg_len, NLMSG_HDRLEN) - NLMSG_HDRLEN;
        skip += NLMSG_ALIGN(quoted);
    }
    if (extended && skip > payload.size())
        return malformed("acknowledgement quotes more than it holds");
    return with_extended_ack(error.error, payload.subspan(std::min(skip, payload.size())), extended);
}

Result<Attributes> reply_attributes(const Message& message) {
    if (message.payload.size() < GENL_HDRLEN)
        return malformed("reply without a command");
    return Attributes::parse(message.payload.subspan(GENL_HDRLEN));
}

} // namespace lvs
