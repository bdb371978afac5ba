// SPDX-License-Identifier: GPL-2.0-or-later
#include "codec/attribute.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace lvs {

namespace {

constexpr std::size_t header_size = sizeof(nlattr);

std::size_t aligned(std::size_t size) {
    return (size + NLA_ALIGNTO - 1) & ~static_cast<std::size_t>(NLA_ALIGNTO - 1);
}

// Its length is not known yet.
void put_header(Bytes& bytes, std::uint16_t type) {
    const std::size_t start = bytes.size();
    const nlattr header{.nla_len = 0, .nla_type = type};
    bytes.resize(start + header_size);
    std::memcpy(bytes.data() + start, &header, header_size);
}

} // namespace

void AttributeWriter::put_bytes(std::uint16_t type, ByteView value) {
    const std::size_t start = bytes_.size();
    put_header(bytes_, type);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    put_length(start);
    bytes_.resize(aligned(bytes_.size()));
}

void AttributeWriter::put_string(std::uint16_t type, std::string_view value) {
    Bytes raw(value.begin(), value.end());
    raw.push_back(0);
    put_bytes(type, raw);
}

std::size_t AttributeWriter::begin_nest(std::uint16_t type) {
    const std::size_t start = bytes_.size();
    // Strict kernel policies insist on the flag; older ones mask it off.
    put_header(bytes_, static_cast<std::uint16_t>(type | NLA_F_NESTED));
    return start;
}

void AttributeWriter::end_nest(std::size_t start) {
    put_length(start);
}

void AttributeWriter::put_length(std::size_t start) {
    const std::size_t size = bytes_.size() - start;
    const auto length = static_cast<std::uint16_t>(size);
    fits_ = fits_ && length == size;
    std::memcpy(bytes_.data() + start + offsetof(nlattr, nla_len), &length, sizeof length);
}

std::string Attribute::as_string() const {
    const auto end = std::find(value.begin(), value.end(), std::uint8_t{0});
    return {value.begin(), end};
}

Result<Attributes> Attributes::parse(ByteView bytes) {
    Attributes out;
    out.list_.reserve(16); // as many as the largest nests have
    while (!bytes.empty()) {
        nlattr header{};
        if (bytes.size() < header_size)
            return malformed("attribute header cut short");
        std::memcpy(&header, bytes.data(), header_size);
        if (header.nla_len < header_size || header.nla_len > bytes.size())
            return malformed("attribute longer than its message");
        out.list_.push_back({static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                             bytes.subspan(header_size, header.nla_len - header_size)});
        bytes = bytes.subspan(std::min(aligned(header.nla_len), bytes.size()));
    }
    return out;
}

const Attribute* Attributes::find(std::uint16_t type) const {
    const auto found = std::find_if(list_.rbegin(), list_.rend(), [&](const Attribute& a) { return a.type == type; });
    return found == list_.rend() ? nullptr : &*found;
}

std::string Attributes::get_string(std::uint16_t type) const {
    const Attribute* attribute = find(type);
    return attribute ? attribute->as_string() : std::string{};
}

Error malformed(const char* what) {
    return {EBADMSG, std::string("malformed reply from the kernel: ") + what, std::nullopt};
}

} // namespace lvs
