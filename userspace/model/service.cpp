// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/service.h"

#include <tuple>

namespace lvs {

bool listed_before(const ServiceId& a, const ServiceId& b) {
    if (a.index() != b.index())
        return a.index() < b.index();
    if (const auto* mark = std::get_if<Marked>(&a)) {
        const auto& other = std::get<Marked>(b);
        return std::tie(mark->mark, mark->family) < std::tie(other.mark, other.family);
    }
    const auto& left = std::get<Listener>(a);
    const auto& right = std::get<Listener>(b);
    return std::tie(left.endpoint.address.family, left.protocol, left.endpoint) <
           std::tie(right.endpoint.address.family, right.protocol, right.endpoint);
}

} // namespace lvs
