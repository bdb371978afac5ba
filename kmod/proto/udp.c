// SPDX-License-Identifier: GPL-2.0-only
/* UDP: one state, and its timeout as configured. What every protocol is called. */
#include "conn/conn.h"
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
	return conn->link[LVS_SIDE_CLIENT].proto == IPPROTO_TCP ?
	       lvs_tcp_state_name(READ_ONCE(conn->state)) : "UDP";
}

const char *lvs_proto_name(u8 proto)
{
	return proto == IPPROTO_TCP ? "TCP" : "UDP";
}
