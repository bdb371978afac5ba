// SPDX-License-Identifier: GPL-2.0-or-later
// The words of a command line, taken apart into options in the order they were given.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lvs {

// Every option, by the long name under which messages and code know it. The order is the one
// in which a command's options are checked.
enum class Option {
    // commands
    add_service,
    edit_service,
    delete_service,
    clear,
    list,
    add_server,
    edit_server,
    delete_server,
    set,
    start_daemon,
    stop_daemon,
    restore,
    save,
    zero,
    drops,
    add_laddr,
    del_laddr,
    get_laddr,
    drain,
    profile,
    set_profile, // this and the next two: what follows `profile`
    delete_profile,
    list_profiles,
    help,
    version,
    // what they take
    numeric,
    connection,
    tcp_service,
    udp_service,
    sctp_service,
    fwmark_service,
    scheduler,
    persistent,
    netmask,
    real_server,
    masquerading,
    ipip,
    gatewaying,
    fullnat,
    laddr,
    weight,
    u_threshold,
    l_threshold,
    mcast_interface,
    timeout,
    daemon,
    stats,
    rate,
    thresholds,
    persistent_conn,
    nosort,
    sort,
    syncid,
    exact,
    ipv6,
    ops,
    pe,
    sched_flags,
    tun_info,
    tun_type,
    tun_port,
    tun_nocsum,
    tun_csum,
    tun_remcsum,
    sync_maxlen,
    mcast_group,
    mcast_port,
    mcast_ttl,
    json,
    established_timeout,
    udp_limit,
    expire_rst,
    clamp_mss,
    masq_fullnat,
    max_conns,
    max_rate,
    client_conns,
    client_rate,
    toa_kind,
    no_toa,
    uoa,
    deadline,
};

constexpr bool is_command(Option option) {
    return option < Option::numeric;
}

struct GivenOption {
    std::optional<Option> option; // none: it cannot be one, for the reason in `problem`
    std::optional<std::string> value;
    std::string spelling; // the last word it was made of, for messages
    const char* problem = nullptr;
};

struct GivenWords {
    std::vector<GivenOption> options;
    std::vector<std::string> arguments; // words that belong to no option
    // An option at the end that lacks its argument.
    std::optional<std::string> incomplete;
};

GivenWords parse_words(const std::vector<std::string>& words);

} // namespace lvs
