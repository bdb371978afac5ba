// SPDX-License-Identifier: GPL-2.0-only
#include "core/math.h"
#include "core/sched_heaviest.h"
#include "core/sched_wrr.h"

static u32 common_divisor(u32 a, u32 b)
{
	while (b) {
		u32 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void lvs_wrr_measure(struct lvs_wrr_sizes *m, const u32 *weights, u32 n, u32 *scratch)
{
	u64 listed = 0;
	u32 i;

	m->sorted = lvs_sort_by_weight(weights, n, scratch);
	m->gcd = 0;
	m->num_segments = 0;
	for (i = 0; i < n; i++) {
		u32 weight = weights[m->sorted[i]];

		if (i + 1 < n && weights[m->sorted[i + 1]] == weight)
			continue;
		/* The last one of its weight closes a segment's list. */
		m->gcd = common_divisor(weight, m->gcd);
		m->num_segments++;
		listed += i + 1;
	}
	m->shared = listed > LVS_WRR_MAX_LISTED;
	m->num_listed = m->shared ? n : (u32)listed;
	m->size = sizeof(struct lvs_wrr_plan) +
		  m->num_segments * sizeof(struct lvs_wrr_segment) +
		  m->num_listed * sizeof(u32);
}

void lvs_wrr_fill(struct lvs_wrr_plan *plan, const struct lvs_wrr_sizes *m,
		  const u32 *weights, u32 n)
{
	u32 *order = (u32 *)&plan->seg[m->num_segments];
	u32 listed = 0, j = 0, i, k;
	u64 start = 0;

	plan->gcd = m->gcd;
	plan->num_segments = m->num_segments;
	plan->num_listed = m->num_listed;
	plan->shared = m->shared;
	plan->order = order;
	if (m->shared) {
		for (i = 0; i < n; i++)
			order[i] = m->sorted[i];
	}
	for (i = 0; i < n; i++) {
		struct lvs_wrr_segment *seg = &plan->seg[j];
		u32 weight = weights[m->sorted[i]];
		u32 lower, rest;

		lower = i + 1 < n ? weights[m->sorted[i + 1]] : 0;
		if (lower == weight)
			continue;
		seg->start = start;
		seg->top = weight;
		seg->len = i + 1;
		seg->list = listed;
		if (!m->shared) {
			for (k = 0; k < n; k++) {
				if (weights[k] >= weight)
					order[listed++] = k;
			}
		}
		start += lvs_div(weight - lower, m->gcd, &rest) * seg->len;
		j++;
	}
	plan->cycle = start;
}

/* The last segment that starts at @pos or before. */
static u32 segment_of(const struct lvs_wrr_plan *plan, u64 pos)
{
	u32 low = 0, high = plan->num_segments;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (plan->seg[middle].start <= pos)
			low = middle;
		else
			high = middle;
	}
	return low;
}

u32 lvs_wrr_at(const struct lvs_wrr_plan *plan, u64 pos)
{
	const struct lvs_wrr_segment *seg = &plan->seg[segment_of(plan, pos)];
	u32 offset;

	lvs_div(pos - seg->start, seg->len, &offset);
	return plan->order[seg->list + offset];
}

static u64 segment_end(const struct lvs_wrr_plan *plan, u32 j)
{
	return j + 1 < plan->num_segments ? plan->seg[j + 1].start : plan->cycle;
}

/*
 * The first eligible position of segment @j from @pos on, which lies in it. One list's length
 * shows whether there is any: the levels are alike.
 */
static u64 skip_in_segment(const struct lvs_wrr_plan *plan, u32 j, u64 pos,
			   lvs_eligible eligible, const void *ctx)
{
	const struct lvs_wrr_segment *seg = &plan->seg[j];
	u64 end = segment_end(plan, j);
	u32 offset, i;

	lvs_div(pos - seg->start, seg->len, &offset);
	for (i = 0; i < seg->len && pos < end; i++, pos++) {
		if (eligible(ctx, plan->order[seg->list + offset]))
			return pos;
		offset = offset + 1 < seg->len ? offset + 1 : 0;
	}
	return LVS_WRR_NOWHERE;
}

static u64 skip_segment(const struct lvs_wrr_plan *plan, u32 j, lvs_eligible eligible,
			const void *ctx)
{
	return skip_in_segment(plan, j, plan->seg[j].start, eligible, ctx);
}

u64 lvs_wrr_skip(const struct lvs_wrr_plan *plan, u64 pos, lvs_eligible eligible, const void *ctx)
{
	u32 last = plan->num_segments - 1;
	u32 low = segment_of(plan, pos);
	u32 high = last;
	u64 found = skip_in_segment(plan, low, pos, eligible, ctx);
	u64 in_middle;

	if (found != LVS_WRR_NOWHERE)
		return found;
	/* The last segment lists all dests: if none of them is eligible there, none is at all. */
	found = skip_segment(plan, last, eligible, ctx);
	if (found == LVS_WRR_NOWHERE)
		return found;
	/* After this segment the next ones or, after the last one, from the top. */
	low = low < last ? low + 1 : 0;
	/* Each segment lists what the one before it does, and more: halve the search. */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		in_middle = skip_segment(plan, middle, eligible, ctx);
		if (in_middle == LVS_WRR_NOWHERE) {
			low = middle + 1;
		} else {
			high = middle;
			found = in_middle;
		}
	}
	return found;
}

u64 lvs_wrr_resume(const struct lvs_wrr_plan *plan, const struct lvs_wrr_plan *old, u64 pos)
{
	const struct lvs_wrr_segment *seg;
	u32 threshold, offset, j;
	u64 level;

	if (!pos)
		return 0;
	seg = &old->seg[segment_of(old, pos)];
	level = lvs_div(pos - seg->start, seg->len, &offset);
	threshold = seg->top - (u32)level * old->gcd;

	/* The lowest weight that this threshold let pass, to the new step. */
	threshold = ((threshold - old->gcd) / plan->gcd + 1) * plan->gcd;
	if (threshold >= plan->seg[0].top)
		return 0;
	for (j = 0; j + 1 < plan->num_segments && plan->seg[j + 1].top >= threshold; j++)
		;
	seg = &plan->seg[j];
	return seg->start + lvs_div(seg->top - threshold, plan->gcd, &offset) * seg->len;
}
