// SPDX-License-Identifier: GPL-2.0-or-later
// What the help and the manual page say of options that several commands have.
#include "catch.hpp"

#include "ipvsadm/help.h"

#include <fstream>
#include <sstream>
#include <string>

namespace {

// From `begin` to the next `end`.
std::string part(const std::string& text, const std::string& begin, const std::string& end) {
    const std::size_t at = text.find(begin);
    REQUIRE(at != std::string::npos);
    return text.substr(at, text.find(end, at + begin.size()) - at);
}

std::string manual() {
    std::ifstream file(LVS_MANUAL);
    std::ostringstream content;
    content << file.rdbuf();
    std::string text = content.str();
    std::erase(text, '\\'); // its hyphens
    return text;
}

} // namespace

TEST_CASE("every list that --json makes a document of is named", "[help]") {
    const std::string help = part(lvs::help_text, "--json", "\n\n");
    const std::string page = manual();
    const std::string described = part(page, ".BR --json", ".SS");
    for (const char* list : {"-G", "--profile list", "--drops"}) {
        CHECK(help.find(list) != std::string::npos);
        CHECK(described.find(list) != std::string::npos);
        CHECK(part(page, std::string("fBipvsadm ") + list, "\n").find("--json") != std::string::npos);
    }
}
