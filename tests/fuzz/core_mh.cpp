// SPDX-License-Identifier: GPL-2.0-or-later
// Maglev hashing: the table for any identities and weights against every wish of every dest; evenness; any order.
#include "fuzz.h"
#include "loads.h"
#include "mh_reference.h"

#include <iterator>
#include <set>
#include <tuple>

using namespace reference;

namespace {

MhDests read_dests(fuzz::Input& in) {
    std::set<std::tuple<u8, std::string, u16>> seen;
    const u32 n = 1 + in.below(12);
    MhDests dests;

    while (dests.size() < n) {
        lvs_mh_dest dest = mh_dest(in.flag() ? in.get<u32>() : 0x0a000000 + in.byte(), in.below(3));
        const u8 kind = in.byte();
        if (kind & 1) {
            dest.af = AF_INET6;
            for (int word = 1; word < 4; ++word)
                dest.addr.all[word] = kind & 2 ? in.get<u32>() : 0;
        }
        dest.weight = 1 + (kind & 4 ? in.get<u32>() % 0x7fffffff : in.byte() % 8);
        const std::string addr(reinterpret_cast<const char*>(&dest.addr), sizeof dest.addr);
        if (!seen.emplace(dest.af, addr, dest.port).second) {
            if (in.empty())
                break;
            continue;
        }
        dests.push_back(dest);
    }
    return dests;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    fuzz::Input in(data, length);
    // Small tables have every kind of dispute, and are laid out naively in a fraction of the time; unit tests have
    // large ones.
    const u32 sizes[] = {5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 5, 7, 11, 13};
    const u32 size = sizes[in.byte() % std::size(sizes)];
    const MhDests dests = read_dests(in);
    const u32 n = static_cast<u32>(dests.size());
    const Slots slots = MhTable(size, dests).slots();

    MUST(slots == naive_mh(size, dests));
    u64 whole = 0;
    std::vector<u64> count(n);
    for (u32 dest : slots)
        count.at(dest)++;
    for (const lvs_mh_dest& dest : dests)
        whole += dest.weight;
    for (u32 i = 0; i < n; ++i) { // within one slot of the share
        MUST(count[i] * whole < u64{dests[i].weight} * size + whole);
        MUST((count[i] + 1) * whole > u64{dests[i].weight} * size);
    }
    const MhDests reversed(dests.rbegin(), dests.rend());
    const Slots other = MhTable(size, reversed).slots();
    for (u32 slot = 0; slot < size; ++slot)
        MUST(slots[slot] == n - 1 - other[slot]);

    Dests state(n);
    for (Dest& dest : state)
        dest.eligible = in.byte() % 3 == 0;
    const MhTable table(size, dests);
    for (int round = 0; round < 8; ++round) {
        const u64 hash = in.get<u64>();
        const u32 own = slots[lvs_mh_place(hash, size)];
        const u32 chosen = lvs_mh_choose(table.get(), hash, false, is_eligible, &state);
        MUST(chosen == (state[own].eligible ? own : LVS_NOBODY));
        const u32 fallback = lvs_mh_choose(table.get(), hash, true, is_eligible, &state);
        bool any = false;
        for (const Dest& dest : state)
            any = any || dest.eligible;
        MUST(fallback == LVS_NOBODY ? !any : state[fallback].eligible);
        MUST(chosen == LVS_NOBODY || fallback == chosen);
    }
    return 0;
}
