// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace lvs {

std::string text(const char* format, ...) {
    char small[128]; // most texts are lines
    std::va_list args;
    std::va_list again;
    va_start(args, format);
    va_copy(again, args);
    const int size = std::vsnprintf(small, sizeof small, format, args);
    va_end(args);
    std::string out;
    if (size > 0 && static_cast<std::size_t>(size) < sizeof small) {
        out.assign(small, static_cast<std::size_t>(size));
    } else if (size > 0) {
        out.resize(static_cast<std::size_t>(size));
        std::vsnprintf(out.data(), out.size() + 1, format, again);
    }
    va_end(again);
    return out;
}

std::optional<long> number(const std::string& word, long low, long high) {
    char* end = nullptr;
    errno = 0;
    const long value = std::strtol(word.c_str(), &end, 10);
    if (end == word.c_str() || *end != '\0' || errno == ERANGE)
        return std::nullopt;
    if (value < low || value > high)
        return std::nullopt;
    return value;
}

std::vector<std::string> split_words(std::string_view line) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    std::vector<std::string> words;
    std::size_t at = line.find_first_not_of(blanks);
    while (at != std::string_view::npos) {
        const std::size_t end = line.find_first_of(blanks, at);
        words.emplace_back(line.substr(at, end - at));
        at = end == std::string_view::npos ? end : line.find_first_not_of(blanks, end);
    }
    return words;
}

} // namespace lvs
