// SPDX-License-Identifier: GPL-2.0-or-later
// A connection's life: any segments from any state. It goes by the rules and never leaves the table of states.
#include "fuzz.h"
#include "tcp_rules.h"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in(data, size);
    u8 state = in.byte() % LVS_TCP_STATES;

    while (!in.empty()) {
        const auto flow = static_cast<lvs_tcp_flow>(in.byte() % LVS_TCP_FLOWS);
        const u8 flags = in.byte();
        const bool secure = flags & 0x80;
        const u8 next = lvs_tcp_next_state(flow, flags, state, secure);
        const u8 usual = reference::by_the_rules(flow, flags, state);

        MUST(next < LVS_TCP_STATES);
        MUST(next == (secure ? reference::by_the_secure_rules(flow, flags, state, usual) : usual));
        MUST(lvs_tcp_next_state(flow, flags & 0x17, state, secure) == next); // other bits say nothing
        MUST(std::string(lvs_tcp_state_name(next)) != "ERR!");
        MUST(lvs_tcp_state_timeout(next) >= 2 && lvs_tcp_state_timeout(next) <= 900);
        MUST(lvs_tcp_state_active(next) ==
             reference::among(next, {LVS_TCP_ESTABLISHED, LVS_TCP_SYN_SENT, LVS_TCP_SYN_RECV, LVS_TCP_SYNACK}));
        // Numbers that are no states have no name.
        MUST(std::string(lvs_tcp_state_name(flags)) != "ERR!" || flags >= LVS_TCP_STATES);
        state = next;
    }
    return 0;
}
