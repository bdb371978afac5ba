// SPDX-License-Identifier: GPL-2.0-only
/*
 * Least connection: the dest with the least overhead, 256 for an active connection and 1 for an
 * inactive one; of equals the one that was added first.
 */
#include "core/sched_lc.h"
#include "sched/sched.h"

static struct lvs_dest *lc_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	struct lvs_dest *choice = NULL;
	struct lvs_lc_best best = {};
	u32 i;

	for (i = 0; i < set->num; i++) {
		struct lvs_dest *dest = set->entry[i].dest;

		if (lvs_dest_overloaded(dest))
			continue;
		if (lvs_lc_offer(&best, lvs_lc_overhead(atomic_read(&dest->active),
							lvs_dest_inactive(dest))))
			choice = dest;
	}
	return choice;
}

const struct lvs_scheduler lvs_sched_lc = {
	.name	= "lc",
	.choose	= lc_choose,
};
