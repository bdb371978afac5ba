// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel, over generic netlink.
#pragma once

#include "kernel/kernel.h"
#include "kernel/socket.h"

#include <span>

namespace lvs {

class Client final : public Kernel {
  public:
    Client(Socket socket, int ipvs_family) : socket_(std::move(socket)), ipvs_{ipvs_family, 1} {}

    Result<Info> info() override;
    Result<void> apply(const Operation& operation) override;
    Result<std::vector<ListedService>> services() override;
    Result<ListedService> service(const ServiceId& id) override;
    Result<std::vector<ListedDest>> dests(const ServiceId& id) override;
    Result<Timeouts> timeouts() override;
    Result<void> set_timeouts(const Timeouts& timeouts) override;
    Result<std::vector<Daemon>> daemons() override;
    Result<void> start_daemon(const Daemon& daemon) override;
    Result<void> stop_daemon(DaemonState state) override;
    Result<std::vector<Connection>> connections() override;

    bool has_extensions() override;
    Result<ModuleInfo> module_info() override;
    Result<void, BatchError> apply_batch(std::span<const Operation> operations) override;
    Result<std::vector<DestOfService>> all_dests() override;
    Result<std::vector<DropTable>> drops() override;
    Result<std::vector<ListedLocalAddress>> local_addresses(const std::optional<ServiceId>& only) override;
    Result<std::vector<Profile>> profiles() override;

  private:
    Result<void> add_options(std::span<ListedService> services);
    template <class T, class Decode> Result<T> get_one(GenlTarget target, const Request& request, Decode decode);
    template <class T, class Decode>
    Result<std::vector<T>> get_all(GenlTarget target, const Request& request, Decode decode);
    Result<void> act(const Request& request);

    // The number of family "LVS", once module and tool agree on a version.
    Result<GenlTarget> extensions();

    Socket socket_;
    GenlTarget ipvs_;
    std::optional<GenlTarget> lvs_;
};

// Which side is to be upgraded when this tool's ABI version is outside the module's range.
std::optional<std::string> abi_mismatch(const ModuleInfo& module);

} // namespace lvs
