/* SPDX-License-Identifier: GPL-2.0-only */
/* What source and destination hashing share. */
#ifndef LVS_SCHED_SH_H
#define LVS_SCHED_SH_H

#include "core/sched_sh.h"
#include "sched/view.h"

static inline bool lvs_sh_eligible(const void *ctx, u32 index)
{
	const struct lvs_sched_set *set = ctx;

	return set->entry[index].weight && lvs_set_eligible(set, index);
}

static const struct lvs_sched_view lvs_sh_view = {
	.load		= lvs_set_load,
	.eligible	= lvs_sh_eligible,
};

#endif /* LVS_SCHED_SH_H */
