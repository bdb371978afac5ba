// SPDX-License-Identifier: GPL-2.0-or-later
// Locality and chance: lblc, lblcr and twos among dests whose loads change, against the naive choices.
#include "fuzz.h"
#include "lb_reference.h"

#include <vector>

extern "C" {
#include "core/sched_twos.h"
}

using namespace reference;

namespace {

void read_loads(fuzz::Input& in, Dests& dests) {
    for (Dest& dest : dests) {
        const u8 kind = in.byte();
        dest.load.active = kind & 1 ? in.get<u32>() & 0xffffff : in.byte() % 8;
        dest.load.inactive = kind & 2 ? in.get<u32>() : in.byte() % 4;
        dest.load.weight = kind & 4 ? in.get<u32>() & 0x7fffffff : in.byte() % 6;
        dest.eligible = !(kind & 24);
    }
}

// Two draws from an urn that has each dest as often as it weighs; what is out is not in it.
struct Urn {
    const Dests& dests;
    fuzz::Input& in;
    static u64 draw(void* ctx, u64 below) {
        MUST(below > 0);
        return static_cast<Urn*>(ctx)->in.get<u64>() % below;
    }
};

void twos(fuzz::Input& in, Dests dests) {
    for (Dest& dest : dests)
        dest.load.weight += !dest.load.weight;
    const u32 n = static_cast<u32>(dests.size());
    std::vector<u32> weights;
    std::vector<u64> sums(n);
    for (const Dest& dest : dests)
        weights.push_back(dest.load.weight);
    lvs_twos_fill(sums.data(), weights.data(), n);
    const u64 at = in.get<u64>() % sums[n - 1];
    const u32 found = lvs_twos_find(sums.data(), n, at);
    MUST(found < n && at < sums[found] && at >= sums[found] - weights[found]);
    Urn urn{dests, in};
    const u32 choice = lvs_twos_choose(sums.data(), n, &view, &dests, Urn::draw, &urn);
    MUST((choice == LVS_NOBODY) == (naive_wlc(dests) == LVS_NOBODY));
    MUST(choice == LVS_NOBODY || dests.at(choice).eligible);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    Dests dests(1 + in.below(24));
    const u32 n = static_cast<u32>(dests.size());
    lvs_lb_members members{};
    std::vector<u32> known;

    for (int step = 0; step == 0 || (step < 24 && !in.empty()); ++step) {
        read_loads(in, dests);
        const u32 last = in.flag() ? in.below(n) : LVS_NOBODY;
        MUST(lvs_lblc_choose(&view, &dests, n, last) == naive_lblc(dests, last));
        const bool stale = in.byte() % 4 == 0;
        MUST(lvs_lblcr_choose(&view, &dests, n, &members, stale) == naive_lblcr(dests, known, stale));
        MUST(std::vector<u32>(members.dest, members.dest + members.num) == known);
        twos(in, dests);
    }
    return 0;
}
