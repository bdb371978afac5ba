/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the schedulers' choices have in common. Dests are numbers, from 0 in order of addition;
 * what is known of each just now is asked for through functions, so that the same code runs on a
 * service's set and on a test's table. Choices that ask for every dest are __always_inline, and
 * those functions with them.
 */
#ifndef LVS_CORE_SCHED_H
#define LVS_CORE_SCHED_H

#include "core/types.h"

/* No dest may be chosen. */
#define LVS_NOBODY (~(u32)0)

/* May this dest be chosen just now? */
typedef bool (*lvs_eligible)(const void *ctx, u32 dest);

/* What a dest has to do. */
struct lvs_load {
	u32 active;	/* connections */
	u32 inactive;
	u32 weight;	/* at least 1 */
};

typedef struct lvs_load (*lvs_load_of)(const void *ctx, u32 dest);

struct lvs_sched_view {
	lvs_load_of load;
	lvs_eligible eligible;
};

#endif /* LVS_CORE_SCHED_H */
