/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The comparisons of the least-connection schedulers. Dests are offered one after another; the
 * best so far is kept, and of equals the first.
 */
#ifndef LVS_CORE_SCHED_LC_H
#define LVS_CORE_SCHED_LC_H

#include "core/types.h"

/* What a dest has to do: an active connection costs as much as 256 inactive ones. */
static inline u64 lvs_lc_overhead(u32 active, u32 inactive)
{
	return ((u64)active << 8) + inactive;
}

struct lvs_lc_best {
	u64 overhead;
	u32 weight;	/* 0: nothing was offered yet */
};

/* Least connections. True if the offered dest becomes the best one. */
static inline bool lvs_lc_offer(struct lvs_lc_best *best, u64 overhead)
{
	if (best->weight && overhead >= best->overhead)
		return false;
	best->overhead = overhead;
	best->weight = 1;
	return true;
}

/*
 * Least overhead/weight; @weight at least 1. The fractions are compared by cross multiplication,
 * exact while an overhead stays below 2^33, which is 33 million active connections of one dest.
 */
static inline bool lvs_wlc_offer(struct lvs_lc_best *best, u64 overhead, u32 weight)
{
	if (best->weight && overhead * best->weight >= best->overhead * weight)
		return false;
	best->overhead = overhead;
	best->weight = weight;
	return true;
}

#endif /* LVS_CORE_SCHED_LC_H */
