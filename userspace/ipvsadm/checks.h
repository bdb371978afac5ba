// SPDX-License-Identifier: GPL-2.0-or-later
// Which options go with which command.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/options.h"

#include <set>

namespace lvs {

// What options are called in messages: the three forwarding methods, for example, are one there.
enum class Topic {
    numeric,
    connection,
    service,
    scheduler,
    persistent,
    netmask,
    server,
    forwarding,
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
    syncid,
    exact,
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
    laddr,
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
inline constexpr Topic last_topic = Topic::deadline;

const char* topic_name(Topic topic);
std::optional<Topic> topic_of(Option option); // none: it may be repeated and stand anywhere

// That `topics` has what the command needs and nothing else.
Result<void, Failure> check_command(Option command, const std::set<Topic>& topics);
// The same for the tunnel options of a type of tunnel.
Result<void, Failure> check_tunnel(TunnelType type, const std::set<Topic>& topics);

} // namespace lvs
