// SPDX-License-Identifier: GPL-2.0-or-later
// Command lines, one a line, their words separated by one blank each ('' or nothing: an empty word), carried out one
// after another. A refused one says why and changes nothing; what is set can be listed, saved, restored and encoded.
#include "cli.h"
#include "codec.h"

#include "ipvsadm/parse.h"

using namespace fuzz;

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    std::string part;
    while (std::getline(in, part, separator))
        parts.push_back(part == "''" ? "" : part);
    return parts;
}

void check_codec(const std::vector<std::string>& words, const lvs::Resolver& names) {
    const auto command = lvs::parse_command("ipvsadm", words, names);
    MUST(command); // it was carried out
    if (const auto* operation = std::get_if<lvs::Operation>(&*command))
        check_operation(*operation);
    else if (const auto* changes = std::get_if<lvs::Changes>(&*command))
        for (const lvs::Operation& change : changes->operations)
            check_operation(change);
    else if (const auto* start = std::get_if<lvs::StartDaemon>(&*command))
        check_daemon(start->daemon);
    else if (const auto* set = std::get_if<lvs::SetTimeouts>(&*command))
        check_timeouts(set->timeouts);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> lines = split({reinterpret_cast<const char*>(data), size}, '\n');
    lines.resize(std::min<std::size_t>(lines.size(), 24));
    Tool tool;
    MUST(tool.run("-R", present).exit_code == 0);

    for (const std::string& line : lines) {
        std::vector<std::string> words = split(line, ' ');
        std::string program = "ipvsadm";
        if (!words.empty() && words.front().starts_with("ipvsadm")) {
            program = words.front();
            words.erase(words.begin());
        }
        const State before = state_of(*tool.kernel);
        const Answer answer = tool.run(program, words);

        MUST(is_exit_code(answer.exit_code), line);
        MUST((answer.exit_code == 0) == answer.err.empty(), line + "\n" + answer.err);
        MUST(answer.err.empty() || answer.err.back() == '\n', line);
        if (answer.exit_code != 0) {
            MUST(answer.out.empty(), line + "\n" + answer.out);
            MUST(state_of(*tool.kernel) == before, line);
        } else if (program == "ipvsadm" || program.ends_with("/ipvsadm")) {
            check_codec(words, tool.names);
        }
    }
    check_saved(tool);
    check_listings(tool);
    return 0;
}
