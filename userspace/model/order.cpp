// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/order.h"

#include <tuple>

namespace lvs {

namespace {

std::uint32_t word(const Address& address, std::size_t index) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 4; ++i)
        out = out << 8 | address.bytes[4 * index + i];
    return out;
}

int difference(std::uint32_t a, std::uint32_t b) {
    return static_cast<int>(a - b);
}

} // namespace

int compare_listed(const Endpoint& a, const Endpoint& b) {
    for (std::size_t i = 0; i < a.address.size() / 4; ++i)
        if (const int result = difference(word(a.address, i), word(b.address, i)))
            return result;
    return a.port.value - b.port.value;
}

int compare_listed(const ServiceId& a, const ServiceId& b) {
    const auto mark = [](const ServiceId& id) {
        const auto* marked = std::get_if<Marked>(&id);
        return marked ? marked->mark.value : 0;
    };
    if (const int result = difference(mark(a), mark(b)))
        return result;
    if (const int result = static_cast<int>(family_of(a)) - static_cast<int>(family_of(b)))
        return result;
    const auto* left = std::get_if<Listener>(&a);
    const auto* right = std::get_if<Listener>(&b);
    if (!left || !right)
        return 0;
    if (const int result = static_cast<int>(left->protocol) - static_cast<int>(right->protocol))
        return result;
    return compare_listed(left->endpoint, right->endpoint);
}

bool ServiceIdLess::operator()(const ServiceId& a, const ServiceId& b) const {
    const auto key = [](const ServiceId& id) {
        const auto* marked = std::get_if<Marked>(&id);
        const Listener listener = marked ? Listener{} : std::get<Listener>(id);
        return std::tuple(id.index(), family_of(id), marked ? marked->mark.value : 0, listener.protocol,
                          listener.endpoint.address.bytes, listener.endpoint.port.value);
    };
    return key(a) < key(b);
}

} // namespace lvs
