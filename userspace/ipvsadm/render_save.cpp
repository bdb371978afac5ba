// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"
#include "ipvsadm/scheduler_flags.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace lvs {

namespace {

std::string mask_option(const Service& service) {
    if (family_of(service.id) == Family::ipv6)
        return service.netmask == whole_ipv6_prefix ? "" : text(" -M %u", service.netmask);
    if (service.netmask == whole_ipv4_mask)
        return "";
    Address mask;
    std::memcpy(mask.bytes.data(), &service.netmask, sizeof service.netmask);
    return " -M " + mask.text();
}

std::string given_options(const ServiceOptions& options) {
    std::string out;
    if (options.established_timeout)
        out += text(" -V %u", options.established_timeout);
    if (options.udp_limit)
        out += text(" --udp-limit %u", options.udp_limit);
    if (options.expire_rst)
        out += " --expire-rst";
    if (options.clamp_mss)
        out += " --clamp-mss";
    if (options.masq_fullnat)
        out += " --masq-fullnat";
    for (const auto& [name, value] : numbers_of(options))
        if (value)
            out += text(" --%s %u", name, value);
    if (options.no_toa)
        out += " --no-toa";
    if (options.uoa != Uoa::none)
        out += text(" --uoa %s", uoa_name(options.uoa));
    return out;
}

std::string service_rule(const char* command, const Service& service, bool numeric, const Resolver& names) {
    std::string out =
        std::string(command) + " " + service_option(service.id, numeric, names) + " -s " + service.scheduler;
    if (service.has(persistent_flag))
        out += text(" -p %u", service.timeout) + mask_option(service);
    if (!service.persistence_engine.empty())
        out += " --pe " + service.persistence_engine;
    if (service.has(one_packet_flag))
        out += " -o";
    const std::string flags = scheduler_flags_text(service.scheduler, service.flags);
    if (!flags.empty())
        out += " -b " + flags;
    return out + given_options(service.options) + "\n";
}

std::string tunnel_options(const Tunnel& tunnel) {
    std::string out = std::string(" --tun-type ") + tunnel_type_name(tunnel.type);
    if (tunnel.type == TunnelType::ipip)
        return out;
    if (tunnel.type == TunnelType::gue)
        out += text(" --tun-port %u", tunnel.port.value);
    if (tunnel.flags & tunnel_checksum)
        return out + " --tun-csum";
    if (tunnel.flags & tunnel_remote_checksum)
        return out + " --tun-remcsum";
    return out + " --tun-nocsum";
}

std::string dest_rule(const ServiceId& id, const Dest& dest, bool numeric, const Resolver& names) {
    const auto* listener = std::get_if<Listener>(&id);
    const Protocol protocol = listener ? listener->protocol : Protocol::tcp;
    std::string out = "-a " + service_option(id, numeric, names) + " -r " +
                      endpoint_text(dest.endpoint, protocol, numeric, names) + " " +
                      forwarding_option(dest.forwarding) + text(" -w %d", dest.weight.value);
    if (dest.upper_threshold)
        out += text(" -x %u", dest.upper_threshold);
    if (dest.lower_threshold)
        out += text(" -y %u", dest.lower_threshold);
    if (dest.forwarding == Forwarding::tunnel)
        out += tunnel_options(dest.tunnel);
    return out + "\n";
}

std::string addresses_option(const std::vector<Address>& addresses) {
    std::string out;
    for (const Address& address : addresses)
        out += (out.empty() ? " -z " : ",") + address.text();
    return out;
}

// What the profile brings although it is not in the pool; all that it brings, if the pool has another order.
std::vector<Address> surplus(const Profile& profile, const std::vector<Address>& pool) {
    std::set<std::string> wanted;
    for (const Address& address : pool)
        wanted.insert(address.text());
    std::vector<Address> kept;
    std::vector<Address> others;
    for (const Address& address : profile.local_addresses)
        (wanted.contains(address.text()) ? kept : others).push_back(address);
    const bool ordered = kept.size() <= pool.size() && std::equal(kept.begin(), kept.end(), pool.begin());
    return ordered ? others : profile.local_addresses;
}

} // namespace

const char* forwarding_option(Forwarding forwarding) {
    switch (forwarding) {
    case Forwarding::masquerade: return "-m";
    case Forwarding::tunnel: return "-i";
    case Forwarding::fullnat: return "-b";
    default: return "-g"; // the kernel turns routing to itself into `local` on its own
    }
}

const char* tunnel_type_name(TunnelType type) {
    switch (type) {
    case TunnelType::ipip: return "ipip";
    case TunnelType::gue: return "gue";
    case TunnelType::gre: return "gre";
    }
    return "unknown";
}

std::string service_option(const ServiceId& id, bool numeric, const Resolver& names) {
    if (const auto* marked = std::get_if<Marked>(&id))
        return text("-f %u%s", marked->mark.value, marked->family == Family::ipv6 ? " -6" : "");
    const auto& listener = std::get<Listener>(id);
    const char* option = "-t";
    if (listener.protocol == Protocol::udp)
        option = "-u";
    else if (listener.protocol == Protocol::sctp)
        option = "--sctp-service";
    return std::string(option) + " " + endpoint_text(listener.endpoint, listener.protocol, numeric, names);
}

std::string save_profile(const Profile& profile, bool numeric, const Resolver& names) {
    return "--profile set " + service_option(profile.service, numeric, names) +
           addresses_option(profile.local_addresses) + given_options(profile.options) + "\n";
}

std::string save_rules(const ServiceTable& table, const std::vector<Address>& pool, const Profile* profile,
                       bool numeric, const Resolver& names) {
    const Service& service = table.service.service;
    const std::string name = service_option(service.id, numeric, names);
    // Servers that were there before the option have NAT still.
    const bool late = service.options.masq_fullnat &&
                      std::any_of(table.dests.begin(), table.dests.end(), [](const ListedDest& listed) {
                          return listed.dest.forwarding == Forwarding::masquerade;
                      });
    Service first = service;
    if (late)
        first.options.masq_fullnat = false;

    std::string out = service_rule("-A", first, numeric, names);
    // Only an -A takes the profile's where it has no options itself.
    if (profile && profile->options != ServiceOptions{} && first.options == ServiceOptions{})
        out += service_rule("-E", first, numeric, names);
    if (profile)
        if (const auto addresses = surplus(*profile, pool); !addresses.empty())
            out += "-Q " + name + addresses_option(addresses) + "\n";
    for (const ListedDest& listed : table.dests)
        out += dest_rule(service.id, listed.dest, numeric, names);
    if (late)
        out += service_rule("-E", service, numeric, names);
    for (const Address& address : pool)
        out += "-P " + name + " -z " + address.text() + "\n";
    return out;
}

} // namespace lvs
