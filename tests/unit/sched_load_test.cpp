// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_*: the choices that go by the dests' loads and weights, each against a naive one.
#include "catch.hpp"
#include "loads.h"

extern "C" {
#include "core/sched_heaviest.h"
#include "core/sched_least.h"
}

using namespace reference;

namespace {

bool has_room(const void* ctx, u32 dest) {
    const Dest& d = static_cast<const Dests*>(ctx)->at(dest);

    return d.eligible && lvs_ovf_has_room(d.load.active, d.load.weight);
}

u32 heaviest(const Dests& dests, lvs_eligible eligible) {
    std::vector<u32> weights, scratch(2 * dests.size());

    for (const Dest& dest : dests)
        weights.push_back(dest.load.weight);
    const u32 n = static_cast<u32>(dests.size());
    return lvs_heaviest(lvs_sort_by_weight(weights.data(), n, scratch.data()), n, eligible, &dests);
}

u32 size(const Dests& dests) {
    return static_cast<u32>(dests.size());
}

} // namespace

TEST_CASE("the choices by load are the naive ones", "[sched]") {
    std::mt19937 random(17);

    for (int round = 0; round < 20000; round++) {
        const Dests dests = random_dests(random, 9);

        INFO("round " << round);
        REQUIRE(lvs_lc_choose(&view, &dests, size(dests)) == naive_least(dests, overhead, alike));
        REQUIRE(lvs_wlc_choose(&view, &dests, size(dests)) == naive_least(dests, overhead, weight));
        REQUIRE(lvs_sed_choose(&view, &dests, size(dests)) == naive_least(dests, delay, weight));
        REQUIRE(lvs_nq_choose(&view, &dests, size(dests)) == naive_nq(dests));
        REQUIRE(heaviest(dests, is_eligible) == naive_heaviest(dests, false));
        REQUIRE(heaviest(dests, has_room) == naive_heaviest(dests, true));
    }
}

TEST_CASE("the choices by load are exact for the greatest loads and weights", "[sched]") {
    std::mt19937 random(19);

    for (int round = 0; round < 20000; round++) {
        Dests dests(2 + random() % 3);

        for (Dest& dest : dests) // neighbours, so that fractions differ in their last bits
            dest.load = {0xffffff - static_cast<u32>(random() % 3), static_cast<u32>(random() % 3),
                         0x7fffffff - static_cast<u32>(random() % 3)};
        REQUIRE(lvs_wlc_choose(&view, &dests, size(dests)) == naive_least(dests, overhead, weight));
        for (Dest& dest : dests)
            dest.load.active = 0xffffffff - static_cast<u32>(random() % 3);
        REQUIRE(lvs_sed_choose(&view, &dests, size(dests)) == naive_least(dests, delay, weight));
        REQUIRE(lvs_lc_choose(&view, &dests, size(dests)) == naive_least(dests, overhead, alike));
    }
}

TEST_CASE("an active connection costs as much as 256 inactive ones", "[sched]") {
    CHECK(lvs_lc_overhead(1, 0) == 256);
    CHECK(lvs_lc_overhead(2, 3) == 515);
    CHECK(lvs_lc_overhead(0xffffffff, 0xffffffff) == 0xffffffffull * 257);

    const Dests dests{{{1, 0, 1}}, {{0, 255, 1}}, {{0, 255, 1}}};
    CHECK(lvs_lc_choose(&view, &dests, 3) == 1);
}

TEST_CASE("sed counts the connection to come, nq fills idle dests first", "[sched]") {
    // By weight: 1/1, 4/5.
    const Dests dests{{{0, 9, 1}}, {{3, 0, 5}}};

    CHECK(lvs_sed_choose(&view, &dests, 2) == 1);
    CHECK(lvs_nq_choose(&view, &dests, 2) == 0);
    CHECK(lvs_wlc_choose(&view, &dests, 2) == 0);
}

TEST_CASE("the heaviest dest takes all, in order of addition among equals", "[sched]") {
    Dests dests{{{0, 0, 5}}, {{0, 0, 7}}, {{0, 0, 7}}, {{0, 0, 6}}};

    CHECK(heaviest(dests, is_eligible) == 1);
    dests[1].eligible = false;
    CHECK(heaviest(dests, is_eligible) == 2);
    dests[2].load.active = 7;
    CHECK(heaviest(dests, has_room) == 2);
    dests[2].load.active = 8;
    CHECK(heaviest(dests, has_room) == 3);
    for (Dest& dest : dests)
        dest.load.active = 8;
    CHECK(heaviest(dests, has_room) == LVS_NOBODY);
    CHECK(heaviest(dests, is_eligible) == 2);
}

TEST_CASE("sorting by weight keeps equals in order of addition", "[sched]") {
    std::mt19937 random(23);

    for (u32 n = 1; n < 70; n++) {
        std::vector<u32> weights(n), scratch(2 * n);
        for (u32& w : weights)
            w = 1 + random() % 5;
        const u32* order = lvs_sort_by_weight(weights.data(), n, scratch.data());
        for (u32 i = 1; i < n; i++) {
            const u32 a = order[i - 1], b = order[i];
            REQUIRE((weights[a] > weights[b] || (weights[a] == weights[b] && a < b)));
        }
    }
}
