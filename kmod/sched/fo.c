// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weighted failover: the heaviest dest gets every connection; when it is overloaded, the next one
 * does. Of equals the one that was added first.
 */
#include <linux/string.h>

#include "core/sched_heaviest.h"
#include "sched/heaviest.h"
#include "sched/view.h"

static struct lvs_dest *fo_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_heaviest(set->plan, set->num, lvs_set_eligible, set));
}

int lvs_heaviest_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	/* The weights, and behind them the space for sorting. */
	u32 *weights = lvs_sched_weights(set, 3);
	u32 *order;

	if (!weights)
		return -ENOMEM;
	order = lvs_sort_by_weight(weights, set->num, weights + set->num);
	memmove(weights, order, set->num * sizeof(*order));
	set->plan = weights;
	return 0;
}

const struct lvs_scheduler lvs_sched_fo = {
	.name		= "fo",
	.choose		= fo_choose,
	.prepare	= lvs_heaviest_prepare,
};
