// SPDX-License-Identifier: GPL-2.0-only
/*
 * SCTP states seen from the middle (reference: the contract's section 4). The first chunk of a
 * packet decides, and an ABORT behind a COOKIE ECHO or COOKIE ACK.
 */
#include "core/sctp_state.h"

/* x86's registers of the same names reach us by way of some headers. */
#undef CS
#undef ES
#undef SS

#define NO LVS_SCTP_NONE
#define I1 LVS_SCTP_INIT1
#define IN LVS_SCTP_INIT
#define CS LVS_SCTP_COOKIE_SENT
#define CR LVS_SCTP_COOKIE_REPLIED
#define CW LVS_SCTP_COOKIE_WAIT
#define CO LVS_SCTP_COOKIE
#define CE LVS_SCTP_COOKIE_ECHOED
#define ES LVS_SCTP_ESTABLISHED
#define SS LVS_SCTP_SHUTDOWN_SENT
#define SR LVS_SCTP_SHUTDOWN_RECEIVED
#define SA LVS_SCTP_SHUTDOWN_ACK_SENT
#define RJ LVS_SCTP_REJECTED
#define CL LVS_SCTP_CLOSED

#define DATA LVS_SCTP_EV_DATA
#define INIT LVS_SCTP_EV_INIT
#define INIT_ACK LVS_SCTP_EV_INIT_ACK
#define COOKIE_ECHO LVS_SCTP_EV_COOKIE_ECHO
#define COOKIE_ACK LVS_SCTP_EV_COOKIE_ACK
#define SHUTDOWN LVS_SCTP_EV_SHUTDOWN
#define SHUTDOWN_ACK LVS_SCTP_EV_SHUTDOWN_ACK
#define SHUTDOWN_COMPLETE LVS_SCTP_EV_SHUTDOWN_COMPLETE
#define ERROR LVS_SCTP_EV_ERROR
#define ABORT LVS_SCTP_EV_ABORT

static const u8 transitions[LVS_SCTP_FLOWS][LVS_SCTP_EVENTS][LVS_SCTP_STATES] = {
	[LVS_SCTP_FLOW_IN] = {
		/* from:               NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
		[DATA] = {              ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[INIT] = {              I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN },
		[INIT_ACK] = {          CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ECHO] = {       CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ACK] = {        ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL },
		[SHUTDOWN] = {          SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
		[SHUTDOWN_ACK] = {      CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL },
		[SHUTDOWN_COMPLETE] = { CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL },
		[ERROR] = {             CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL },
		[ABORT] = {             CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
	},
	[LVS_SCTP_FLOW_OUT] = {
		[DATA] = {              ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[INIT] = {              CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW },
		[INIT_ACK] = {          CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ECHO] = {       CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ACK] = {        ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL },
		[SHUTDOWN] = {          SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL },
		[SHUTDOWN_ACK] = {      SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL },
		[SHUTDOWN_COMPLETE] = { CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[ERROR] = {             CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[ABORT] = {             CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
	},
	[LVS_SCTP_FLOW_IN_ONLY] = {
		[DATA] = {              ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
		[INIT] = {              I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN },
		[INIT_ACK] = {          CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ECHO] = {       ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
		[COOKIE_ACK] = {        ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL },
		[SHUTDOWN] = {          SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
		[SHUTDOWN_ACK] = {      CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL },
		[SHUTDOWN_COMPLETE] = { CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL },
		[ERROR] = {             CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
		[ABORT] = {             CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
	},
};

/* The longest that a peer waits before it says something again, and a second. */
#define LVS_SCTP_PATIENCE 61

static const struct {
	const char *name;
	u32 timeout;
} states[LVS_SCTP_STATES] = {
	[NO] = { "NONE",	  2 },
	[I1] = { "INIT1",	  4 },
	[IN] = { "INIT",	LVS_SCTP_PATIENCE },
	[CS] = { "C-SENT",	LVS_SCTP_PATIENCE },
	[CR] = { "C-REPLIED",	LVS_SCTP_PATIENCE },
	[CW] = { "C-WAIT",	LVS_SCTP_PATIENCE },
	[CO] = { "COOKIE",	LVS_SCTP_PATIENCE },
	[CE] = { "C-ECHOED",	LVS_SCTP_PATIENCE },
	[ES] = { "ESTABLISHED", 900 },
	[SS] = { "S-SENT",	LVS_SCTP_PATIENCE },
	[SR] = { "S-RECEIVED",	LVS_SCTP_PATIENCE },
	[SA] = { "S-ACK-SENT",	LVS_SCTP_PATIENCE },
	[RJ] = { "REJECTED",	  4 },
	[CL] = { "CLOSED",	LVS_SCTP_PATIENCE },
};

u8 lvs_sctp_event_of(u8 chunk)
{
	switch (chunk) {
	case LVS_SCTP_CHUNK_INIT:
		return LVS_SCTP_EV_INIT;
	case LVS_SCTP_CHUNK_INIT_ACK:
		return LVS_SCTP_EV_INIT_ACK;
	case LVS_SCTP_CHUNK_ABORT:
		return LVS_SCTP_EV_ABORT;
	case LVS_SCTP_CHUNK_SHUTDOWN:
		return LVS_SCTP_EV_SHUTDOWN;
	case LVS_SCTP_CHUNK_SHUTDOWN_ACK:
		return LVS_SCTP_EV_SHUTDOWN_ACK;
	case LVS_SCTP_CHUNK_ERROR:
		return LVS_SCTP_EV_ERROR;
	case LVS_SCTP_CHUNK_COOKIE_ECHO:
		return LVS_SCTP_EV_COOKIE_ECHO;
	case LVS_SCTP_CHUNK_COOKIE_ACK:
		return LVS_SCTP_EV_COOKIE_ACK;
	case LVS_SCTP_CHUNK_SHUTDOWN_COMPLETE:
		return LVS_SCTP_EV_SHUTDOWN_COMPLETE;
	}
	return LVS_SCTP_EV_DATA;
}

u8 lvs_sctp_next_state(enum lvs_sctp_flow flow, u8 event, u8 state)
{
	return transitions[flow][event][state];
}

bool lvs_sctp_state_active(u8 state)
{
	return state == LVS_SCTP_ESTABLISHED;
}

const char *lvs_sctp_state_name(u8 state)
{
	return state < LVS_SCTP_STATES ? states[state].name : "ERR!";
}

u32 lvs_sctp_state_timeout(u8 state)
{
	return states[state].timeout;
}
