// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shortest expected delay: the dest that would have the fewest active connections for its weight,
 * the new one among them; of equals the one that was added first. So a heavy dest gets the first
 * connections alone.
 */
#include "core/sched_least.h"
#include "sched/sched.h"
#include "sched/view.h"

static struct lvs_dest *sed_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_sed_choose(&lvs_set_view, set, set->num));
}

const struct lvs_scheduler lvs_sched_sed = {
	.name	= "sed",
	.choose	= sed_choose,
};
