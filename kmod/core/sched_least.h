/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The choices of the least-connection schedulers: of the dests that may be chosen the one with the
 * least cost by weight, of equals the first.
 */
#ifndef LVS_CORE_SCHED_LEAST_H
#define LVS_CORE_SCHED_LEAST_H

#include "core/sched.h"

/* What a dest has to do: an active connection costs as much as 256 inactive ones. */
static inline u64 lvs_lc_overhead(u32 active, u32 inactive)
{
	return ((u64)active << 8) + inactive;
}

/* The least so far. */
struct lvs_least {
	u64 cost;
	u32 weight;
	u32 dest;
};

/* 1/0, which every cost by weight is less than. */
#define LVS_LEAST_NONE { .cost = 1, .weight = 0, .dest = LVS_NOBODY }

/*
 * Is @cost/@weight less than the least so far? The fractions are compared by cross multiplication,
 * exact while a cost stays below 2^33, which is 33 million active connections of one dest.
 */
static inline bool lvs_less(const struct lvs_least *least, u64 cost, u32 weight)
{
	return cost * least->weight < least->cost * weight;
}

/* Whether a dest is eligible is asked last: most dests do not come that far. */
static __always_inline void lvs_least_offer(struct lvs_least *least, u32 dest, u64 cost, u32 weight,
					    const struct lvs_sched_view *view, const void *ctx)
{
	if (!lvs_less(least, cost, weight) || !view->eligible(ctx, dest))
		return;
	least->cost = cost;
	least->weight = weight;
	least->dest = dest;
}

/* Least connections: the least overhead, whatever the weights. */
static __always_inline u32 lvs_lc_choose(const struct lvs_sched_view *view, const void *ctx,
					 u32 num)
{
	struct lvs_least least = LVS_LEAST_NONE;
	u32 i;

	for (i = 0; i < num; i++) {
		struct lvs_load load = view->load(ctx, i);

		lvs_least_offer(&least, i, lvs_lc_overhead(load.active, load.inactive), 1, view,
				ctx);
	}
	return least.dest;
}

/* Weighted least connections: the least overhead by weight. */
static __always_inline u32 lvs_wlc_choose(const struct lvs_sched_view *view, const void *ctx,
					  u32 num)
{
	struct lvs_least least = LVS_LEAST_NONE;
	u32 i;

	for (i = 0; i < num; i++) {
		struct lvs_load load = view->load(ctx, i);

		lvs_least_offer(&least, i, lvs_lc_overhead(load.active, load.inactive),
				load.weight, view, ctx);
	}
	return least.dest;
}

/* Shortest expected delay: the least (active + 1) by weight. */
static __always_inline u32 lvs_sed_choose(const struct lvs_sched_view *view, const void *ctx,
					  u32 num)
{
	struct lvs_least least = LVS_LEAST_NONE;
	u32 i;

	for (i = 0; i < num; i++) {
		struct lvs_load load = view->load(ctx, i);

		lvs_least_offer(&least, i, (u64)load.active + 1, load.weight, view, ctx);
	}
	return least.dest;
}

/* Never queue: the first dest without an active connection; if there is none, as sed. */
static __always_inline u32 lvs_nq_choose(const struct lvs_sched_view *view, const void *ctx,
					 u32 num)
{
	struct lvs_least least = LVS_LEAST_NONE;
	u32 i;

	for (i = 0; i < num; i++) {
		struct lvs_load load = view->load(ctx, i);

		if (!load.active && view->eligible(ctx, i))
			return i;
		lvs_least_offer(&least, i, (u64)load.active + 1, load.weight, view, ctx);
	}
	return least.dest;
}

#endif /* LVS_CORE_SCHED_LEAST_H */
