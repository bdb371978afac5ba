// SPDX-License-Identifier: GPL-2.0-or-later
// Owners of what libnl and libc hand out.
#pragma once

#include <netlink/cache.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/family.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <cstdlib>
#include <memory>

namespace lvs {

template <auto function> struct Deleter {
    template <class T> void operator()(T* thing) const { function(thing); }
};

using NlSocket = std::unique_ptr<nl_sock, Deleter<nl_socket_free>>;
using NlMessage = std::unique_ptr<nl_msg, Deleter<nlmsg_free>>;
using NlCache = std::unique_ptr<nl_cache, Deleter<nl_cache_free>>;
using GenlFamily = std::unique_ptr<genl_family, Deleter<genl_family_put>>;
using NlBuffer = std::unique_ptr<unsigned char, Deleter<std::free>>;

} // namespace lvs
