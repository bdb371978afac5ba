// SPDX-License-Identifier: GPL-2.0-or-later
// Options that tell a client's address, or what claims to: found is what a plain reading finds, inside the options. The
// first byte chooses between TCP options, IP options and headers of protocol 248.
#include "fuzz.h"

#include <algorithm>
#include <vector>

extern "C" {
#include "core/toa.h"
#include "core/toa_write.h"
}

namespace {

// Where the first option of one of these kinds begins, or -1.
int naive(const std::vector<u8>& bytes, bool (*wanted)(u8 kind, u8 len)) {
    for (std::size_t at = 0; at < bytes.size() && bytes[at] != 0;) {
        if (bytes[at] == 1) {
            at++;
            continue;
        }
        if (at + 1 >= bytes.size() || bytes[at + 1] < 2 || at + bytes[at + 1] > bytes.size())
            return -1;
        if (wanted(bytes[at], bytes[at + 1]))
            return static_cast<int>(at);
        at += bytes[at + 1];
    }
    return -1;
}

bool of_tcp(u8 kind, u8 len) {
    return len == 8 ? kind == 254 || kind == 200 : len == 20 && (kind == 254 || kind == 253);
}

bool of_ip(u8 kind, u8 len) {
    return kind == 31 && (len == 8 || len == 20);
}

void check(toa_found found, const toa_endpoint& client, const u8* option) {
    const u8* end = client.addr + sizeof client.addr;
    const std::size_t size = option[1] - 4U;
    MUST(found != TOA_NONE && std::equal(end - size, end, option + 4));
    MUST(std::memcmp(&client.port, option + 2, 2) == 0);
    MUST(size == 16 || toa_is_ipv4(client.addr));
    MUST(found == TOA_BAD || client.port != 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::vector<u8> exact(data + 1, data + size);
    toa_endpoint client{};
    if (data[0] % 3 == 2) {
        if (exact.size() < 4)
            return 0;
        const u32 len = lvs_uoa_len(exact.data());
        MUST(len == 0 || len == 12 || len == LVS_UOA_MAX);
        if (len == 0 || len > exact.size())
            return 0;
        const std::vector<u8> header(exact.begin(), exact.begin() + len);
        const toa_found found = toa_in_uoa(header.data(), len, &client);
        if (header[4] == 31 && header[5] == len - 4)
            check(found, client, header.data() + 4);
        else
            MUST(found == TOA_BAD);
        return 0;
    }
    const bool tcp = data[0] % 3 == 0;
    toa_kinds kinds{};
    MUST(toa_read_kinds("254/8,254/20,253/20,200/8", &kinds));
    const u32 len = static_cast<u32>(exact.size());
    const toa_found found =
        tcp ? toa_in_tcp(&kinds, exact.data(), len, &client) : toa_in_ip(exact.data(), len, &client);
    const int at = naive(exact, tcp ? of_tcp : of_ip);
    if (at < 0)
        MUST(found == TOA_NONE);
    else
        check(found, client, exact.data() + at);
    return 0;
}
