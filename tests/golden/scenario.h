// SPDX-License-Identifier: GPL-2.0-or-later
// Golden scenarios: command lines and what ipvsadm answers, byte for byte.
//
//     # a comment
//     $ -A -t 192.0.2.10:80 -s rr        the arguments; '' is an empty one
//     < a line of standard input
//     = 0                                the exit code
//     | a line of standard output
//     ! a line of standard error
//
// A backslash alone after the mark says that the last line of that stream has no newline.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace golden {

struct Answer {
    int exit_code = 0;
    std::string out;
    std::string err;
    bool operator==(const Answer&) const = default;
};

struct Step {
    std::vector<std::string> before; // comments and blank lines, kept when recording
    std::string command;
    std::string input;
    Answer expected;

    std::vector<std::string> words() const;
};

struct Scenario {
    std::vector<Step> steps;
    std::vector<std::string> after;
};

Scenario read_scenario(std::istream& in);
void write_scenario(std::ostream& out, const Scenario& scenario);
void write_answer(std::ostream& out, const Answer& answer);

} // namespace golden
