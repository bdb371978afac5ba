// SPDX-License-Identifier: GPL-2.0-or-later
// An association's life: any packets from any state. It goes by the rules and never leaves the table of states.
#include "fuzz.h"
#include "sctp_rules.h"

#include <array>
#include <string>

namespace {

// The rules are text, which is slow to read.
struct Table {
    std::array<std::array<std::array<u8, LVS_SCTP_STATES>, LVS_SCTP_EVENTS>, LVS_SCTP_FLOWS> next{};

    Table() {
        for (int flow = 0; flow < LVS_SCTP_FLOWS; flow++)
            for (u8 event = 0; event < LVS_SCTP_EVENTS; event++)
                for (u8 state = 0; state < LVS_SCTP_STATES; state++)
                    next[static_cast<std::size_t>(flow)][event][state] =
                        reference::sctp_by_the_rules(flow, event, state);
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Table table;
    fuzz::Input in(data, size);
    u8 state = in.byte() % LVS_SCTP_STATES;

    while (!in.empty()) {
        const u8 flow = in.byte() % LVS_SCTP_FLOWS;
        const u8 chunk = in.byte();
        const u8 event = lvs_sctp_event_of(chunk);

        MUST(event < LVS_SCTP_EVENTS);
        const u8 next = lvs_sctp_next_state(static_cast<lvs_sctp_flow>(flow), event, state);
        MUST(next == table.next[flow][event][state]);
        MUST(std::string(lvs_sctp_state_name(next)) != "ERR!");
        MUST(lvs_sctp_state_timeout(next) >= 1 && lvs_sctp_state_timeout(next) <= 900);
        MUST(lvs_sctp_state_active(next) == (next == LVS_SCTP_ESTABLISHED));
        // Numbers that are no states have no name.
        MUST(std::string(lvs_sctp_state_name(chunk)) != "ERR!" || chunk >= LVS_SCTP_STATES);
        state = next;
    }
    return 0;
}
