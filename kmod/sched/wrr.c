// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weighted round robin: in every cycle each dest is chosen in proportion to its weight, the
 * choices interleaved; weights 3, 2, 1 give a a b a b c. The set's plan tells the dest for each
 * position of the cycle (core/sched_wrr.h), the cursor is the next position. A choice moves the
 * cursor behind the position that it takes, past those of overloaded dests; if another CPU moved
 * it meanwhile, it starts over, so every position is taken once.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "core/sched_wrr.h"
#include "sched/sched.h"
#include "sched/view.h"

static struct lvs_dest *wrr_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	const struct lvs_wrr_plan *plan = set->plan;
	s64 cursor = atomic64_read(&set->cursor);
	u64 pos, next;
	u32 index;

	do {
		pos = cursor;
		index = lvs_wrr_at(plan, pos);
		if (unlikely(!lvs_set_eligible(set, index))) {
			pos = lvs_wrr_skip(plan, pos, lvs_set_eligible, set);
			if (pos == LVS_WRR_NOWHERE)
				return NULL;
			index = lvs_wrr_at(plan, pos);
		}
		next = pos + 1 < plan->cycle ? pos + 1 : 0;
	} while (!atomic64_try_cmpxchg(&set->cursor, &cursor, next));
	return set->entry[index].dest;
}

static int wrr_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	/* The weights, and behind them the scratch space for measuring. */
	u32 *weights = lvs_sched_weights(set, 3);
	struct lvs_wrr_sizes sizes;

	if (!weights)
		return -ENOMEM;
	lvs_wrr_measure(&sizes, weights, set->num, weights + set->num);
	set->plan = kvmalloc(sizes.size, GFP_KERNEL);
	if (set->plan)
		lvs_wrr_fill(set->plan, &sizes, weights, set->num);
	kvfree(weights);
	return set->plan ? 0 : -ENOMEM;
}

static void wrr_resume(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	atomic64_set(&set->cursor,
		     lvs_wrr_resume(set->plan, old->plan, atomic64_read(&old->cursor)));
}

const struct lvs_scheduler lvs_sched_wrr = {
	.name		= "wrr",
	.choose		= wrr_choose,
	.prepare	= wrr_prepare,
	.resume		= wrr_resume,
};
