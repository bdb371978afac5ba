// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/names.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <cstring>
#include <memory>

namespace lvs {

namespace {

// How long name servers may hold a listing up in all; the last question may take a little longer.
constexpr std::chrono::seconds patience{3};

const char* protocol_name(Protocol protocol) {
    switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::sctp: return "sctp";
    }
    return nullptr;
}

struct FreeAddrinfo {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::optional<Address> first_address(const std::string& host, int family) {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &raw) != 0)
        return std::nullopt;
    const std::unique_ptr<addrinfo, FreeAddrinfo> list(raw);

    Address address;
    address.family = static_cast<Family>(family);
    if (family == AF_INET)
        std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in*>(list->ai_addr)->sin_addr, 4);
    else
        std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in6*>(list->ai_addr)->sin6_addr, 16);
    return address;
}

// Also the short forms (`10.1`) that inet_aton knows.
std::optional<Address> numeric_ipv4(const std::string& word) {
    in_addr raw{};
    if (inet_aton(word.c_str(), &raw) == 0)
        return std::nullopt;
    Address address;
    std::memcpy(address.bytes.data(), &raw, sizeof raw);
    return address;
}

} // namespace

std::optional<Address> SystemResolver::address_of(const std::string& host, Family preferred) const {
    if (host.empty())
        return std::nullopt;
    const bool six = preferred == Family::ipv6;
    if (auto address = first_address(host, six ? AF_INET6 : AF_INET))
        return address;
    return first_address(host, six ? AF_INET : AF_INET6);
}

std::optional<Port> SystemResolver::port_of(const std::string& service, Protocol protocol) const {
    const servent* entry = getservbyname(service.c_str(), protocol_name(protocol));
    if (!entry)
        return std::nullopt;
    return Port{ntohs(static_cast<std::uint16_t>(entry->s_port))};
}

std::optional<std::string> SystemResolver::host_name(const Address& address) const {
    // One second for each name server, once: resolv.conf's own would be ten. Names on the command line, which a change
    // depends on, have been looked up with those.
    if (host_names.empty() && res_init() == 0) {
        _res.retrans = 1;
        _res.retry = 1;
    }
    const auto [known, fresh] = host_names.try_emplace(address.text());
    if (!fresh || waited > patience)
        return known->second;
    const auto begin = std::chrono::steady_clock::now();
    const hostent* entry =
        gethostbyaddr(address.bytes.data(), static_cast<socklen_t>(address.size()), static_cast<int>(address.family));
    if (entry && entry->h_name)
        known->second = entry->h_name;
    waited += std::chrono::steady_clock::now() - begin;
    return known->second;
}

std::optional<std::string> SystemResolver::service_name(Port port, Protocol protocol) const {
    const servent* entry = getservbyport(htons(port.value), protocol_name(protocol));
    if (!entry)
        return std::nullopt;
    return entry->s_name;
}

std::optional<ParsedEndpoint> parse_endpoint(const std::string& word, Protocol protocol, const Resolver& names) {
    std::string host = word;
    std::optional<std::string> port;
    const bool bracketed = word.starts_with('[');

    if (bracketed) {
        const std::size_t end = word.find(']');
        if (end == std::string::npos)
            return std::nullopt;
        host = word.substr(1, end - 1);
        const std::string rest = word.substr(end + 1);
        if (!rest.starts_with(':'))
            return std::nullopt;
        port = rest.substr(1);
    }

    std::optional<Address> address = Address::parse(Family::ipv6, host);
    if (!address) {
        if (const std::size_t colon = host.rfind(':'); colon != std::string::npos) {
            port = host.substr(colon + 1);
            host.resize(colon);
        }
        address = numeric_ipv4(host);
        if (!address)
            address = names.address_of(host, bracketed ? Family::ipv6 : Family::ipv4);
    }
    if (!address)
        return std::nullopt;

    ParsedEndpoint parsed{*address, std::nullopt};
    if (port) {
        if (const auto value = number(*port, 0, 65535))
            parsed.port = Port{static_cast<std::uint16_t>(*value)};
        else
            parsed.port = names.port_of(*port, protocol);
        if (!parsed.port)
            return std::nullopt;
    }
    return parsed;
}

std::string endpoint_text(const Endpoint& endpoint, Protocol protocol, bool numeric, const Resolver& names) {
    const bool bracketed = endpoint.address.family == Family::ipv6;
    std::optional<std::string> host;
    std::optional<std::string> service;
    if (!numeric) {
        host = names.host_name(endpoint.address);
        service = names.service_name(endpoint.port, protocol);
    }
    return (bracketed ? "[" : "") + host.value_or(endpoint.address.text()) + (bracketed ? "]:" : ":") +
           service.value_or(std::to_string(endpoint.port.value));
}

} // namespace lvs
