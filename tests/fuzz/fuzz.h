// SPDX-License-Identifier: GPL-2.0-or-later
// What the fuzz targets share: reading their input, and ending with a message when a promise is broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

[[noreturn]] inline void broken(const char* promise, const char* file, int line, const std::string& detail = {}) {
    std::fprintf(stderr, "%s:%d: broken: %s\n%s%s", file, line, promise, detail.c_str(), detail.empty() ? "" : "\n");
    std::abort();
}

// The bytes that the fuzzer made up, read as values; zeros once they are used up.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    bool empty() const { return left_.empty(); }
    std::span<const std::uint8_t> rest() const { return left_; }

    template <class T> T get() {
        T value{};
        const std::size_t size = left_.size() < sizeof value ? left_.size() : sizeof value;
        if (size)
            std::memcpy(&value, left_.data(), size);
        left_ = left_.subspan(size);
        return value;
    }
    std::uint8_t byte() { return get<std::uint8_t>(); }
    bool flag() { return byte() & 1; }
    std::uint32_t below(std::uint32_t limit) { return get<std::uint32_t>() % limit; }

  private:
    std::span<const std::uint8_t> left_;
};

} // namespace fuzz

// The second form says more than the condition: a std::string.
#define MUST(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz::broken(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__);                                   \
    } while (false)
