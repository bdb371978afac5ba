// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/undo.h"

#include "ipvsadm/errors.h"

#include <algorithm>
#include <cerrno>

namespace lvs {

namespace {

template <class Change> Command command(Change change) {
    return Command{Operation{std::move(change)}};
}

// What is absent cannot be changed either: the kernel will refuse the change, there is nothing
// to undo.
bool absent(const Error& error) {
    return error.code == ESRCH || error.code == ENOENT;
}

Dest as_configured(const ListedDest& listed) {
    Dest dest = listed.dest;
    // The kernel tells `local` for a routed dest that is this host.
    if (dest.forwarding == Forwarding::local)
        dest.forwarding = Forwarding::route;
    return dest;
}

Result<Inverse> add_again(const Service& service, Kernel& kernel) {
    auto dests = kernel.dests(service.id);
    if (!dests)
        return dests.error();
    Inverse inverse;
    inverse.commands.push_back(command(AddService{service}));
    for (const ListedDest& listed : *dests)
        inverse.commands.push_back(command(AddDest{service.id, as_configured(listed)}));
    return inverse;
}

Result<std::optional<Dest>> find_dest(const ServiceId& id, const Endpoint& endpoint, Kernel& kernel) {
    auto dests = kernel.dests(id);
    if (!dests && absent(dests.error()))
        return std::optional<Dest>{};
    if (!dests)
        return dests.error();
    for (const ListedDest& listed : *dests)
        if (listed.dest.endpoint == endpoint)
            return std::optional(as_configured(listed));
    return std::optional<Dest>{};
}

Result<Inverse> inverse(const EditService& edit, Kernel& kernel) {
    auto old = kernel.service(edit.service.id);
    if (old)
        return Inverse{{command(EditService{old->service})}, {}};
    return absent(old.error()) ? Result<Inverse>(Inverse{}) : old.error();
}

Result<Inverse> inverse(const DeleteService& del, Kernel& kernel) {
    auto old = kernel.service(del.service);
    if (old)
        return add_again(old->service, kernel);
    return absent(old.error()) ? Result<Inverse>(Inverse{}) : old.error();
}

Result<Inverse> dest_as_it_is(const ServiceId& service, const Endpoint& dest, Kernel& kernel) {
    auto old = find_dest(service, dest, kernel);
    if (!old)
        return old.error();
    return *old ? Inverse{{command(EditDest{service, **old})}, {}} : Inverse{};
}

Result<Inverse> inverse(const EditDest& edit, Kernel& kernel) {
    return dest_as_it_is(edit.service, edit.dest.endpoint, kernel);
}

Result<Inverse> inverse(const DeleteDest& del, Kernel& kernel) {
    auto old = find_dest(del.service, del.dest, kernel);
    if (!old)
        return old.error();
    return *old ? Inverse{{command(AddDest{del.service, **old})}, {}} : Inverse{};
}

Result<Inverse> profile_as_it_is(const ServiceId& service, Kernel& kernel) {
    auto profiles = kernel.profiles();
    if (!profiles)
        return profiles.error();
    for (const Profile& profile : *profiles)
        if (profile.service == service)
            return Inverse{{command(SetProfile{profile})}, {}};
    return Inverse{{command(DeleteProfile{service})}, {}};
}

Result<Inverse> inverse(const SetProfile& set, Kernel& kernel) {
    return profile_as_it_is(set.profile.service, kernel);
}

Result<Inverse> inverse(const DeleteProfile& del, Kernel& kernel) {
    return profile_as_it_is(del.service, kernel);
}

Result<Inverse> inverse(const Flush&, Kernel& kernel) {
    auto services = kernel.services();
    if (!services)
        return services.error();
    Inverse all;
    for (const ListedService& listed : *services) {
        auto one = add_again(listed.service, kernel);
        if (!one)
            return one;
        std::move(one->commands.begin(), one->commands.end(), std::back_inserter(all.commands));
    }
    return all;
}

Result<Inverse> inverse(const SetTimeouts&, Kernel& kernel) {
    auto old = kernel.timeouts();
    if (!old)
        return old.error();
    return Inverse{{Command{SetTimeouts{*old}}}, {}};
}

Result<Inverse> inverse(const StopDaemon& stop, Kernel& kernel) {
    auto daemons = kernel.daemons();
    if (!daemons)
        return daemons.error();
    for (const Daemon& daemon : *daemons)
        if (daemon.state == stop.state)
            return Inverse{{Command{StartDaemon{daemon}}}, {}};
    return Inverse{};
}

Result<void> carry_out(const Command& command, Kernel& kernel) {
    return std::visit(Overloaded{
                          [&](const Operation& change) { return kernel.apply(change); },
                          [&](const SetTimeouts& set) { return kernel.set_timeouts(set.timeouts); },
                          [&](const StartDaemon& start) { return kernel.start_daemon(start.daemon); },
                          [&](const StopDaemon& stop) { return kernel.stop_daemon(stop.state); },
                          [](const auto&) { return Result<void>(); },
                      },
                      command);
}

Asked asked_by_command(const Command& command) {
    const auto* change = std::get_if<Operation>(&command);
    return change ? asked_by(*change) : Asked::anything;
}

} // namespace

Result<Inverse> inverse_of(const Command& undone, Kernel& kernel) {
    if (std::holds_alternative<SetTimeouts>(undone))
        return inverse(std::get<SetTimeouts>(undone), kernel);
    if (const auto* start = std::get_if<StartDaemon>(&undone))
        return Inverse{{Command{StopDaemon{start->daemon.state}}}, {}};
    if (const auto* stop = std::get_if<StopDaemon>(&undone))
        return inverse(*stop, kernel);
    const auto* change = std::get_if<Operation>(&undone);
    if (!change)
        return Inverse{};
    return std::visit(
        Overloaded{
            [](const AddService& add) -> Result<Inverse> {
                return Inverse{{command(DeleteService{add.service.id})}, {}};
            },
            [](const AddDest& add) -> Result<Inverse> {
                return Inverse{{command(DeleteDest{add.service, add.dest.endpoint})}, {}};
            },
            [&](const DrainDest& drain) -> Result<Inverse> { return dest_as_it_is(drain.service, drain.dest, kernel); },
            [](const ResetDest&) -> Result<Inverse> {
                return Inverse{{}, "connections that were reset are gone"};
            },
            [](const AddLocalAddress& add) -> Result<Inverse> {
                return Inverse{{command(DeleteLocalAddress{add.service, add.address})}, {}};
            },
            [](const DeleteLocalAddress& del) -> Result<Inverse> {
                return Inverse{{command(AddLocalAddress{del.service, del.address})}, {}};
            },
            [](const ZeroCounters&) -> Result<Inverse> {
                return Inverse{{}, "counters that were zeroed stay zero"};
            },
            [&](const auto& other) -> Result<Inverse> { return inverse(other, kernel); },
        },
        *change);
}

std::vector<std::string> UndoLog::undo_all(Kernel& kernel) {
    std::vector<std::string> left;
    for (auto entry = log_.rbegin(); entry != log_.rend(); ++entry) {
        if (!entry->lost.empty())
            left.push_back(entry->lost);
        for (const Command& command : entry->commands)
            if (auto undone = carry_out(command, kernel); !undone)
                left.push_back(detailed_error_text(asked_by_command(command), undone.error()));
    }
    log_.clear();
    return left;
}

} // namespace lvs
