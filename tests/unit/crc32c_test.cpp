// SPDX-License-Identifier: GPL-2.0-or-later
// core/crc32c.c against sums over whole packets.
#include "catch.hpp"
#include "crc32c_reference.h"

#include <random>
#include <string>

extern "C" {
#include "core/crc32c.h"
}

TEST_CASE("the reference is CRC32C") {
    const std::string digits = "123456789";
    CHECK(reference::crc32c({digits.begin(), digits.end()}) == 0xe3069283);
}

TEST_CASE("a changed port changes the CRC32C as it must") {
    std::mt19937 random(7);
    for (unsigned after : {0u, 1u, 8u, 9u, 28u, 255u, 256u, 1448u, 9000u, 32768u, 65531u}) {
        std::vector<u8> bytes(4 + after);
        for (auto& byte : bytes)
            byte = static_cast<u8>(random());
        const u32 before = reference::crc32c(bytes);
        u8 change[4];
        for (unsigned i = 0; i < 4; i++) {
            change[i] = static_cast<u8>(random());
            bytes[i] ^= change[i];
        }
        INFO(after << " bytes behind");
        CHECK((before ^ lvs_crc32c_change(change, after)) == reference::crc32c(bytes));
    }
}

TEST_CASE("no change is none") {
    const u8 none[4] = {};
    CHECK(lvs_crc32c_change(none, 1000) == 0);
}
