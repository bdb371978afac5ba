/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LVS_SCHED_HEAVIEST_H
#define LVS_SCHED_HEAVIEST_H

#include "sched/sched.h"

/* lvs_scheduler.prepare: the plan is the numbers of the set's dests by falling weight. */
int lvs_heaviest_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old);

#endif /* LVS_SCHED_HEAVIEST_H */
