// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPsec: AH and ESP have no ports, and connections of their own they have none. The two ends have
 * agreed on them by IKE, over UDP from port 500 to port 500, so whoever serves that connection is
 * the one who can read them. They are forwarded as its packets are, and keep it alive.
 */
#include "conn/conn.h"
#include "pipeline.h"
#include "proto/proto.h"

#define IKE_PORT	htons(500)

struct lvs_conn *lvs_ipsec_lookup(const struct lvs_packet *pkt, enum lvs_side *side)
{
	struct lvs_packet ike = *pkt;
	u32 hash;

	ike.proto = IPPROTO_UDP;
	ike.sport = IKE_PORT;
	ike.dport = IKE_PORT;
	hash = lvs_conn_hash(ike.af, &ike.saddr, ike.sport, &ike.daddr, ike.dport);
	return lvs_conn_lookup(&ike, hash, side);
}

bool lvs_ipsec_rides(const struct lvs_conn *conn)
{
	return conn->link[LVS_SIDE_CLIENT].proto == IPPROTO_UDP && conn->cport == IKE_PORT &&
	       conn->vport == IKE_PORT;
}
