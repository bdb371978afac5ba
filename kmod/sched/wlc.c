// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weighted least connection: the dest with the least overhead for its weight, the overhead being
 * 256 for an active connection and 1 for an inactive one; of equals the one that was added first.
 */
#include "core/sched_lc.h"
#include "sched/sched.h"

static struct lvs_dest *wlc_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	struct lvs_dest *choice = NULL;
	struct lvs_lc_best best = {};
	u32 i;

	for (i = 0; i < set->num; i++) {
		struct lvs_dest *dest = set->entry[i].dest;

		if (lvs_dest_overloaded(dest))
			continue;
		if (lvs_wlc_offer(&best, lvs_lc_overhead(atomic_read(&dest->active),
							 lvs_dest_inactive(dest)),
				  set->entry[i].weight))
			choice = dest;
	}
	return choice;
}

const struct lvs_scheduler lvs_sched_wlc = {
	.name	= "wlc",
	.choose	= wlc_choose,
};
