// SPDX-License-Identifier: GPL-2.0-or-later
// The ports of a local address: taken in turn from any range, given back in any order, against a search port by port.
#include "fuzz.h"

extern "C" {
#include "core/ports.h"
}

#include <memory>
#include <vector>

namespace {

int naive_take(std::vector<bool>& taken, unsigned& next, unsigned low, unsigned high) {
    const unsigned begin = next >= low && next <= high ? next : low;
    for (unsigned i = 0; i <= high - low; ++i) {
        const unsigned port = low + (begin - low + i) % (high - low + 1);
        if (!taken[port]) {
            taken[port] = true;
            next = port + 1;
            return static_cast<int>(port);
        }
    }
    return -1;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    const auto ports = std::make_unique<lvs_ports>();
    std::vector<bool> taken(65536);
    std::vector<u16> order;
    unsigned next = in.get<u16>();

    lvs_ports_init(ports.get(), static_cast<u16>(next));
    while (!in.empty()) {
        const u8 what = in.byte();
        if (what < 64 && !order.empty()) {
            const std::size_t which = in.get<u16>() % order.size();
            const u16 port = order[which];
            MUST(lvs_ports_taken(ports.get(), port));
            lvs_ports_give(ports.get(), port);
            taken[port] = false;
            order.erase(order.begin() + static_cast<std::ptrdiff_t>(which));
            continue;
        }
        const u16 low = in.get<u16>();
        const unsigned width = what % 2 ? in.byte() : in.below(5000);
        const u16 high = static_cast<u16>(low + width > 65535 ? 65535 : low + width);
        for (unsigned times = what % 64; times-- > 0;) {
            const int port = lvs_ports_take(ports.get(), low, high);
            MUST(port == naive_take(taken, next, low, high));
            if (port < 0)
                break;
            order.push_back(static_cast<u16>(port));
        }
        MUST(ports->num == order.size());
    }
    return 0;
}
