// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/scheduler_flags.h"

#include "base/text.h"

namespace lvs {

namespace {

struct NamedFlag {
    const char* scheduler; // null: of any
    const char* name;
    std::uint32_t flag;
};

constexpr NamedFlag named_flags[] = {
    {"sh", "sh-fallback", scheduler_flag_1}, {"sh", "sh-port", scheduler_flag_2},
    {"mh", "mh-fallback", scheduler_flag_1}, {"mh", "mh-port", scheduler_flag_2},
    {nullptr, "flag-1", scheduler_flag_1},   {nullptr, "flag-2", scheduler_flag_2},
    {nullptr, "flag-3", scheduler_flag_3},
};

} // namespace

Result<std::uint32_t, Failure> parse_scheduler_flags(const std::string& scheduler, const std::string& list) {
    std::uint32_t flags = 0;
    std::size_t start = 0;
    while (start <= list.size()) {
        const std::size_t end = std::min(list.find(',', start), list.size());
        const std::string name = list.substr(start, end - start);
        start = end + 1;
        if (name.empty())
            continue;
        const NamedFlag* found = nullptr;
        for (const NamedFlag& flag : named_flags)
            if (name == flag.name)
                found = &flag;
        if (!found)
            return Failure{exit_usage, text("invalid scheduler flag `%s'", name.c_str())};
        if (found->scheduler && scheduler != found->scheduler)
            return Failure{exit_usage, text("incompatible scheduler flag `%s'", name.c_str())};
        flags |= found->flag;
    }
    return flags;
}

std::string scheduler_flags_text(const std::string& scheduler, std::uint32_t flags) {
    bool own_names = false;
    for (const NamedFlag& flag : named_flags)
        own_names = own_names || (flag.scheduler && scheduler == flag.scheduler);

    // A scheduler with names of its own has no other flags.
    std::string list;
    for (const NamedFlag& flag : named_flags)
        if ((flags & flag.flag) && (own_names ? flag.scheduler && scheduler == flag.scheduler : !flag.scheduler))
            list += (list.empty() ? "" : ",") + std::string(flag.name);
    return list;
}

} // namespace lvs
