// SPDX-License-Identifier: GPL-2.0-or-later
// core/seq_adjust.c: sequence numbers on both sides of a director that replaces texts.
#include "catch.hpp"

#include <vector>

extern "C" {
#include "core/seq_adjust.h"
}

namespace {

u32 seq(const lvs_seq_adjust& adjust, u32 value) {
    return lvs_seq_adjust_seq(&adjust, value);
}
u32 ack(const lvs_seq_adjust& adjust, u32 value) {
    return lvs_seq_adjust_ack(&adjust, value);
}

// What becomes of one SACK block.
std::vector<u32> sack(const lvs_seq_adjust& adjust, u32 left, u32 right) {
    std::vector<u8> options{1, 1, 5, 10};
    for (const u32 edge : {left, right})
        for (int shift = 24; shift >= 0; shift -= 8)
            options.push_back(static_cast<u8>(edge >> shift));
    REQUIRE(lvs_seq_adjust_sack(&adjust, options.data(), static_cast<u32>(options.size())));
    std::vector<u32> edges;
    for (std::size_t at = 4; at < options.size(); at += 4)
        edges.push_back(u32{options[at]} << 24 | u32{options[at + 1]} << 16 | u32{options[at + 2]} << 8 |
                        options[at + 3]);
    return edges;
}

} // namespace

TEST_CASE("sequence numbers: nothing replaced, nothing changed") {
    const lvs_seq_adjust adjust{};
    for (const u32 value : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
        CHECK(seq(adjust, value) == value);
        CHECK(ack(adjust, value) == value);
    }
    CHECK(sack(adjust, 5, 9) == std::vector<u32>{5, 9});
}

// Also where the numbers go round.
TEST_CASE("sequence numbers: a longer and a shorter text") {
    for (const u32 base : {1000U, 0xfffffff8U, 0x7ffffff8U}) {
        INFO(base);
        lvs_seq_adjust adjust{};
        REQUIRE(lvs_seq_adjust_replace(&adjust, base, 10, 13));
        CHECK(seq(adjust, base - 5) == base - 5);
        CHECK(seq(adjust, base) == base);
        CHECK(seq(adjust, base + 10) == base + 13);
        CHECK(ack(adjust, base) == base);
        CHECK(ack(adjust, base + 1) == base);
        CHECK(ack(adjust, base + 12) == base);
        CHECK(ack(adjust, base + 13) == base + 10);
        CHECK(ack(adjust, base + 20) == base + 17);

        REQUIRE(lvs_seq_adjust_replace(&adjust, base + 30, 10, 5));
        CHECK(seq(adjust, base + 12) == base + 15);
        CHECK(seq(adjust, base + 30) == base + 33);
        CHECK(seq(adjust, base + 40) == base + 38);
        CHECK(ack(adjust, base + 33) == base + 30);
        CHECK(ack(adjust, base + 37) == base + 30);
        CHECK(ack(adjust, base + 38) == base + 40);
    }
}

TEST_CASE("sequence numbers: a text sent again") {
    lvs_seq_adjust adjust{};
    REQUIRE(lvs_seq_adjust_replace(&adjust, 1000, 10, 13));
    REQUIRE(lvs_seq_adjust_replace(&adjust, 1000, 10, 13));
    CHECK(seq(adjust, 1010) == 1013);
    CHECK_FALSE(lvs_seq_adjust_replace(&adjust, 1000, 10, 14));
    CHECK_FALSE(lvs_seq_adjust_replace(&adjust, 1000, 11, 14));
    CHECK_FALSE(lvs_seq_adjust_replace(&adjust, 1005, 5, 7));
    CHECK_FALSE(lvs_seq_adjust_replace(&adjust, 900, 10, 13));
    CHECK(seq(adjust, 1010) == 1013);
    REQUIRE(lvs_seq_adjust_replace(&adjust, 1010, 10, 10));
    CHECK(seq(adjust, 1020) == 1023);
    CHECK_FALSE(lvs_seq_adjust_replace(&adjust, 1000, 10, 13));
}

TEST_CASE("sequence numbers: which text it is") {
    lvs_seq_adjust adjust{};
    CHECK(lvs_seq_adjust_text(&adjust, 0, 10) == LVS_SEQ_TEXT_NEW);
    CHECK(lvs_seq_adjust_text(&adjust, 0x80000000U, 10) == LVS_SEQ_TEXT_NEW);
    for (const u32 base : {1000U, 0xfffffffcU}) {
        INFO(base);
        adjust = {};
        // Also of the same length, which changes no number.
        REQUIRE(lvs_seq_adjust_replace(&adjust, base, 10, 10));
        CHECK(lvs_seq_adjust_text(&adjust, base, 10) == LVS_SEQ_TEXT_AGAIN);
        CHECK(lvs_seq_adjust_text(&adjust, base, 9) == LVS_SEQ_TEXT_OLD);
        CHECK(lvs_seq_adjust_text(&adjust, base, 11) == LVS_SEQ_TEXT_OLD);
        CHECK(lvs_seq_adjust_text(&adjust, base + 1, 9) == LVS_SEQ_TEXT_OLD);
        CHECK(lvs_seq_adjust_text(&adjust, base - 20, 10) == LVS_SEQ_TEXT_OLD);
        CHECK(lvs_seq_adjust_text(&adjust, base + 10, 10) == LVS_SEQ_TEXT_NEW);
    }
}

// FULLNAT adds a delta to the client's numbers behind the replacement: what the server acknowledges is mapped back
// before or after it is subtracted, all the same.
TEST_CASE("sequence numbers: shifted behind the replacement") {
    for (const u32 delta : {0U, 7U, 0x80000000U, 0xfffffff0U}) {
        INFO(delta);
        lvs_seq_adjust adjust{};
        REQUIRE(lvs_seq_adjust_replace(&adjust, 1000, 10, 13));
        REQUIRE(lvs_seq_adjust_replace(&adjust, 1030, 10, 5));
        lvs_seq_adjust shifted = adjust;
        lvs_seq_adjust_shift(&shifted, delta);
        for (u32 value = 990; value < 1060; value++) {
            CHECK(ack(shifted, value + delta) - delta == ack(adjust, value));
            CHECK(seq(shifted, value + delta) - delta == seq(adjust, value));
        }
        const auto edges = sack(shifted, 1034 + delta, 1050 + delta);
        CHECK(std::vector<u32>{edges[0] - delta, edges[1] - delta} == sack(adjust, 1034, 1050));
    }
}

TEST_CASE("sequence numbers: SACK blocks") {
    lvs_seq_adjust adjust{};
    REQUIRE(lvs_seq_adjust_replace(&adjust, 1000, 10, 13));
    CHECK(sack(adjust, 990, 1000) == std::vector<u32>{990, 1000});
    CHECK(sack(adjust, 990, 1012) == std::vector<u32>{990, 1000});
    CHECK(sack(adjust, 1000, 1013) == std::vector<u32>{1000, 1010});
    CHECK(sack(adjust, 1001, 1020) == std::vector<u32>{1010, 1017});
    CHECK(sack(adjust, 1001, 1012) == std::vector<u32>{1010, 1010});
    CHECK(sack(adjust, 1013, 1020) == std::vector<u32>{1010, 1017});

    u8 other[] = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0};
    const std::vector<u8> same(other, other + sizeof other);
    CHECK_FALSE(lvs_seq_adjust_sack(&adjust, other, sizeof other));
    CHECK(std::vector<u8>(other, other + sizeof other) == same);
}
