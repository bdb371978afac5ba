// SPDX-License-Identifier: GPL-2.0-only
/*
 * DR: the packet goes to the dest's link-layer address as it is. The dest has the VIP itself,
 * and answers the client directly.
 */
#include "conn/conn.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "pipeline.h"

unsigned int lvs_fwd_dr(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route)
{
	enum lvs_drop_reason reason;

	if (unlikely(route->local))
		return lvs_fwd_here(pkt);
	if (unlikely(!lvs_fwd_fits(pkt, route, 0)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = lvs_fwd_decrease_ttl(pkt, pkt->l4_off, 0);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	return lvs_fwd_output(pkt, route->dst);
}
