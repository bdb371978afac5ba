// SPDX-License-Identifier: GPL-2.0-or-later
// What a command line asks for.
#pragma once

#include "base/result.h"
#include "model/listing.h"
#include "model/operation.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace lvs {

enum ExitCode {
    exit_success = 0,
    exit_list_failure = 1,
    exit_usage = 2,    // wrong use, a value out of range, or no kernel to talk to
    exit_failure = 255 // the kernel refused, or the words could not be parsed
};

// Why the tool stops: what it prints on standard error and returns.
struct Failure {
    int exit_code = exit_usage;
    std::string text;
    bool operator==(const Failure&) const = default;
};

// Text for people and their scripts, or a JSON document on one line or on many.
enum class JsonStyle { none, line, pretty };

struct ListFormat {
    JsonStyle json = JsonStyle::none; // it has everything, and numbers only
    bool numeric = false;
    bool stats = false;
    bool rate = false;
    bool thresholds = false;
    bool persistent = false;
    bool tunnels = false;
    bool exact = false;
    bool sorted = true;
    bool operator==(const ListFormat&) const = default;
};

struct ListServices {
    std::optional<ServiceId> only;
    ListFormat format;
    bool operator==(const ListServices&) const = default;
};
struct ListConnections {
    ListFormat format;
    bool operator==(const ListConnections&) const = default;
};
struct ListTimeouts {
    JsonStyle json = JsonStyle::none;
    bool operator==(const ListTimeouts&) const = default;
};
struct ListDaemons {
    JsonStyle json = JsonStyle::none;
    bool operator==(const ListDaemons&) const = default;
};
struct ListDrops {
    std::optional<ServiceId> only;
    bool numeric = false;
    JsonStyle json = JsonStyle::none;
    bool operator==(const ListDrops&) const = default;
};
struct ListLocalAddresses {
    std::optional<ServiceId> only;
    bool numeric = false;
    JsonStyle json = JsonStyle::none;
    bool operator==(const ListLocalAddresses&) const = default;
};
struct ListProfiles {
    bool numeric = false;
    JsonStyle json = JsonStyle::none;
    bool operator==(const ListProfiles&) const = default;
};
// Weight 0, then wait until the dest has no connections, then delete it.
struct Drain {
    ServiceId service;
    Endpoint dest;
    std::optional<std::uint32_t> deadline{}; // seconds from now, when what is left is reset
    bool numeric = false;
    bool operator==(const Drain&) const = default;
};
// Several changes of one command, all of them or none.
struct Changes {
    std::vector<Operation> operations;
    bool operator==(const Changes&) const = default;
};
struct Save {
    bool numeric = false;
    bool operator==(const Save&) const = default;
};
struct Restore {
    bool flush_first = false; // as ipvsadm-restore does
    bool operator==(const Restore&) const = default;
};
struct SetTimeouts {
    Timeouts timeouts;
    bool operator==(const SetTimeouts&) const = default;
};
struct StartDaemon {
    Daemon daemon;
    bool operator==(const StartDaemon&) const = default;
};
struct StopDaemon {
    DaemonState state = DaemonState::master;
    bool operator==(const StopDaemon&) const = default;
};
struct ShowHelp {
    bool operator==(const ShowHelp&) const = default;
};
struct ShowVersion {
    bool operator==(const ShowVersion&) const = default;
};

using Command = std::variant<Operation, Changes, ListServices, ListConnections, ListTimeouts, ListDaemons, ListDrops,
                             ListLocalAddresses, ListProfiles, Drain, Save, Restore, SetTimeouts, StartDaemon,
                             StopDaemon, ShowHelp, ShowVersion>;

} // namespace lvs
