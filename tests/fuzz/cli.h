// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm on a kernel in memory, for the targets that feed it command lines and rules.
#pragma once

#include "fuzz.h"
#include "values.h"

#include "base/text.h"
#include "codec/ipvs.h"
#include "ipvsadm/run.h"
#include "kernel/fake.h"

#include <algorithm>
#include <sstream>
#include <vector>

namespace fuzz {

struct Answer {
    int exit_code = 0;
    std::string out;
    std::string err;
};

struct Tool {
    std::shared_ptr<lvs::FakeKernel> kernel = std::make_shared<lvs::FakeKernel>();
    test::Names names;

    Answer run(const std::string& program, const std::vector<std::string>& words, const std::string& input = {}) {
        std::istringstream in(input);
        std::ostringstream out;
        std::ostringstream err;
        lvs::World world{
            [this] { return lvs::Result<std::shared_ptr<lvs::Kernel>>(kernel); }, names, in, "rules", out, err};
        const int code = lvs::run(program, words, world);
        return {code, out.str(), err.str()};
    }
    Answer run(const std::string& line, const std::string& input = {}) {
        return run("ipvsadm", lvs::split_words(line), input);
    }
};

// What the director has before anything else is asked of it.
inline constexpr const char* present =
    "-A -t 192.0.2.10:80 -s wlc -p 300\n"
    "-a -t 192.0.2.10:80 -r 10.1.1.2:80 -m -w 2\n"
    "-a -t 192.0.2.10:80 -r 10.1.1.3:80 -g\n"
    "-A -u [fd00::10]:53 -s rr\n"
    "-a -u [fd00::10]:53 -r [fd00::2]:53 -i --tun-type gue --tun-port 6080 --tun-csum\n"
    "-A -f 7 -s sh -b sh-port\n"
    "--set 100 200 300\n"
    "--start-daemon backup --mcast-interface dm0\n";

// What a director is set to, in an order of its own.
struct State {
    std::vector<lvs::FakeKernel::Entry> table;
    lvs::Timeouts timeouts;
    std::vector<lvs::Daemon> daemons;
    bool operator==(const State&) const = default;
};

inline State state_of(lvs::FakeKernel& kernel) {
    State state{kernel.table, *kernel.timeouts(), *kernel.daemons()};
    const auto key = [](const auto& entry) { return lvs::encode_get_service(entry.service.service.id).payload; };
    std::sort(state.table.begin(), state.table.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (auto& entry : state.table)
        std::sort(entry.dests.begin(), entry.dests.end(),
                  [](const auto& a, const auto& b) { return a.dest.endpoint < b.dest.endpoint; });
    return state;
}

// The same as far as saved rules can tell it: what has no effect is not saved.
inline std::vector<lvs::FakeKernel::Entry> as_saved(lvs::FakeKernel& kernel) {
    auto table = state_of(kernel).table;
    for (auto& entry : table) {
        lvs::Service& service = entry.service.service;
        if (!service.has(lvs::persistent_flag))
            service.netmask = lvs::whole_mask(family_of(service.id));
        if (service.scheduler == "sh" || service.scheduler == "mh")
            service.flags &= ~std::uint32_t{lvs::scheduler_flag_3};
        for (auto& listed : entry.dests) {
            lvs::Tunnel& tunnel = listed.dest.tunnel;
            if (listed.dest.forwarding != lvs::Forwarding::tunnel || tunnel.type == lvs::TunnelType::ipip)
                tunnel = {};
        }
    }
    return table;
}

inline bool is_exit_code(int code) {
    return code == lvs::exit_success || code == lvs::exit_list_failure || code == lvs::exit_usage ||
           code == lvs::exit_failure;
}

// Saved rules restore the same table.
inline void check_saved(Tool& tool) {
    for (const char* command : {"-S -n", "-S"}) {
        const Answer saved = tool.run(command);
        Tool other;
        const Answer restored = other.run("-R", saved.out);
        MUST(saved.exit_code == 0 && saved.err.empty());
        MUST(restored.exit_code == 0, restored.err + saved.out);
        MUST(as_saved(*other.kernel) == as_saved(*tool.kernel), saved.out);
        MUST(other.run(command).out == saved.out);
    }
}

inline void check_listings(Tool& tool) {
    for (const char* command :
         {"-L", "-L -n", "-L -n --stats", "-L -n --rate --exact", "-L -n --thresholds", "-L -n --persistent-conn",
          "-L -n --tun-info --nosort", "-L -c", "-L --timeout", "-L --daemon", "--drops"}) {
        const Answer listed = tool.run(command);
        MUST(listed.exit_code == 0 && listed.err.empty() && (listed.out.empty() || listed.out.back() == '\n'), command);
    }
}

} // namespace fuzz
