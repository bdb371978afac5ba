// SPDX-License-Identifier: GPL-2.0-only
/* TCP: which segments open connections, and how they change state. */
#include <linux/tcp.h>

#include "conn/conn.h"
#include "conn/template.h"
#include "ftp/ftp.h"
#include "fwd/reset.h"
#include "netns.h"
#include "pipeline.h"
#include "proto/proto.h"
#include "svc/svc.h"

static bool is_first_syn(const struct lvs_packet *pkt)
{
	return (pkt->tcp_flags & (LVS_TCP_F_SYN | LVS_TCP_F_ACK | LVS_TCP_F_RST)) == LVS_TCP_F_SYN;
}

bool lvs_tcp_opens(const struct lvs_packet *pkt)
{
	if (likely(is_first_syn(pkt)))
		return true;
	return !(pkt->tcp_flags & LVS_TCP_F_RST) && READ_ONCE(pkt->ln->sysctls.sloppy_tcp);
}

bool lvs_tcp_reuses(const struct lvs_conn *conn, const struct lvs_packet *pkt)
{
	int mode;

	if (!is_first_syn(pkt))
		return false;
	/* A data connection begins nothing anew: it belongs to a server's control connection. */
	if (unlikely(lvs_conn_is_abandoned(conn) && !lvs_ftp_control_vport(conn)))
		return true;
	mode = READ_ONCE(pkt->ln->sysctls.conn_reuse_mode);
	if (!mode)
		return false;
	switch (READ_ONCE(conn->state)) {
	case LVS_TCP_TIME_WAIT:
	case LVS_TCP_CLOSE:
		return true;
	case LVS_TCP_FIN_WAIT:
		/* Where replies bypass the director, no more is seen of the end. */
		return mode & LVS_REUSE_FIN_WAIT && READ_ONCE(conn->flags) & LVS_CONN_F_NOOUTPUT;
	}
	return false;
}

/* Shall both ends hear of the connection's expiry? */
static bool wants_reset(const struct lvs_conn *conn, const struct lvs_svc *svc)
{
	return READ_ONCE(svc->manner) & LVS_SVC_EXPIRE_RST || lvs_dest_draining(conn->dest) ||
	       READ_ONCE(conn->ln->sysctls.conn_expire_tcp_rst);
}

/* What the client's segment tells of both ends' sequence numbers. */
static void note_numbers(struct lvs_conn *conn, const struct lvs_packet *pkt)
{
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);
	u32 headers;

	if (!th || !th->ack || th->rst)
		return;
	headers = pkt->l4_off + th->doff * 4;
	if (headers > pkt->skb->len)
		return;
	lvs_conn_set_numbers(conn, ntohl(th->seq) + pkt->skb->len - headers + th->syn + th->fin,
			     ntohl(th->ack_seq));
}

/*
 * The timeout of @state: @general, unless the service has one of its own. A connection whose
 * numbers are to be known gets another one than @general in any case, so that each of its segments
 * comes here.
 */
static u32 timeout_of(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side,
		      u8 state, u32 general)
{
	const struct lvs_svc *svc;
	u32 timeout;

	if (state != LVS_TCP_ESTABLISHED || !conn->dest)
		return general;
	svc = rcu_dereference(conn->dest->svc);
	timeout = READ_ONCE(svc->est_timeout) ?: general;
	if (likely(!wants_reset(conn, svc)))
		return timeout;
	if (side == LVS_SIDE_CLIENT)
		note_numbers(conn, pkt);
	return timeout == general ? timeout + 1 : timeout;
}

void lvs_tcp_expires(struct lvs_conn *conn)
{
	if (READ_ONCE(conn->state) == LVS_TCP_ESTABLISHED &&
	    wants_reset(conn, rcu_dereference(conn->dest->svc)))
		lvs_fwd_reset(conn);
}

void lvs_tcp_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side)
{
	enum lvs_tcp_flow flow = LVS_TCP_FLOW_IN;
	bool secure = READ_ONCE(pkt->ln->defence.secure_tcp);
	u32 timeout;
	u8 old, state;

	if (side == LVS_SIDE_SERVER)
		flow = LVS_TCP_FLOW_OUT;
	else if (READ_ONCE(conn->flags) & LVS_CONN_F_NOOUTPUT)
		flow = LVS_TCP_FLOW_IN_ONLY;
	do {
		old = READ_ONCE(conn->state);
		state = lvs_tcp_next_state(flow, pkt->tcp_flags, old, secure);
		timeout = READ_ONCE(pkt->ln->timeouts.tcp[state]);
		if (likely(state == old && timeout == READ_ONCE(conn->timeout)))
			return;
		timeout = timeout_of(conn, pkt, side, state, timeout);
		if (state == old && timeout == READ_ONCE(conn->timeout))
			return;
	} while (!lvs_conn_set_state(conn, old, state, timeout, lvs_tcp_state_active(state)));
	if (state == LVS_TCP_ESTABLISHED && READ_ONCE(conn->flags) & LVS_CONN_F_UNASSURED)
		lvs_template_assure(conn);
}
