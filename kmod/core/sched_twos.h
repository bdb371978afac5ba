/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The power of two choices: two dests by chance, in proportion to their weights, and of the two the
 * one with the least overhead by weight.
 */
#ifndef LVS_CORE_SCHED_TWOS_H
#define LVS_CORE_SCHED_TWOS_H

#include "core/sched_least.h"

/* Draws a number from 0 to @below - 1. */
typedef u64 (*lvs_draw)(void *ctx, u64 below);

/* The weights' sums, up to each dest and with it. */
static inline void lvs_twos_fill(u64 *sums, const u32 *weights, u32 n)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		sum += weights[i];
		sums[i] = sum;
	}
}

/* The dest that has the place @at: the first whose sum is above it. */
static inline u32 lvs_twos_find(const u64 *sums, u32 n, u64 at)
{
	u32 low = 0, high = n - 1;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (sums[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Draws of a dest that may not be chosen; then the others are counted. */
#define LVS_TWOS_TRIES 4

/* One of the dests that may be chosen, in proportion to their weights; or LVS_NOBODY. */
static __always_inline u32 lvs_twos_pick(const u64 *sums, u32 n, const struct lvs_sched_view *view,
					 const void *ctx, lvs_draw draw, void *draw_ctx)
{
	u32 last = LVS_NOBODY, dest, i;
	u64 sum = 0, at;

	for (i = 0; i < LVS_TWOS_TRIES; i++) {
		dest = lvs_twos_find(sums, n, draw(draw_ctx, sums[n - 1]));
		if (view->eligible(ctx, dest))
			return dest;
	}
	for (dest = 0; dest < n; dest++) {
		if (view->eligible(ctx, dest))
			sum += view->load(ctx, dest).weight;
	}
	if (!sum)
		return LVS_NOBODY;
	at = draw(draw_ctx, sum);
	for (dest = 0; dest < n; dest++) {
		u32 weight = view->load(ctx, dest).weight;

		if (!view->eligible(ctx, dest))
			continue;
		last = dest;
		if (at < weight)
			break;
		at -= weight;
	}
	/* The last one if meanwhile there are fewer than were counted. */
	return last;
}

static inline bool lvs_twos_less(const struct lvs_load *a, const struct lvs_load *b)
{
	const struct lvs_least least = {
		.cost = lvs_lc_overhead(b->active, b->inactive),
		.weight = b->weight,
		.dest = LVS_NOBODY,
	};

	return lvs_less(&least, lvs_lc_overhead(a->active, a->inactive), a->weight);
}

static __always_inline u32 lvs_twos_choose(const u64 *sums, u32 n,
					   const struct lvs_sched_view *view, const void *ctx,
					   lvs_draw draw, void *draw_ctx)
{
	u32 one = lvs_twos_pick(sums, n, view, ctx, draw, draw_ctx);
	struct lvs_load one_load, other_load;
	u32 other;

	if (one == LVS_NOBODY)
		return one;
	other = lvs_twos_pick(sums, n, view, ctx, draw, draw_ctx);
	if (other == LVS_NOBODY)
		return one;
	one_load = view->load(ctx, one);
	other_load = view->load(ctx, other);
	return lvs_twos_less(&other_load, &one_load) ? other : one;
}

#endif /* LVS_CORE_SCHED_TWOS_H */
