/* SPDX-License-Identifier: GPL-2.0-only */
/* A set as the choices in core/ see it: its dests' loads, and whether they may be chosen. */
#ifndef LVS_SCHED_VIEW_H
#define LVS_SCHED_VIEW_H

#include "core/sched.h"
#include "sched/sched.h"

static inline struct lvs_load lvs_set_load(const void *ctx, u32 index)
{
	const struct lvs_sched_entry *entry = &((const struct lvs_sched_set *)ctx)->entry[index];
	int active = atomic_read(&entry->dest->active);
	int inactive = atomic_read(&entry->dest->conns) - active;

	return (struct lvs_load){
		.active = active,
		.inactive = max(inactive, 0), /* the two are not read at once */
		.weight = entry->weight,
	};
}

static inline bool lvs_set_eligible(const void *ctx, u32 index)
{
	const struct lvs_sched_set *set = ctx;

	return !lvs_dest_overloaded(set->entry[index].dest);
}

static const struct lvs_sched_view lvs_set_view __maybe_unused = {
	.load		= lvs_set_load,
	.eligible	= lvs_set_eligible,
};

/* The dest of that number, which may be LVS_NOBODY. */
static inline struct lvs_dest *lvs_set_dest(const struct lvs_sched_set *set, u32 index)
{
	return index == LVS_NOBODY ? NULL : set->entry[index].dest;
}

#endif /* LVS_SCHED_VIEW_H */
