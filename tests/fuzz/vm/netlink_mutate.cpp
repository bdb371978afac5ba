// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "netlink_grammar.h"

namespace fuzz {

namespace {

struct Place {
    Attrs* list;
    std::size_t index;
    Attr& attr() const { return (*list)[index]; }
};

void places(Attrs& list, std::vector<Place>& found) {
    for (std::size_t i = 0; i < list.size(); i++) {
        found.push_back({&list, i});
        places(list[i].children, found);
    }
}

void junk(std::vector<std::uint8_t>& bytes, std::size_t count, Random& random) {
    while (count-- > 0)
        bytes.push_back(static_cast<std::uint8_t>(random.next()));
}

void odd_value(std::vector<std::uint8_t>& value, Random& random) {
    const std::uint64_t number = random.odd_number();
    std::memcpy(value.data(), &number, std::min(value.size(), sizeof(number)));
}

void mutate_at(const Place& place, Random& random) {
    Attr& attr = place.attr();
    Attrs& list = *place.list;
    switch (random.below(13)) {
    case 0: list.erase(list.begin() + static_cast<std::ptrdiff_t>(place.index)); break;
    case 1: list.insert(list.begin() + static_cast<std::ptrdiff_t>(random.below(list.size() + 1)), Attr(attr)); break;
    case 2: std::swap(attr, random.of(list)); break;
    case 3: attr.type = static_cast<std::uint16_t>((attr.type & NLA_F_NESTED) | random.below(20)); break;
    case 4:
        attr.type = static_cast<std::uint16_t>(attr.type ^ random.pick({0x8000, 0x4000, 0xc000, 0x3fff, 0x2000}));
        break;
    case 5:
        if (!attr.value.empty())
            attr.value.resize(random.below(attr.value.size()));
        break;
    case 6: junk(attr.value, random.one_in(64) ? random.below(70000) : random.below(40), random); break;
    case 7: attr.lie = static_cast<int>(random.one_in(2) ? random.below(80) : random.odd_number() & 0xffff); break;
    case 8: odd_value(attr.value, random); break;
    case 9: // a nest in a nest in a nest
        for (std::uint64_t depth = random.between(1, 12); depth > 0; depth--) {
            Attr outer{.type = attr.type, .nest = true};
            outer.children.push_back(std::move(attr));
            attr = std::move(outer);
        }
        break;
    case 10: // a nest becomes a value, and the other way round
        attr.nest = !attr.nest;
        if (!attr.nest)
            junk(attr.value, random.below(12), random);
        break;
    case 11: attr.children.clear(); break;
    case 12: { // more than anybody expects
        const Attr copy = attr;
        list.insert(list.end(), random.below(random.one_in(16) ? 2000 : 40), copy);
        break;
    }
    }
}

void mutate_header(Request& request, Random& random) {
    switch (random.below(7)) {
    case 0: request.cmd = static_cast<std::uint8_t>(random.one_in(8) ? random.next() : random.below(20)); break;
    case 1: request.version = random.pick<std::uint8_t>({0, 1, 2, 3, 127, 255}); break;
    case 2: request.reserved = static_cast<std::uint16_t>(random.next()); break;
    case 3: request.flags ^= NLM_F_DUMP; break;
    case 4: request.flags ^= static_cast<std::uint16_t>(1U << random.below(16)); break;
    case 5: request.flags ^= random.pick<std::uint16_t>({NLM_F_ACK, NLM_F_REQUEST, NLM_F_ROOT, NLM_F_ECHO}); break;
    case 6: // no family has these; below 16 are netlink's own
        if (random.one_in(4))
            request.family = random.pick<std::uint16_t>({0, 1, 2, 3, 4, 15, 0x7ffe, 0xffff});
        break;
    }
}

void append(std::vector<std::uint8_t>& out, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    out.insert(out.end(), bytes, bytes + size);
}

void encode(std::vector<std::uint8_t>& out, const Attrs& attrs) {
    for (const Attr& attr : attrs) {
        const std::size_t start = out.size();
        nlattr header{.nla_len = 0, .nla_type = attr.type};
        append(out, &header, sizeof(header));
        if (attr.nest)
            encode(out, attr.children);
        else
            append(out, attr.value.data(), attr.value.size());
        // 16 bits: a nest that outgrows them says less than it has.
        header.nla_len =
            static_cast<std::uint16_t>(attr.lie >= 0 ? static_cast<std::size_t>(attr.lie) : out.size() - start);
        std::memcpy(out.data() + start, &header, sizeof(header));
        out.resize(NLMSG_ALIGN(out.size()));
    }
}

} // namespace

void mutate(Request& request, Random& random) {
    for (std::uint64_t n = random.one_in(4) ? random.between(2, 8) : 1; n > 0; n--) {
        std::vector<Place> found;
        places(request.attrs, found);
        if (found.size() > 5000) // enough is enough, copies of copies would fill the memory
            return;
        if (found.empty() || random.one_in(6))
            mutate_header(request, random);
        else
            mutate_at(random.of(found), random);
    }
}

std::vector<std::uint8_t> encode(const Request& request, std::uint32_t seq) {
    std::vector<std::uint8_t> out;
    nlmsghdr header{.nlmsg_type = request.family, .nlmsg_flags = request.flags, .nlmsg_seq = seq};
    const genlmsghdr genl{.cmd = request.cmd, .version = request.version, .reserved = request.reserved};
    append(out, &header, sizeof(header));
    append(out, &genl, sizeof(genl));
    encode(out, request.attrs);
    header.nlmsg_len = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &header, sizeof(header));
    return out;
}

void mutate(std::vector<std::uint8_t>& message, Random& random) {
    auto set_length = [&](std::size_t length) {
        const auto value = static_cast<std::uint32_t>(length);
        std::memcpy(message.data() + offsetof(nlmsghdr, nlmsg_len), &value, sizeof(value));
    };
    switch (random.below(5)) {
    case 0: // cut off, and it says so
        message.resize(random.between(NLMSG_HDRLEN, message.size()));
        set_length(message.size());
        break;
    case 1: // the length lies
        set_length(random.one_in(2) ? random.between(NLMSG_HDRLEN, message.size() + 8) : random.odd_number());
        break;
    case 2: // something behind the last attribute
        for (std::uint64_t n = random.between(1, 9); n > 0; n--)
            message.push_back(static_cast<std::uint8_t>(random.next()));
        set_length(message.size());
        break;
    default: // bits of the body; the header's have mutations of their own
        if (message.size() > NLMSG_HDRLEN + GENL_HDRLEN)
            for (std::uint64_t n = random.between(1, 6); n > 0; n--)
                message[random.between(NLMSG_HDRLEN + GENL_HDRLEN, message.size() - 1)] ^=
                    static_cast<std::uint8_t>(1U << random.below(8));
    }
}

} // namespace fuzz
