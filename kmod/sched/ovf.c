// SPDX-License-Identifier: GPL-2.0-only
/*
 * Overflow: the heaviest dest gets connections until it has more active ones than it weighs, then
 * the next one does. Of equals the one that was added first. When all are full, nobody gets it.
 */
#include "core/sched_heaviest.h"
#include "sched/heaviest.h"
#include "sched/view.h"

static bool has_room(const void *ctx, u32 index)
{
	const struct lvs_sched_set *set = ctx;
	const struct lvs_sched_entry *entry = &set->entry[index];

	return lvs_set_eligible(set, index) &&
	       lvs_ovf_has_room(atomic_read(&entry->dest->active), entry->weight);
}

static struct lvs_dest *ovf_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_heaviest(set->plan, set->num, has_room, set));
}

const struct lvs_scheduler lvs_sched_ovf = {
	.name		= "ovf",
	.choose		= ovf_choose,
	.prepare	= lvs_heaviest_prepare,
};
