// SPDX-License-Identifier: GPL-2.0-or-later
// Least connections, weighted or not, and round robin, each against a naive choice in 128-bit arithmetic.
#include "fuzz.h"

#include <vector>

extern "C" {
#include "core/sched_lc.h"
#include "core/sched_rr.h"
}

namespace {

using Wide = unsigned __int128;

struct Offer {
    u64 overhead;
    u32 weight;
};

// Of all offers the first of those with the least overhead / weight.
std::size_t naive_choice(const std::vector<Offer>& offers) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < offers.size(); ++i)
        if (Wide{offers[i].overhead} * offers[best].weight < Wide{offers[best].overhead} * offers[i].weight)
            best = i;
    return best;
}

void least(fuzz::Input& in, bool weighted, bool exact) {
    std::vector<Offer> offers;
    lvs_lc_best best{};
    std::size_t choice = 0;

    for (std::size_t i = 0; i == 0 || (i < 32 && !in.empty()); ++i) {
        // Within the promised exactness: an overhead below 2^33.
        const u32 active = exact ? in.get<u32>() & 0xffffff : in.get<u32>();
        const u32 inactive = in.get<u32>();
        const u64 overhead = lvs_lc_overhead(active, inactive);
        const u32 weight = weighted ? 1 + in.get<u32>() % 0x7fffffff : 1;

        MUST(Wide{overhead} == Wide{active} * 256 + inactive);
        offers.push_back({overhead, weight});
        const bool taken = weighted ? lvs_wlc_offer(&best, overhead, weight) : lvs_lc_offer(&best, overhead);
        MUST(taken || i > 0);
        if (taken)
            choice = i;
        MUST(best.overhead == offers[choice].overhead && best.weight == offers[choice].weight);
    }
    if (exact || !weighted)
        MUST(choice == naive_choice(offers));
}

void round_robin(fuzz::Input& in) {
    const u32 cursor = in.get<u32>();
    const u32 n = 1 + in.below(64);
    std::vector<bool> seen(n);
    u32 next = lvs_rr_index(cursor, n, 0);

    MUST(next == (cursor < n ? cursor : 0));
    for (u32 step = 0; step < n; ++step) {
        const u32 index = lvs_rr_index(cursor, n, step);

        MUST(index < n && !seen[index]);
        seen[index] = true;
        MUST(index == next);
        next = lvs_rr_index(lvs_rr_cursor(index), n, 0);
    }
    // As many dests as there can be.
    const u32 many = 1 + in.below(0x7fffffff);
    const u32 step = in.below(many);
    MUST(lvs_rr_index(cursor, many, step) == (u64{cursor < many ? cursor : 0} + step) % many);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);

    switch (in.byte() % 5) {
    case 0: least(in, false, true); break;
    case 1: least(in, false, false); break;
    case 2: least(in, true, true); break;
    case 3: least(in, true, false); break;
    default: round_robin(in); break;
    }
    return 0;
}
