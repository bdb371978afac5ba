/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weighted round robin, interleaved: the sequence of choices as a function of the position.
 *
 * Let g be the greatest common divisor of the weights. A cycle goes down a threshold from the
 * greatest weight to g in steps of g, and at each threshold, a level, chooses every dest that
 * weighs at least that, in order of addition. Weights 3, 2, 1 give a, a b, a b c.
 *
 * All levels between one weight and the next lower one choose the same dests: they form a segment
 * with one list. So the choice at any position of the cycle is found by a binary search for the
 * segment and one division, without any state but the position; CPUs share nothing else.
 *
 * The lists of all segments together may get long when there are many dests with many different
 * weights. Beyond LVS_WRR_MAX_LISTED entries one list, sorted by weight, serves all segments, each
 * with its prefix: the counts stay exact, the order within a level is then by weight.
 */
#ifndef LVS_CORE_SCHED_WRR_H
#define LVS_CORE_SCHED_WRR_H

#include "core/sched.h"

#ifndef LVS_WRR_MAX_LISTED	/* fuzzers want it small */
#define LVS_WRR_MAX_LISTED (256 * 1024)
#endif
#define LVS_WRR_NOWHERE (~(u64)0)

struct lvs_wrr_segment {
	u64 start;	/* the position of its first level */
	u32 top;	/* that level's threshold */
	u32 len;	/* dests chosen at each of its levels */
	u32 list;	/* where they stand in order[] */
};

struct lvs_wrr_plan {
	u64 cycle;		/* choices in one cycle */
	u32 gcd;
	u32 num_segments;
	u32 num_listed;		/* entries in order[] */
	bool shared;		/* one list, sorted by weight */
	const u32 *order;	/* numbers of dests, behind seg[] */
	struct lvs_wrr_segment seg[];
};

/* The sizes of a plan, and the dests sorted by weight. */
struct lvs_wrr_sizes {
	u32 *sorted;		/* numbers of dests, heaviest first, equals in order of addition */
	u32 gcd;
	u32 num_segments;
	u32 num_listed;
	bool shared;
	size_t size;		/* bytes of the plan */
};

/*
 * Measure the plan for @n dests (at least one) of @weights (each at least 1, in order of
 * addition). @scratch has room for 2 * @n numbers and must live until lvs_wrr_fill().
 */
void lvs_wrr_measure(struct lvs_wrr_sizes *m, const u32 *weights, u32 n, u32 *scratch);

/* Make the plan in @plan, which has m->size bytes. */
void lvs_wrr_fill(struct lvs_wrr_plan *plan, const struct lvs_wrr_sizes *m,
		  const u32 *weights, u32 n);

/* The dest to choose at @pos, which is below plan->cycle. */
u32 lvs_wrr_at(const struct lvs_wrr_plan *plan, u64 pos);

/*
 * The first position from @pos on, going round, whose dest is eligible; LVS_WRR_NOWHERE if none
 * is. Takes time for a few lists, not for a cycle, nor for the lists of all segments: two if no
 * dest is eligible, else one more each time the number of segments doubles.
 */
u64 lvs_wrr_skip(const struct lvs_wrr_plan *plan, u64 pos, lvs_eligible eligible, const void *ctx);

/*
 * Where to go on in @plan after @pos was reached in @old: at the beginning of a cycle, there;
 * within one, at the level that the old threshold comes to with the new step, or at the top if
 * that is lower now.
 */
u64 lvs_wrr_resume(const struct lvs_wrr_plan *plan, const struct lvs_wrr_plan *old, u64 pos);

#endif /* LVS_CORE_SCHED_WRR_H */
