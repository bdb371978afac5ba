// SPDX-License-Identifier: GPL-2.0-or-later
// The SCTP state machine as the contract states it (section 4), to hold core/sctp_state.c against: a rule says
// FROM->TO, FROM being numbers of states, ranges of them, "else" for those that no rule before took; whatever no rule
// names stays.
#pragma once

#include <sstream>
#include <string>

extern "C" {
#include "core/sctp_state.h"
}

namespace reference {

inline const char* const sctp_rules[LVS_SCTP_FLOWS][LVS_SCTP_EVENTS] = {
    {"0->8", "0->1 1/12/13->2", "0-2->5 5->6", "0/3->4 1->2", "0/7->8", "0/8->10", "0/9/11->13 1->2", "0-2/11->13",
     "0/7->13", "5->12 else->13"},
    {"0->8", "8->8 else->5", "0-2->3", "0-6->7", "0-7->8", "0-8->9", "0-4/9/10->11", "0->13", "0-4->13",
     "1->12 else->13"},
    {"0/5->8", "0->1 1/3/4/5/12/13->2", "0-5->7", "0-5->8", "0/3/4/6/7->8", "0/8->10", "0/8/9/11->13 1->2",
     "0-4/10/11->13", "0->13", "5->12 else->13"},
};

// Is the number among "1/3-5"?
inline bool in_ranges(const std::string& ranges, int number) {
    std::istringstream parts(ranges);
    for (std::string part; std::getline(parts, part, '/');) {
        const auto dash = part.find('-');
        const int low = std::stoi(part), high = dash == std::string::npos ? low : std::stoi(part.substr(dash + 1));
        if (low <= number && number <= high)
            return true;
    }
    return false;
}

inline u8 sctp_by_the_rules(int flow, u8 event, u8 state) {
    std::istringstream rules(sctp_rules[flow][event]);
    for (std::string rule; rules >> rule;) {
        const auto arrow = rule.find("->");
        const std::string from = rule.substr(0, arrow);
        if (from == "else" || in_ranges(from, state))
            return static_cast<u8>(std::stoi(rule.substr(arrow + 2)));
    }
    return state;
}

} // namespace reference
