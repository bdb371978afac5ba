// SPDX-License-Identifier: GPL-2.0-or-later
// The locality schedulers' choices as one would say them.
#pragma once

#include "loads.h"

#include <algorithm>

extern "C" {
#include "core/sched_lb.h"
}

namespace reference {

inline bool usable(const Dest& dest) {
    return dest.eligible && dest.load.weight > 0;
}

inline bool crowded(const Dests& dests, u32 dest) {
    return dests[dest].load.active > dests[dest].load.weight &&
           std::any_of(dests.begin(), dests.end(),
                       [](const Dest& d) { return d.eligible && u64{2} * d.load.active < d.load.weight; });
}

// a/b < c/d of overhead and weight
inline bool lighter(const Dest& a, const Dest& b) {
    return Wide{overhead(a.load)} * b.load.weight < Wide{overhead(b.load)} * a.load.weight;
}

inline u32 naive_lightest(const Dests& dests, const std::vector<u32>& among) {
    u32 best = LVS_NOBODY;

    for (u32 i : among)
        if (usable(dests[i]) && (best == LVS_NOBODY || lighter(dests[i], dests[best])))
            best = i;
    return best;
}

inline u32 naive_wlc(const Dests& dests) {
    std::vector<u32> all;

    for (u32 i = 0; i < dests.size(); i++)
        all.push_back(i);
    return naive_lightest(dests, all);
}

inline u32 naive_lblc(const Dests& dests, u32 known) {
    if (known != LVS_NOBODY && usable(dests[known]) && !crowded(dests, known))
        return known;
    return naive_wlc(dests);
}

// The first drained one; else the last of those that none is heavier than.
inline void naive_drop(const Dests& dests, std::vector<u32>& members) {
    auto drop = std::find_if(members.begin(), members.end(), [&](u32 d) { return dests[d].load.weight == 0; });

    if (drop == members.end())
        for (drop = members.end() - 1;
             std::any_of(members.begin(), members.end(), [&](u32 d) { return lighter(dests[*drop], dests[d]); });)
            --drop;
    members.erase(drop);
}

inline u32 naive_lblcr(const Dests& dests, std::vector<u32>& members, bool stale) {
    u32 choice = naive_lightest(dests, members);

    if (stale && members.size() > 1)
        naive_drop(dests, members);
    if (choice != LVS_NOBODY && !crowded(dests, choice))
        return choice;
    choice = naive_wlc(dests);
    if (choice == LVS_NOBODY || std::find(members.begin(), members.end(), choice) != members.end())
        return choice;
    if (members.size() == LVS_LB_MAX_MEMBERS)
        naive_drop(dests, members);
    members.push_back(choice);
    return choice;
}

} // namespace reference
