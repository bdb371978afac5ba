// SPDX-License-Identifier: GPL-2.0-or-later
// core/tcp_options: options byte by byte, and what is changed in them.
#include "catch.hpp"

extern "C" {
#include "core/tcp_options.h"
}

#include <vector>

namespace {

using Bytes = std::vector<u8>;

Bytes kinds(Bytes options) {
    Bytes out;
    lvs_tcp_option option{};
    for (u32 offset = 0; lvs_tcp_option_next(options.data(), static_cast<u32>(options.size()), &offset, &option);)
        out.push_back(option.kind);
    return out;
}

} // namespace

TEST_CASE("tcp options: one by one, to the end or to the first lie") {
    CHECK(kinds({}).empty());
    CHECK(kinds({1, 1, 1, 1}).empty());
    CHECK(kinds({2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}) == Bytes{2, 4, 8, 3});
    CHECK(kinds({4, 2, 0, 0, 2, 4, 5, 180}) == Bytes{4}); // nothing is behind the end
    CHECK(kinds({2, 4, 5}).empty());                      // too short
    CHECK(kinds({4, 2, 2}) == Bytes{4});                  // no length
    CHECK(kinds({9, 1, 4, 2}).empty());                   // a length that does not cover itself
    CHECK(kinds({9, 0, 4, 2}).empty());
}

TEST_CASE("tcp options: blanked by kind and length") {
    Bytes options{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 254, 8, 0, 80, 10, 0, 0, 1, 254, 4, 9, 9};
    CHECK(lvs_tcp_options_blank(options.data(), 24, 254, 8));
    CHECK(options == Bytes{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1, 1, 254, 4, 9, 9});
    CHECK_FALSE(lvs_tcp_options_blank(options.data(), 24, 254, 8));
    CHECK(lvs_tcp_options_blank(options.data(), 24, LVS_TCPOPT_TIMESTAMP, 0));
    CHECK(options == Bytes{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 254, 4, 9, 9});
}

TEST_CASE("tcp options: the MSS makes room, as far as it may") {
    Bytes options{1, 1, 2, 4, 5, 180, 1, 1};
    CHECK(lvs_tcp_options_lower_mss(options.data(), 8, 8));
    CHECK(options == Bytes{1, 1, 2, 4, 5, 172, 1, 1});
    Bytes least{2, 4, 2, 24}; // 536
    CHECK_FALSE(lvs_tcp_options_lower_mss(least.data(), 4, 8));
    CHECK(least == Bytes{2, 4, 2, 24});
    Bytes just{2, 4, 2, 32}; // 544
    CHECK(lvs_tcp_options_lower_mss(just.data(), 4, 8));
    CHECK(just == Bytes{2, 4, 2, 24});
    Bytes none{4, 2, 1, 1};
    CHECK_FALSE(lvs_tcp_options_lower_mss(none.data(), 4, 8));
}

TEST_CASE("tcp options: an MSS is lowered to what it may be at most") {
    Bytes options{1, 1, 2, 4, 5, 180, 1, 1}; // 1460
    CHECK_FALSE(lvs_tcp_options_cap_mss(options.data(), 8, 1460));
    CHECK(options == Bytes{1, 1, 2, 4, 5, 180, 1, 1});
    CHECK(lvs_tcp_options_cap_mss(options.data(), 8, 1440));
    CHECK(options == Bytes{1, 1, 2, 4, 5, 160, 1, 1});
    Bytes short_one{2, 3, 5, 1};
    CHECK_FALSE(lvs_tcp_options_cap_mss(short_one.data(), 4, 10));
}

TEST_CASE("tcp options: SACK blocks are shifted, across zero as well") {
    Bytes options{1, 1, 5, 18, 0, 0, 0, 10, 0, 0, 1, 0, 255, 255, 255, 255, 128, 0, 0, 0};
    CHECK(lvs_tcp_options_shift_sack(options.data(), 20, 11));
    CHECK(options == Bytes{1, 1, 5, 18, 255, 255, 255, 255, 0, 0, 0, 245, 255, 255, 255, 244, 127, 255, 255, 245});
    Bytes odd{5, 6, 0, 0, 0, 10, 1, 1};
    CHECK_FALSE(lvs_tcp_options_shift_sack(odd.data(), 8, 11));
    CHECK(odd == Bytes{5, 6, 0, 0, 0, 10, 1, 1});
}
