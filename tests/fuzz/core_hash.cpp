// SPDX-License-Identifier: GPL-2.0-or-later
// The hash of connections and the division, against arithmetic done by hand.
#include "fuzz.h"

extern "C" {
#include "core/hash.h"
#include "core/math.h"
}

namespace {

// The product's two halves exclusive-ored, multiplied out digit by digit, a digit being 32 bits.
u64 folded(u64 a, u64 b) {
    const u64 a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    const u64 low = a0 * b0;
    const u64 middle = a1 * b0 + (low >> 32);
    const u64 middle2 = a0 * b1 + (middle & 0xffffffff);
    const u64 high = a1 * b1 + (middle >> 32) + (middle2 >> 32);
    return high ^ (middle2 << 32 | (low & 0xffffffff));
}

u32 finished(u64 h, const lvs_hash_key& key) {
    return static_cast<u32>(folded(h ^ key.k[2], key.k[3] | 1));
}

void hash(fuzz::Input& in) {
    const auto key = in.get<lvs_hash_key>();
    u64 saddr[2] = {in.get<u64>(), in.get<u64>()};
    u64 daddr[2] = {in.get<u64>(), in.get<u64>()};
    const u32 ports = in.get<u32>();
    const auto s4 = static_cast<u32>(saddr[0]);
    const auto d4 = static_cast<u32>(daddr[0]);

    MUST(lvs_hash_fold(saddr[0], daddr[0]) == folded(saddr[0], daddr[0]));
    MUST(lvs_hash_v4(s4, d4, ports, &key) == finished(folded((u64{s4} << 32 | d4) ^ key.k[0], ports ^ key.k[1]), key));

    u64 h = folded(saddr[0] ^ key.k[0], saddr[1] ^ key.k[1]);
    h ^= folded(daddr[0] ^ key.k[1], daddr[1] ^ key.k[2] ^ h);
    MUST(lvs_hash_v6(saddr, daddr, ports, &key) == finished(folded(h ^ key.k[0], ports ^ key.k[3]), key));
}

void division(fuzz::Input& in) {
    const u64 what = in.get<u64>();
    const u32 by = in.get<u32>();
    u32 rest = 0;

    if (!by)
        return;
    const u64 quotient = lvs_div(what, by, &rest);
    MUST(rest < by);
    MUST(static_cast<unsigned __int128>(quotient) * by + rest == what);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);

    in.flag() ? hash(in) : division(in);
    return 0;
}
