// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP states seen from the middle (reference: the contract's section 4). A segment counts as its
 * strongest flag: RST before SYN before FIN before ACK; one without any closes the connection.
 */
#include "core/tcp_state.h"

enum segment { SEG_SYN, SEG_FIN, SEG_ACK, SEG_RST, SEGMENTS };

/* x86's registers of the same names reach us by way of some headers. */
#undef ES
#undef SS

#define NO LVS_TCP_NONE
#define ES LVS_TCP_ESTABLISHED
#define SS LVS_TCP_SYN_SENT
#define SR LVS_TCP_SYN_RECV
#define FW LVS_TCP_FIN_WAIT
#define TW LVS_TCP_TIME_WAIT
#define CL LVS_TCP_CLOSE
#define CW LVS_TCP_CLOSE_WAIT
#define LA LVS_TCP_LAST_ACK
#define LI LVS_TCP_LISTEN
#define SA LVS_TCP_SYNACK

static const u8 transitions[2][LVS_TCP_FLOWS][SEGMENTS][LVS_TCP_STATES] = { {
	[LVS_TCP_FLOW_IN] = {
		/* from:      NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[SEG_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[SEG_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[SEG_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[SEG_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[LVS_TCP_FLOW_OUT] = {
		[SEG_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[SEG_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[SEG_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[SEG_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[LVS_TCP_FLOW_IN_ONLY] = {
		[SEG_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[SEG_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[SEG_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[SEG_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
}, {	/* secure */
	[LVS_TCP_FLOW_IN] = {
		/* from:      NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[SEG_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA },
		[SEG_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA },
		[SEG_ACK] = { ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA },
		[SEG_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
	[LVS_TCP_FLOW_OUT] = {
		[SEG_SYN] = { SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA },
		[SEG_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[SEG_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[SEG_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[LVS_TCP_FLOW_IN_ONLY] = {
		[SEG_SYN] = { SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA },
		[SEG_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[SEG_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[SEG_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
} };

static const struct {
	const char *name;
	u32 timeout;
	bool active;
} states[LVS_TCP_STATES] = {
	[NO] = { "NONE",	  2, false },
	[ES] = { "ESTABLISHED", 900, true },
	[SS] = { "SYN_SENT",	120, true },
	[SR] = { "SYN_RECV",	 60, true },
	[FW] = { "FIN_WAIT",	120, false },
	[TW] = { "TIME_WAIT",	120, false },
	[CL] = { "CLOSE",	 10, false },
	[CW] = { "CLOSE_WAIT",	 60, false },
	[LA] = { "LAST_ACK",	 30, false },
	[LI] = { "LISTEN",	120, false },
	[SA] = { "SYNACK",	120, true },
};

u8 lvs_tcp_next_state(enum lvs_tcp_flow flow, u8 flags, u8 state, bool secure)
{
	enum segment seg;

	if (flags & LVS_TCP_F_RST)
		seg = SEG_RST;
	else if (flags & LVS_TCP_F_SYN)
		seg = SEG_SYN;
	else if (flags & LVS_TCP_F_FIN)
		seg = SEG_FIN;
	else if (flags & LVS_TCP_F_ACK)
		seg = SEG_ACK;
	else
		return LVS_TCP_CLOSE;
	return transitions[secure][flow][seg][state];
}

bool lvs_tcp_state_active(u8 state)
{
	return states[state].active;
}

const char *lvs_tcp_state_name(u8 state)
{
	return state < LVS_TCP_STATES ? states[state].name : "ERR!";
}

u32 lvs_tcp_state_timeout(u8 state)
{
	return states[state].timeout;
}
