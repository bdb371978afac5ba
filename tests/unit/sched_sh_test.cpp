// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_sh: the table against one that is laid out naively, and who gets a client whose dest is out.
#include "catch.hpp"
#include "sh_reference.h"

#include <cmath>
#include <map>
#include <random>

using namespace reference;

namespace {

using Weights = std::vector<u32>;

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

    CHECK(ShTable(4, {1, 1, 1}).buckets() == Buckets{2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2});
    CHECK(ShTable(4, {2, 0, 1}).buckets() == Buckets{2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0});
    CHECK(ShTable(4, {9, 0, 9}, true).buckets() == ShTable(4, {1, 1, 1}).buckets());
    for (int round = 0; round < 400; round++) {
        const u32 bits = LVS_SH_MIN_BITS + random() % 7;
        const Weights weights = random_weights(random, 40);

        INFO("round " << round);
        REQUIRE(ShTable(bits, weights).buckets() == naive_sh(bits, weights));
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
        for (u32 dest : ShTable(bits, weights).buckets())
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
        const ShTable table(bits, weights);
        const Buckets buckets = naive_sh(bits, weights);
        for (int i = 0; i < 60; i++) {
            const u32 key = static_cast<u32>(random());
            const bool fallback = random() & 1;
            INFO("round " << round << " key " << key);
            REQUIRE(lvs_sh_choose(table.get(), key, fallback, &sh_view, &dests) ==
                    naive_sh_choice(buckets, lvs_sh_bucket(key, bits), fallback, dests));
        }
    }
}

TEST_CASE("sh moves nobody else's clients when one dest drains", "[sched]") {
    Dests dests(5);
    const ShTable full(8, Weights(5, 1)), drained(8, {1, 1, 0, 1, 1});

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
    const ShTable table(LVS_SH_MAX_BITS, Weights(10, 1));
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
