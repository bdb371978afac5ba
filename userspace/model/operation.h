// SPDX-License-Identifier: GPL-2.0-or-later
// The changes to the table of services, each one a value.
#pragma once

#include "base/result.h"
#include "model/service.h"

#include <optional>
#include <variant>

namespace lvs {

struct AddService {
    Service service;
    bool states_options = false; // even if they are what there is without any
    // Whether it has options of its own; else it gets its profile's.
    bool has_options() const { return states_options || service.options != ServiceOptions{}; }
    bool operator==(const AddService&) const = default;
};
struct EditService {
    Service service;
    bool operator==(const EditService&) const = default;
};
struct DeleteService {
    ServiceId service;
    bool operator==(const DeleteService&) const = default;
};
struct AddDest {
    ServiceId service;
    Dest dest;
    bool operator==(const AddDest&) const = default;
};
struct EditDest {
    ServiceId service;
    Dest dest;
    bool operator==(const EditDest&) const = default;
};
struct DeleteDest {
    ServiceId service;
    Endpoint dest;
    bool operator==(const DeleteDest&) const = default;
};
// The dest gets no new connections, and the director gets ready to reset those it has.
struct DrainDest {
    ServiceId service;
    Endpoint dest;
    bool operator==(const DrainDest&) const = default;
};
// Its connections end at once.
struct ResetDest {
    ServiceId service;
    Endpoint dest;
    bool operator==(const ResetDest&) const = default;
};
// An address under which the director speaks to the service's FULLNAT dests.
struct AddLocalAddress {
    ServiceId service;
    Address address;
    bool operator==(const AddLocalAddress&) const = default;
};
struct DeleteLocalAddress {
    ServiceId service;
    Address address;
    bool operator==(const DeleteLocalAddress&) const = default;
};
// Makes the profile or replaces the one of the same identity.
struct SetProfile {
    Profile profile;
    bool operator==(const SetProfile&) const = default;
};
struct DeleteProfile {
    ServiceId service;
    bool operator==(const DeleteProfile&) const = default;
};
struct ZeroCounters {
    std::optional<ServiceId> service; // none: all, and the totals
    bool operator==(const ZeroCounters&) const = default;
};
struct Flush {
    bool operator==(const Flush&) const = default;
};

using Operation =
    std::variant<AddService, EditService, DeleteService, AddDest, EditDest, DeleteDest, DrainDest, ResetDest,
                 AddLocalAddress, DeleteLocalAddress, SetProfile, DeleteProfile, ZeroCounters, Flush>;

// Why none of several operations was carried out.
struct BatchError {
    Error error;
    std::optional<std::size_t> operation; // the one that was refused, if that is known
};

template <class... Cases> struct Overloaded : Cases... { using Cases::operator()...; };
template <class... Cases> Overloaded(Cases...) -> Overloaded<Cases...>;

// Whether only the module lvs knows it, not plain ip_vs.
inline bool is_extension(const Operation& operation) {
    return std::visit(Overloaded{
                          [](const AddService& add) { return add.service.options != ServiceOptions{}; },
                          [](const EditService& edit) { return edit.service.options != ServiceOptions{}; },
                          // ip_vs would take the number of the method and drop the packets.
                          [](const AddDest& add) { return add.dest.forwarding == Forwarding::fullnat; },
                          [](const EditDest& edit) { return edit.dest.forwarding == Forwarding::fullnat; },
                          [](const DrainDest&) { return true; },
                          [](const ResetDest&) { return true; },
                          [](const AddLocalAddress&) { return true; },
                          [](const DeleteLocalAddress&) { return true; },
                          [](const SetProfile&) { return true; },
                          [](const DeleteProfile&) { return true; },
                          [](const auto&) { return false; },
                      },
                      operation);
}

} // namespace lvs
