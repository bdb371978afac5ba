// SPDX-License-Identifier: GPL-2.0-or-later
// Dests with their loads as the choices of core/sched_*.h see them, and naive choices among them.
#pragma once

#include <random>
#include <vector>

extern "C" {
#include "core/sched.h"
}

namespace reference {

struct Dest {
    lvs_load load{0, 0, 1};
    bool eligible = true;
};

using Dests = std::vector<Dest>;

inline lvs_load load_of(const void* ctx, u32 dest) {
    return static_cast<const Dests*>(ctx)->at(dest).load;
}
inline bool is_eligible(const void* ctx, u32 dest) {
    return static_cast<const Dests*>(ctx)->at(dest).eligible;
}

inline constexpr lvs_sched_view view{load_of, is_eligible};

using Wide = unsigned __int128;

// Of all eligible dests the first of those with the least cost(load) / weight(load).
template <class Cost, class Weight> u32 naive_least(const Dests& dests, Cost cost, Weight weight) {
    u32 best = LVS_NOBODY;

    for (u32 i = 0; i < dests.size(); i++)
        if (dests[i].eligible && (best == LVS_NOBODY || Wide{cost(dests[i].load)} * weight(dests[best].load) <
                                                            Wide{cost(dests[best].load)} * weight(dests[i].load)))
            best = i;
    return best;
}

inline u64 overhead(const lvs_load& load) {
    return u64{load.active} * 256 + load.inactive;
}
inline u64 delay(const lvs_load& load) {
    return u64{load.active} + 1;
}
inline u32 weight(const lvs_load& load) {
    return load.weight;
}
inline u32 alike(const lvs_load&) {
    return 1;
}

inline u32 naive_nq(const Dests& dests) {
    for (u32 i = 0; i < dests.size(); i++)
        if (dests[i].eligible && dests[i].load.active == 0)
            return i;
    return naive_least(dests, delay, weight);
}

// The heaviest of those that are eligible and, for ovf, have no more active connections than they weigh.
inline u32 naive_heaviest(const Dests& dests, bool with_room) {
    u32 best = LVS_NOBODY;

    for (u32 i = 0; i < dests.size(); i++)
        if (dests[i].eligible && (!with_room || dests[i].load.active <= dests[i].load.weight) &&
            (best == LVS_NOBODY || dests[i].load.weight > dests[best].load.weight))
            best = i;
    return best;
}

// Few different values, so that there are equals.
inline Dests random_dests(std::mt19937& random, u32 most, u32 active = 4, u32 weights = 4) {
    Dests dests(1 + random() % most);

    for (Dest& dest : dests)
        dest = {{static_cast<u32>(random() % active), static_cast<u32>(random() % 3),
                 static_cast<u32>(1 + random() % weights)},
                random() % 4 != 0};
    return dests;
}

} // namespace reference
