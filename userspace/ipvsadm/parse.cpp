// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/parse.h"

#include "base/address_range.h"
#include "base/text.h"
#include "ipvsadm/checks.h"
#include "ipvsadm/options.h"
#include "ipvsadm/render.h"
#include "ipvsadm/scheduler_flags.h"

#include <lvs/abi.h>
#include <lvs/toa.h>

#include <climits>
#include <cstring>
#include <set>

namespace lvs {

namespace {

constexpr long default_persistence = 360; // seconds
constexpr long longest_timeout = 86400L * 31;
constexpr const char* default_scheduler = "wlc";
constexpr const char* default_interface = "eth0";

Failure try_help(const std::string& program) {
    return {exit_failure, text("Try `%s -h' or '%s --help' for more information.", program.c_str(), program.c_str())};
}

Failure usage(std::string text) {
    return {exit_usage, std::move(text)};
}

// What the options have said so far. A later option may depend on an earlier one: the family of
// the service decides how a mask is read.
struct Draft {
    std::set<Topic> topics;

    std::optional<Family> family; // of the service
    Protocol protocol = Protocol::tcp;
    Endpoint listener;
    Fwmark mark;
    Service service; // all but its id
    std::string scheduler_flags;
    Dest dest;
    ListFormat format;
    Daemon daemon;
    Timeouts timeouts;
    std::vector<Address> local_addresses;
    std::size_t most_local_addresses = 4096;
    std::optional<std::uint32_t> deadline; // seconds

    bool by_mark() const { return mark.value != 0; }
    bool has(Topic topic) const { return topics.contains(topic); }
    ServiceId id() const;
};

ServiceId Draft::id() const {
    if (by_mark())
        return Marked{mark, family.value_or(Family::ipv4)};
    return Listener{protocol, listener};
}

// Reads a number into `field`, or fails with `complaint`.
template <class Field>
Result<void, Failure> read_number(const std::string& word, long low, long high, const char* complaint, Field& field) {
    const auto value = number(word, low, high);
    if (!value)
        return usage(complaint);
    field = static_cast<Field>(*value);
    return {};
}

Result<void, Failure> read_timeout(const std::string& word, long low, std::uint32_t& field) {
    const auto value = number(word, low, longest_timeout);
    if (!value)
        return usage(text("invalid timeout value `%s' specified", word.c_str()));
    field = static_cast<std::uint32_t>(*value);
    return {};
}

// Of an option of the module lvs.
Result<void, Failure> read_seconds(const std::string& word, std::uint32_t& field) {
    const auto value = number(word, 1, LVS_OPTION_SECONDS_MAX);
    if (!value)
        return usage(text("invalid time `%s', it is 1 to %d seconds", word.c_str(), LVS_OPTION_SECONDS_MAX));
    field = static_cast<std::uint32_t>(*value);
    return {};
}

Result<void, Failure> read_limit(const std::string& word, long most, std::uint32_t& field) {
    const auto value = number(word, 1, most);
    if (!value)
        return usage(text("invalid limit `%s', it is 1 to %ld", word.c_str(), most));
    field = static_cast<std::uint32_t>(*value);
    return {};
}

// 300, 300s, 5m or 1h
Result<void, Failure> read_deadline(Draft& draft, const std::string& word) {
    const std::size_t digits = word.find_first_not_of("0123456789");
    const std::string unit = digits == std::string::npos ? "s" : word.substr(digits);
    const long seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    const auto value = number(word.substr(0, digits), 0, seconds ? longest_timeout / seconds : 0);
    if (!seconds || !value)
        return usage(text("invalid deadline `%s', it is such as 300, 300s, 5m or 1h", word.c_str()));
    draft.deadline = static_cast<std::uint32_t>(*value * seconds);
    return {};
}

// The host of a service or a server. A number alone would be taken for an address, 80 for 0.0.0.80.
std::optional<ParsedEndpoint> read_endpoint(const std::string& word, Protocol protocol, const Resolver& names) {
    if (word.find_first_not_of("0123456789") == std::string::npos)
        return std::nullopt;
    return parse_endpoint(word, protocol, names);
}

Result<void, Failure> read_service(Draft& draft, Protocol protocol, const std::string& word, const Resolver& names) {
    draft.protocol = protocol;
    const auto endpoint = read_endpoint(word, protocol, names);
    if (!endpoint)
        return usage("illegal virtual server address[:port] specified");
    draft.family = endpoint->address.family;
    draft.listener = {endpoint->address, endpoint->port.value_or(Port{})};
    if (draft.family == Family::ipv6) // a mask that was read before is one of IPv4
        draft.service.netmask = whole_ipv6_prefix;
    return {};
}

Result<void, Failure> read_mark(Draft& draft, const std::string& word) {
    const auto value = number(word, 1, UINT_MAX);
    if (!value)
        return usage(text("invalid fwmark value `%s' specified", word.c_str()));
    draft.mark = {static_cast<std::uint32_t>(*value)};
    draft.family = Family::ipv4;
    return {};
}

Result<void, Failure> read_netmask(Draft& draft, const std::string& word, const Resolver& names) {
    if (draft.family == Family::ipv6)
        return read_number(word, 1, 128, "illegal ipv6 netmask specified", draft.service.netmask);
    const auto mask = parse_endpoint(word, Protocol::tcp, names);
    if (!mask || mask->address.family != Family::ipv4 || mask->port)
        return usage("illegal virtual server persistent mask specified");
    std::memcpy(&draft.service.netmask, mask->address.bytes.data(), sizeof draft.service.netmask);
    return {};
}

Result<void, Failure> read_server(Draft& draft, const std::string& word, const Resolver& names) {
    const auto endpoint = read_endpoint(word, draft.protocol, names);
    if (!endpoint)
        return usage("illegal real server address[:port] specified");
    draft.dest.endpoint = {endpoint->address, endpoint->port.value_or(draft.listener.port)};
    return {};
}

Result<void, Failure> read_local_addresses(Draft& draft, const std::string& word) {
    auto addresses = parse_addresses(word, draft.most_local_addresses);
    if (!addresses)
        return usage("illegal local address specified: " + addresses.error());
    draft.local_addresses = std::move(*addresses);
    return {};
}

Result<void, Failure> read_tunnel_type(Draft& draft, const std::string& word) {
    if (word == "ipip")
        draft.dest.tunnel.type = TunnelType::ipip;
    else if (word == "gue")
        draft.dest.tunnel.type = TunnelType::gue;
    else if (word == "gre")
        draft.dest.tunnel.type = TunnelType::gre;
    else
        return usage("illegal tunnel type specified");
    return {};
}

Result<void, Failure> read_group(Draft& draft, const std::string& word) {
    const Family family = word.find(':') == std::string::npos ? Family::ipv4 : Family::ipv6;
    const auto group = Address::parse(family, word);
    if (!group || !group->is_multicast())
        return usage(text("invalid %s mcast-group `%s'", family == Family::ipv4 ? "IPv4" : "IPv6", word.c_str()));
    draft.daemon.group = group;
    return {};
}

Result<void, Failure> set_flag(std::uint32_t& flags, std::uint32_t flag) {
    flags |= flag;
    return {};
}

Result<void, Failure> read_uoa(const std::string& word, Uoa& field) {
    for (const Uoa uoa : {Uoa::none, Uoa::option, Uoa::header})
        if (word == uoa_name(uoa)) {
            field = uoa;
            return {};
        }
    return usage(text("invalid `--uoa %s', it is option, header or none", word.c_str()));
}

Result<void, Failure> set_on(bool& field) {
    field = true;
    return {};
}

Result<void, Failure> set_forwarding(Draft& draft, Forwarding forwarding) {
    draft.dest.forwarding = forwarding;
    return {};
}

Result<void, Failure> set_tunnel_flag(Draft& draft, TunnelFlag flag) {
    draft.dest.tunnel.flags = static_cast<std::uint16_t>(draft.dest.tunnel.flags | flag);
    return {};
}

Result<void, Failure> read_json_style(const std::optional<std::string>& given, JsonStyle& style) {
    if (given && *given != "pretty")
        return usage(text("invalid JSON style `%s', there is only `pretty'", given->c_str()));
    style = given ? JsonStyle::pretty : JsonStyle::line;
    return {};
}

Result<void, Failure> read_option(Draft& draft, Option option, const std::optional<std::string>& given,
                                  const Resolver& names) {
    const std::string value = given.value_or("");
    switch (option) {
    case Option::tcp_service: return read_service(draft, Protocol::tcp, value, names);
    case Option::udp_service: return read_service(draft, Protocol::udp, value, names);
    case Option::sctp_service: return read_service(draft, Protocol::sctp, value, names);
    case Option::fwmark_service: return read_mark(draft, value);
    case Option::ipv6:
        if (!draft.by_mark())
            return usage("-6 used before -f\n");
        draft.family = Family::ipv6;
        draft.service.netmask = whole_ipv6_prefix;
        return {};
    case Option::scheduler: draft.service.scheduler = value.substr(0, 15); return {};
    case Option::persistent:
        draft.service.flags |= persistent_flag;
        return read_timeout(given ? value : std::to_string(default_persistence), 1, draft.service.timeout);
    case Option::netmask: return read_netmask(draft, value, names);
    case Option::pe: draft.service.persistence_engine = value.substr(0, 15); return {};
    case Option::ops: return set_flag(draft.service.flags, one_packet_flag);
    case Option::sched_flags: draft.scheduler_flags = value; return {};
    case Option::established_timeout: return read_seconds(value, draft.service.options.established_timeout);
    case Option::udp_limit: return read_seconds(value, draft.service.options.udp_limit);
    case Option::expire_rst: return set_on(draft.service.options.expire_rst);
    case Option::clamp_mss: return set_on(draft.service.options.clamp_mss);
    case Option::masq_fullnat: return set_on(draft.service.options.masq_fullnat);

    case Option::max_conns: return read_limit(value, UINT_MAX, draft.service.options.max_conns);
    case Option::max_rate: return read_limit(value, LVS_OPTION_RATE_MAX, draft.service.options.max_rate);
    case Option::client_conns: return read_limit(value, UINT_MAX, draft.service.options.client_conns);
    case Option::client_rate: return read_limit(value, LVS_OPTION_RATE_MAX, draft.service.options.client_rate);
    case Option::toa_kind:
        return read_number(value, 1, 255, "illegal TOA kind specified", draft.service.options.toa_kind);
    case Option::no_toa: return set_on(draft.service.options.no_toa);
    case Option::uoa: return read_uoa(value, draft.service.options.uoa);
    case Option::deadline: return read_deadline(draft, value);

    case Option::real_server: return read_server(draft, value, names);
    case Option::masquerading: return set_forwarding(draft, Forwarding::masquerade);
    case Option::ipip: return set_forwarding(draft, Forwarding::tunnel);
    case Option::gatewaying: return set_forwarding(draft, Forwarding::route);
    case Option::fullnat: return set_forwarding(draft, Forwarding::fullnat);
    case Option::laddr: return read_local_addresses(draft, value);
    case Option::weight: return read_number(value, 0, INT_MAX, "illegal weight specified", draft.dest.weight.value);
    case Option::u_threshold:
        return read_number(value, 0, INT_MAX, "illegal u_threshold specified", draft.dest.upper_threshold);
    case Option::l_threshold:
        return read_number(value, 0, INT_MAX, "illegal l_threshold specified", draft.dest.lower_threshold);
    case Option::tun_type: return read_tunnel_type(draft, value);
    case Option::tun_port:
        return read_number(value, 1, 65535, "illegal tunnel port specified", draft.dest.tunnel.port.value);
    case Option::tun_nocsum: return set_tunnel_flag(draft, tunnel_no_checksum);
    case Option::tun_csum: return set_tunnel_flag(draft, tunnel_checksum);
    case Option::tun_remcsum: return set_tunnel_flag(draft, tunnel_remote_checksum);

    case Option::numeric: return set_on(draft.format.numeric);
    case Option::stats: return set_on(draft.format.stats);
    case Option::rate: return set_on(draft.format.rate);
    case Option::thresholds: return set_on(draft.format.thresholds);
    case Option::persistent_conn: return set_on(draft.format.persistent);
    case Option::tun_info: return set_on(draft.format.tunnels);
    case Option::exact: return set_on(draft.format.exact);
    case Option::nosort: draft.format.sorted = false; return {};
    case Option::sort:
    case Option::connection:
    case Option::timeout:
    case Option::daemon: return {}; // it is enough that they were given

    case Option::json: return read_json_style(given, draft.format.json);

    case Option::mcast_interface: draft.daemon.interface = value.substr(0, 15); return {};
    case Option::syncid: return read_number(value, 0, 255, "illegal syncid specified", draft.daemon.sync_id);
    case Option::sync_maxlen:
        return read_number(value, 1, 65507, "illegal sync-maxlen specified", draft.daemon.max_length);
    case Option::mcast_group: return read_group(draft, value);
    case Option::mcast_port:
        return read_number(value, 1, 65535, "illegal mcast-port specified", draft.daemon.port.value);
    case Option::mcast_ttl: return read_number(value, 1, 255, "illegal mcast-ttl specified", draft.daemon.ttl);
    default: return {}; // commands do not come here
    }
}

Result<DaemonState, Failure> read_daemon_state(const std::string& word, const char* complaint) {
    if (word == "master")
        return DaemonState::master;
    if (word == "backup")
        return DaemonState::backup;
    return usage(complaint);
}

Result<Option, Failure> read_profile_verb(const std::string& word) {
    if (word == "set")
        return Option::set_profile;
    if (word == "delete")
        return Option::delete_profile;
    if (word == "list")
        return Option::list_profiles;
    return usage(text("invalid `--profile %s', it is set, delete or list", word.c_str()));
}

Result<void, Failure> read_set_arguments(Draft& draft, std::vector<std::string>& arguments) {
    if (arguments.size() < 3)
        return usage("--set option requires 3 timeout values");
    std::uint32_t* const fields[] = {&draft.timeouts.tcp, &draft.timeouts.tcp_fin, &draft.timeouts.udp};
    for (std::size_t i = 0; i < 3; ++i)
        if (auto read = read_timeout(arguments[i], 0, *fields[i]); !read)
            return read;
    arguments.erase(arguments.begin(), arguments.begin() + 3);
    return {};
}

// Of a service, or of a profile.
Result<void, Failure> check_options(const Draft& draft) {
    if (draft.service.options.udp_limit && !draft.by_mark() && draft.protocol != Protocol::udp)
        return usage("A limit of UDP flows is only for UDP virtual services");
    if (draft.service.options.uoa != Uoa::none && !draft.by_mark() && draft.protocol != Protocol::udp)
        return usage("UOA is only for UDP virtual services");
    if (draft.has(Topic::toa_kind) && lvs_toa_kind_is_taken(static_cast<std::uint8_t>(draft.service.options.toa_kind)))
        return usage(text("TCP itself uses options of kind %u", draft.service.options.toa_kind));
    return {};
}

Result<void, Failure> finish_service(Draft& draft) {
    Service& service = draft.service;
    if (!draft.by_mark() && draft.listener.port.value == 0 && !service.has(persistent_flag))
        return usage("Zero port specified for non-persistent service");
    if (service.has(one_packet_flag) && !draft.by_mark() && draft.protocol != Protocol::udp)
        return usage("One-Packet Scheduling is only for UDP virtual services");
    if (auto checked = check_options(draft); !checked)
        return checked;
    if (service.scheduler.empty())
        service.scheduler = default_scheduler;
    if (draft.has(Topic::sched_flags)) {
        auto flags = parse_scheduler_flags(service.scheduler, draft.scheduler_flags);
        if (!flags)
            return flags.error();
        service.flags |= *flags;
    }
    service.id = draft.id();
    return {};
}

Result<void, Failure> finish_dest(Draft& draft) {
    Dest& dest = draft.dest;
    // Packets routed or tunneled arrive as they were sent, so the port cannot change.
    if (!draft.by_mark() && dest.forwarding != Forwarding::masquerade && dest.forwarding != Forwarding::fullnat)
        dest.endpoint.port = draft.listener.port;
    if (dest.endpoint.address.family != family_of(draft.id()) && dest.forwarding != Forwarding::tunnel &&
        dest.forwarding != Forwarding::fullnat)
        return usage("Different address family is allowed only for tunneling servers");
    for (Topic topic : {Topic::tun_type, Topic::tun_port, Topic::tun_nocsum, Topic::tun_csum, Topic::tun_remcsum})
        if (draft.has(topic) && dest.forwarding != Forwarding::tunnel)
            return usage("Tunnel options conflict with forward method");
    return check_tunnel(dest.tunnel.type, draft.topics);
}

template <class Change> Command change_pool(const Draft& draft) {
    Changes changes;
    for (const Address& address : draft.local_addresses)
        changes.operations.emplace_back(Change{draft.id(), address});
    return Command{std::move(changes)};
}

Result<Command, Failure> list_command(const Draft& draft) {
    const bool plain = draft.has(Topic::timeout) || draft.has(Topic::daemon);
    const ListFormat& format = draft.format;
    if ((plain || draft.has(Topic::connection)) && (format.stats || format.rate || format.thresholds))
        return usage("options conflicts in the list command");
    if (plain && format.persistent)
        return usage("options conflicts in the list command");
    if (draft.has(Topic::connection))
        return Command{ListConnections{draft.format}};
    if (draft.has(Topic::service))
        return Command{ListServices{draft.id(), draft.format}};
    if (draft.has(Topic::timeout))
        return Command{ListTimeouts{format.json}};
    if (draft.has(Topic::daemon))
        return Command{ListDaemons{format.json}};
    return Command{ListServices{std::nullopt, draft.format}};
}

Result<Command, Failure> finish(Option command, Draft& draft) {
    const auto operation = [](auto change) { return Command{Operation{std::move(change)}}; };
    const auto only = [&]() -> std::optional<ServiceId> {
        return draft.has(Topic::service) ? std::optional(draft.id()) : std::nullopt;
    };
    switch (command) {
    case Option::add_service:
    case Option::edit_service:
        if (auto done = finish_service(draft); !done)
            return done.error();
        // `--uoa none' is the option that says what holds without it.
        return command == Option::add_service ? operation(AddService{draft.service, draft.has(Topic::uoa)})
                                              : operation(EditService{draft.service});
    case Option::delete_service: return operation(DeleteService{draft.id()});
    case Option::add_server:
    case Option::edit_server:
        if (auto done = finish_dest(draft); !done)
            return done.error();
        return command == Option::add_server ? operation(AddDest{draft.id(), draft.dest})
                                             : operation(EditDest{draft.id(), draft.dest});
    case Option::delete_server: return operation(DeleteDest{draft.id(), draft.dest.endpoint});
    case Option::drain: return Command{Drain{draft.id(), draft.dest.endpoint, draft.deadline, draft.format.numeric}};
    case Option::clear: return operation(Flush{});
    case Option::zero: return operation(ZeroCounters{only()});
    case Option::set: return Command{SetTimeouts{draft.timeouts}};
    case Option::start_daemon:
        if (draft.daemon.interface.empty())
            draft.daemon.interface = default_interface;
        return Command{StartDaemon{draft.daemon}};
    case Option::stop_daemon: return Command{StopDaemon{draft.daemon.state}};
    case Option::restore: return Command{Restore{}};
    case Option::save: return Command{Save{draft.format.numeric}};
    case Option::drops: return Command{ListDrops{only(), draft.format.numeric, draft.format.json}};
    case Option::add_laddr: return change_pool<AddLocalAddress>(draft);
    case Option::del_laddr: return change_pool<DeleteLocalAddress>(draft);
    case Option::get_laddr: return Command{ListLocalAddresses{only(), draft.format.numeric, draft.format.json}};
    case Option::set_profile:
        if (auto checked = check_options(draft); !checked)
            return checked.error();
        return operation(SetProfile{{draft.id(), draft.service.options, draft.local_addresses}});
    case Option::delete_profile: return operation(DeleteProfile{draft.id()});
    case Option::list_profiles: return Command{ListProfiles{draft.format.numeric, draft.format.json}};
    case Option::list: return list_command(draft);
    default: return usage("invalid command"); // help and version do not come here
    }
}

} // namespace

Result<Command, Failure> parse_command(const std::string& program, const std::vector<std::string>& words,
                                       const Resolver& names) {
    if (words.empty())
        return Command{ListServices{}};
    GivenWords given = parse_words(words);
    if (given.options.empty() || !given.options.front().option || !is_command(*given.options.front().option))
        return try_help(program);

    const GivenOption& first = given.options.front();
    Option command = *first.option;
    Draft draft;
    draft.service.netmask = whole_ipv4_mask;
    if (command == Option::help)
        return Command{ShowHelp{}};
    if (command == Option::version)
        return Command{ShowVersion{}};
    if (command == Option::start_daemon || command == Option::stop_daemon) {
        auto state = read_daemon_state(first.value.value_or(""), command == Option::start_daemon
                                                                     ? "illegal start-daemon parameter specified"
                                                                     : "illegal start_daemon specified");
        if (!state)
            return state.error();
        draft.daemon.state = *state;
    }
    if (command == Option::profile) {
        auto verb = read_profile_verb(first.value.value_or(""));
        if (!verb)
            return verb.error();
        command = *verb;
        draft.most_local_addresses = LVS_PROFILE_LADDRS_MAX;
    }

    for (std::size_t i = 1; i < given.options.size(); ++i) {
        const GivenOption& option = given.options[i];
        if (!option.option)
            return Failure{exit_failure, option.spelling + ": " + option.problem};
        if (is_command(*option.option))
            return usage(text("invalid option `%s'", option.spelling.c_str()));
        if (const auto topic = topic_of(*option.option); topic && !draft.topics.insert(*topic).second)
            return usage(text("multiple '%s' options specified", topic_name(*topic)));
        if (auto read = read_option(draft, *option.option, option.value, names); !read)
            return read.error();
    }
    if (given.incomplete)
        return Failure{exit_failure, *given.incomplete + ": missing argument"};
    if (command == Option::set)
        if (auto read = read_set_arguments(draft, given.arguments); !read)
            return read.error();
    if (!given.arguments.empty())
        return usage("unexpected argument " + given.arguments.front());
    if (auto checked = check_command(command, draft.topics); !checked)
        return checked.error();
    return finish(command, draft);
}

} // namespace lvs
