// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locality-based least connection: the connections to one address go to one dest, which is wlc's
 * choice at first. It is left for wlc's choice of then when it is overloaded, drained or deleted,
 * or has more active connections than it weighs while another one has fewer than half of that. An
 * address without a new connection for net.ipv4.vs.lblc_expiration seconds is forgotten.
 *
 * It is for services that have many addresses, by firewall mark, in front of caches.
 */
#include "netns.h"
#include "packet.h"
#include "sched/lb_cache.h"
#include "sched/view.h"

static struct lvs_dest *lblc_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	u32 expiration = READ_ONCE(pkt->ln->sysctls.lblc_expiration);
	struct lvs_lb_members members;
	struct lvs_lb_entry *entry;
	u32 known, dest;

	entry = lvs_lb_find(set, pkt, expiration, &members);
	known = members.num ? members.dest[0] : LVS_NOBODY;
	dest = lvs_lblc_choose(&lvs_set_view, set, set->num, known);
	if (dest != known && dest != LVS_NOBODY) {
		members.num = 1;
		members.dest[0] = dest;
		lvs_lb_remember(set, pkt, expiration, entry, &members);
	}
	return lvs_set_dest(set, dest);
}

const struct lvs_scheduler lvs_sched_lblc = {
	.name		= "lblc",
	.choose		= lblc_choose,
	.prepare	= lvs_lb_prepare,
	.replaced	= lvs_lb_replaced,
	.release	= lvs_lb_release,
	.wants_drained	= true,
};
