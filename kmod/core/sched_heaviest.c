// SPDX-License-Identifier: GPL-2.0-only
#include "core/sched_heaviest.h"
#include "core/sort.h"

static bool heavier(const void *weights, u32 a, u32 b)
{
	return ((const u32 *)weights)[a] > ((const u32 *)weights)[b];
}

u32 *lvs_sort_by_weight(const u32 *weights, u32 n, u32 *scratch)
{
	return lvs_sort(n, scratch, heavier, weights);
}
