// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_sh.c's table as an object, the one that it must be, bucket by bucket, and the search in it.
#pragma once

#include "loads.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

extern "C" {
#include "core/sched_sh.h"
}

namespace reference {

using Buckets = std::vector<u32>;

struct ShTable {
    explicit ShTable(u32 bits, const std::vector<u32>& weights, bool alike = false) {
        memory.reset(std::malloc(lvs_sh_size(bits))); // to the byte, so that a sanitizer sees what exceeds it
        lvs_sh_fill(get(), bits, alike ? nullptr : weights.data(), static_cast<u32>(weights.size()));
    }
    lvs_sh_table* get() const { return static_cast<lvs_sh_table*>(memory.get()); }
    Buckets buckets() const { return Buckets(get()->bucket, get()->bucket + (std::size_t{1} << get()->bits)); }

    std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
};

// The dest at a place in the line, the last added first.
inline u32 at(const std::vector<u32>& weights, Wide place) {
    for (u32 dest = static_cast<u32>(weights.size()); dest-- > 0;) {
        const u32 length = std::max(weights[dest], 1u);
        if (place < length)
            return dest;
        place -= length;
    }
    throw std::out_of_range("line");
}

inline Buckets naive_sh(u32 bits, const std::vector<u32>& weights) {
    const u64 size = u64{1} << bits;
    Wide whole = 0;
    Buckets buckets;

    for (u32 w : weights)
        whole += std::max(w, 1u);
    const u64 times = static_cast<u64>(size / whole), left = static_cast<u64>(size - times * whole);
    for (u64 i = 0; i < size - left; i++)
        buckets.push_back(at(weights, i % whole));
    for (u64 i = 0; i < left; i++)
        buckets.push_back(at(weights, whole * i / left));
    return buckets;
}

// The same search, in words: the own bucket; twice as far and on; dest by dest.
inline u32 naive_sh_choice(const Buckets& buckets, u32 bucket, bool fallback, const Dests& dests) {
    const auto may = [&](u32 dest) { return dests[dest].eligible && dests[dest].load.weight > 0; };
    const u32 own = buckets[bucket];

    if (may(own))
        return own;
    if (dests[own].load.weight > 0 && !fallback)
        return LVS_NOBODY;
    for (u32 i = 0; i < std::min<u32>(256, static_cast<u32>(buckets.size())); i++)
        if (may(buckets[(2 * bucket + i) % buckets.size()]))
            return buckets[(2 * bucket + i) % buckets.size()];
    for (u32 i = 0; i < dests.size(); i++)
        if (may(static_cast<u32>((bucket + i) % dests.size())))
            return static_cast<u32>((bucket + i) % dests.size());
    return LVS_NOBODY;
}

inline bool not_drained(const void* ctx, u32 dest) {
    return is_eligible(ctx, dest) && load_of(ctx, dest).weight;
}

inline constexpr lvs_sched_view sh_view{load_of, not_drained};

} // namespace reference
