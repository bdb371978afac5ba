// SPDX-License-Identifier: GPL-2.0-or-later
// SIP messages, or what claims to be one: the Call-ID found is the one that a reading line by line finds, inside the
// message.
#include "fuzz.h"

#include <algorithm>
#include <string>
#include <vector>

extern "C" {
#include "core/sip.h"
}

namespace {

std::vector<std::string> lines_of(const std::string& text, bool& last_is_open) {
    std::vector<std::string> lines;
    std::string line;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '\r' && text[i] != '\n') {
            line += text[i];
            continue;
        }
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n')
            i++;
        lines.push_back(line);
        line.clear();
    }
    last_is_open = !line.empty();
    if (last_is_open)
        lines.push_back(line);
    return lines;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string naive(const std::string& text) {
    bool open = false;
    const auto lines = lines_of(text, open);
    for (std::size_t i = 1; i < lines.size() && !lines[i].empty(); i++) {
        const auto colon = lines[i].find(':');
        if (colon == std::string::npos)
            continue;
        std::string name = lines[i].substr(0, colon);
        name.erase(name.find_last_not_of(" \t") + 1);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
        if (name != "call-id" && name != "i")
            continue;
        const std::string value = trimmed(lines[i].substr(colon + 1));
        const bool clean = std::all_of(value.begin(), value.end(), [](unsigned char c) { return c > 32 && c < 127; });
        return (open && i + 1 == lines.size()) || !clean || value.size() > 255 ? "" : value;
    }
    return "";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<u8> exact(data, data + size);
    u32 at = 0;
    const u32 len = lvs_sip_call_id(exact.data(), static_cast<u32>(size), &at);

    MUST(len <= 255 && at <= size && len <= size - at);
    MUST(std::string(data + at, data + at + len) == naive(std::string(data, data + size)));
    return 0;
}
