// SPDX-License-Identifier: GPL-2.0-or-later
// CRC32C bit by bit over all bytes, to hold core/crc32c.c against.
#pragma once

#include <cstdint>
#include <vector>

namespace reference {

inline std::uint32_t crc32c(const std::vector<std::uint8_t>& bytes) {
    std::uint32_t crc = 0xffffffff;
    for (std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

} // namespace reference
