// SPDX-License-Identifier: GPL-2.0-or-later
// core/sctp_state.c against the rules as the contract states them (section 4).
#include "catch.hpp"
#include "sctp_rules.h"

TEST_CASE("every SCTP transition is the contract's") {
    for (int flow = 0; flow < LVS_SCTP_FLOWS; flow++)
        for (u8 event = 0; event < LVS_SCTP_EVENTS; event++)
            for (u8 state = 0; state < LVS_SCTP_STATES; state++) {
                INFO("flow " << flow << " event " << int{event} << " from " << lvs_sctp_state_name(state));
                CHECK(int{lvs_sctp_next_state(static_cast<lvs_sctp_flow>(flow), event, state)} ==
                      int{reference::sctp_by_the_rules(flow, event, state)});
            }
}

TEST_CASE("what a chunk means") {
    // DATA, INIT ... SHUTDOWN COMPLETE by their numbers in RFC 9260; 3 SACK, 4 and 5 heartbeats, 12 and 13 ECNE and
    // CWR.
    const u8 meaning[] = {LVS_SCTP_EV_DATA,  LVS_SCTP_EV_INIT,        LVS_SCTP_EV_INIT_ACK,
                          LVS_SCTP_EV_DATA,  LVS_SCTP_EV_DATA,        LVS_SCTP_EV_DATA,
                          LVS_SCTP_EV_ABORT, LVS_SCTP_EV_SHUTDOWN,    LVS_SCTP_EV_SHUTDOWN_ACK,
                          LVS_SCTP_EV_ERROR, LVS_SCTP_EV_COOKIE_ECHO, LVS_SCTP_EV_COOKIE_ACK,
                          LVS_SCTP_EV_DATA,  LVS_SCTP_EV_DATA,        LVS_SCTP_EV_SHUTDOWN_COMPLETE};
    for (unsigned chunk = 0; chunk < 256; chunk++) {
        INFO("chunk " << chunk);
        CHECK(int{lvs_sctp_event_of(static_cast<u8>(chunk))} ==
              (chunk < sizeof(meaning) ? meaning[chunk] : u8{LVS_SCTP_EV_DATA}));
    }
}

TEST_CASE("an association's ordinary life through NAT") {
    u8 state = LVS_SCTP_NONE;
    const struct {
        lvs_sctp_flow flow;
        u8 event, state;
    } life[] = {
        {LVS_SCTP_FLOW_IN, LVS_SCTP_EV_INIT, LVS_SCTP_INIT1},
        {LVS_SCTP_FLOW_OUT, LVS_SCTP_EV_INIT_ACK, LVS_SCTP_COOKIE_SENT},
        {LVS_SCTP_FLOW_IN, LVS_SCTP_EV_COOKIE_ECHO, LVS_SCTP_COOKIE_REPLIED},
        {LVS_SCTP_FLOW_OUT, LVS_SCTP_EV_COOKIE_ACK, LVS_SCTP_ESTABLISHED},
        {LVS_SCTP_FLOW_IN, LVS_SCTP_EV_DATA, LVS_SCTP_ESTABLISHED},
        {LVS_SCTP_FLOW_IN, LVS_SCTP_EV_SHUTDOWN, LVS_SCTP_SHUTDOWN_RECEIVED},
        {LVS_SCTP_FLOW_OUT, LVS_SCTP_EV_SHUTDOWN_ACK, LVS_SCTP_SHUTDOWN_ACK_SENT},
        {LVS_SCTP_FLOW_IN, LVS_SCTP_EV_SHUTDOWN_COMPLETE, LVS_SCTP_CLOSED},
    };
    for (const auto& step : life) {
        state = lvs_sctp_next_state(step.flow, step.event, state);
        CHECK(int{state} == int{step.state});
    }
}

TEST_CASE("SCTP timeouts, activity and names") {
    const struct {
        const char* name;
        u32 timeout;
    } expected[] = {{"NONE", 2},        {"INIT1", 4},       {"INIT", 61},     {"C-SENT", 61},       {"C-REPLIED", 61},
                    {"C-WAIT", 61},     {"COOKIE", 61},     {"C-ECHOED", 61}, {"ESTABLISHED", 900}, {"S-SENT", 61},
                    {"S-RECEIVED", 61}, {"S-ACK-SENT", 61}, {"REJECTED", 4},  {"CLOSED", 61}};
    u8 state = 0;
    for (const auto& e : expected) {
        CHECK(std::string(lvs_sctp_state_name(state)) == e.name);
        CHECK(lvs_sctp_state_timeout(state) == e.timeout);
        CHECK(lvs_sctp_state_active(state) == (state == 8));
        state++;
    }
    CHECK(state == LVS_SCTP_STATES);
    CHECK(std::string(lvs_sctp_state_name(LVS_SCTP_STATES)) == "ERR!");
}
