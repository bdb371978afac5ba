// SPDX-License-Identifier: GPL-2.0-or-later
// Names from files in the format of /etc/hosts and /etc/services, so that the scenarios mean the
// same on every machine.
#pragma once

#include "base/text.h"
#include "ipvsadm/names.h"

#include <fstream>
#include <stdexcept>
#include <vector>

namespace golden {

class FileResolver final : public lvs::Resolver {
  public:
    FileResolver(const std::string& hosts, const std::string& services) {
        each_line(hosts, [&](std::vector<std::string> words) {
            auto address = lvs::Address::parse(lvs::Family::ipv4, words[0]);
            if (!address)
                address = lvs::Address::parse(lvs::Family::ipv6, words[0]);
            if (!address)
                throw std::runtime_error("bad line in " + hosts);
            words.erase(words.begin());
            hosts_.push_back({*address, words});
        });
        each_line(services, [&](std::vector<std::string> words) {
            const std::size_t slash = words.at(1).find('/');
            const auto port = static_cast<std::uint16_t>(std::stoi(words[1].substr(0, slash)));
            services_.push_back({words[0], {port}, words[1].substr(slash + 1)});
        });
    }

    std::optional<lvs::Address> address_of(const std::string& host, lvs::Family preferred) const override {
        std::optional<lvs::Address> found;
        for (const Host& entry : hosts_)
            for (const std::string& name : entry.names)
                if (name == host && (!found || (found->family != preferred && entry.address.family == preferred)))
                    found = entry.address;
        return found;
    }
    std::optional<lvs::Port> port_of(const std::string& service, lvs::Protocol protocol) const override {
        for (const ServiceName& entry : services_)
            if (entry.name == service && entry.protocol == name_of(protocol))
                return entry.port;
        return std::nullopt;
    }
    std::optional<std::string> host_name(const lvs::Address& address) const override {
        for (const Host& entry : hosts_)
            if (entry.address == address)
                return entry.names.front();
        return std::nullopt;
    }
    std::optional<std::string> service_name(lvs::Port port, lvs::Protocol protocol) const override {
        for (const ServiceName& entry : services_)
            if (entry.port == port && entry.protocol == name_of(protocol))
                return entry.name;
        return std::nullopt;
    }

  private:
    struct Host {
        lvs::Address address;
        std::vector<std::string> names;
    };
    struct ServiceName {
        std::string name;
        lvs::Port port;
        std::string protocol;
    };

    static std::string name_of(lvs::Protocol protocol) {
        return protocol == lvs::Protocol::tcp ? "tcp" : protocol == lvs::Protocol::udp ? "udp" : "sctp";
    }

    template <class Use> static void each_line(const std::string& path, const Use& use) {
        std::ifstream file(path);
        if (!file)
            throw std::runtime_error("cannot read " + path);
        std::string line;
        while (std::getline(file, line)) {
            auto words = lvs::split_words(line.substr(0, line.find('#')));
            if (words.size() >= 2)
                use(words);
        }
    }

    std::vector<Host> hosts_;
    std::vector<ServiceName> services_;
};

} // namespace golden
