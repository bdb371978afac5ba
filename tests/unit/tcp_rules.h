// SPDX-License-Identifier: GPL-2.0-or-later
// The TCP state machine as prose states it (contract, section 4), to hold core/tcp_state.c against.
#pragma once

#include <initializer_list>

extern "C" {
#include "core/tcp_state.h"
}

namespace reference {

constexpr u8 NO = LVS_TCP_NONE, ES = LVS_TCP_ESTABLISHED, SS = LVS_TCP_SYN_SENT, SR = LVS_TCP_SYN_RECV,
             FW = LVS_TCP_FIN_WAIT, TW = LVS_TCP_TIME_WAIT, CL = LVS_TCP_CLOSE, CW = LVS_TCP_CLOSE_WAIT,
             LA = LVS_TCP_LAST_ACK, LI = LVS_TCP_LISTEN, SA = LVS_TCP_SYNACK;

inline bool among(u8 state, std::initializer_list<u8> states) {
    for (u8 s : states)
        if (s == state)
            return true;
    return false;
}

// What secure_tcp changes, and nothing where it changes nothing.
inline u8 by_the_secure_rules(lvs_tcp_flow flow, u8 flags, u8 s, u8 otherwise) {
    const bool rst = flags & LVS_TCP_F_RST, syn = !rst && flags & LVS_TCP_F_SYN;
    const bool fin = !rst && !syn && flags & LVS_TCP_F_FIN;
    const bool ack = !rst && !syn && !fin && flags & LVS_TCP_F_ACK;

    if (flow == LVS_TCP_FLOW_IN) {
        if (s == SA)
            return syn || fin || ack ? SA : CL;
        return s == SR && ack ? SR : otherwise;
    }
    if (flow == LVS_TCP_FLOW_OUT)
        return syn && among(s, {SR, SA}) ? SA : otherwise;
    return syn && among(s, {NO, FW, TW, CL, CW, LA, LI, SA}) ? SA : otherwise;
}

inline u8 by_the_rules(lvs_tcp_flow flow, u8 flags, u8 s) {
    const bool out = flow == LVS_TCP_FLOW_OUT;
    const bool in_only = flow == LVS_TCP_FLOW_IN_ONLY;

    if (flags & LVS_TCP_F_RST) {
        if (out)
            return among(s, {SS, TW}) ? s : CL;
        if (among(s, {SR, LA, LI}))
            return s;
        return s == SA && !in_only ? SR : CL;
    }
    if (flags & LVS_TCP_F_SYN) {
        if (out)
            return among(s, {ES, SR, LI}) ? s : s == SA ? SR : SS;
        return among(s, {ES, SS}) ? ES : SR;
    }
    if (flags & LVS_TCP_F_FIN) {
        if (out)
            return s == ES ? FW : among(s, {NO, SR, CW, SA}) ? TW : s;
        if (s == NO)
            return CL;
        if (s == ES)
            return in_only ? FW : CW;
        if (s == FW)
            return in_only ? FW : TW;
        return among(s, {SR, TW, SA}) ? TW : s;
    }
    if (flags & LVS_TCP_F_ACK) {
        if (out)
            return among(s, {NO, SR, LI, SA}) ? ES : s;
        return among(s, {NO, SR, SA}) ? ES : s == LA ? CL : s;
    }
    return CL;
}

} // namespace reference
