// SPDX-License-Identifier: GPL-2.0-or-later
// Source hashing: the table for any weights laid out naively, and the search for any dests that are out.
#include "fuzz.h"
#include "sh_reference.h"

using namespace reference;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    // Mostly small tables, which are laid out naively in a fraction of the time.
    const u32 size_draw = in.byte() % 16;
    const u32 bits = LVS_SH_MIN_BITS + (size_draw < 8 ? size_draw : size_draw % 3);
    std::vector<u32> weights(1 + in.below(24));
    Dests dests;

    for (u32& weight : weights) {
        const u8 kind = in.byte();
        weight = kind & 1 ? in.byte() % 8 : kind & 2 ? in.get<u32>() & 0x7fffffff : in.below(700);
        dests.push_back({{0, 0, weight}, kind >= 128});
    }
    const ShTable table(bits, weights);
    const Buckets buckets = naive_sh(bits, weights);
    MUST(table.buckets() == buckets);
    MUST(ShTable(bits, weights, true).buckets() == naive_sh(bits, std::vector<u32>(weights.size(), 1)));

    for (int round = 0; round == 0 || (round < 16 && !in.empty()); ++round) {
        nf_inet_addr addr{};
        for (auto& word : addr.all)
            word = in.get<u32>();
        const u32 folded = addr.all[0] ^ addr.all[1] ^ addr.all[2] ^ addr.all[3];
        const u32 key = lvs_sh_key(in.flag() ? AF_INET : AF_INET6, &addr);
        MUST(key == ntohl(addr.all[0]) || key == ntohl(folded));
        const bool fallback = in.flag();
        MUST(lvs_sh_bucket(key, bits) < buckets.size());
        MUST(lvs_sh_choose(table.get(), key, fallback, &sh_view, &dests) ==
             naive_sh_choice(buckets, lvs_sh_bucket(key, bits), fallback, dests));
    }
    return 0;
}
