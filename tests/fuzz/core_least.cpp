// SPDX-License-Identifier: GPL-2.0-or-later
// The choices by load and weight, and round robin, each against a naive choice in 128-bit arithmetic.
#include "fuzz.h"
#include "loads.h"

#include <vector>

extern "C" {
#include "core/sched_heaviest.h"
#include "core/sched_least.h"
#include "core/sched_rr.h"
}

using namespace reference;

namespace {

bool has_room(const void* ctx, u32 dest) {
    const Dest& d = static_cast<const Dests*>(ctx)->at(dest);
    return d.eligible && lvs_ovf_has_room(d.load.active, d.load.weight);
}

void heaviest(const Dests& dests, u32 n) {
    std::vector<u32> weights, scratch(2 * n);
    for (const Dest& dest : dests)
        weights.push_back(dest.load.weight);
    const u32* order = lvs_sort_by_weight(weights.data(), n, scratch.data());
    MUST(lvs_heaviest(order, n, is_eligible, &dests) == naive_heaviest(dests, false));
    MUST(lvs_heaviest(order, n, has_room, &dests) == naive_heaviest(dests, true));
}

void by_load(fuzz::Input& in, bool exact) {
    Dests dests;

    while (dests.empty() || (dests.size() < 32 && !in.empty())) {
        // Within the promised exactness: an overhead below 2^33.
        const u32 active = exact ? in.get<u32>() & 0xffffff : in.get<u32>();
        const u32 inactive = in.get<u32>();
        const u32 load = in.byte();
        dests.push_back({{load & 1 ? active : active % 4, load & 2 ? inactive : inactive % 4,
                          1 + in.get<u32>() % (load & 4 ? 0x7fffffff : 4)},
                         !(load & 8)});
        MUST(Wide{lvs_lc_overhead(active, inactive)} == Wide{active} * 256 + inactive);
    }
    const u32 n = static_cast<u32>(dests.size());
    MUST(lvs_lc_choose(&view, &dests, n) == naive_least(dests, overhead, alike));
    MUST(lvs_sed_choose(&view, &dests, n) == naive_least(dests, delay, weight));
    MUST(lvs_nq_choose(&view, &dests, n) == naive_nq(dests));
    heaviest(dests, n);
    const u32 choice = lvs_wlc_choose(&view, &dests, n);
    if (exact)
        MUST(choice == naive_least(dests, overhead, weight));
    else
        MUST(choice == LVS_NOBODY || (choice < n && dests[choice].eligible));
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

    switch (in.byte() % 3) {
    case 0: by_load(in, true); break;
    case 1: by_load(in, false); break;
    default: round_robin(in); break;
    }
    return 0;
}
