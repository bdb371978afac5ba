// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink attributes: type-length-value, aligned to four bytes, written and read in memory only.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lvs {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

class AttributeWriter {
  public:
    void put_bytes(std::uint16_t type, ByteView value);
    void put_string(std::uint16_t type, std::string_view value); // with its terminating zero

    template <class T>
    requires std::is_trivially_copyable_v<T>
    void put(std::uint16_t type, T value) {
        std::uint8_t raw[sizeof(T)];
        std::memcpy(raw, &value, sizeof(T));
        put_bytes(type, raw);
    }

    // Returns what end_nest() wants to know.
    std::size_t begin_nest(std::uint16_t type);
    void end_nest(std::size_t start);

    std::size_t size() const { return bytes_.size(); }
    // Whether every attribute so far was short enough for its length, which has 16 bits; else none of it may be sent.
    bool fits() const { return fits_; }
    Bytes take() { return std::move(bytes_); }

  private:
    void put_length(std::size_t start); // of the attribute that began there and ends here

    Bytes bytes_;
    bool fits_ = true;
};

// A view of one attribute; lives as long as the bytes it was parsed from.
struct Attribute {
    std::uint16_t type = 0; // without the nest and byte-order flags
    ByteView value;

    template <class T>
    requires std::is_trivially_copyable_v<T> std::optional<T> as()
    const {
        if (value.size() < sizeof(T))
            return std::nullopt;
        T out{};
        std::memcpy(&out, value.data(), sizeof(T));
        return out;
    }
    std::string as_string() const; // up to the first zero
};

// The attributes of one level, in their order.
class Attributes {
  public:
    static Result<Attributes> parse(ByteView bytes);

    const std::vector<Attribute>& all() const { return list_; }
    const Attribute* find(std::uint16_t type) const; // the last of that type, as the kernel does

    // The number held by attribute `type`, 0 if it is absent or too short.
    template <class T> T get(std::uint16_t type) const {
        const Attribute* attribute = find(type);
        return attribute ? attribute->as<T>().value_or(T{}) : T{};
    }
    template <class T> bool has(std::uint16_t type) const {
        const Attribute* attribute = find(type);
        return attribute && attribute->value.size() >= sizeof(T);
    }
    std::string get_string(std::uint16_t type) const;

  private:
    std::vector<Attribute> list_;
};

// The error of a reply that does not keep to its format.
Error malformed(const char* what);

} // namespace lvs
