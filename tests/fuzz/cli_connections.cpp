// SPDX-License-Identifier: GPL-2.0-or-later
// The text of /proc/net/ip_vs_conn, whatever it may be: one row a line, or a complaint.
#include "cli.h"

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
    for (int way = 0; way < 4; ++way) {
        const lvs::ListFormat format{.numeric = (way & 1) != 0, .persistent = (way & 2) != 0};
        const auto listed = lvs::connection_rows("header\n" + rows, format, names);
        if (listed)
            MUST(std::count(listed->begin(), listed->end(), '\n') == expected, *listed);
        else
            MUST(listed.error().exit_code == lvs::exit_list_failure && !listed.error().text.empty());
    }
    return 0;
}
