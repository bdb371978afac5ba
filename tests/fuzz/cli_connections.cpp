// SPDX-License-Identifier: GPL-2.0-or-later
// The text of /proc/net/ip_vs_conn, whatever it may be: one row a line, or nothing.
#include "cli.h"

#include "codec/proc_connections.h"
#include "ipvsadm/render.h"

using namespace fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string rows(reinterpret_cast<const char*>(data), size);
    const test::Names names;
    std::istringstream in(rows);
    std::string line;
    long expected = 2; // title and header

    while (std::getline(in, line))
        expected += !lvs::split_words(line).empty();
    const auto connections = lvs::read_connections("header\n" + rows);
    if (!connections)
        return 0;
    for (int way = 0; way < 4; ++way) {
        const lvs::ListFormat format{.numeric = (way & 1) != 0, .persistent = (way & 2) != 0};
        const std::string listed = lvs::connection_rows(*connections, format, names);
        MUST(std::count(listed.begin(), listed.end(), '\n') == expected, listed);
    }
    MUST(lvs::connections_json(*connections, lvs::JsonStyle::line).ends_with("]}\n"));
    return 0;
}
