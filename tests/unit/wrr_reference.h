// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_wrr.c's plan as an object, and the sequence that it must give, walked level by level.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

extern "C" {
#include "core/sched_wrr.h"
}

namespace reference {

using Weights = std::vector<u32>;

struct Plan {
    explicit Plan(const Weights& weights) {
        std::vector<u32> scratch(2 * weights.size());
        lvs_wrr_sizes m{};

        lvs_wrr_measure(&m, weights.data(), static_cast<u32>(weights.size()), scratch.data());
        memory.reset(std::malloc(m.size)); // to the byte, so that a sanitizer sees what exceeds it
        lvs_wrr_fill(get(), &m, weights.data(), static_cast<u32>(weights.size()));
    }

    lvs_wrr_plan* get() const { return static_cast<lvs_wrr_plan*>(memory.get()); }
    lvs_wrr_plan* operator->() const { return get(); }

    std::vector<u32> cycle() const {
        std::vector<u32> choices;

        for (u64 pos = 0; pos < get()->cycle; pos++)
            choices.push_back(lvs_wrr_at(get(), pos));
        return choices;
    }

    std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
};

// One level after another, from the greatest weight down; the whole list at each.
inline std::vector<u32> naive_cycle(const Weights& weights) {
    const u32 max = *std::max_element(weights.begin(), weights.end());
    u32 step = 0;
    std::vector<u32> choices;

    for (u32 w : weights)
        step = std::gcd(step, w);
    for (u32 level = max; level >= step; level -= step)
        for (u32 i = 0; i < weights.size(); i++)
            if (weights[i] >= level)
                choices.push_back(i);
    return choices;
}

} // namespace reference
