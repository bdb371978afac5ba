// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address_range.h"

#include "base/text.h"

namespace lvs {

namespace {

std::optional<Address> parse_address(const std::string& word) {
    return Address::parse(word.find(':') == std::string::npos ? Family::ipv4 : Family::ipv6, word);
}

// False when the last of the family is passed.
bool advance(Address& address) {
    for (std::size_t i = address.size(); i-- > 0;)
        if (++address.bytes[i] != 0)
            return true;
    return false;
}

// The bits behind the first `prefix` ones become `bit`.
Address with_host_bits(Address address, std::size_t prefix, bool bit) {
    for (std::size_t i = 0; i < address.size(); ++i) {
        const std::size_t kept = prefix <= 8 * i ? 0 : std::min<std::size_t>(prefix - 8 * i, 8);
        const auto host = static_cast<std::uint8_t>(0xff >> kept);
        address.bytes[i] = static_cast<std::uint8_t>(bit ? address.bytes[i] | host : address.bytes[i] & ~host);
    }
    return address;
}

Result<std::vector<Address>, std::string> from_to(Address first, const Address& last, std::size_t most) {
    std::vector<Address> out{first};
    while (out.back() != last) {
        if (out.size() == most)
            return text("more than %zu addresses", most);
        if (!advance(first))
            break;
        out.push_back(first);
    }
    return out;
}

Result<std::vector<Address>, std::string> parse_network(const std::string& word, std::size_t slash, std::size_t most) {
    const auto address = parse_address(word.substr(0, slash));
    if (!address)
        return "`" + word.substr(0, slash) + "' is no address";
    const auto bits = static_cast<long>(address->size() * 8);
    const auto prefix = number(word.substr(slash + 1), 0, bits);
    if (!prefix)
        return text("`%s' is no prefix length from 0 to %ld", word.substr(slash + 1).c_str(), bits);
    const bool has_ends = address->family == Family::ipv4 && *prefix < 31; // network and broadcast address
    const auto size = static_cast<std::size_t>(*prefix);
    auto all =
        from_to(with_host_bits(*address, size, false), with_host_bits(*address, size, true), most + (has_ends ? 2 : 0));
    if (!all)
        return text("more than %zu addresses", most);
    if (has_ends)
        *all = {all->begin() + 1, all->end() - 1};
    return all;
}

Result<std::vector<Address>, std::string> parse_range(const std::string& word, std::size_t most) {
    if (const auto slash = word.find('/'); slash != std::string::npos)
        return parse_network(word, slash, most);
    const auto dash = word.find('-');
    const auto first = parse_address(word.substr(0, dash));
    if (!first)
        return "`" + word.substr(0, dash) + "' is no address";
    if (dash == std::string::npos)
        return std::vector<Address>{*first};
    const auto last = parse_address(word.substr(dash + 1));
    if (!last || last->family != first->family)
        return "`" + word.substr(dash + 1) + "' is no address of the same family";
    if (last->bytes < first->bytes)
        return std::string("the last address is before the first");
    return from_to(*first, *last, most);
}

} // namespace

Result<std::vector<Address>, std::string> parse_addresses(const std::string& words, std::size_t most) {
    std::vector<Address> all;
    for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
        end = words.find(',', begin);
        auto some = parse_range(words.substr(begin, end == std::string::npos ? end : end - begin), most);
        if (!some)
            return some.error();
        if (all.size() + some->size() > most)
            return text("more than %zu addresses", most);
        all.insert(all.end(), some->begin(), some->end());
    }
    return all;
}

} // namespace lvs
