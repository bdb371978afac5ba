// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/proc_connections.h"

#include "base/text.h"

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

std::optional<Connection> read_connection(const std::vector<std::string>& words) {
    if (words.size() < 9)
        return std::nullopt;
    const auto client = read_endpoint(words[1], words[2]);
    const auto service = read_endpoint(words[3], words[4]);
    const auto dest = read_endpoint(words[5], words[6]);
    const auto expires = number(words[8], 0, 0x7fffffff);
    if (!client || !service || !dest || !expires)
        return std::nullopt;
    Connection out{words[0], *client, *service, *dest, words[7], static_cast<std::uint32_t>(*expires), {}, {}};
    if (words.size() > 10) {
        out.engine = words[9];
        out.engine_data = words[10];
    }
    return out;
}

} // namespace

std::optional<std::vector<Connection>> read_connections(const std::string& proc_text) {
    std::vector<Connection> out;
    std::istringstream lines(proc_text);
    std::string line;
    if (!std::getline(lines, line))
        return std::nullopt;
    while (std::getline(lines, line)) {
        const std::vector<std::string> words = split_words(line);
        if (words.empty())
            continue;
        auto connection = read_connection(words);
        if (!connection)
            return std::nullopt;
        out.push_back(std::move(*connection));
    }
    return out;
}

} // namespace lvs
