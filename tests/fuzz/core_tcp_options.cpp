// SPDX-License-Identifier: GPL-2.0-or-later
// TCP options, any bytes: nothing but what is meant changes, and nothing outside them is touched.
#include "fuzz.h"

extern "C" {
#include "core/tcp_options.h"
}

#include <algorithm>
#include <vector>

namespace {

using Bytes = std::vector<u8>;

struct Option {
    u8 kind;
    Bytes body;
    bool operator==(const Option&) const = default;
};

// Byte by byte, in the words of the RFC.
std::vector<Option> naive(const Bytes& bytes) {
    std::vector<Option> out;
    std::size_t i = 0;
    while (i < bytes.size()) {
        if (bytes[i] == 0)
            break;
        if (bytes[i] == 1) {
            ++i;
            continue;
        }
        if (i + 1 >= bytes.size() || bytes[i + 1] < 2 || i + bytes[i + 1] > bytes.size())
            break;
        out.push_back({bytes[i], Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(i) + 2,
                                       bytes.begin() + static_cast<std::ptrdiff_t>(i) + bytes[i + 1])});
        i += bytes[i + 1];
    }
    return out;
}

u32 be32(const Bytes& body, std::size_t at) {
    return u32{body[at]} << 24 | u32{body[at + 1]} << 16 | u32{body[at + 2]} << 8 | body[at + 3];
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    const u8 kind = in.byte(), length = in.byte() % 24;
    const u16 room = in.byte();
    const u32 delta = in.get<u32>();
    Bytes bytes;
    while (!in.empty() && bytes.size() < LVS_TCP_MAX_OPTIONS)
        bytes.push_back(in.byte());
    const u32 len = static_cast<u32>(bytes.size());
    const std::vector<Option> before = naive(bytes);

    Bytes changed = bytes;
    u32 offset = 0, n = 0;
    for (lvs_tcp_option option; lvs_tcp_option_next(changed.data(), len, &offset, &option); ++n)
        MUST(n < before.size() && before[n].kind == option.kind &&
             before[n].body == Bytes(option.at + 2, option.at + option.len));
    MUST(n == before.size());

    lvs_tcp_options_shift_sack(changed.data(), len, delta);
    std::vector<Option> after = naive(changed);
    MUST(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
        if (before[i].kind != 5 || before[i].body.size() % 8) {
            MUST(after[i] == before[i]);
            continue;
        }
        for (std::size_t at = 0; at < after[i].body.size(); at += 4)
            MUST(be32(after[i].body, at) == be32(before[i].body, at) - delta);
    }

    changed = bytes;
    if (lvs_tcp_options_lower_mss(changed.data(), len, room))
        MUST(std::count_if(before.begin(), before.end(), [](const Option& o) { return o.kind == 2; }) > 0);
    else
        MUST(changed == bytes);

    changed = bytes;
    const std::uint32_t most = room * 8u;
    const auto mss_of = [](const std::vector<Option>& options) {
        for (const Option& o : options)
            if (o.kind == 2 && o.body.size() == 2)
                return std::int32_t{o.body[0] << 8 | o.body[1]};
        return std::int32_t{-1};
    };
    const std::int32_t stated = mss_of(before);
    const bool capped = lvs_tcp_options_cap_mss(changed.data(), len, most);
    MUST(capped == (stated > static_cast<std::int32_t>(most)));
    MUST(mss_of(naive(changed)) == (capped ? static_cast<std::int32_t>(most) : stated));
    MUST(capped || changed == bytes);

    changed = bytes;
    lvs_tcp_options_blank(changed.data(), len, kind, length);
    if (kind > 1)
        for (const Option& option : naive(changed))
            MUST(option.kind != kind || (length && option.body.size() + 2 != length));
    return 0;
}
