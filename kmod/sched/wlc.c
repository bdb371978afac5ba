// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weighted least connection: the dest with the least overhead for its weight, the overhead being
 * 256 for an active connection and 1 for an inactive one; of equals the one that was added first.
 */
#include "core/sched_least.h"
#include "sched/sched.h"
#include "sched/view.h"

static struct lvs_dest *wlc_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_wlc_choose(&lvs_set_view, set, set->num));
}

const struct lvs_scheduler lvs_sched_wlc = {
	.name	= "wlc",
	.choose	= wlc_choose,
};
