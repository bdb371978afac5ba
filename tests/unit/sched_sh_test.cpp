// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_sh: the table against one that is laid out naively, and who gets a client whose dest is out.
#include "catch.hpp"
#include "loads.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

extern "C" {
#include "core/sched_sh.h"
}

using namespace reference;

namespace {

using Weights = std::vector<u32>;
using Buckets = std::vector<u32>;

struct Table {
    explicit Table(u32 bits, const Weights& weights, bool alike = false) {
        memory.reset(std::malloc(lvs_sh_size(bits))); // to the byte, so that a sanitizer sees what exceeds it
        lvs_sh_fill(get(), bits, alike ? nullptr : weights.data(), static_cast<u32>(weights.size()));
    }
    lvs_sh_table* get() const { return static_cast<lvs_sh_table*>(memory.get()); }
    Buckets buckets() const { return Buckets(get()->bucket, get()->bucket + (std::size_t{1} << get()->bits)); }

    std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
};

// The dest at a place in the line, the last added first.
u32 at(const Weights& weights, Wide place) {
    for (u32 dest = static_cast<u32>(weights.size()); dest-- > 0;) {
        const u32 length = std::max(weights[dest], 1u);
        if (place < length)
            return dest;
        place -= length;
    }
    throw std::out_of_range("line");
}

Buckets naive_table(u32 bits, const Weights& weights) {
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
u32 naive_choice(const Buckets& buckets, u32 bucket, bool fallback, const Dests& dests) {
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

bool may_be_chosen(const void* ctx, u32 dest) {
    return is_eligible(ctx, dest) && load_of(ctx, dest).weight;
}

constexpr lvs_sched_view sh_view{load_of, may_be_chosen};

Weights random_weights(std::mt19937& random, u32 most) {
    const u32 greatest[] = {1, 3, 40, 300, 0x7fffffff};
    const u32 limit = greatest[random() % 5];
    Weights weights(1 + random() % most);

    for (u32& w : weights)
        w = random() % 8 == 0 ? 0 : 1 + static_cast<u32>(random()) % limit;
    return weights;
}

} // namespace

TEST_CASE("sh lays the dests over the buckets by weight", "[sched]") {
    std::mt19937 random(29);

    CHECK(Table(4, {1, 1, 1}).buckets() == Buckets{2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2});
    CHECK(Table(4, {2, 0, 1}).buckets() == Buckets{2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0});
    CHECK(Table(4, {9, 0, 9}, true).buckets() == Table(4, {1, 1, 1}).buckets());
    for (int round = 0; round < 400; round++) {
        const u32 bits = LVS_SH_MIN_BITS + random() % 7;
        const Weights weights = random_weights(random, 40);

        INFO("round " << round);
        REQUIRE(Table(bits, weights).buckets() == naive_table(bits, weights));
    }
}

TEST_CASE("sh gives each dest its share, within one bucket", "[sched]") {
    std::mt19937 random(31);

    for (int round = 0; round < 200; round++) {
        const u32 bits = 8 + random() % 5;
        Weights weights = random_weights(random, 60);
        std::map<u32, u64> count;
        Wide whole = 0;

        for (u32& w : weights)
            whole += w = std::max(w, 1u);
        for (u32 dest : Table(bits, weights).buckets())
            count[dest]++;
        for (u32 i = 0; i < weights.size(); i++) {
            const double share = static_cast<double>(weights[i]) * (1u << bits) / static_cast<double>(whole);
            INFO("round " << round << " dest " << i << " of " << weights.size() << " has " << count[i] << ", share "
                          << share);
            REQUIRE(std::abs(static_cast<double>(count[i]) - share) < 1.0001);
        }
    }
}

TEST_CASE("sh searches as the naive search does, whoever is out", "[sched]") {
    std::mt19937 random(37);

    for (int round = 0; round < 300; round++) {
        const u32 bits = LVS_SH_MIN_BITS + random() % 6;
        Dests dests(1 + random() % 12);
        Weights weights;

        for (Dest& dest : dests) {
            dest = {{0, 0, static_cast<u32>(random() % 4)}, random() % 3 == 0};
            weights.push_back(dest.load.weight);
        }
        const Table table(bits, weights);
        const Buckets buckets = naive_table(bits, weights);
        for (int i = 0; i < 60; i++) {
            const u32 key = static_cast<u32>(random());
            const bool fallback = random() & 1;
            INFO("round " << round << " key " << key);
            REQUIRE(lvs_sh_choose(table.get(), key, fallback, &sh_view, &dests) ==
                    naive_choice(buckets, lvs_sh_bucket(key, bits), fallback, dests));
        }
    }
}

TEST_CASE("sh moves nobody else's clients when one dest drains", "[sched]") {
    Dests dests(5);
    const Table full(8, Weights(5, 1)), drained(8, {1, 1, 0, 1, 1});

    dests[2].load.weight = 0;
    CHECK(full.buckets() == drained.buckets());
    for (u32 key = 0; key < 2000; key++) {
        const u32 own = full.get()->bucket[lvs_sh_bucket(key, 8)];
        const u32 got = lvs_sh_choose(drained.get(), key, false, &sh_view, &dests);
        REQUIRE(got != 2);
        REQUIRE((own == 2 || got == own));
    }
}

TEST_CASE("sh asks no more than some hundred buckets and all dests", "[sched]") {
    struct Count {
        u32 asked = 0;
        static bool never(const void* ctx, u32) {
            static_cast<Count*>(const_cast<void*>(ctx))->asked++;
            return false;
        }
        static lvs_load drained(const void*, u32) { return {0, 0, 0}; }
    };
    const Table table(LVS_SH_MAX_BITS, Weights(10, 1));
    const lvs_sched_view nobody{Count::drained, Count::never};
    Count count;

    CHECK(lvs_sh_choose(table.get(), 12345, true, &nobody, &count) == LVS_NOBODY);
    CHECK(count.asked == 1 + LVS_SH_PROBES + 10);
}

TEST_CASE("sh's key is the address, IPv6 folded", "[sched]") {
    nf_inet_addr addr{};

    addr.all[0] = htonl(0x0a090001);
    CHECK(lvs_sh_key(AF_INET, &addr) == 0x0a090001);
    addr.all[1] = htonl(0x100);
    addr.all[2] = htonl(0x20000);
    addr.all[3] = htonl(0x3);
    CHECK(lvs_sh_key(AF_INET6, &addr) == (0x0a090001 ^ 0x100 ^ 0x20000 ^ 0x3));
    // Neighbours spread over all buckets.
    std::map<u32, u32> count;
    for (u32 host = 0; host < 256; host++)
        count[lvs_sh_bucket(0x0a090000 + host, 8)]++;
    CHECK(count.size() > 150);
}
