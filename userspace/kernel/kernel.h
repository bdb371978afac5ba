// SPDX-License-Identifier: GPL-2.0-or-later
// What the tools ask of the director in the kernel. Client talks to a real one, FakeKernel
// keeps everything in memory with the same rules and errors.
#pragma once

#include "base/result.h"
#include "model/listing.h"
#include "model/operation.h"

#include <memory>
#include <span>
#include <vector>

namespace lvs {

class Kernel {
  public:
    virtual ~Kernel() = default;

    virtual Result<Info> info() = 0;

    virtual Result<void> apply(const Operation& operation) = 0;
    virtual Result<std::vector<ListedService>> services() = 0;
    virtual Result<ListedService> service(const ServiceId& id) = 0;
    virtual Result<std::vector<ListedDest>> dests(const ServiceId& id) = 0;

    virtual Result<Timeouts> timeouts() = 0;
    virtual Result<void> set_timeouts(const Timeouts& timeouts) = 0;

    virtual Result<std::vector<Daemon>> daemons() = 0;
    virtual Result<void> start_daemon(const Daemon& daemon) = 0;
    virtual Result<void> stop_daemon(DaemonState state) = 0;

    virtual Result<std::vector<Connection>> connections() = 0;

    // The extensions of lvs.ko; plain ip_vs has none.
    virtual bool has_extensions() = 0;
    virtual Result<ModuleInfo> module_info() = 0;
    virtual Result<void, BatchError> apply_batch(std::span<const Operation> operations) = 0; // all or none
    virtual Result<std::vector<DestOfService>> all_dests() = 0;
    virtual Result<std::vector<DropTable>> drops() = 0;
    virtual Result<std::vector<ListedLocalAddress>> local_addresses(const std::optional<ServiceId>& only) = 0;
    virtual Result<std::vector<Profile>> profiles() = 0;
};

// The way to the kernel the program runs on; loads the module if nothing answers.
Result<std::shared_ptr<Kernel>> connect_to_kernel();

} // namespace lvs
