// SPDX-License-Identifier: GPL-2.0-or-later
// Lines of a control connection, or what claims to be one: what is read lies inside the line and, written again, is
// read as the same.
#include "fuzz.h"

#include <algorithm>
#include <string>
#include <vector>

extern "C" {
#include "core/ftp.h"
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool reply = input.flag();
    const auto rest = input.rest();
    if (rest.empty()) // which the module does not ask about
        return 0;
    std::vector<u8> text(rest.begin(), rest.end());
    lvs_ftp_line line;
    const auto kind = lvs_ftp_parse(text.data(), static_cast<u32>(text.size()), reply, &line);

    MUST(kind == line.kind);
    if (kind == LVS_FTP_NONE)
        return 0;
    const auto end = std::find(text.begin(), text.end(), '\r') - text.begin();
    MUST(line.at + line.len <= end && line.port);
    MUST(reply == (kind == LVS_FTP_PASV || kind == LVS_FTP_EPSV));

    u8 written[LVS_FTP_TEXT_MAX];
    const u32 len = lvs_ftp_format(&line, written);
    MUST(len && len <= sizeof written);
    text.erase(text.begin() + line.at, text.begin() + line.at + line.len);
    text.insert(text.begin() + line.at, written, written + len);
    lvs_ftp_line again;
    MUST(lvs_ftp_parse(text.data(), static_cast<u32>(text.size()), reply, &again) == kind);
    MUST(again.at == line.at && again.len == len && again.port == line.port && again.af == line.af);
    MUST(!std::memcmp(&again.addr, &line.addr, sizeof line.addr));
    return 0;
}
