/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Round robin's cursor over a list of @n dests: the number of the dest that was chosen last,
 * counted from 1; 0 before the first choice.
 */
#ifndef LVS_CORE_SCHED_RR_H
#define LVS_CORE_SCHED_RR_H

#include "core/types.h"

/* The index that stands @step places after the cursor; @step below @n. */
static inline u32 lvs_rr_index(u32 cursor, u32 n, u32 step)
{
	u32 index = cursor >= n ? 0 : cursor;

	return index + step < n ? index + step : index + step - n;
}

static inline u32 lvs_rr_cursor(u32 index)
{
	return index + 1;
}

#endif /* LVS_CORE_SCHED_RR_H */
