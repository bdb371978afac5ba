// SPDX-License-Identifier: GPL-2.0-or-later
#include "scenario.h"

#include "base/text.h"

#include <istream>
#include <ostream>
#include <sstream>
#include <stdexcept>

namespace golden {

namespace {

void write_stream(std::ostream& out, char mark, const std::string& content) {
    std::istringstream lines(content);
    std::string line;
    while (std::getline(lines, line))
        out << mark << (line.empty() ? "" : " ") << line << "\n";
    if (!content.empty() && content.back() != '\n')
        out << mark << "\\\n";
}

void read_stream(std::string& content, const std::string& line) {
    if (line.size() == 2 && line[1] == '\\') {
        content.pop_back();
        return;
    }
    content += line.size() > 2 ? line.substr(2) : "";
    content += '\n';
}

} // namespace

std::vector<std::string> Step::words() const {
    std::vector<std::string> words = lvs::split_words(command);
    for (std::string& word : words)
        if (word == "''")
            word.clear();
    return words;
}

Scenario read_scenario(std::istream& in) {
    Scenario scenario;
    std::string line;
    while (std::getline(in, line)) {
        const char mark = line.empty() ? '#' : line[0];
        if (mark == '#') {
            scenario.after.push_back(line);
            continue;
        }
        if (mark == '$') {
            Step step;
            step.before.swap(scenario.after);
            step.command = line.substr(std::min<std::size_t>(line.size(), 2));
            scenario.steps.push_back(std::move(step));
            continue;
        }
        if (scenario.steps.empty())
            throw std::runtime_error("a line before the first command: " + line);
        Step& step = scenario.steps.back();
        switch (mark) {
        case '<': read_stream(step.input, line); break;
        case '|': read_stream(step.expected.out, line); break;
        case '!': read_stream(step.expected.err, line); break;
        case '=': step.expected.exit_code = std::stoi(line.substr(1)); break;
        default: throw std::runtime_error("a line of no kind: " + line);
        }
    }
    return scenario;
}

void write_answer(std::ostream& out, const Answer& answer) {
    out << "= " << answer.exit_code << "\n";
    write_stream(out, '|', answer.out);
    write_stream(out, '!', answer.err);
}

void write_scenario(std::ostream& out, const Scenario& scenario) {
    for (const Step& step : scenario.steps) {
        for (const std::string& line : step.before)
            out << line << "\n";
        out << "$" << (step.command.empty() ? "" : " ") << step.command << "\n";
        write_stream(out, '<', step.input);
        write_answer(out, step.expected);
    }
    for (const std::string& line : scenario.after)
        out << line << "\n";
}

} // namespace golden
