// SPDX-License-Identifier: GPL-2.0-or-later
// core/icmp46: every error of either family, by the tables of RFC 7915, sections 4.2 and 5.2.
#include "catch.hpp"

extern "C" {
#include "core/icmp46.h"
}

#include <map>
#include <utility>

namespace {

using TypeCode = std::pair<int, int>;

// What is not here has no counterpart.
const std::map<TypeCode, TypeCode> to_v6 = {
    {{3, 0}, {1, 0}},  {{3, 1}, {1, 0}},  {{3, 2}, {4, 1}},  {{3, 3}, {1, 4}},  {{3, 4}, {2, 0}},
    {{3, 5}, {1, 0}},  {{3, 6}, {1, 0}},  {{3, 7}, {1, 0}},  {{3, 8}, {1, 0}},  {{3, 9}, {1, 1}},
    {{3, 10}, {1, 1}}, {{3, 11}, {1, 0}}, {{3, 12}, {1, 0}}, {{3, 13}, {1, 1}}, {{3, 15}, {1, 1}},
};
const std::map<TypeCode, TypeCode> to_v4 = {
    {{1, 0}, {3, 1}}, {{1, 1}, {3, 10}}, {{1, 2}, {3, 1}}, {{1, 3}, {3, 1}},
    {{1, 4}, {3, 3}}, {{4, 0}, {12, 0}}, {{4, 1}, {3, 2}},
};

// Time exceeded keeps its code; that of "too big" means nothing.
TypeCode expected(const std::map<TypeCode, TypeCode>& table, TypeCode from, int time, int time_there) {
    if (from.first == time)
        return {time_there, from.second};
    if (time == 3 && from.first == 2)
        return {3, 4};
    const auto found = table.find(from);
    return found == table.end() ? TypeCode{-1, -1} : found->second;
}

u32 rest_in_v6(u8 code, u32 rest, u32 len) {
    lvs_icmp_head head{3, code, rest};
    REQUIRE(lvs_icmp_to_v6(&head, len));
    return head.rest;
}

u32 rest_in_v4(u8 type, u32 rest) {
    lvs_icmp_head head{type, 0, rest};
    REQUIRE(lvs_icmp_to_v4(&head));
    return head.rest;
}

} // namespace

TEST_CASE("icmp46: types and codes") {
    for (int type = 0; type < 256; ++type)
        for (int code = 0; code < 256; ++code) {
            lvs_icmp_head head{static_cast<u8>(type), static_cast<u8>(code), 0};
            TypeCode got = lvs_icmp_to_v6(&head, 100) ? TypeCode{head.type, head.code} : TypeCode{-1, -1};
            CHECK(got == expected(to_v6, {type, code}, 11, 3));
            head = {static_cast<u8>(type), static_cast<u8>(code), 0};
            got = lvs_icmp_to_v4(&head) ? TypeCode{head.type, head.code} : TypeCode{-1, -1};
            CHECK(got == expected(to_v4, {type, code}, 3, 11));
        }
}

TEST_CASE("icmp46: the MTU is corrected by what the headers differ") {
    CHECK(rest_in_v6(4, 1400, 1500) == 1420);
    CHECK(rest_in_v6(4, 0xabcd0000 | 1480, 1500) == 1500); // the upper half is another field
    CHECK(rest_in_v6(4, 1260, 1500) == 1280);
    CHECK(rest_in_v6(4, 576, 1500) == 1280); // every link of IPv6 takes that
    CHECK(rest_in_v4(2, 1500) == 1480);
    CHECK(rest_in_v4(2, 1280) == 1260);
    CHECK(rest_in_v4(2, 0) == 1260);
    CHECK(rest_in_v4(2, 65555) == 65535);
    CHECK(rest_in_v4(2, 0xffffffff) == 65535);
}

TEST_CASE("icmp46: an old router's MTU is the next usual size below the packet") {
    CHECK(rest_in_v6(4, 0, 9000) == 8166 + 20);
    CHECK(rest_in_v6(4, 0, 1500) == 1492 + 20);
    CHECK(rest_in_v6(4, 0, 1492) == 1280);
    CHECK(rest_in_v6(4, 0, 0) == 1280);
    CHECK(rest_in_v6(4, 0, 65535) == 32000 + 20);
}

TEST_CASE("icmp46: pointers go to the same field") {
    const std::map<u32, u32> fields = {{0, 0}, {1, 1}, {4, 2}, {5, 2}, {6, 9}, {7, 8}};
    for (u32 pointer = 0; pointer < 300; ++pointer) {
        lvs_icmp_head head{4, 0, pointer};
        const bool known = lvs_icmp_to_v4(&head);
        if (const auto found = fields.find(pointer); found != fields.end()) {
            CHECK(head.rest == found->second << 24);
        } else if (pointer >= 8 && pointer < 24) {
            CHECK(head.rest == 12U << 24);
        } else if (pointer >= 24 && pointer < 40) {
            CHECK(head.rest == 16U << 24);
        } else {
            CHECK_FALSE(known);
        }
    }
    CHECK(rest_in_v6(2, 7, 100) == 6); // the protocol is not known: next header
    CHECK(rest_in_v6(1, 7, 100) == 0); // unused there
}

TEST_CASE("icmp46: how much is quoted where more follows") {
    const lvs_icmp_head v4{3, 1, 0x00200000}, v4_mtu{3, 4, 1500}, v6{1, 0, 0x10000000}, v6_mtu{2, 0, 0x10000000};
    CHECK(lvs_icmp_v4_quoted(&v4) == 128);
    CHECK(lvs_icmp_v4_quoted(&v4_mtu) == 0);
    CHECK(lvs_icmp_v6_quoted(&v6) == 128);
    CHECK(lvs_icmp_v6_quoted(&v6_mtu) == 0);
}
