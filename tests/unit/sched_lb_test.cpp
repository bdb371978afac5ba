// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_lb: the locality schedulers' choices against naive ones; core/sched_twos: every draw there is.
#include "catch.hpp"
#include "lb_reference.h"

#include <algorithm>
#include <map>

extern "C" {
#include "core/sched_twos.h"
}

using namespace reference;

namespace {

u32 size(const Dests& dests) {
    return static_cast<u32>(dests.size());
}

// Answers what the test says, one after another.
struct Draws {
    std::vector<u64> answers;
    std::size_t next = 0;
    u64 below = 0;
    static u64 draw(void* ctx, u64 below) {
        Draws* self = static_cast<Draws*>(ctx);
        self->below = below;
        return self->answers.at(self->next++) % below;
    }
};

u32 twos(const Dests& dests, Draws draws) {
    std::vector<u32> weights;
    std::vector<u64> sums(dests.size());

    for (const Dest& dest : dests)
        weights.push_back(dest.load.weight);
    lvs_twos_fill(sums.data(), weights.data(), size(dests));
    return lvs_twos_choose(sums.data(), size(dests), &view, &dests, Draws::draw, &draws);
}

// Each dest as often as it weighs.
std::vector<u32> urn(const Dests& dests, bool all) {
    std::vector<u32> balls;

    for (u32 i = 0; i < dests.size(); i++)
        if (all || dests[i].eligible)
            balls.insert(balls.end(), dests[i].load.weight, i);
    return balls;
}

// With a lower overhead by weight than the first, the second is chosen.
u32 better(const Dests& dests, u32 one, u32 other) {
    const auto worth = [&](u32 a, u32 b) { return Wide{overhead(dests[a].load)} * dests[b].load.weight; };

    return worth(other, one) < worth(one, other) ? other : one;
}

} // namespace

TEST_CASE("lblc chooses as the naive one", "[sched]") {
    std::mt19937 random(59);
    u32 kept = 0, left = 0;

    for (int round = 0; round < 20000; round++) {
        Dests dests = random_dests(random, 7, 9, 6);
        for (Dest& dest : dests)
            if (random() % 6 == 0)
                dest.load.weight = 0;
        const u32 known = random() % 5 ? static_cast<u32>(random() % dests.size()) : LVS_NOBODY;
        const u32 choice = lvs_lblc_choose(&view, &dests, size(dests), known);

        INFO("round " << round);
        REQUIRE(choice == naive_lblc(dests, known));
        kept += choice == known;
        left += choice != known;
    }
    CHECK(kept > 1000); // both happened
    CHECK(left > 1000);
}

TEST_CASE("lblcr chooses as the naive one, and remembers the same members", "[sched]") {
    std::mt19937 random(61);

    for (int round = 0; round < 2000; round++) {
        Dests dests = random_dests(random, 24, 9, 6);
        lvs_lb_members members{};
        std::vector<u32> known;

        for (int step = 0; step < 30; step++) { // loads change, members stay
            for (Dest& dest : dests)
                dest = {
                    {static_cast<u32>(random() % 9), static_cast<u32>(random() % 3), static_cast<u32>(random() % 6)},
                    random() % 4 != 0};
            const bool stale = random() % 4 == 0;
            const u32 choice = lvs_lblcr_choose(&view, &dests, size(dests), &members, stale);

            INFO("round " << round << " step " << step);
            REQUIRE(choice == naive_lblcr(dests, known, stale));
            REQUIRE(std::vector<u32>(members.dest, members.dest + members.num) == known);
            REQUIRE(known.size() <= LVS_LB_MAX_MEMBERS);
        }
    }
}

TEST_CASE("lblcr grows when its members are crowded and shrinks when they are not", "[sched]") {
    Dests dests{{{0, 0, 2}}, {{0, 0, 2}}, {{0, 0, 2}}};
    lvs_lb_members members{};

    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, false) == 0);
    dests[0].load.active = 2;
    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, false) == 0); // as many as it weighs
    CHECK(members.num == 1);
    dests[0].load.active = 3;
    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, false) == 1);
    CHECK(members.num == 2);
    dests[1].load.active = 3;
    dests[2].load.active = 1; // not less than half of its weight
    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, false) == 0);
    CHECK(members.num == 2);
    dests[0].load.active = 0;
    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, true) == 0);
    CHECK(members.num == 1);
    CHECK(lvs_lblcr_choose(&view, &dests, 3, &members, true) == 0); // the last one stays
    CHECK(members.num == 1);
}

TEST_CASE("twos takes the better one of any two draws", "[sched]") {
    std::mt19937 random(67);

    for (int round = 0; round < 200; round++) {
        Dests dests = random_dests(random, 5, 3, 4);
        for (Dest& dest : dests)
            dest.eligible = true;
        const std::vector<u32> balls = urn(dests, true);

        for (u64 one = 0; one < balls.size(); one++)
            for (u64 other = 0; other < balls.size(); other++)
                REQUIRE(twos(dests, {{one, other}}) == better(dests, balls[one], balls[other]));
    }
}

TEST_CASE("twos draws again for a dest that is out, then counts those that are not", "[sched]") {
    const Dests dests{{{1, 0, 3}, false}, {{1, 0, 1}}, {{0, 9, 2}}, {{0, 0, 3}, false}, {{0, 0, 1}}};

    // 0 0 0 1 2 2 3 3 3 4: four draws are in vain, then the urn has 1 2 2 4.
    CHECK(twos(dests, {{0, 3, 3}}) == 1);
    CHECK(twos(dests, {{0, 6, 8, 2, 0, 0, 1, 7, 8, 0}}) == 1);
    CHECK(twos(dests, {{0, 6, 8, 2, 0, 0, 1, 7, 8, 1}}) == 2);
    CHECK(twos(dests, {{0, 6, 8, 2, 0, 0, 1, 7, 8, 2}}) == 2);
    CHECK(twos(dests, {{0, 6, 8, 2, 0, 0, 1, 7, 8, 3}}) == 4);
    CHECK(twos(dests, {{0, 6, 8, 2, 2, 4}}) == 2);

    Dests out = dests;
    for (Dest& dest : out)
        dest.eligible = false;
    CHECK(twos(out, {{1, 2, 3, 4}}) == LVS_NOBODY);
}

TEST_CASE("twos finds the dest of a place for any weights", "[sched]") {
    std::mt19937 random(71);

    for (int round = 0; round < 300; round++) {
        const u32 n = 1 + random() % 50;
        std::vector<u32> weights(n);
        std::vector<u64> sums(n);

        for (u32& w : weights)
            w = 1 + static_cast<u32>(random()) % (round & 1 ? 0x7fffffff : 5);
        lvs_twos_fill(sums.data(), weights.data(), n);
        for (u32 i = 0; i < n; i++) {
            REQUIRE(lvs_twos_find(sums.data(), n, sums[i] - 1) == i);
            REQUIRE(lvs_twos_find(sums.data(), n, sums[i] - weights[i]) == i);
        }
    }
}
