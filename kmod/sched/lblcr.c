// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locality-based least connection with replication: the connections to one address go to a few
 * dests, each to the least loaded of these. When that one is of no use, or has more active
 * connections than it weighs while a dest of the service has fewer than half of that, wlc's choice
 * becomes one of them. When they have been the same for net.ipv4.vs.lblcr_expiration seconds, the
 * most loaded one of several is dropped; after as long without a new connection the address is
 * forgotten.
 *
 * It is for services that have many addresses, by firewall mark, in front of caches: what many ask
 * for has several caches, and only one when fewer do.
 */
#include "netns.h"
#include "packet.h"
#include "sched/lb_cache.h"
#include "sched/view.h"

static bool unchanged_for(const struct lvs_lb_entry *entry, u32 seconds)
{
	return entry && (u32)jiffies - entry->changed >= seconds * HZ;
}

/* Are they what the entry has, in the same order? */
static bool same_members(const struct lvs_sched_set *set, const struct lvs_lb_entry *entry,
			 const struct lvs_lb_members *members)
{
	const struct lvs_lb_plan *plan = set->plan;
	u32 i;

	if (!entry || entry->num != members->num)
		return false;
	for (i = 0; i < members->num; i++) {
		if (entry->member[i] != plan->seq[members->dest[i]])
			return false;
	}
	return true;
}

static struct lvs_dest *lblcr_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	u32 expiration = READ_ONCE(pkt->ln->sysctls.lblcr_expiration);
	struct lvs_lb_members members;
	struct lvs_lb_entry *entry;
	u32 dest;

	entry = lvs_lb_find(set, pkt, expiration, &members);
	dest = lvs_lblcr_choose(&lvs_set_view, set, set->num, &members,
				unchanged_for(entry, expiration));
	if (members.num && !same_members(set, entry, &members))
		lvs_lb_remember(set, pkt, expiration, entry, &members);
	return lvs_set_dest(set, dest);
}

const struct lvs_scheduler lvs_sched_lblcr = {
	.name		= "lblcr",
	.choose		= lblcr_choose,
	.prepare	= lvs_lb_prepare,
	.replaced	= lvs_lb_replaced,
	.release	= lvs_lb_release,
	.wants_drained	= true,
};
