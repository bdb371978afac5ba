// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin: the plan for any weights against two references. Small cycles are walked choice by choice; of
// great ones any position is computed in 128 bits from the definition.
#include "fuzz.h"
#include "wrr_reference.h"

#include <algorithm>
#include <vector>

using reference::Plan;
using reference::Weights;

namespace {

using Wide = unsigned __int128;

constexpr u32 greatest_weight = 0x7fffffff;

// The cycle as its definition has it, without walking it.
struct Cycle {
    explicit Cycle(const Weights& w) : weights(w), max(*std::max_element(w.begin(), w.end())) {
        for (u32 weight : weights)
            step = std::gcd(step, weight);
    }

    // Choices at all levels above `level`.
    Wide before(u64 level) const {
        Wide sum = 0;
        for (u32 weight : weights)
            if (weight > level)
                sum += (weight - level) / step;
        return sum;
    }
    Wide length() const { return before(0); }

    // The level that the position is in: the greatest with choices up to it.
    u64 level_at(u64 pos) const {
        u64 low = 1;
        u64 high = max / step;
        while (low < high) {
            const u64 middle = low + (high - low + 1) / 2;
            if (before((middle - 1) * step) > pos)
                low = middle;
            else
                high = middle - 1;
        }
        return low * step;
    }

    u32 at(u64 pos, bool by_weight) const {
        const u64 level = level_at(pos);
        std::vector<u32> chosen;
        for (u32 i = 0; i < weights.size(); ++i)
            if (weights[i] >= level)
                chosen.push_back(i);
        if (by_weight)
            std::stable_sort(chosen.begin(), chosen.end(), [&](u32 a, u32 b) { return weights[a] > weights[b]; });
        return chosen.at(static_cast<std::size_t>(pos - before(level)));
    }

    // Where to go on after `pos` of `old` was reached: where no dest comes again that it let pass at a lower weight.
    u64 resumed(const Cycle& old, u64 pos) const {
        if (!pos)
            return 0;
        const u64 passed = old.level_at(pos) - old.step; // what weighs no more had not been let pass
        const u64 level = (passed / step + 1) * step;
        return level >= max ? 0 : static_cast<u64>(before(level));
    }

    Weights weights;
    u32 max;
    u32 step = 0;
};

Weights read_weights(fuzz::Input& in) {
    Weights weights(1 + in.byte() % 12);
    const u32 factor = 1 + in.below(7);
    const bool great = in.flag();

    for (u32& weight : weights)
        weight = great ? 1 + in.get<u32>() % greatest_weight / factor * factor % greatest_weight
                       : factor * (1 + in.byte() % 20);
    return weights;
}

struct Eligible {
    u64 mask;
    static bool ask(const void* ctx, u32 dest) { return static_cast<const Eligible*>(ctx)->mask >> dest % 64 & 1; }
};

void check_skip(const Plan& plan, const std::vector<u32>& cycle, u64 pos, const Eligible& eligible) {
    u64 expected = LVS_WRR_NOWHERE;

    for (u64 i = 0; i < cycle.size() && expected == LVS_WRR_NOWHERE; ++i)
        if (Eligible::ask(&eligible, cycle[(pos + i) % cycle.size()]))
            expected = (pos + i) % cycle.size();
    MUST(lvs_wrr_skip(plan.get(), pos, Eligible::ask, &eligible) == expected);
}

// What can be said of a cycle that nobody can walk.
void check_great_skip(const Plan& plan, const Weights& weights, u64 pos, const Eligible& eligible) {
    const u64 found = lvs_wrr_skip(plan.get(), pos, Eligible::ask, &eligible);
    bool any = false;

    for (u32 i = 0; i < weights.size(); ++i)
        any = any || Eligible::ask(&eligible, i);
    MUST((found == LVS_WRR_NOWHERE) == !any);
    if (!any)
        return;
    MUST(found < plan->cycle);
    MUST(Eligible::ask(&eligible, lvs_wrr_at(plan.get(), found)));
    const u64 distance = found >= pos ? found - pos : plan->cycle - pos + found;
    for (u64 i = 0; i < std::min<u64>(distance, 64); ++i)
        MUST(!Eligible::ask(&eligible, lvs_wrr_at(plan.get(), (pos + i) % plan->cycle)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    const Weights weights = read_weights(in);
    const Plan plan(weights);
    const Cycle cycle(weights);

    MUST(plan->gcd == cycle.step);
    MUST(plan->cycle == cycle.length());
    MUST(plan->num_listed <= LVS_WRR_MAX_LISTED);
    MUST(!plan->shared || plan->num_listed == weights.size());

    const bool small = !plan->shared && plan->cycle <= 2048;
    const std::vector<u32> walked = small ? reference::naive_cycle(weights) : std::vector<u32>{};
    if (small)
        MUST(plan.cycle() == walked);

    for (int round = 0; round == 0 || (round < 8 && !in.empty()); ++round) {
        const u64 pos = in.get<u64>() % plan->cycle;
        const Eligible eligible{in.get<u64>()};

        MUST(lvs_wrr_at(plan.get(), pos) == cycle.at(pos, plan->shared));
        if (small)
            check_skip(plan, walked, pos, eligible);
        else
            check_great_skip(plan, weights, pos, eligible);
    }

    const Weights changed = read_weights(in);
    const Plan next(changed);
    const u64 pos = in.get<u64>() % plan->cycle;
    const u64 resumed = lvs_wrr_resume(next.get(), plan.get(), pos);
    MUST(resumed < next->cycle);
    MUST(resumed == Cycle(changed).resumed(cycle, pos));
    return 0;
}
