/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic counters. A packet is counted once, in its dest's per-CPU block; what a service and the
 * namespace have seen is summed when somebody asks.
 */
#ifndef LVS_STATS_H
#define LVS_STATS_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

/* One CPU's counters. Written only by that CPU with bottom halves off. */
struct lvs_cpu_stats {
	u64_stats_t inpkts;
	u64_stats_t inbytes;
	u64_stats_t outpkts;
	u64_stats_t outbytes;
	u64_stats_t conns;
	struct u64_stats_sync sync;
};

/* A sum of them, as a value. */
struct lvs_counters {
	u64 conns;
	u64 inpkts;
	u64 outpkts;
	u64 inbytes;
	u64 outbytes;
};

/* Rates per second as the contract's section 8 smooths them. Scaled by 1 << LVS_RATE_SHIFT. */
#define LVS_RATE_SHIFT 10
struct lvs_rates {
	struct lvs_counters last;	/* the counters at the last estimate */
	u64 cps;
	u64 inpps;
	u64 outpps;
	u64 inbps;
	u64 outbps;
};

static inline void lvs_stats_in(struct lvs_cpu_stats __percpu *stats, unsigned int len)
{
	struct lvs_cpu_stats *s = this_cpu_ptr(stats);

	u64_stats_update_begin(&s->sync);
	u64_stats_inc(&s->inpkts);
	u64_stats_add(&s->inbytes, len);
	u64_stats_update_end(&s->sync);
}

static inline void lvs_stats_out(struct lvs_cpu_stats __percpu *stats, unsigned int len)
{
	struct lvs_cpu_stats *s = this_cpu_ptr(stats);

	u64_stats_update_begin(&s->sync);
	u64_stats_inc(&s->outpkts);
	u64_stats_add(&s->outbytes, len);
	u64_stats_update_end(&s->sync);
}

static inline void lvs_stats_conn(struct lvs_cpu_stats __percpu *stats)
{
	struct lvs_cpu_stats *s = this_cpu_ptr(stats);

	u64_stats_update_begin(&s->sync);
	u64_stats_inc(&s->conns);
	u64_stats_update_end(&s->sync);
}

/* Zeroed counters for every CPU, or NULL; free_percpu() frees them. Process context, may sleep. */
struct lvs_cpu_stats __percpu *lvs_stats_alloc(void);

/* @sum becomes the sum of all CPUs (one CPU in _cpu). Any context. */
void lvs_stats_read(struct lvs_cpu_stats __percpu *stats, struct lvs_counters *sum);
void lvs_stats_read_cpu(struct lvs_cpu_stats __percpu *stats, int cpu, struct lvs_counters *sum);

void lvs_counters_add(struct lvs_counters *to, const struct lvs_counters *what);
void lvs_counters_sub(struct lvs_counters *from, const struct lvs_counters *what);

#endif /* LVS_STATS_H */
