// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_*: the choices of the schedulers, wrr's against a naive reference that walks the levels one by one.
#include "catch.hpp"
#include "wrr_reference.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "core/sched_rr.h"
}

using namespace reference;

namespace {

std::string letters(const std::vector<u32>& choices) {
    std::string text;

    for (u32 c : choices)
        text += static_cast<char>('a' + c);
    return text;
}

bool in_set(const void* ctx, u32 dest) {
    return static_cast<const std::set<u32>*>(ctx)->count(dest) > 0;
}

// The position of the first choice of a level.
u64 level_start(const Weights& weights, u32 level) {
    const std::vector<u32> all = naive_cycle(weights);
    const u32 max = *std::max_element(weights.begin(), weights.end());
    u32 step = 0;
    u64 pos = 0;

    for (u32 w : weights)
        step = std::gcd(step, w);
    for (u32 l = max; l > level; l -= step)
        pos += static_cast<u64>(std::count_if(weights.begin(), weights.end(), [l](u32 w) { return w >= l; }));
    return pos;
}

} // namespace

TEST_CASE("wrr interleaves by levels", "[sched]") {
    CHECK(letters(Plan({3, 2, 1}).cycle()) == "aababc");
    CHECK(letters(Plan({1, 2, 3}).cycle()) == "cbcabc");
    CHECK(letters(Plan({6, 4, 2}).cycle()) == "aababc");
    CHECK(letters(Plan({4, 3}).cycle()) == "aababab");
    CHECK(letters(Plan({5}).cycle()) == "a");
    CHECK(letters(Plan({7, 7, 7}).cycle()) == "abc");
    CHECK(letters(Plan({1, 10, 1}).cycle()) == "bbbbbbbbbabc");
}

TEST_CASE("wrr equals the naive walk for many weights", "[sched]") {
    std::mt19937 random(7);

    for (int round = 0; round < 500; round++) {
        const u32 factor = 1 + random() % 5;
        Weights weights(1 + random() % 12);

        for (u32& w : weights)
            w = factor * (1 + random() % 20);
        INFO("round " << round);
        REQUIRE(Plan(weights).cycle() == naive_cycle(weights));
    }
}

TEST_CASE("wrr with the greatest weights", "[sched]") {
    const Plan plan({0x7fffffff, 0x7ffffffe, 1});

    CHECK(plan->cycle == 2ull * 0x7fffffff - 1 + 1);
    CHECK(lvs_wrr_at(plan.get(), 0) == 0);
    CHECK(lvs_wrr_at(plan.get(), 1) == 0);
    CHECK(lvs_wrr_at(plan.get(), 2) == 1);
    CHECK(lvs_wrr_at(plan.get(), plan->cycle - 1) == 2);
    CHECK(lvs_wrr_at(plan.get(), plan->cycle - 2) == 1);
}

TEST_CASE("wrr shares one list when the lists get too long; counts stay exact", "[sched]") {
    Weights weights(800);
    std::map<u32, u64> count;

    for (u32 i = 0; i < weights.size(); i++)
        weights[i] = (i * 7) % 800 + 1; // all different, not in order
    const Plan plan(weights);
    REQUIRE(plan->shared);
    REQUIRE(plan->num_listed == weights.size());
    for (u32 c : plan.cycle())
        count[c]++;
    for (u32 i = 0; i < weights.size(); i++)
        REQUIRE(count[i] == weights[i]);
}

TEST_CASE("wrr skips what is not eligible as the walk would", "[sched]") {
    std::mt19937 random(11);

    for (int round = 0; round < 300; round++) {
        Weights weights(1 + random() % 8);
        std::set<u32> eligible;

        for (u32 i = 0; i < weights.size(); i++) {
            weights[i] = 1 + random() % 9;
            if (random() % 3 == 0)
                eligible.insert(i);
        }
        const Plan plan(weights);
        const std::vector<u32> cycle = naive_cycle(weights);

        for (u64 pos = 0; pos < cycle.size(); pos++) {
            u64 expected = LVS_WRR_NOWHERE;

            for (u64 i = 0; i < cycle.size() && expected == LVS_WRR_NOWHERE; i++)
                if (eligible.count(cycle[(pos + i) % cycle.size()]))
                    expected = (pos + i) % cycle.size();
            INFO("round " << round << " pos " << pos);
            REQUIRE(lvs_wrr_skip(plan.get(), pos, in_set, &eligible) == expected);
        }
    }
}

TEST_CASE("wrr learns at once that nobody is eligible, and finds the only one soon", "[sched]") {
    struct Count {
        u32 eligible;
        u32 asked;
        static bool ask(const void* ctx, u32 dest) {
            Count* count = static_cast<Count*>(const_cast<void*>(ctx));
            count->asked++;
            return dest == count->eligible;
        }
    };
    Weights weights(500);

    for (u32 i = 0; i < weights.size(); i++)
        weights[i] = 1 + (i * 7) % 500; // all different
    const Plan plan(weights);
    const u32 n = static_cast<u32>(weights.size());
    for (u64 pos = 0; pos < plan->cycle; pos += 97) {
        Count count{n, 0};
        REQUIRE(lvs_wrr_skip(plan.get(), pos, Count::ask, &count) == LVS_WRR_NOWHERE);
        REQUIRE(count.asked <= 2 * n);
        count = {static_cast<u32>(pos) % n, 0};
        const u64 found = lvs_wrr_skip(plan.get(), pos, Count::ask, &count);
        REQUIRE(lvs_wrr_at(plan.get(), found) == count.eligible);
        REQUIRE(count.asked <= (2 + 9 + 1) * n); // 2^9 segments
    }
}

TEST_CASE("wrr skips a billion positions of one dest at once", "[sched]") {
    const Plan plan({1000000000, 1});
    const std::set<u32> eligible{1};

    CHECK(lvs_wrr_skip(plan.get(), 5, in_set, &eligible) == plan->cycle - 1);
}

TEST_CASE("wrr keeps the level when the weights change", "[sched]") {
    const Weights old_weights{4, 2, 1};
    const Plan old(old_weights); // aa ab, ab, abc: levels 4 3 2 1

    // At the beginning of a cycle the new one begins, too.
    CHECK(lvs_wrr_resume(Plan({9, 1}).get(), old.get(), 0) == 0);
    // Within level 2, to the beginning of level 2.
    const u64 within = level_start(old_weights, 2) + 1;
    CHECK(lvs_wrr_resume(Plan({4, 3, 1}).get(), old.get(), within) == level_start({4, 3, 1}, 2));
    // The new maximum is lower than the level: to the top.
    CHECK(lvs_wrr_resume(Plan({1, 1}).get(), old.get(), within) == 0);
    // A greater step: the next level of it.
    CHECK(lvs_wrr_resume(Plan({6, 3, 3}).get(), old.get(), within) == level_start({6, 3, 3}, 3));
    // A smaller step: what weighed more than the level below had passed.
    const Plan even({4, 2});
    CHECK(lvs_wrr_resume(Plan({4, 3, 2}).get(), even.get(), 1) == level_start({4, 3, 2}, 1));
}

TEST_CASE("wrr resumes inside the new cycle whatever changes", "[sched]") {
    std::mt19937 random(13);

    for (int round = 0; round < 2000; round++) {
        Weights before(1 + random() % 6), after(1 + random() % 6);

        for (u32& w : before)
            w = 1 + random() % 12;
        for (u32& w : after)
            w = 1 + random() % 12;
        const Plan old(before), plan(after);
        const u64 pos = lvs_wrr_resume(plan.get(), old.get(), random() % old->cycle);

        REQUIRE(pos < plan->cycle);
    }
}

TEST_CASE("rr goes round", "[sched]") {
    CHECK(lvs_rr_index(0, 3, 0) == 0);
    CHECK(lvs_rr_index(lvs_rr_cursor(0), 3, 0) == 1);
    CHECK(lvs_rr_index(lvs_rr_cursor(2), 3, 0) == 0);
    CHECK(lvs_rr_index(lvs_rr_cursor(1), 3, 2) == 1);
    CHECK(lvs_rr_index(lvs_rr_cursor(0), 1, 0) == 0);
    CHECK(lvs_rr_index(99, 3, 1) == 1); // never outside the list
}
