// SPDX-License-Identifier: GPL-2.0-or-later
// Chance that repeats: the same seed gives the same run.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>

namespace fuzz {

// SplitMix64: small state, any seed is good.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // 0 <= result < limit; limit is not 0.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    bool percent(unsigned p) { return below(100) < p; }

    template <typename T> T pick(std::initializer_list<T> values) { return values.begin()[below(values.size())]; }
    template <typename C> auto& of(C& container) { return container[below(std::size(container))]; }

    // Numbers where mistakes live: around powers of two, small, all ones, or anything.
    std::uint64_t odd_number() {
        switch (below(4)) {
        case 0: return below(16);
        case 1: return (std::uint64_t{1} << below(64)) + below(3) - 1;
        case 2: return ~below(3);
        }
        return next() >> below(64);
    }

  private:
    std::uint64_t state_;
};

} // namespace fuzz
