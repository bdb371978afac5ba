// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/run.h"

#include "ipvsadm/drain.h"
#include "ipvsadm/errors.h"
#include "ipvsadm/help.h"
#include "ipvsadm/parse.h"
#include "ipvsadm/render.h"
#include "ipvsadm/restore.h"
#include "model/order.h"

#include <map>
#include <optional>
#include <ostream>

namespace lvs {

namespace {

int fail(World& world, int exit_code, const std::string& text) {
    world.err << text << "\n";
    return exit_code;
}

int refused(World& world, Asked asked, const Error& error, int exit_code = exit_failure) {
    return fail(world, exit_code, error_text(asked, error));
}

int ended(World& world, Asked asked, const Result<void>& result) {
    return result ? int{exit_success} : refused(world, asked, result.error());
}

// The dests of services: all of them in one reply where the kernel can, else service by service.
class DestReader {
  public:
    DestReader(Kernel& kernel, bool sorted) : kernel_(kernel), sorted_(sorted) {}

    Result<void> read_all() {
        if (!kernel_.has_extensions())
            return {};
        auto found = kernel_.all_dests();
        if (!found)
            return found.error();
        all_.emplace();
        for (const DestOfService& dest : *found)
            (*all_)[dest.service].push_back(dest.listed);
        return {};
    }

    // The service with its dests, in the order of listings.
    Result<ServiceTable> table_of(ListedService service) {
        auto dests = dests_of(service.service.id);
        if (!dests)
            return dests.error();
        if (sorted_)
            *dests = sorted_as_listed(std::move(*dests), [](const ListedDest& a, const ListedDest& b) {
                return compare_listed(a.dest.endpoint, b.dest.endpoint);
            });
        return ServiceTable{std::move(service), std::move(*dests)};
    }

  private:
    Result<std::vector<ListedDest>> dests_of(const ServiceId& id) {
        if (!all_)
            return kernel_.dests(id);
        const auto found = all_->find(id);
        return found == all_->end() ? std::vector<ListedDest>{} : std::move(found->second);
    }

    Kernel& kernel_;
    bool sorted_;
    std::optional<std::map<ServiceId, std::vector<ListedDest>, ServiceIdLess>> all_;
};

Result<std::vector<ListedService>> read_services(Kernel& kernel, bool sorted) {
    auto services = kernel.services();
    if (services && sorted)
        *services = sorted_as_listed(std::move(*services), [](const ListedService& a, const ListedService& b) {
            return compare_listed(a.service.id, b.service.id);
        });
    return services;
}

int list_one(World& world, Kernel& kernel, const Info& info, const ListServices& list) {
    auto service = kernel.service(*list.only);
    if (!service)
        return refused(world, Asked::get_service, service.error(), exit_list_failure);
    auto table = DestReader(kernel, list.format.sorted).table_of(*service);
    if (!table)
        return refused(world, Asked::get_dests, table.error(), exit_list_failure);
    if (list.format.json != JsonStyle::none)
        world.out << services_json(info, {*table}, list.format.json);
    else
        world.out << table_header(list.format) << table_rows(*table, list.format, world.names);
    return exit_success;
}

int list_all_json(World& world, Kernel& kernel, const Info& info, const ListFormat& format) {
    auto services = read_services(kernel, format.sorted);
    if (!services)
        return refused(world, Asked::anything, services.error(), exit_list_failure);
    DestReader dests(kernel, format.sorted);
    if (auto read = dests.read_all(); !read)
        return refused(world, Asked::get_dests, read.error(), exit_list_failure);
    std::vector<ServiceTable> tables;
    for (ListedService& service : *services) {
        auto table = dests.table_of(std::move(service));
        if (!table)
            return refused(world, Asked::get_dests, table.error(), exit_list_failure);
        tables.push_back(std::move(*table));
    }
    world.out << services_json(info, tables, format.json);
    return exit_success;
}

int list_all(World& world, Kernel& kernel, const Info& info, const ListFormat& format) {
    auto services = read_services(kernel, format.sorted);
    if (!services)
        return refused(world, Asked::anything, services.error(), exit_list_failure);
    DestReader dests(kernel, format.sorted);
    if (auto read = dests.read_all(); !read)
        return refused(world, Asked::get_dests, read.error(), exit_list_failure);
    world.out << version_line(info) << table_header(format);
    for (ListedService& service : *services) {
        auto table = dests.table_of(std::move(service));
        if (!table)
            return refused(world, Asked::get_dests, table.error(), exit_list_failure);
        world.out << table_rows(*table, format, world.names);
    }
    return exit_success;
}

// The one that a service gets when it is added: its own, else that of all ports of its address.
const Profile* profile_for(const ServiceId& id, const std::map<ServiceId, Profile, ServiceIdLess>& profiles) {
    auto found = profiles.find(id);
    if (const auto* listener = std::get_if<Listener>(&id); listener && found == profiles.end())
        found = profiles.find(Listener{listener->protocol, {listener->endpoint.address, {}}});
    return found == profiles.end() ? nullptr : &found->second;
}

Result<std::vector<Profile>> read_profiles(Kernel& kernel) {
    auto profiles = kernel.profiles();
    if (profiles)
        *profiles = sorted_as_listed(std::move(*profiles), [](const Profile& a, const Profile& b) {
            return compare_listed(a.service, b.service);
        });
    return profiles;
}

int save_all(World& world, Kernel& kernel, bool numeric) {
    auto services = read_services(kernel, true);
    if (!services)
        return refused(world, Asked::anything, services.error(), exit_list_failure);
    Result<std::vector<ListedLocalAddress>> pools = std::vector<ListedLocalAddress>{};
    if (kernel.has_extensions())
        pools = kernel.local_addresses(std::nullopt);
    Result<std::vector<Profile>> profiles = std::vector<Profile>{};
    if (kernel.has_extensions())
        profiles = read_profiles(kernel);
    if (!profiles)
        return refused(world, Asked::anything, profiles.error(), exit_list_failure);
    if (!pools)
        return refused(world, Asked::anything, pools.error(), exit_list_failure);
    DestReader dests(kernel, true);
    if (auto read = dests.read_all(); !read)
        return refused(world, Asked::get_dests, read.error(), exit_list_failure);
    std::map<ServiceId, std::vector<Address>, ServiceIdLess> pool_of;
    for (const ListedLocalAddress& listed : *pools)
        pool_of[listed.service].push_back(listed.address);
    std::map<ServiceId, Profile, ServiceIdLess> profile_of;
    for (const Profile& profile : *profiles) { // before the services, which shall have them
        world.out << save_profile(profile, numeric, world.names);
        profile_of.emplace(profile.service, profile);
    }
    for (ListedService& service : *services) {
        auto table = dests.table_of(std::move(service));
        if (!table)
            return refused(world, Asked::get_dests, table.error(), exit_list_failure);
        const ServiceId& id = table->service.service.id;
        world.out << save_rules(*table, pool_of[id], profile_for(id, profile_of), numeric, world.names);
    }
    return exit_success;
}

int list_local_addresses(World& world, Kernel& kernel, const ListLocalAddresses& list) {
    auto listed = kernel.local_addresses(list.only);
    if (!listed)
        return refused(world, Asked::get_service, listed.error(), exit_list_failure);
    *listed = sorted_as_listed(std::move(*listed), [](const ListedLocalAddress& a, const ListedLocalAddress& b) {
        return compare_listed(a.service, b.service);
    });
    if (list.json != JsonStyle::none)
        world.out << local_addresses_json(*listed, list.json);
    else
        world.out << local_address_table(*listed, list.numeric, world.names);
    return exit_success;
}

int list_profiles(World& world, Kernel& kernel, const ListProfiles& list) {
    auto profiles = read_profiles(kernel);
    if (!profiles)
        return refused(world, Asked::anything, profiles.error(), exit_list_failure);
    if (list.json != JsonStyle::none)
        world.out << profiles_json(*profiles, list.json);
    else
        world.out << profile_table(*profiles, list.numeric, world.names);
    return exit_success;
}

int change_all(World& world, Kernel& kernel, const Changes& changes) {
    auto applied = kernel.apply_batch(changes.operations);
    if (applied)
        return exit_success;
    const BatchError& failure = applied.error();
    const Operation& operation = changes.operations[failure.operation.value_or(0)];
    const bool one_of_many = failure.operation && changes.operations.size() > 1;
    return fail(world, exit_failure,
                (one_of_many ? which_one(operation) : "") + error_text(asked_by(operation), failure.error));
}

int list_connections(World& world, Kernel& kernel, const ListFormat& format) {
    auto connections = kernel.connections();
    if (!connections)
        return fail(world, exit_list_failure, detailed_error_text(Asked::anything, connections.error()));
    if (format.json != JsonStyle::none)
        world.out << connections_json(*connections, format.json);
    else
        world.out << connection_rows(*connections, format, world.names);
    return exit_success;
}

int list_timeouts(World& world, Kernel& kernel, JsonStyle json) {
    auto timeouts = kernel.timeouts();
    if (!timeouts)
        return refused(world, Asked::anything, timeouts.error(), exit_list_failure);
    world.out << (json != JsonStyle::none ? timeouts_json(*timeouts, json) : timeouts_line(*timeouts));
    return exit_success;
}

int list_daemons(World& world, Kernel& kernel, JsonStyle json) {
    auto daemons = kernel.daemons();
    if (!daemons)
        return refused(world, Asked::anything, daemons.error(), exit_list_failure);
    if (json != JsonStyle::none) {
        world.out << daemons_json(*daemons, json);
        return exit_success;
    }
    for (const Daemon& daemon : *daemons)
        world.out << daemon_line(daemon);
    return exit_success;
}

int list_drops(World& world, Kernel& kernel, const ListDrops& list) {
    auto tables = kernel.drops();
    if (!tables)
        return refused(world, Asked::anything, tables.error(), exit_list_failure);
    if (list.only) {
        std::erase_if(*tables, [&](const DropTable& table) { return table.service != list.only; });
        if (tables->empty())
            return fail(world, exit_list_failure, "No such service");
    }
    // The total, which has no service, comes first.
    *tables = sorted_as_listed(std::move(*tables), [](const DropTable& a, const DropTable& b) {
        if (!a.service || !b.service)
            return int(a.service.has_value()) - int(b.service.has_value());
        return compare_listed(*a.service, *b.service);
    });
    if (list.json != JsonStyle::none)
        world.out << drops_json(*tables, list.json);
    else
        world.out << drop_tables(*tables, list.numeric, world.names);
    return exit_success;
}

int carry_out(const Command& command, const std::string& program, Kernel& kernel, const Info& info, World& world) {
    return std::visit(
        Overloaded{
            [&](const Operation& change) { return ended(world, asked_by(change), kernel.apply(change)); },
            [&](const Changes& changes) { return change_all(world, kernel, changes); },
            [&](const ListServices& list) {
                if (list.only)
                    return list_one(world, kernel, info, list);
                return list.format.json != JsonStyle::none ? list_all_json(world, kernel, info, list.format)
                                                           : list_all(world, kernel, info, list.format);
            },
            [&](const ListConnections& list) { return list_connections(world, kernel, list.format); },
            [&](const ListTimeouts& list) { return list_timeouts(world, kernel, list.json); },
            [&](const ListDaemons& list) { return list_daemons(world, kernel, list.json); },
            [&](const ListDrops& list) { return list_drops(world, kernel, list); },
            [&](const ListLocalAddresses& list) { return list_local_addresses(world, kernel, list); },
            [&](const ListProfiles& list) { return list_profiles(world, kernel, list); },
            [&](const Drain& drain) { return drain_server(drain, kernel, world); },
            [&](const Save& save) { return save_all(world, kernel, save.numeric); },
            [&](const Restore& restore) { return restore_table(restore, kernel, program, world); },
            [&](const SetTimeouts& set) { return ended(world, Asked::anything, kernel.set_timeouts(set.timeouts)); },
            [&](const StartDaemon& start) {
                return ended(world, Asked::start_daemon, kernel.start_daemon(start.daemon));
            },
            [&](const StopDaemon& stop) { return ended(world, Asked::stop_daemon, kernel.stop_daemon(stop.state)); },
            [&](const ShowHelp&) { return int{exit_success}; },
            [&](const ShowVersion&) { return int{exit_success}; },
        },
        command);
}

int cannot_initialise(World& world, const Error& error) {
    if (!error.message.empty())
        world.err << "ipvsadm: " << error.message << "\n";
    return fail(world, exit_usage,
                "Can't initialize ipvs: " + error_text(Asked::anything, {error.code, {}, std::nullopt}) +
                    "\nAre you sure that IP Virtual Server is built in the kernel or as module?");
}

Result<Command, Failure> command_for(const std::string& program, const std::vector<std::string>& words,
                                     const Resolver& names) {
    const std::string name = program.substr(program.rfind('/') + 1);
    if (name == "ipvsadm-save") {
        if (words.empty() || words == std::vector<std::string>{"-n"})
            return Command{Save{!words.empty()}};
        return Failure{exit_list_failure, save_usage};
    }
    if (name == "ipvsadm-restore") {
        if (words.empty())
            return Command{Restore{.flush_first = true}};
        return Failure{exit_list_failure, restore_usage};
    }
    return parse_command(program, words, names);
}

} // namespace

int run(const std::string& program, const std::vector<std::string>& words, World& world) {
    auto command = command_for(program, words, world.names);
    if (!command)
        return fail(world, command.error().exit_code, command.error().text);
    if (std::holds_alternative<ShowHelp>(*command)) {
        world.out << help_text;
        return exit_success;
    }
    if (std::holds_alternative<ShowVersion>(*command)) {
        world.out << version_text;
        return exit_success;
    }
    auto kernel = world.connect();
    if (!kernel)
        return cannot_initialise(world, kernel.error());
    auto info = (*kernel)->info();
    if (!info)
        return cannot_initialise(world, info.error());
    return carry_out(*command, program, **kernel, *info, world);
}

} // namespace lvs
