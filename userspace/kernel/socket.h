// SPDX-License-Identifier: GPL-2.0-or-later
// A generic netlink socket: one request at a time, with its replies and its outcome.
#pragma once

#include "base/netlink.h"
#include "base/result.h"
#include "codec/ipvs.h"
#include "codec/message.h"

#include <functional>

namespace lvs {

struct GenlTarget {
    int family = 0;
    std::uint8_t version = 1;
};

class Socket {
  public:
    static Result<Socket> open();

    // The family's number, or nothing if no module has registered it. Never causes a module
    // to be loaded.
    Result<std::optional<int>> find_family(const char* name);

    enum class Kind { action, dump };
    using OnReply = std::function<Result<void>(const Attributes&)>;

    // Sends, hands each reply to `on_reply`, and returns when the kernel has closed the request.
    Result<void> transact(GenlTarget target, Kind kind, const Request& request, const OnReply& on_reply);

  private:
    explicit Socket(NlSocket socket) : socket_(std::move(socket)) {}
    Result<std::uint32_t> send(GenlTarget target, Kind kind, const Request& request);
    Result<void> receive(std::uint32_t sequence, int family, const OnReply& on_reply);

    NlSocket socket_;
};

} // namespace lvs
