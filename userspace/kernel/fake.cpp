// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/fake.h"

#include "codec/proc_connections.h"
#include "kernel/client.h"

#include <lvs/abi.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <set>

namespace lvs {

namespace {

constexpr std::uint32_t kernel_hz = 250;

Error refusal(int code, std::string why = {}) {
    return {code, std::move(why), std::nullopt};
}

std::vector<ListedDest>::iterator find_dest(std::vector<ListedDest>& dests, const Endpoint& endpoint) {
    return std::find_if(dests.begin(), dests.end(), [&](const ListedDest& d) { return d.dest.endpoint == endpoint; });
}

bool is_unicast(const Address& address) {
    if (address.family == Family::ipv6)
        return !address.is_multicast() && address.bytes != std::array<std::uint8_t, 16>{};
    const bool broadcast =
        address.bytes[0] == 255 && address.bytes[1] == 255 && address.bytes[2] == 255 && address.bytes[3] == 255;
    return address.bytes[0] != 0 && !address.is_multicast() && !broadcast;
}

bool is_link_local(const Address& address) {
    return address.family == Family::ipv6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

// What the service makes of a dest that is added or edited.
Dest as_set(const FakeKernel::Entry& entry, Dest dest) {
    if (dest.forwarding == Forwarding::masquerade && entry.service.service.options.masq_fullnat)
        dest.forwarding = Forwarding::fullnat;
    return dest;
}

void zero(FakeKernel::Entry& entry) {
    entry.service.stats = {};
    for (ListedDest& dest : entry.dests)
        dest.stats = {};
}

} // namespace

FakeKernel::Entry* FakeKernel::find(const ServiceId& id) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const Entry& e) { return e.service.service.id == id; });
    return found == table.end() ? nullptr : &*found;
}

Result<FakeKernel::Entry*> FakeKernel::existing(const ServiceId& id) {
    if (Entry* entry = find(id))
        return entry;
    return refusal(ESRCH, "no such service");
}

Result<void> FakeKernel::check_service(const Service& service) const {
    if (family_of(service.id) == Family::ipv6 && (service.netmask < 1 || service.netmask > 128))
        return refusal(EINVAL, "prefix length outside 1..128");
    if (!schedulers.contains(service.scheduler))
        return refusal(ENOENT, "unknown scheduler");
    if (!service.persistence_engine.empty() && !engines.contains(service.persistence_engine))
        return refusal(ENOENT, "unknown persistence engine");
    if (service.options.max_rate > LVS_OPTION_RATE_MAX || service.options.client_rate > LVS_OPTION_RATE_MAX ||
        service.options.established_timeout > LVS_OPTION_SECONDS_MAX ||
        service.options.udp_limit > LVS_OPTION_SECONDS_MAX)
        return refusal(EINVAL, "OPTIONS has a value out of range");
    return {};
}

Result<void> FakeKernel::check_dest(const Entry& entry, const Dest& dest) const {
    const bool crosses = dest.forwarding == Forwarding::tunnel || dest.forwarding == Forwarding::fullnat;
    if (dest.endpoint.address.family != family_of(entry.service.service.id) && (!crosses || !daemons_.empty()))
        return refusal(EINVAL, "address family differs from the service's");
    if (dest.weight.value < 0 || dest.lower_threshold > dest.upper_threshold)
        return refusal(ERANGE, "weight or threshold out of range");
    if (dest.upper_threshold > INT_MAX)
        return refusal(EINVAL, "upper threshold out of range");
    if (dest.tunnel.type == TunnelType::gue && dest.tunnel.port.value == 0)
        return refusal(EINVAL, "GUE needs a port");
    if (!is_unicast(dest.endpoint.address) || is_link_local(dest.endpoint.address))
        return refusal(EINVAL, "dest address is not unicast");
    return {};
}

Result<void> FakeKernel::change(const AddService& add) {
    if (find(add.service.id))
        return refusal(EEXIST, "service exists");
    if (auto checked = check_service(add.service); !checked)
        return checked;
    table.push_back({{add.service, {}}, {}, {}});
    if (const Profile* profile = profile_for(add.service.id)) {
        if (!add.has_options())
            table.back().service.service.options = profile->options;
        table.back().local_addresses = profile->local_addresses;
    }
    return {};
}

Result<void> FakeKernel::change(const EditService& edit) {
    auto entry = existing(edit.service.id);
    if (!entry)
        return entry.error();
    if (auto checked = check_service(edit.service); !checked)
        return checked;
    (*entry)->service.service = edit.service;
    return {};
}

Result<void> FakeKernel::change(const DeleteService& del) {
    auto entry = existing(del.service);
    if (!entry)
        return entry.error();
    table.erase(table.begin() + (*entry - table.data()));
    return {};
}

Result<void> FakeKernel::change(const AddDest& add) {
    auto entry = existing(add.service);
    if (!entry)
        return entry.error();
    if (auto checked = check_dest(**entry, add.dest); !checked)
        return checked;
    auto& dests = (*entry)->dests;
    if (find_dest(dests, add.dest.endpoint) != dests.end())
        return refusal(EEXIST, "dest exists");
    // The newest first, as in the kernel.
    dests.insert(dests.begin(), ListedDest{as_set(**entry, add.dest), 0, 0, 0, {}});
    return {};
}

Result<void> FakeKernel::change(const EditDest& edit) {
    auto entry = existing(edit.service);
    if (!entry)
        return entry.error();
    if (auto checked = check_dest(**entry, edit.dest); !checked)
        return checked;
    auto& dests = (*entry)->dests;
    const auto found = find_dest(dests, edit.dest.endpoint);
    if (found == dests.end())
        return refusal(ENOENT, "no such dest");
    found->dest = as_set(**entry, edit.dest);
    return {};
}

Result<void> FakeKernel::change(const DeleteDest& del) {
    auto entry = existing(del.service);
    if (!entry)
        return entry.error();
    auto& dests = (*entry)->dests;
    const auto found = find_dest(dests, del.dest);
    if (found == dests.end())
        return refusal(ENOENT, "no such dest");
    dests.erase(found);
    return {};
}

Result<ListedDest*> FakeKernel::existing(const ServiceId& id, const Endpoint& dest) {
    auto entry = existing(id);
    if (!entry)
        return entry.error();
    const auto found = find_dest((*entry)->dests, dest);
    if (found == (*entry)->dests.end())
        return refusal(ENOENT, "no such dest");
    return &*found;
}

Result<void> FakeKernel::change(const DrainDest& drain) {
    auto dest = existing(drain.service, drain.dest);
    if (!dest)
        return dest.error();
    (*dest)->dest.weight = {0};
    return {};
}

Result<void> FakeKernel::change(const ResetDest& reset) {
    auto dest = existing(reset.service, reset.dest);
    if (!dest)
        return dest.error();
    (*dest)->active = (*dest)->inactive = 0;
    return {};
}

Result<void> FakeKernel::change(const AddLocalAddress& add) {
    auto entry = existing(add.service);
    if (!entry)
        return entry.error();
    auto& pool = (*entry)->local_addresses;
    if (std::find(pool.begin(), pool.end(), add.address) != pool.end()) {
        const Profile* profile = profile_for(add.service);
        const std::vector<Address> brought = profile ? profile->local_addresses : std::vector<Address>{};
        if (std::find(brought.begin(), brought.end(), add.address) != brought.end())
            return {};
        return refusal(EEXIST, "local address exists");
    }
    if (!is_unicast(add.address))
        return refusal(EADDRNOTAVAIL, "not an address of this host");
    pool.push_back(add.address);
    return {};
}

Result<void> FakeKernel::change(const DeleteLocalAddress& del) {
    auto entry = existing(del.service);
    if (!entry)
        return entry.error();
    auto& pool = (*entry)->local_addresses;
    const auto found = std::find(pool.begin(), pool.end(), del.address);
    if (found == pool.end())
        return refusal(ENOENT, "no such local address");
    pool.erase(found);
    return {};
}

Result<std::vector<ListedLocalAddress>> FakeKernel::local_addresses(const std::optional<ServiceId>& only) {
    if (!extensions)
        return refusal(EOPNOTSUPP, "the running kernel module is plain ip_vs; this needs lvs");
    if (only)
        if (auto entry = existing(*only); !entry)
            return entry.error();
    std::vector<ListedLocalAddress> out;
    for (const Entry& entry : table)
        if (!only || entry.service.service.id == *only)
            for (const Address& address : entry.local_addresses)
                out.push_back({entry.service.service.id, address, 0, 0, 0, 0});
    return out;
}

const Profile* FakeKernel::profile_for(const ServiceId& id) const {
    const auto find = [&](const ServiceId& wanted) -> const Profile* {
        const auto found = std::find_if(profile_list.begin(), profile_list.end(),
                                        [&](const Profile& profile) { return profile.service == wanted; });
        return found == profile_list.end() ? nullptr : &*found;
    };
    const auto* listener = std::get_if<Listener>(&id);
    if (const Profile* own = find(id); own || !listener)
        return own;
    return find(Listener{listener->protocol, {listener->endpoint.address, {}}});
}

Result<void> FakeKernel::change(const SetProfile& set) {
    std::set<std::string> seen;
    for (const Address& address : set.profile.local_addresses) {
        if (!is_unicast(address))
            return refusal(EADDRNOTAVAIL, "not an address of this host");
        if (!seen.insert(address.text()).second)
            return refusal(EEXIST, "LADDRS has an address twice");
    }
    std::erase_if(profile_list, [&](const Profile& profile) { return profile.service == set.profile.service; });
    profile_list.push_back(set.profile);
    return {};
}

Result<void> FakeKernel::change(const DeleteProfile& del) {
    if (!std::erase_if(profile_list, [&](const Profile& profile) { return profile.service == del.service; }))
        return refusal(ESRCH, "SERVICE has no profile");
    return {};
}

Result<std::vector<Profile>> FakeKernel::profiles() {
    if (!extensions)
        return module_info().error();
    return profile_list;
}

Result<void> FakeKernel::change(const ZeroCounters& which) {
    if (!which.service) {
        std::for_each(table.begin(), table.end(), zero);
        return {};
    }
    auto entry = existing(*which.service);
    if (!entry)
        return entry.error();
    zero(**entry);
    return {};
}

Result<void> FakeKernel::change(const Flush&) {
    table.clear();
    return {};
}

Result<Info> FakeKernel::info() {
    return Info{0x010201, 4096};
}

Result<void> FakeKernel::apply(const Operation& operation) {
    if (is_extension(operation) && !extensions)
        return refusal(EOPNOTSUPP, "the running kernel module is plain ip_vs; this needs lvs");
    if (fail_after) {
        if (*fail_after == 0)
            return refusal(EIO, "failing as told");
        --*fail_after;
    }
    return std::visit([this](const auto& what) { return change(what); }, operation);
}

Result<std::vector<ListedService>> FakeKernel::services() {
    std::vector<ListedService> out;
    for (const Entry& entry : table)
        out.push_back(entry.service);
    return out;
}

Result<ListedService> FakeKernel::service(const ServiceId& id) {
    auto entry = existing(id);
    if (!entry)
        return entry.error();
    return (*entry)->service;
}

Result<std::vector<ListedDest>> FakeKernel::dests(const ServiceId& id) {
    const Entry* entry = find(id);
    return entry ? entry->dests : std::vector<ListedDest>{};
}

Result<std::vector<DestOfService>> FakeKernel::all_dests() {
    std::vector<DestOfService> found;
    for (const Entry& entry : table)
        for (const ListedDest& listed : entry.dests)
            found.push_back({entry.service.service.id, listed});
    return found;
}

Result<Timeouts> FakeKernel::timeouts() {
    return timeouts_;
}

Result<void> FakeKernel::set_timeouts(const Timeouts& timeouts) {
    for (std::uint32_t value : {timeouts.tcp, timeouts.tcp_fin, timeouts.udp})
        if (value > INT_MAX / kernel_hz)
            return refusal(EINVAL, "timeout out of range");
    if (timeouts.tcp)
        timeouts_.tcp = timeouts.tcp;
    if (timeouts.tcp_fin)
        timeouts_.tcp_fin = timeouts.tcp_fin;
    if (timeouts.udp)
        timeouts_.udp = timeouts.udp;
    return {};
}

Result<std::vector<Daemon>> FakeKernel::daemons() {
    std::vector<Daemon> sorted = daemons_;
    std::sort(sorted.begin(), sorted.end(), [](const Daemon& a, const Daemon& b) { return a.state < b.state; });
    return sorted;
}

Result<void> FakeKernel::start_daemon(const Daemon& daemon) {
    if (daemon.group && !daemon.group->is_multicast())
        return refusal(EINVAL, "group is not multicast");
    for (const Daemon& running : daemons_)
        if (running.state == daemon.state)
            return refusal(EEXIST, "daemon runs");
    for (const Entry& entry : table)
        for (const ListedDest& dest : entry.dests)
            if (dest.dest.endpoint.address.family != family_of(entry.service.service.id))
                return refusal(EINVAL, "dests of another family than their service's exist");
    if (!interfaces.contains(daemon.interface))
        return refusal(ENODEV, "no such interface");

    Daemon complete = daemon;
    if (!complete.group)
        complete.group = Address::parse(Family::ipv4, "224.0.0.81");
    const bool six = complete.group->family == Family::ipv6;
    if (complete.max_length == 0)
        complete.max_length = six ? 1452 : 1472; // of an interface with an MTU of 1500
    complete.max_length = std::max<std::uint16_t>(complete.max_length, 1024);
    if (complete.port.value == 0)
        complete.port = {8848};
    if (complete.ttl == 0)
        complete.ttl = 1;
    daemons_.push_back(complete);
    return {};
}

Result<void> FakeKernel::stop_daemon(DaemonState state) {
    const auto removed = std::erase_if(daemons_, [&](const Daemon& daemon) { return daemon.state == state; });
    if (removed == 0)
        return refusal(ESRCH, "no such daemon");
    return {};
}

Result<std::vector<Connection>> FakeKernel::connections() {
    auto found = read_connections("Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n" +
                                  connection_lines);
    if (!found)
        return refusal(EBADMSG, "unexpected input from /proc/net/ip_vs_conn");
    return *found;
}

Result<ModuleInfo> FakeKernel::module_info() {
    if (!extensions)
        return refusal(EOPNOTSUPP, "the running kernel module is plain ip_vs; this needs lvs");
    return module;
}

Result<void, BatchError> FakeKernel::apply_batch(std::span<const Operation> operations) {
    if (!extensions)
        return BatchError{module_info().error(), std::nullopt};
    if (auto mismatch = abi_mismatch(module))
        return BatchError{refusal(EPROTONOSUPPORT, *mismatch), std::nullopt};
    const std::vector<Entry> before = table;
    const std::vector<Profile> profiles_before = profile_list;
    for (std::size_t i = 0; i < operations.size(); ++i) {
        if (auto applied = apply(operations[i]); !applied) {
            table = before;
            profile_list = profiles_before;
            return BatchError{applied.error(), i};
        }
    }
    return {};
}

Result<std::vector<DropTable>> FakeKernel::drops() {
    if (!extensions)
        return module_info().error();
    return drop_tables;
}

} // namespace lvs
