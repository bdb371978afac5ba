// SPDX-License-Identifier: GPL-2.0-only
/*
 * The power of two choices: of two dests drawn by chance, in proportion to their weights, the one
 * with the least overhead for its weight, as wlc has it. Nearly as even as wlc, and it looks at two
 * dests rather than at all.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "core/sched_twos.h"
#include "sched/view.h"

static u64 draw(void *ctx, u64 below)
{
	return mul_u64_u64_shr(get_random_u64(), below, 64);
}

static struct lvs_dest *twos_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_twos_choose(set->plan, set->num, &lvs_set_view, set, draw,
						 NULL));
}

static int twos_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	u32 *weights = lvs_sched_weights(set, 1);

	if (!weights)
		return -ENOMEM;
	set->plan = kvmalloc_array(set->num, sizeof(u64), GFP_KERNEL);
	if (set->plan)
		lvs_twos_fill(set->plan, weights, set->num);
	kvfree(weights);
	return set->plan ? 0 : -ENOMEM;
}

const struct lvs_scheduler lvs_sched_twos = {
	.name		= "twos",
	.choose		= twos_choose,
	.prepare	= twos_prepare,
};
