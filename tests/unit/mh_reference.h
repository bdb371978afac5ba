// SPDX-License-Identifier: GPL-2.0-or-later
// core/sched_mh.c's table as an object, and the table that it must be, found by looking at every wish of every dest.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <tuple>
#include <vector>

#include <arpa/inet.h>

extern "C" {
#include "core/sched_mh.h"
}

namespace reference {

using MhDests = std::vector<lvs_mh_dest>;
using Slots = std::vector<u32>;

inline lvs_mh_dest mh_dest(u32 host, u16 port = 80, u32 weight = 1) {
    lvs_mh_dest dest{};
    dest.addr.ip = htonl(host);
    dest.port = htons(port);
    dest.af = AF_INET;
    dest.weight = weight;
    return dest;
}

struct MhTable {
    MhTable(u32 size, const MhDests& dests) {
        const u32 n = static_cast<u32>(dests.size());
        std::vector<lvs_mh_want> want(n);
        std::vector<u32> order(2 * n), rank(size), shuffled(size);
        const lvs_mh_scratch scratch{want.data(), order.data(), rank.data(), shuffled.data()};

        memory.reset(std::malloc(lvs_mh_bytes(size))); // to the byte, so that a sanitizer sees what exceeds it
        lvs_mh_fill(get(), size, dests.data(), n, &scratch);
    }
    lvs_mh_table* get() const { return static_cast<lvs_mh_table*>(memory.get()); }
    Slots slots() const { return Slots(get()->slot, get()->slot + get()->size); }

    std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
};

inline u64 mh_draw(const lvs_mh_dest& dest) {
    return lvs_mh_hash(dest.af, &dest.addr, dest.port);
}

// The numbers of the dests in the order that all directors find.
inline std::vector<u32> mh_order(const MhDests& dests) {
    std::vector<u32> order(dests.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) {
        const int diff = std::memcmp(&dests[a].addr, &dests[b].addr, sizeof dests[a].addr);
        const u64 x = mh_draw(dests[a]), y = mh_draw(dests[b]);
        return x != y ? x < y : diff ? diff < 0 : ntohs(dests[a].port) < ntohs(dests[b].port);
    });
    return order;
}

// Largest remainders.
inline std::vector<u32> mh_quotas(u32 size, const MhDests& dests) {
    const std::vector<u32> order = mh_order(dests);
    std::vector<u32> quota(dests.size()), by_fraction = order;
    u64 whole = 0;
    u32 left = size;

    for (const lvs_mh_dest& dest : dests)
        whole += dest.weight;
    for (u32 i = 0; i < dests.size(); i++)
        left -= quota[i] = static_cast<u32>(u64{dests[i].weight} * size / whole);
    std::stable_sort(by_fraction.begin(), by_fraction.end(), [&](u32 a, u32 b) {
        return u64{dests[a].weight} * size % whole > u64{dests[b].weight} * size % whole;
    });
    for (u32 i = 0; i < left; i++)
        quota[by_fraction[i]]++;
    return quota;
}

// All wishes of all dests by what they are worth; each is granted if its slot and its dest are not served yet.
inline Slots naive_mh(u32 size, const MhDests& dests) {
    using Worth = unsigned __int128;
    struct Wish {
        u32 rank, quota, place, dest, slot;
    };
    const std::vector<u32> order = mh_order(dests), quota = mh_quotas(size, dests);
    std::vector<Wish> wishes;
    std::vector<u32> got(dests.size()), shuffled;
    Slots slots(size, ~u32{0});

    u64 draw = size;
    for (u32 slot = 0; slot < size; slot++) { // each new one changes places with one of those up to it
        draw = lvs_mh_mix(draw + 1);
        shuffled.push_back(slot);
        std::swap(shuffled[slot], shuffled[lvs_mh_place(draw, slot + 1)]);
    }
    for (u32 place = 0; place < order.size(); place++) {
        const u32 dest = order[place];
        const u64 first = lvs_mh_mix(mh_draw(dests[dest]) + 1), second = lvs_mh_mix(first + 1);
        const u64 start = lvs_mh_place(first, size), shift = lvs_mh_place(lvs_mh_mix(second + 1), size);
        const u64 skip = lvs_mh_place(second, size - 1) + 1;

        for (u32 rank = 0; quota[dest] && rank < size; rank++)
            wishes.push_back({rank, quota[dest], place, dest,
                              static_cast<u32>((shuffled[(start + rank * skip) % size] + shift) % size)});
    }
    std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
        const Worth x = Worth{2 * u64{a.rank} + 1} * b.quota, y = Worth{2 * u64{b.rank} + 1} * a.quota;
        return x != y ? x < y : a.place < b.place;
    });
    for (const Wish& wish : wishes)
        if (slots[wish.slot] == ~u32{0} && got[wish.dest] < wish.quota) {
            slots[wish.slot] = wish.dest;
            got[wish.dest]++;
        }
    return slots;
}

} // namespace reference
