// SPDX-License-Identifier: GPL-2.0-only
/* SCTP: which packets open associations, and how they change state. */
#include "conn/conn.h"
#include "conn/template.h"
#include "netns.h"
#include "pipeline.h"
#include "proto/proto.h"

bool lvs_sctp_opens(const struct lvs_packet *pkt)
{
	if (pkt->sctp_event == LVS_SCTP_EV_INIT)
		return true;
	return pkt->sctp_event != LVS_SCTP_EV_ABORT && READ_ONCE(pkt->ln->sysctls.sloppy_sctp);
}

bool lvs_sctp_reuses(const struct lvs_conn *conn, const struct lvs_packet *pkt)
{
	if (pkt->sctp_event != LVS_SCTP_EV_INIT)
		return false;
	return lvs_conn_is_abandoned(conn) || (READ_ONCE(conn->state) == LVS_SCTP_CLOSED &&
					       READ_ONCE(pkt->ln->sysctls.conn_reuse_mode));
}

void lvs_sctp_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side)
{
	enum lvs_sctp_flow flow = LVS_SCTP_FLOW_IN;
	u32 timeout;
	u8 old, state;

	if (side == LVS_SIDE_SERVER)
		flow = LVS_SCTP_FLOW_OUT;
	else if (READ_ONCE(conn->flags) & LVS_CONN_F_NOOUTPUT)
		flow = LVS_SCTP_FLOW_IN_ONLY;
	do {
		old = READ_ONCE(conn->state);
		state = lvs_sctp_next_state(flow, pkt->sctp_event, old);
		timeout = READ_ONCE(pkt->ln->timeouts.sctp[state]);
		if (likely(state == old && timeout == READ_ONCE(conn->timeout)))
			return;
	} while (!lvs_conn_set_state(conn, old, state, timeout, lvs_sctp_state_active(state)));
	if (state == LVS_SCTP_ESTABLISHED && READ_ONCE(conn->flags) & LVS_CONN_F_UNASSURED)
		lvs_template_assure(conn);
}
