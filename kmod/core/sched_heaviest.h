/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failover and overflow: dests ordered by weight, the first one takes it all as long as it may.
 */
#ifndef LVS_CORE_SCHED_HEAVIEST_H
#define LVS_CORE_SCHED_HEAVIEST_H

#include "core/sched.h"

/*
 * Sort @n dests by falling weight, equals in order of addition. @scratch has room for 2 * @n
 * numbers; the order is in one half of it, whose address is returned.
 */
u32 *lvs_sort_by_weight(const u32 *weights, u32 n, u32 *scratch);

/* The first dest in @order that may be chosen, or LVS_NOBODY. */
static __always_inline u32 lvs_heaviest(const u32 *order, u32 n, lvs_eligible eligible,
					const void *ctx)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (eligible(ctx, order[i]))
			return order[i];
	}
	return LVS_NOBODY;
}

/* Overflow: as many active connections as the dest weighs are not too many, one more is. */
static inline bool lvs_ovf_has_room(u32 active, u32 weight)
{
	return active <= weight;
}

#endif /* LVS_CORE_SCHED_HEAVIEST_H */
