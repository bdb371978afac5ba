// SPDX-License-Identifier: GPL-2.0-or-later
// The ports of a local address: taken in turn, each once, wherever the range is and however many are taken.
#include "catch.hpp"

extern "C" {
#include "core/ports.h"
}

#include <memory>
#include <random>
#include <set>
#include <vector>

namespace {

// A port after another from where the last one was found.
class Naive {
  public:
    explicit Naive(unsigned first) : next_(first) {}
    int take(unsigned low, unsigned high) {
        const unsigned begin = next_ >= low && next_ <= high ? next_ : low;
        for (unsigned i = 0; i <= high - low; ++i) {
            const unsigned port = low + (begin - low + i) % (high - low + 1);
            if (taken_.insert(port).second) {
                next_ = port + 1;
                return static_cast<int>(port);
            }
        }
        return -1;
    }
    void give(unsigned port) { taken_.erase(port); }
    const std::set<unsigned>& taken() const { return taken_; }

  private:
    unsigned next_;
    std::set<unsigned> taken_;
};

std::unique_ptr<lvs_ports> new_ports(u16 first) {
    auto ports = std::make_unique<lvs_ports>();
    lvs_ports_init(ports.get(), first);
    return ports;
}

} // namespace

TEST_CASE("ports: every port of the range is given once, then none") {
    const auto ports = new_ports(40000);
    std::vector<bool> seen(65536);
    for (unsigned i = 0; i < 60536; ++i) {
        const int port = lvs_ports_take(ports.get(), 5000, 65535);
        REQUIRE(port == static_cast<int>(i < 25536 ? 40000 + i : 5000 + i - 25536));
        REQUIRE_FALSE(seen[static_cast<unsigned>(port)]);
        seen[static_cast<unsigned>(port)] = true;
    }
    CHECK(ports->num == 60536);
    CHECK(lvs_ports_take(ports.get(), 5000, 65535) == -1);
    CHECK(lvs_ports_take(ports.get(), 4999, 65535) == 4999);
    lvs_ports_give(ports.get(), 65535);
    CHECK(lvs_ports_take(ports.get(), 5000, 65535) == 65535);
    lvs_ports_give(ports.get(), 5000);
    CHECK(lvs_ports_take(ports.get(), 5000, 65535) == 5000);
    CHECK(lvs_ports_take(ports.get(), 0, 65535) == 0);
}

TEST_CASE("ports: one that was given back comes last") {
    const auto ports = new_ports(5000);
    const int first = lvs_ports_take(ports.get(), 5000, 65535);
    lvs_ports_give(ports.get(), static_cast<u16>(first));
    for (unsigned i = 1; i < 60536; ++i) {
        const int port = lvs_ports_take(ports.get(), 5000, 65535);
        REQUIRE(port != first);
        lvs_ports_give(ports.get(), static_cast<u16>(port));
    }
    CHECK(lvs_ports_take(ports.get(), 5000, 65535) == first);
}

TEST_CASE("ports: as a search port by port would, for any ranges") {
    std::mt19937 random(7);
    for (int round = 0; round < 40; ++round) {
        const unsigned low = random() % 65536;
        const unsigned high = low + random() % std::min(65536 - low, round % 2 ? 700u : 9000u);
        const unsigned first = random() % 65536;
        const auto ports = new_ports(static_cast<u16>(first));
        Naive naive(first);
        for (int step = 0; step < 3000; ++step) {
            if (random() % 5 == 0 && !naive.taken().empty()) {
                auto some = naive.taken().lower_bound(low + random() % (high - low + 1));
                const unsigned port = some == naive.taken().end() ? *naive.taken().begin() : *some;
                REQUIRE(lvs_ports_taken(ports.get(), static_cast<u16>(port)));
                lvs_ports_give(ports.get(), static_cast<u16>(port));
                naive.give(port);
                REQUIRE_FALSE(lvs_ports_taken(ports.get(), static_cast<u16>(port)));
            } else {
                REQUIRE(lvs_ports_take(ports.get(), static_cast<u16>(low), static_cast<u16>(high)) ==
                        naive.take(low, high));
            }
            REQUIRE(ports->num == naive.taken().size());
        }
    }
}
