// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

#include <arpa/inet.h>

#include <cstring>
#include <sstream>

namespace lvs {

namespace {

std::optional<unsigned long> hexadecimal(const std::string& word, std::size_t digits) {
    if (word.empty() || word.size() > digits || word.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        return std::nullopt;
    return std::stoul(word, nullptr, 16);
}

// IPv4 as eight hexadecimal digits, IPv6 with colons, with or without brackets.
std::optional<Endpoint> read_endpoint(std::string address, const std::string& port) {
    Endpoint out;
    if (address.size() > 2 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
    if (address.find(':') != std::string::npos) {
        auto parsed = Address::parse(Family::ipv6, address);
        if (!parsed)
            return std::nullopt;
        out.address = *parsed;
    } else {
        const auto value = hexadecimal(address, 8);
        if (!value)
            return std::nullopt;
        const std::uint32_t raw = htonl(static_cast<std::uint32_t>(*value));
        std::memcpy(out.address.bytes.data(), &raw, sizeof raw);
    }
    const auto number = hexadecimal(port, 4);
    if (!number)
        return std::nullopt;
    out.port = {static_cast<std::uint16_t>(*number)};
    return out;
}

Protocol protocol_of(const std::string& name) {
    if (name == "UDP")
        return Protocol::udp;
    if (name == "SCTP")
        return Protocol::sctp;
    return Protocol::tcp;
}

} // namespace

Result<std::string, Failure> connection_rows(const std::string& proc_text, const ListFormat& format,
                                             const Resolver& names) {
    const Failure unexpected{exit_list_failure, "unexpected input from /proc/net/ip_vs_conn"};
    std::istringstream lines(proc_text);
    std::string line;
    if (!std::getline(lines, line))
        return unexpected;

    std::string out = "IPVS connection entries\n";
    if (format.persistent)
        out += text("pro expire %-11s %-18s %-18s %-18s %-16s %s\n", "state", "source", "virtual", "destination",
                    "pe name", "pe_data");
    else
        out += text("pro expire %-11s %-18s %-18s %s\n", "state", "source", "virtual", "destination");

    while (std::getline(lines, line)) {
        const std::vector<std::string> words = split_words(line);
        if (words.empty())
            continue;
        if (words.size() < 9)
            return unexpected;
        const auto client = read_endpoint(words[1], words[2]);
        const auto service = read_endpoint(words[3], words[4]);
        const auto dest = read_endpoint(words[5], words[6]);
        const auto expires = number(words[8], 0, 0x7fffffff);
        if (!client || !service || !dest || !expires)
            return unexpected;

        const Protocol protocol = protocol_of(words[0]);
        const std::string rest[] = {endpoint_text(*client, protocol, format.numeric, names),
                                    endpoint_text(*service, protocol, format.numeric, names),
                                    endpoint_text(*dest, protocol, format.numeric, names)};
        const std::string expiry = text("%02ld:%02ld", *expires / 60, *expires % 60);
        out += text("%-3s %-6s %-11s %-18s %-18s ", words[0].c_str(), expiry.c_str(), words[7].c_str(), rest[0].c_str(),
                    rest[1].c_str());
        if (format.persistent && words.size() > 10)
            out += text("%-18s %-16s %s\n", rest[2].c_str(), words[9].c_str(), words[10].c_str());
        else
            out += text("%s\n", rest[2].c_str());
    }
    return out;
}

} // namespace lvs
