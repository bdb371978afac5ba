// SPDX-License-Identifier: GPL-2.0-only
#include "drop.h"
#include "netns.h"
#include "svc/svc.h"

static const char *const names[LVS_DROP_MAX] = {
#define LVS_DROP_NAME(id, name) \
	[LVS_DROP_##id] = name,
	LVS_DROP_REASONS(LVS_DROP_NAME)
#undef LVS_DROP_NAME
};

const char *lvs_drop_name(enum lvs_drop_reason reason)
{
	return names[reason];
}

void lvs_drop_count(struct lvs_net *ln, struct lvs_svc *svc, enum lvs_drop_reason reason)
{
	this_cpu_inc(ln->drops->count[reason]);
	if (svc)
		this_cpu_inc(svc->drops->count[reason]);
}

u64 lvs_drops_sum(struct lvs_drops __percpu *drops, enum lvs_drop_reason reason)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(drops, cpu)->count[reason]);
	return sum;
}
