// SPDX-License-Identifier: GPL-2.0-only
#include <linux/gfp.h>

#include "stats.h"

struct lvs_cpu_stats __percpu *lvs_stats_alloc(void)
{
	struct lvs_cpu_stats __percpu *stats = alloc_percpu(struct lvs_cpu_stats);
	int cpu;

	if (!stats)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(stats, cpu)->sync);
	return stats;
}

void lvs_stats_read_cpu(struct lvs_cpu_stats __percpu *stats, int cpu, struct lvs_counters *sum)
{
	const struct lvs_cpu_stats *s = per_cpu_ptr(stats, cpu);
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&s->sync);
		sum->conns = u64_stats_read(&s->conns);
		sum->inpkts = u64_stats_read(&s->inpkts);
		sum->outpkts = u64_stats_read(&s->outpkts);
		sum->inbytes = u64_stats_read(&s->inbytes);
		sum->outbytes = u64_stats_read(&s->outbytes);
	} while (u64_stats_fetch_retry(&s->sync, start));
}

void lvs_stats_read(struct lvs_cpu_stats __percpu *stats, struct lvs_counters *sum)
{
	int cpu;

	*sum = (struct lvs_counters){};
	for_each_possible_cpu(cpu) {
		struct lvs_counters one;

		lvs_stats_read_cpu(stats, cpu, &one);
		lvs_counters_add(sum, &one);
	}
}

void lvs_counters_add(struct lvs_counters *to, const struct lvs_counters *what)
{
	to->conns += what->conns;
	to->inpkts += what->inpkts;
	to->outpkts += what->outpkts;
	to->inbytes += what->inbytes;
	to->outbytes += what->outbytes;
}

void lvs_counters_sub(struct lvs_counters *from, const struct lvs_counters *what)
{
	from->conns -= what->conns;
	from->inpkts -= what->inpkts;
	from->outpkts -= what->outpkts;
	from->inbytes -= what->inbytes;
	from->outbytes -= what->outbytes;
}
