// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>

namespace lvs {

namespace {

Error from_libnl(int code, const char* what) {
    // libnl folds errno values; those that matter before the kernel answers keep their meaning.
    int value = EIO;
    if (code == -NLE_NOMEM)
        value = ENOMEM;
    else if (code == -NLE_PERM || code == -NLE_NOACCESS)
        value = EPERM;
    else if (code == -NLE_AF_NOSUPPORT || code == -NLE_PROTO_MISMATCH)
        value = EAFNOSUPPORT;
    return {value, std::string(what) + ": " + nl_geterror(code), std::nullopt};
}

} // namespace

Result<Socket> Socket::open() {
    NlSocket socket(nl_socket_alloc());
    if (!socket)
        return Error{ENOMEM, {}, std::nullopt};
    if (const int code = genl_connect(socket.get()); code < 0)
        return from_libnl(code, "cannot open a netlink socket");
    nl_socket_enable_msg_peek(socket.get()); // replies may be of any size

    // Explanations with errors, but not the whole request back.
    const int on = 1;
    setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return Socket(std::move(socket));
}

Result<std::optional<int>> Socket::find_family(const char* name) {
    // Asking for one family by name makes the kernel load a module by alias, plain ip_vs
    // maybe; reading the list of families does not.
    nl_cache* raw = nullptr;
    if (const int code = genl_ctrl_alloc_cache(socket_.get(), &raw); code < 0)
        return from_libnl(code, "cannot list the generic netlink families");
    const NlCache cache(raw);
    const GenlFamily family(genl_ctrl_search_by_name(cache.get(), name));
    if (!family)
        return std::optional<int>{};
    return std::optional<int>{static_cast<int>(genl_family_get_id(family.get()))};
}

Result<void> Socket::transact(GenlTarget target, Kind kind, const Request& request, const OnReply& on_reply) {
    auto sequence = send(target, kind, request);
    if (!sequence)
        return sequence.error();
    return receive(*sequence, target.family, on_reply);
}

Result<std::uint32_t> Socket::send(GenlTarget target, Kind kind, const Request& request) {
    const std::size_t size = request_header_size + request.payload.size();
    if (size > std::numeric_limits<int>::max() / 2)
        return Error{EMSGSIZE, {}, std::nullopt};

    // A message must fit the send buffer; the kernel keeps bookkeeping in it as well.
    const int wanted = static_cast<int>(size) + 64 * 1024;
    const int fd = nl_socket_get_fd(socket_.get());
    int current = 0;
    socklen_t length = sizeof current;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &current, &length);
    if (current < wanted && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);

    const NlMessage message(nlmsg_alloc_size(size + NLMSG_ALIGNTO));
    if (!message)
        return Error{ENOMEM, {}, std::nullopt};
    const int flags = kind == Kind::dump ? NLM_F_DUMP : NLM_F_ACK;
    if (!genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, target.family, 0, flags, request.command,
                     target.version))
        return Error{ENOMEM, {}, std::nullopt};
    if (!request.payload.empty() && nlmsg_append(message.get(), const_cast<std::uint8_t*>(request.payload.data()),
                                                 request.payload.size(), NLMSG_ALIGNTO) < 0)
        return Error{ENOMEM, {}, std::nullopt};

    nl_socket_disable_auto_ack(socket_.get()); // the flags above are whole
    nl_complete_msg(socket_.get(), message.get());
    if (const int code = nl_send(socket_.get(), message.get()); code < 0)
        return from_libnl(code, "cannot send to the kernel");
    return nlmsg_hdr(message.get())->nlmsg_seq;
}

Result<void> Socket::receive(std::uint32_t sequence, int family, const OnReply& on_reply) {
    bool interrupted = false;
    std::optional<Error> refused; // by on_reply; the rest is read all the same
    for (;;) {
        sockaddr_nl sender{};
        unsigned char* raw = nullptr;
        const int size = nl_recv(socket_.get(), &sender, &raw, nullptr);
        const NlBuffer buffer(raw);
        if (size < 0)
            return from_libnl(size, "cannot receive from the kernel");
        if (size == 0)
            return malformed("nothing in it");
        if (sender.nl_pid != 0)
            continue; // not from the kernel

        auto messages = split_datagram(ByteView(buffer.get(), static_cast<std::size_t>(size)));
        if (!messages)
            return messages.error();
        for (const Message& message : *messages) {
            if (message.sequence != sequence)
                continue;
            interrupted = interrupted || message.interrupted();
            auto outcome = outcome_of(message);
            if (!outcome)
                return outcome.error();
            if (*outcome) {
                if ((*outcome)->error)
                    return *(*outcome)->error;
                if (refused)
                    return *refused;
                if (interrupted)
                    return Error{EINTR, "the table changed while it was read", std::nullopt};
                return {};
            }
            if (message.type != family || refused)
                continue;
            auto attributes = reply_attributes(message);
            if (!attributes) {
                refused = attributes.error();
            } else if (on_reply) {
                if (auto result = on_reply(*attributes); !result)
                    refused = result.error();
            }
        }
    }
}

} // namespace lvs
