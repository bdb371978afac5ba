// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address.h"

#include <arpa/inet.h>

namespace lvs {

static_assert(static_cast<int>(Family::ipv4) == AF_INET);
static_assert(static_cast<int>(Family::ipv6) == AF_INET6);

bool Address::is_multicast() const {
    return family == Family::ipv4 ? (bytes[0] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN] = "";
    inet_ntop(static_cast<int>(family), bytes.data(), buffer, sizeof buffer);
    return buffer;
}

std::optional<Address> Address::parse(Family family, const std::string& text) {
    Address address;
    address.family = family;
    if (inet_pton(static_cast<int>(family), text.c_str(), address.bytes.data()) != 1)
        return std::nullopt;
    return address;
}

} // namespace lvs
