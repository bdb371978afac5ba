// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/checks.h"

#include "base/text.h"

#include <algorithm>
#include <map>
#include <vector>

namespace lvs {

namespace {

struct Rules {
    const char* name;
    std::vector<Topic> needed;
    std::vector<Topic> allowed;
    std::vector<Topic> at_most_one; // allowed as well
};

const std::vector<Topic> list_format = {
    Topic::numeric, Topic::stats, Topic::rate,     Topic::thresholds, Topic::persistent_conn,
    Topic::nosort,  Topic::exact, Topic::tun_info, Topic::syncid,     Topic::json,
};

const std::vector<Topic> service_body = {
    Topic::scheduler,
    Topic::persistent,
    Topic::netmask,
    Topic::ops,
    Topic::pe,
    Topic::sched_flags,
    Topic::established_timeout,
    Topic::udp_limit,
    Topic::expire_rst,
    Topic::clamp_mss,
    Topic::masq_fullnat,
    Topic::max_conns,
    Topic::max_rate,
    Topic::client_conns,
    Topic::client_rate,
    Topic::toa_kind,
    Topic::no_toa,
    Topic::uoa,
};

const std::vector<Topic> profile_body = {
    Topic::laddr,        Topic::established_timeout, Topic::udp_limit, Topic::expire_rst,
    Topic::clamp_mss,    Topic::masq_fullnat,        Topic::max_conns, Topic::max_rate,
    Topic::client_conns, Topic::client_rate,         Topic::toa_kind,  Topic::no_toa,
    Topic::uoa,
};

const std::vector<Topic> dest_body = {
    Topic::forwarding, Topic::weight,     Topic::u_threshold, Topic::l_threshold, Topic::tun_type,
    Topic::tun_port,   Topic::tun_nocsum, Topic::tun_csum,    Topic::tun_remcsum,
};

const std::vector<Topic> daemon_body = {
    Topic::mcast_interface, Topic::syncid, Topic::sync_maxlen, Topic::mcast_group, Topic::mcast_port, Topic::mcast_ttl,
};

const Rules& rules_of(Option command) {
    static const std::map<Option, Rules> all = {
        {Option::add_service, {"add-service", {Topic::service}, service_body, {}}},
        {Option::edit_service, {"edit-service", {Topic::service}, service_body, {}}},
        {Option::delete_service, {"delete-service", {Topic::service}, {}, {}}},
        {Option::clear, {"flush", {}, {}, {}}},
        {Option::list, {"list", {}, list_format, {Topic::connection, Topic::service, Topic::timeout, Topic::daemon}}},
        {Option::add_server, {"add-server", {Topic::service, Topic::server}, dest_body, {}}},
        {Option::edit_server, {"edit-server", {Topic::service, Topic::server}, dest_body, {}}},
        {Option::delete_server, {"delete-server", {Topic::service, Topic::server}, {}, {}}},
        {Option::drain, {"drain", {Topic::service, Topic::server}, {Topic::numeric, Topic::deadline}, {}}},
        {Option::set, {"set", {}, {}, {}}},
        {Option::start_daemon, {"start-daemon", {}, daemon_body, {}}},
        {Option::stop_daemon, {"stop-daemon", {}, {Topic::syncid}, {}}},
        {Option::restore, {"restore", {}, {}, {}}},
        {Option::save, {"save", {}, {Topic::numeric}, {}}},
        {Option::zero, {"zero", {}, {Topic::service}, {}}},
        {Option::add_laddr, {"add-laddr", {Topic::service, Topic::laddr}, {}, {}}},
        {Option::del_laddr, {"del-laddr", {Topic::service, Topic::laddr}, {}, {}}},
        {Option::get_laddr, {"get-laddr", {}, {Topic::numeric, Topic::service, Topic::json}, {}}},
        {Option::set_profile, {"profile set", {Topic::service}, profile_body, {}}},
        {Option::delete_profile, {"profile delete", {Topic::service}, {}, {}}},
        {Option::list_profiles, {"profile list", {}, {Topic::numeric, Topic::json}, {}}},
        {Option::drops, {"drops", {}, {Topic::numeric, Topic::service, Topic::json}, {}}},
    };
    return all.at(command);
}

const Rules& rules_of(TunnelType type) {
    static const std::map<TunnelType, Rules> all = {
        {TunnelType::ipip, {"ipip", {}, {}, {}}},
        {TunnelType::gue, {"gue", {Topic::tun_port}, {}, {Topic::tun_nocsum, Topic::tun_csum, Topic::tun_remcsum}}},
        {TunnelType::gre, {"gre", {}, {}, {Topic::tun_nocsum, Topic::tun_csum}}},
    };
    return all.at(type);
}

bool contains(const std::vector<Topic>& list, Topic topic) {
    return std::find(list.begin(), list.end(), topic) != list.end();
}

// `kind` is what messages call the thing that the rules are about.
Result<void, Failure> check(const Rules& rules, const char* kind, const std::set<Topic>& topics) {
    std::optional<Topic> first_choice;
    for (int i = 0; i <= static_cast<int>(last_topic); ++i) {
        const auto topic = static_cast<Topic>(i);
        const bool present = topics.contains(topic);
        if (!present && contains(rules.needed, topic))
            return Failure{exit_usage, text("You need to supply the '%s' option for the '%s' %s", topic_name(topic),
                                            rules.name, kind)};
        if (!present || contains(rules.needed, topic) || contains(rules.allowed, topic))
            continue;
        if (!contains(rules.at_most_one, topic))
            return Failure{exit_usage,
                           text("Illegal '%s' option with the '%s' %s", topic_name(topic), rules.name, kind)};
        if (first_choice)
            return Failure{exit_usage, text("The option '%s' conflicts with the '%s' option in the '%s' %s",
                                            topic_name(topic), topic_name(*first_choice), rules.name, kind)};
        first_choice = topic;
    }
    return {};
}

} // namespace

const char* topic_name(Topic topic) {
    static constexpr const char* names[] = {
        "numeric",
        "connection",
        "service-address",
        "scheduler",
        "persistent",
        "netmask",
        "real-server",
        "forwarding-method",
        "weight",
        "u-threshold",
        "l-threshold",
        "mcast-interface",
        "timeout",
        "daemon",
        "stats",
        "rate",
        "thresholds",
        "persistent-conn",
        "nosort",
        "syncid",
        "exact",
        "ops",
        "pe",
        "sched-flags",
        "tun-info",
        "tun-type",
        "tun-port",
        "tun-nocsum",
        "tun-csum",
        "tun-remcsum",
        "sync-maxlen",
        "mcast-group",
        "mcast-port",
        "mcast-ttl",
        "json",
        "local-address",
        "vsestablish-timeout",
        "udp-limit",
        "expire-rst",
        "clamp-mss",
        "masq-fullnat",
        "max-conns",
        "max-rate",
        "client-conns",
        "client-rate",
        "toa-kind",
        "no-toa",
        "uoa",
        "deadline",
    };
    return names[static_cast<std::size_t>(topic)];
}

std::optional<Topic> topic_of(Option option) {
    switch (option) {
    case Option::numeric: return Topic::numeric;
    case Option::connection: return Topic::connection;
    case Option::tcp_service:
    case Option::udp_service:
    case Option::sctp_service:
    case Option::fwmark_service: return Topic::service;
    case Option::scheduler: return Topic::scheduler;
    case Option::persistent: return Topic::persistent;
    case Option::netmask: return Topic::netmask;
    case Option::real_server: return Topic::server;
    case Option::masquerading:
    case Option::ipip:
    case Option::gatewaying:
    case Option::fullnat: return Topic::forwarding;
    case Option::laddr: return Topic::laddr;
    case Option::weight: return Topic::weight;
    case Option::u_threshold: return Topic::u_threshold;
    case Option::l_threshold: return Topic::l_threshold;
    case Option::mcast_interface: return Topic::mcast_interface;
    case Option::timeout: return Topic::timeout;
    case Option::daemon: return Topic::daemon;
    case Option::stats: return Topic::stats;
    case Option::rate: return Topic::rate;
    case Option::thresholds: return Topic::thresholds;
    case Option::persistent_conn: return Topic::persistent_conn;
    case Option::nosort: return Topic::nosort;
    case Option::syncid: return Topic::syncid;
    case Option::exact: return Topic::exact;
    case Option::ops: return Topic::ops;
    case Option::pe: return Topic::pe;
    case Option::sched_flags: return Topic::sched_flags;
    case Option::tun_info: return Topic::tun_info;
    case Option::tun_type: return Topic::tun_type;
    case Option::tun_port: return Topic::tun_port;
    case Option::tun_nocsum: return Topic::tun_nocsum;
    case Option::tun_csum: return Topic::tun_csum;
    case Option::tun_remcsum: return Topic::tun_remcsum;
    case Option::sync_maxlen: return Topic::sync_maxlen;
    case Option::mcast_group: return Topic::mcast_group;
    case Option::mcast_port: return Topic::mcast_port;
    case Option::mcast_ttl: return Topic::mcast_ttl;
    case Option::json: return Topic::json;
    case Option::established_timeout: return Topic::established_timeout;
    case Option::udp_limit: return Topic::udp_limit;
    case Option::expire_rst: return Topic::expire_rst;
    case Option::clamp_mss: return Topic::clamp_mss;
    case Option::masq_fullnat: return Topic::masq_fullnat;
    case Option::max_conns: return Topic::max_conns;
    case Option::max_rate: return Topic::max_rate;
    case Option::client_conns: return Topic::client_conns;
    case Option::client_rate: return Topic::client_rate;
    case Option::toa_kind: return Topic::toa_kind;
    case Option::no_toa: return Topic::no_toa;
    case Option::uoa: return Topic::uoa;
    case Option::deadline: return Topic::deadline;
    default: return std::nullopt;
    }
}

Result<void, Failure> check_command(Option command, const std::set<Topic>& topics) {
    return check(rules_of(command), "command", topics);
}

Result<void, Failure> check_tunnel(TunnelType type, const std::set<Topic>& topics) {
    std::set<Topic> tunnel_topics;
    for (Topic topic : {Topic::tun_port, Topic::tun_nocsum, Topic::tun_csum, Topic::tun_remcsum})
        if (topics.contains(topic))
            tunnel_topics.insert(topic);
    return check(rules_of(type), "tunnel type", tunnel_topics);
}

} // namespace lvs
