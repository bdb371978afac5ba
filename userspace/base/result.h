// SPDX-License-Identifier: GPL-2.0-or-later
// A value or the reason there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace lvs {

// What the kernel, or the way to it, answered.
struct Error {
    int code = 0;                        // errno value
    std::string message;                 // the kernel's extended-ack text, or ours; may be empty
    std::optional<std::uint32_t> offset; // where in the request the kernel found it (from its nlmsghdr)

    bool operator==(const Error&) const = default;
};

template <class T, class E = Error> class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const E& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, E> state_;
};

template <class E> class [[nodiscard]] Result<void, E> {
  public:
    Result() = default;
    Result(E error) : error_(std::move(error)) {}

    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    const E& error() const { return *error_; }

  private:
    std::optional<E> error_;
};

} // namespace lvs
