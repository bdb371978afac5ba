// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bypass: a transparent proxy's service, which is one by mark, has nobody to serve the packet, so
 * it goes to the host that its client meant. Replies do not pass the director, unless it routes
 * them as any others.
 */
#include "conn/conn.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "netns.h"
#include "packet.h"

/* LVS_DROP_NONE: it is sent, and the route's reference went with it. */
static enum lvs_drop_reason send(struct lvs_packet *pkt, const struct lvs_route *route)
{
	enum lvs_drop_reason reason;

	/* It would come back to us. */
	if (route->local)
		return LVS_DROP_LOCAL_ROUTE;
	if (!lvs_fwd_fits(pkt, route, 0))
		return LVS_DROP_TOO_BIG;
	reason = lvs_fwd_decrease_ttl(pkt, pkt->l4_off, LL_RESERVED_SPACE(route->dst->dev));
	if (reason != LVS_DROP_NONE)
		return reason;
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, route->dst);
	lvs_fwd_send(pkt);
	return LVS_DROP_NONE;
}

unsigned int lvs_fwd_bypass(struct lvs_packet *pkt)
{
	enum lvs_drop_reason reason;
	struct lvs_route route;
	int err;

	err = lvs_route_to(pkt->ln, pkt->af, &pkt->daddr, &route);
	if (err) {
		reason = lvs_route_drop_reason(ERR_PTR(err));
		if (reason == LVS_DROP_NO_ROUTE)
			lvs_fwd_tell_no_route(pkt);
	} else {
		reason = send(pkt, &route);
		if (reason != LVS_DROP_NONE)
			dst_release(route.dst);
	}
	if (reason == LVS_DROP_NONE)
		return NF_STOLEN;
	lvs_drop_count(pkt->ln, NULL, reason);
	return NF_DROP;
}
