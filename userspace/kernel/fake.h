// SPDX-License-Identifier: GPL-2.0-or-later
// A director in memory, with the rules and errors of the one in the kernel; nothing is forwarded.
#pragma once

#include "kernel/kernel.h"

#include <set>

namespace lvs {

class FakeKernel final : public Kernel {
  public:
    // What tests set up and look at.
    bool extensions = true; // false: as plain ip_vs
    std::set<std::string> schedulers = {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh",  "sh",
                                        "mh", "sed", "nq", "fo",  "ovf",  "twos",  "none"};
    std::set<std::string> engines = {"sip"};
    std::set<std::string> interfaces = {"lo", "dm0"};
    std::string connection_lines; // of /proc/net/ip_vs_conn
    std::vector<DropTable> drop_tables;
    ModuleInfo module{"0.1.0", 1, 1};
    // Number of changes after which the next one fails with EIO; none: never.
    std::optional<std::size_t> fail_after;

    struct Entry {
        ListedService service;
        std::vector<ListedDest> dests;
        std::vector<Address> local_addresses{};
        bool operator==(const Entry&) const = default;
    };
    std::vector<Entry> table;
    std::vector<Profile> profile_list;

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
    bool has_extensions() override { return extensions; }
    Result<ModuleInfo> module_info() override;
    Result<void, BatchError> apply_batch(std::span<const Operation> operations) override;
    Result<std::vector<DestOfService>> all_dests() override;
    Result<std::vector<DropTable>> drops() override;
    Result<std::vector<ListedLocalAddress>> local_addresses(const std::optional<ServiceId>& only) override;
    Result<std::vector<Profile>> profiles() override;

  private:
    Entry* find(const ServiceId& id);
    Result<Entry*> existing(const ServiceId& id);
    Result<ListedDest*> existing(const ServiceId& id, const Endpoint& dest);
    const Profile* profile_for(const ServiceId& id) const;
    Result<void> check_service(const Service& service) const;
    Result<void> check_dest(const Entry& entry, const Dest& dest) const;

    Result<void> change(const AddService& add);
    Result<void> change(const EditService& edit);
    Result<void> change(const DeleteService& del);
    Result<void> change(const AddDest& add);
    Result<void> change(const EditDest& edit);
    Result<void> change(const DeleteDest& del);
    Result<void> change(const DrainDest& drain);
    Result<void> change(const ResetDest& reset);
    Result<void> change(const AddLocalAddress& add);
    Result<void> change(const DeleteLocalAddress& del);
    Result<void> change(const SetProfile& set);
    Result<void> change(const DeleteProfile& del);
    Result<void> change(const ZeroCounters& which);
    Result<void> change(const Flush& flush);

    Timeouts timeouts_{900, 120, 300};
    std::vector<Daemon> daemons_;
};

} // namespace lvs
