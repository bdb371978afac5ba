// SPDX-License-Identifier: GPL-2.0-or-later
// core/tcp_state.c against the rules as prose states them (contract, section 4).
#include "catch.hpp"
#include "tcp_rules.h"

#include <string>

using namespace reference;

TEST_CASE("every TCP transition is the contract's") {
    for (int flow = 0; flow < LVS_TCP_FLOWS; flow++)
        for (unsigned flags = 0; flags < 0x40; flags++)
            for (u8 state = 0; state < LVS_TCP_STATES; state++) {
                const auto f = static_cast<lvs_tcp_flow>(flow);
                INFO("flow " << flow << " flags " << flags << " from " << lvs_tcp_state_name(state));
                CHECK(std::string(lvs_tcp_state_name(lvs_tcp_next_state(f, static_cast<u8>(flags), state, false))) ==
                      lvs_tcp_state_name(by_the_rules(f, static_cast<u8>(flags), state)));
                CHECK(std::string(lvs_tcp_state_name(lvs_tcp_next_state(f, static_cast<u8>(flags), state, true))) ==
                      lvs_tcp_state_name(by_the_secure_rules(f, static_cast<u8>(flags), state,
                                                             by_the_rules(f, static_cast<u8>(flags), state))));
            }
}

TEST_CASE("a NAT connection's ordinary life") {
    u8 state = NO;
    state = lvs_tcp_next_state(LVS_TCP_FLOW_IN, LVS_TCP_F_SYN, state, false);
    CHECK(state == SR);
    state = lvs_tcp_next_state(LVS_TCP_FLOW_OUT, LVS_TCP_F_SYN | LVS_TCP_F_ACK, state, false);
    CHECK(state == SR);
    state = lvs_tcp_next_state(LVS_TCP_FLOW_IN, LVS_TCP_F_ACK, state, false);
    CHECK(state == ES);
    state = lvs_tcp_next_state(LVS_TCP_FLOW_OUT, LVS_TCP_F_FIN | LVS_TCP_F_ACK, state, false);
    CHECK(state == FW);
    state = lvs_tcp_next_state(LVS_TCP_FLOW_IN, LVS_TCP_F_FIN | LVS_TCP_F_ACK, state, false);
    CHECK(state == TW);
}

TEST_CASE("TCP timeouts, activity and names") {
    const struct {
        u8 state;
        const char* name;
        u32 timeout;
        bool active;
    } expected[] = {
        {NO, "NONE", 2, false},     {ES, "ESTABLISHED", 900, true}, {SS, "SYN_SENT", 120, true},
        {SR, "SYN_RECV", 60, true}, {FW, "FIN_WAIT", 120, false},   {TW, "TIME_WAIT", 120, false},
        {CL, "CLOSE", 10, false},   {CW, "CLOSE_WAIT", 60, false},  {LA, "LAST_ACK", 30, false},
        {LI, "LISTEN", 120, false}, {SA, "SYNACK", 120, true},
    };
    u8 number = 0;
    for (const auto& e : expected) {
        CHECK(e.state == number++);
        CHECK(std::string(lvs_tcp_state_name(e.state)) == e.name);
        CHECK(lvs_tcp_state_timeout(e.state) == e.timeout);
        CHECK(lvs_tcp_state_active(e.state) == e.active);
    }
    CHECK(number == LVS_TCP_STATES);
    CHECK(std::string(lvs_tcp_state_name(LVS_TCP_STATES)) == "ERR!");
}
