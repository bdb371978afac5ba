// SPDX-License-Identifier: GPL-2.0-or-later
// Host and service names: words on the command line to values, and values to what listings print.
#pragma once

#include "base/address.h"
#include "model/service.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace lvs {

class Resolver {
  public:
    virtual ~Resolver() = default;
    // Of the other family if it has none of the preferred one.
    virtual std::optional<Address> address_of(const std::string& host, Family preferred) const = 0;
    virtual std::optional<Port> port_of(const std::string& service, Protocol protocol) const = 0;
    virtual std::optional<std::string> host_name(const Address& address) const = 0;
    virtual std::optional<std::string> service_name(Port port, Protocol protocol) const = 0;
};

// The machine's own: /etc/hosts, DNS, /etc/services. Each address is asked for once. A name server that does not
// answer holds a listing up for some seconds in all, after which addresses stay numbers.
class SystemResolver final : public Resolver {
  public:
    std::optional<Address> address_of(const std::string& host, Family preferred) const override;
    std::optional<Port> port_of(const std::string& service, Protocol protocol) const override;
    std::optional<std::string> host_name(const Address& address) const override;
    std::optional<std::string> service_name(Port port, Protocol protocol) const override;

  private:
    mutable std::map<std::string, std::optional<std::string>> host_names; // by address
    mutable std::chrono::steady_clock::duration waited{};
};

// What `address`, `address:port`, `[v6]:port` or names in their place say; a name in brackets is an IPv6 host's, if
// there is one.
struct ParsedEndpoint {
    Address address;
    std::optional<Port> port;
};
std::optional<ParsedEndpoint> parse_endpoint(const std::string& word, Protocol protocol, const Resolver& names);

// address:port, the IPv6 address in brackets; names instead unless `numeric`.
std::string endpoint_text(const Endpoint& endpoint, Protocol protocol, bool numeric, const Resolver& names);

} // namespace lvs
