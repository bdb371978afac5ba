// SPDX-License-Identifier: GPL-2.0-or-later
// The order of listings: by mark, family, protocol, address, port, the way ipvsadm 1.31 sorts,
// since scripts compare its output line by line.
//
// 1.31 compares by the sign of a 32-bit difference, which overflows: 192.0.2.1 comes before
// 10.0.0.1, but 127.0.0.1 before 192.0.2.1. That is no order, so what comes out depends on the
// algorithm as well; it is the merge sort that is written out here.
#pragma once

#include "model/service.h"

#include <utility>
#include <vector>

namespace lvs {

// Negative, zero or positive.
int compare_listed(const ServiceId& a, const ServiceId& b);
int compare_listed(const Endpoint& a, const Endpoint& b);

// A true order, which the one of listings is not, for maps.
struct ServiceIdLess {
    bool operator()(const ServiceId& a, const ServiceId& b) const;
};

template <class T, class Compare> std::vector<T> sorted_as_listed(std::vector<T> items, const Compare& compare) {
    if (items.size() < 2)
        return items;
    const auto middle = items.begin() + static_cast<std::ptrdiff_t>(items.size() / 2);
    std::vector<T> left(std::make_move_iterator(items.begin()), std::make_move_iterator(middle));
    std::vector<T> right(std::make_move_iterator(middle), std::make_move_iterator(items.end()));
    left = sorted_as_listed(std::move(left), compare);
    right = sorted_as_listed(std::move(right), compare);

    std::vector<T> merged;
    merged.reserve(items.size());
    auto l = left.begin();
    auto r = right.begin();
    while (l != left.end() && r != right.end())
        merged.push_back(std::move(compare(*l, *r) <= 0 ? *l++ : *r++));
    merged.insert(merged.end(), std::make_move_iterator(l), std::make_move_iterator(left.end()));
    merged.insert(merged.end(), std::make_move_iterator(r), std::make_move_iterator(right.end()));
    return merged;
}

} // namespace lvs
