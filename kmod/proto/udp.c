// SPDX-License-Identifier: GPL-2.0-only
/* UDP: one state, and its timeout as configured. What every protocol is called. */
#include "conn/conn.h"
#include "conn/template.h"
#include "netns.h"
#include "pipeline.h"
#include "proto/proto.h"

void lvs_udp_state(struct lvs_conn *conn, const struct lvs_packet *pkt)
{
	u32 timeout = READ_ONCE(pkt->ln->timeouts.udp);

	if (unlikely(timeout != READ_ONCE(conn->timeout)))
		lvs_conn_set_state(conn, 0, 0, timeout, false);
}

const char *lvs_proto_state_name(const struct lvs_conn *conn)
{
	if (lvs_conn_is_template(conn))
		return lvs_template_state_name(READ_ONCE(conn->state));
	switch (conn->link[LVS_SIDE_CLIENT].proto) {
	case IPPROTO_TCP:
		return lvs_tcp_state_name(READ_ONCE(conn->state));
	case IPPROTO_SCTP:
		return lvs_sctp_state_name(READ_ONCE(conn->state));
	}
	return "UDP";
}

const char *lvs_proto_name(u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	}
	return "IP";	/* a template of a service by mark */
}
