/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locality: the connections to one address go to the dest, or the few dests, that served it before,
 * for caches, which do best when each has its own part of the addresses. A dest is left when it has
 * more active connections than it weighs while another one has room for half as many.
 */
#ifndef LVS_CORE_SCHED_LB_H
#define LVS_CORE_SCHED_LB_H

#include "core/sched_least.h"

/* Dests that lblcr remembers of an address; the most loaded one makes room for one more. */
#define LVS_LB_MAX_MEMBERS 16

/* Has the dest too much to do while another one is half idle? */
static __always_inline bool lvs_lb_crowded(const struct lvs_sched_view *view, const void *ctx,
					   u32 num, u32 dest)
{
	struct lvs_load load = view->load(ctx, dest);
	u32 i;

	if (load.active <= load.weight)
		return false;
	for (i = 0; i < num; i++) {
		load = view->load(ctx, i);
		if (2 * (u64)load.active < load.weight && view->eligible(ctx, i))
			return true;
	}
	return false;
}

/* May it be chosen, not being drained either? */
static __always_inline bool lvs_lb_usable(const struct lvs_sched_view *view, const void *ctx,
					  u32 dest)
{
	return view->eligible(ctx, dest) && view->load(ctx, dest).weight;
}

/*
 * lblc's choice for an address of which @known is remembered, or LVS_NOBODY. wlc passes over the
 * dests of weight 0: no cost divided by 0 is less than any other.
 */
static __always_inline u32 lvs_lblc_choose(const struct lvs_sched_view *view, const void *ctx,
					   u32 num, u32 known)
{
	if (known != LVS_NOBODY && lvs_lb_usable(view, ctx, known) &&
	    !lvs_lb_crowded(view, ctx, num, known))
		return known;
	return lvs_wlc_choose(view, ctx, num);
}

/* What lblcr remembers of an address: some dests, none twice. */
struct lvs_lb_members {
	u32 num;
	u32 dest[LVS_LB_MAX_MEMBERS];
};

/* The member with the least overhead by weight that may be chosen, or LVS_NOBODY. */
static __always_inline u32 lvs_lb_least(const struct lvs_sched_view *view, const void *ctx,
					const struct lvs_lb_members *members)
{
	struct lvs_least least = LVS_LEAST_NONE;
	u32 i;

	for (i = 0; i < members->num; i++) {
		u32 dest = members->dest[i];
		struct lvs_load load = view->load(ctx, dest);

		lvs_least_offer(&least, dest, lvs_lc_overhead(load.active, load.inactive),
				load.weight, view, ctx);
	}
	return least.dest;
}

/* Forget the member with the most overhead by weight, drained ones first; of equals the last. */
static __always_inline void lvs_lb_drop_most(const struct lvs_sched_view *view, const void *ctx,
					     struct lvs_lb_members *members)
{
	struct lvs_least most = { .cost = 0, .weight = 1, .dest = LVS_NOBODY };
	u32 place = 0, i;

	for (i = 0; i < members->num; i++) {
		struct lvs_load load = view->load(ctx, members->dest[i]);
		u64 overhead = lvs_lc_overhead(load.active, load.inactive);

		if (!load.weight) {
			place = i;
			break;
		}
		if (lvs_less(&most, overhead, load.weight))
			continue;
		most.cost = overhead;
		most.weight = load.weight;
		place = i;
	}
	members->num--;
	for (i = place; i < members->num; i++)
		members->dest[i] = members->dest[i + 1];
}

/*
 * lblcr's choice. If @stale, the members have not changed for long: the most loaded one of several
 * is dropped. If the least loaded one is of no use or crowded, wlc's choice becomes a member.
 */
static __always_inline u32 lvs_lblcr_choose(const struct lvs_sched_view *view, const void *ctx,
					    u32 num, struct lvs_lb_members *members, bool stale)
{
	u32 dest = lvs_lb_least(view, ctx, members);
	u32 i;

	if (stale && members->num > 1)
		lvs_lb_drop_most(view, ctx, members);
	if (dest != LVS_NOBODY && !lvs_lb_crowded(view, ctx, num, dest))
		return dest;
	dest = lvs_wlc_choose(view, ctx, num);
	if (dest == LVS_NOBODY)
		return dest;
	for (i = 0; i < members->num; i++) {
		if (members->dest[i] == dest)
			return dest;
	}
	if (members->num == LVS_LB_MAX_MEMBERS)
		lvs_lb_drop_most(view, ctx, members);
	members->dest[members->num++] = dest;
	return dest;
}

#endif /* LVS_CORE_SCHED_LB_H */
