// SPDX-License-Identifier: GPL-2.0-or-later
// Shorthand for values in tests.
#pragma once

#include "codec/attribute.h"
#include "ipvsadm/names.h"
#include "model/operation.h"

#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

inline lvs::Address address(const std::string& text) {
    const auto family = text.find(':') == std::string::npos ? lvs::Family::ipv4 : lvs::Family::ipv6;
    if (auto parsed = lvs::Address::parse(family, text))
        return *parsed;
    throw std::invalid_argument(text);
}

inline lvs::Endpoint endpoint(const std::string& host, std::uint16_t port) {
    return {address(host), {port}};
}

inline lvs::ServiceId tcp(const std::string& host, std::uint16_t port) {
    return lvs::Listener{lvs::Protocol::tcp, endpoint(host, port)};
}

inline lvs::ServiceId udp(const std::string& host, std::uint16_t port) {
    return lvs::Listener{lvs::Protocol::udp, endpoint(host, port)};
}

inline lvs::Service service(const lvs::ServiceId& id, const std::string& scheduler) {
    return {.id = id, .scheduler = scheduler, .netmask = lvs::whole_mask(lvs::family_of(id))};
}

inline lvs::Dest dest(const std::string& host, std::uint16_t port, lvs::Forwarding forwarding,
                      std::int32_t weight = 1) {
    return {.endpoint = endpoint(host, port), .forwarding = forwarding, .weight = {weight}};
}

inline lvs::Bytes bytes(std::string_view hex) {
    lvs::Bytes out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    return out;
}

// Knows three hosts, one of them by both families, and two services.
class Names final : public lvs::Resolver {
  public:
    std::optional<lvs::Address> address_of(const std::string& host, lvs::Family preferred) const override {
        if (host == "web")
            return address("192.0.2.10");
        if (host == "dual")
            return address(preferred == lvs::Family::ipv6 ? "fd00::20" : "192.0.2.20");
        if (host == "six")
            return address("fd00::10");
        return std::nullopt;
    }
    std::optional<lvs::Port> port_of(const std::string& service, lvs::Protocol) const override {
        if (service == "http")
            return lvs::Port{80};
        if (service == "ssh")
            return lvs::Port{22};
        return std::nullopt;
    }
    std::optional<std::string> host_name(const lvs::Address& wanted) const override {
        for (const char* name : {"web", "six", "dual"})
            if (wanted == address_of(name, wanted.family))
                return name;
        return std::nullopt;
    }
    std::optional<std::string> service_name(lvs::Port port, lvs::Protocol protocol) const override {
        for (const char* name : {"http", "ssh"})
            if (port == port_of(name, protocol))
                return name;
        return std::nullopt;
    }
};

} // namespace test
