// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvs {

// printf into a string: the columns of ipvsadm are defined by printf's field widths.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

// The whole of `word` as a decimal number within [low, high]. Leading blanks and a sign are
// accepted, as strtol does.
std::optional<long> number(const std::string& word, long low, long high);

// The words of a line, separated by blanks and tabs.
std::vector<std::string> split_words(std::string_view line);

} // namespace lvs
