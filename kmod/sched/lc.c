// SPDX-License-Identifier: GPL-2.0-only
/*
 * Least connection: the dest with the least overhead, 256 for an active connection and 1 for an
 * inactive one; of equals the one that was added first.
 */
#include "core/sched_least.h"
#include "sched/sched.h"
#include "sched/view.h"

static struct lvs_dest *lc_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_lc_choose(&lvs_set_view, set, set->num));
}

const struct lvs_scheduler lvs_sched_lc = {
	.name	= "lc",
	.choose	= lc_choose,
};
