/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP states that a director sees, and how segments move a connection through them. */
#ifndef LVS_CORE_TCP_STATE_H
#define LVS_CORE_TCP_STATE_H

#include "core/types.h"

/* Numbered as the sync protocol and the listings number them. */
enum lvs_tcp_state {
	LVS_TCP_NONE,
	LVS_TCP_ESTABLISHED,
	LVS_TCP_SYN_SENT,
	LVS_TCP_SYN_RECV,
	LVS_TCP_FIN_WAIT,
	LVS_TCP_TIME_WAIT,
	LVS_TCP_CLOSE,
	LVS_TCP_CLOSE_WAIT,
	LVS_TCP_LAST_ACK,
	LVS_TCP_LISTEN,
	LVS_TCP_SYNACK,
	LVS_TCP_STATES,
};

/* Which part of the conversation the director sees in a segment. */
enum lvs_tcp_flow {
	LVS_TCP_FLOW_IN,	/* from the client, replies are seen too */
	LVS_TCP_FLOW_OUT,	/* from the real server */
	LVS_TCP_FLOW_IN_ONLY,	/* from the client, replies bypass the director */
	LVS_TCP_FLOWS,
};

/* The bits of TCP header byte 13. */
#define LVS_TCP_F_FIN	0x01
#define LVS_TCP_F_SYN	0x02
#define LVS_TCP_F_RST	0x04
#define LVS_TCP_F_ACK	0x10

/*
 * The state that a segment with @flags (LVS_TCP_F_*) takes a connection in @state to. With @secure,
 * where the director holds out against floods of SYNs, a half-open one stays that for longer.
 */
u8 lvs_tcp_next_state(enum lvs_tcp_flow flow, u8 flags, u8 state, bool secure);

/* Connections in these states count as active, all others as inactive. */
bool lvs_tcp_state_active(u8 state);

/* "ESTABLISHED" and so on; "ERR!" for a number that is no state. */
const char *lvs_tcp_state_name(u8 state);

/* Seconds that a connection may idle in @state until configured otherwise. */
u32 lvs_tcp_state_timeout(u8 state);

#endif /* LVS_CORE_TCP_STATE_H */
