// SPDX-License-Identifier: GPL-2.0-or-later
// Rules from a file, into a director that has some already: all of them or none, with a kernel that knows transactions
// and with one that does not. Errors name the file and the line.
#include "cli.h"

using namespace fuzz;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    std::string line;
    while (std::getline(in, line))
        lines.push_back(line);
    return lines;
}

// `rules:LINE: why`, the line being one that has words; `rules: why` if it is about none in particular.
void check_error_line(const std::string& line, const std::vector<std::string>& rules) {
    const std::string start = "rules:";
    MUST(line.starts_with(start), line);
    const std::string rest = line.substr(start.size());
    if (rest.starts_with(' ')) {
        MUST(rest.size() > 1, line);
        return;
    }
    char* end = nullptr;
    const unsigned long number = std::strtoul(rest.c_str(), &end, 10);
    MUST(number >= 1 && number <= rules.size(), line);
    MUST(std::string(end).starts_with(": ") && std::strlen(end) > 2, line);
    MUST(!lvs::split_words(rules[number - 1]).empty(), line);
}

void check_errors(const Answer& answer, const std::vector<std::string>& rules) {
    const std::vector<std::string> said = lines_of(answer.err);
    MUST(said.size() >= 2, answer.err); // which line, and what became of the rest
    std::size_t i = 0;
    for (; i < said.size() && said[i].starts_with("rules"); ++i)
        check_error_line(said[i], rules);
    MUST(i > 0 && i < said.size(), answer.err);
    MUST(said[i] == "Nothing was changed." || said[i].find(" made before the error ") != std::string::npos, answer.err);
    // Counters have no inverse; anything else that stays changed is a defect.
    for (++i; i < said.size(); ++i)
        MUST(said[i] == "  counters that were zeroed stay zero", answer.err);
}

void restore(const std::string& program, const std::string& rules, bool extensions) {
    Tool tool;
    MUST(tool.run("-R", present).exit_code == 0);
    tool.kernel->extensions = extensions;
    const State before = state_of(*tool.kernel);

    const Answer answer = program == "ipvsadm" ? tool.run("-R", rules) : tool.run(program, {}, rules);
    MUST(is_exit_code(answer.exit_code) && answer.out.empty());
    MUST((answer.exit_code == 0) == answer.err.empty(), answer.err);
    if (answer.exit_code != 0) {
        MUST(state_of(*tool.kernel) == before, answer.err);
        check_errors(answer, lines_of(rules));
    }
    check_saved(tool);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string rules(reinterpret_cast<const char*>(data), size);

    restore("ipvsadm", rules, true);
    restore("ipvsadm", rules, false);
    restore("ipvsadm-restore", rules, size % 2);
    return 0;
}
