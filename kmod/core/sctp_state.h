/* SPDX-License-Identifier: GPL-2.0-only */
/* The SCTP states that a director sees, and how packets move an association through them. */
#ifndef LVS_CORE_SCTP_STATE_H
#define LVS_CORE_SCTP_STATE_H

#include "core/types.h"

/* Numbered as the sync protocol and the listings number them. */
enum lvs_sctp_state {
	LVS_SCTP_NONE,
	LVS_SCTP_INIT1,
	LVS_SCTP_INIT,
	LVS_SCTP_COOKIE_SENT,
	LVS_SCTP_COOKIE_REPLIED,
	LVS_SCTP_COOKIE_WAIT,
	LVS_SCTP_COOKIE,
	LVS_SCTP_COOKIE_ECHOED,
	LVS_SCTP_ESTABLISHED,
	LVS_SCTP_SHUTDOWN_SENT,
	LVS_SCTP_SHUTDOWN_RECEIVED,
	LVS_SCTP_SHUTDOWN_ACK_SENT,
	LVS_SCTP_REJECTED,
	LVS_SCTP_CLOSED,
	LVS_SCTP_STATES,
};

/* Which part of the conversation the director sees in a packet. */
enum lvs_sctp_flow {
	LVS_SCTP_FLOW_IN,	/* from the client, replies are seen too */
	LVS_SCTP_FLOW_OUT,	/* from the real server */
	LVS_SCTP_FLOW_IN_ONLY,	/* from the client, replies bypass the director */
	LVS_SCTP_FLOWS,
};

/* What a packet means to the state, by its chunks. */
enum lvs_sctp_event {
	LVS_SCTP_EV_DATA,	/* DATA, SACK, heartbeats and whatever else */
	LVS_SCTP_EV_INIT,
	LVS_SCTP_EV_INIT_ACK,
	LVS_SCTP_EV_COOKIE_ECHO,
	LVS_SCTP_EV_COOKIE_ACK,
	LVS_SCTP_EV_SHUTDOWN,
	LVS_SCTP_EV_SHUTDOWN_ACK,
	LVS_SCTP_EV_SHUTDOWN_COMPLETE,
	LVS_SCTP_EV_ERROR,
	LVS_SCTP_EV_ABORT,
	LVS_SCTP_EVENTS,
};

/* Chunk types (RFC 9260, section 3.2) that mean something to the state. */
#define LVS_SCTP_CHUNK_INIT		1
#define LVS_SCTP_CHUNK_INIT_ACK		2
#define LVS_SCTP_CHUNK_ABORT		6
#define LVS_SCTP_CHUNK_SHUTDOWN		7
#define LVS_SCTP_CHUNK_SHUTDOWN_ACK	8
#define LVS_SCTP_CHUNK_ERROR		9
#define LVS_SCTP_CHUNK_COOKIE_ECHO	10
#define LVS_SCTP_CHUNK_COOKIE_ACK	11
#define LVS_SCTP_CHUNK_SHUTDOWN_COMPLETE 14

/* What a first chunk of this type means. */
u8 lvs_sctp_event_of(u8 chunk);

/* The state that @event takes an association in @state to. */
u8 lvs_sctp_next_state(enum lvs_sctp_flow flow, u8 event, u8 state);

/* Associations in this state count as active, all others as inactive. */
bool lvs_sctp_state_active(u8 state);

/* "ESTABLISHED" and so on; "ERR!" for a number that is no state. */
const char *lvs_sctp_state_name(u8 state);

/* Seconds that an association may idle in @state. */
u32 lvs_sctp_state_timeout(u8 state);

#endif /* LVS_CORE_SCTP_STATE_H */
