// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "compat/workqueue.h"
#include "est/est.h"
#include "netns.h"

/* One step of an average for something that has grown by @delta in @elapsed jiffies. */
static void smooth(u64 *avg, u64 delta, u32 elapsed)
{
	s64 rate = div_u64((delta << LVS_RATE_SHIFT) * HZ, elapsed);

	*avg += (rate - (s64)*avg) >> 2;
}

static void update(struct lvs_rates *rates, const struct lvs_counters *now, u32 elapsed)
{
	smooth(&rates->cps, now->conns - rates->last.conns, elapsed);
	smooth(&rates->inpps, now->inpkts - rates->last.inpkts, elapsed);
	smooth(&rates->outpps, now->outpkts - rates->last.outpkts, elapsed);
	smooth(&rates->inbps, now->inbytes - rates->last.inbytes, elapsed);
	smooth(&rates->outbps, now->outbytes - rates->last.outbytes, elapsed);
	rates->last = *now;
}

static bool still(const struct lvs_rates *rates)
{
	return !(rates->cps | rates->inpps | rates->outpps | rates->inbps | rates->outbps);
}

/* Adds the service's share to @total. */
static void estimate_svc(struct lvs_svc *svc, u32 elapsed, struct lvs_counters *total)
{
	struct lvs_counters now, sum = {};
	struct lvs_dest *dest;

	list_for_each_entry(dest, &svc->dests, node) {
		lvs_stats_read(dest->stats, &now);
		update(&dest->rates, &now, elapsed);
		lvs_counters_add(&sum, &now);
	}
	list_for_each_entry(dest, &svc->trash, node) {
		lvs_stats_read(dest->stats, &now);
		lvs_counters_add(&sum, &now);
	}
	lvs_counters_add(total, &sum);
	lvs_counters_add(&sum, &svc->base);
	update(&svc->rates, &sum, elapsed);
}

/*
 * The total since the namespace exists: what lvs_net_counters() tells, but the counters of listed
 * services are those that their own rates were made from.
 */
static void estimate_all(struct lvs_net *ln, u32 elapsed)
{
	struct lvs_svc_table *table = &ln->svcs;
	struct lvs_counters total = {}, now;
	struct lvs_dest *dest;
	struct lvs_svc *svc;
	int i;

	list_for_each_entry(svc, &table->list, list) {
		estimate_svc(svc, elapsed, &total);
		cond_resched();
	}
	for (i = 0; i < LVS_ORPHAN_BUCKETS; i++) {
		hlist_for_each_entry(svc, &table->orphans[i], ctl_node) {
			list_for_each_entry(dest, &svc->trash, node) {
				lvs_stats_read(dest->stats, &now);
				lvs_counters_add(&total, &now);
			}
		}
	}
	for_each_possible_cpu(i)
		lvs_counters_add(&total, &table->gone[i]);
	update(&ln->rates, &total, elapsed);
}

static void est_work(struct work_struct *work)
{
	struct lvs_net *ln = container_of(work, struct lvs_net, estimator.work);
	unsigned long now, elapsed;

	mutex_lock(&ln->ctl);
	now = jiffies;
	elapsed = clamp(now - ln->estimated, 1UL, (unsigned long)INT_MAX);
	/* Told not to, it looks now and then whether it may again; the rates stay as they are. */
	if (READ_ONCE(ln->sysctls.run_estimation))
		estimate_all(ln, elapsed);
	ln->estimated = now;
	/* Without services it goes on until the totals have come down to nothing. */
	ln->estimating = ln->svcs.count || !still(&ln->rates);
	if (ln->estimating)
		queue_delayed_work(lvs_unbound_wq, &ln->estimator, LVS_EST_INTERVAL);
	mutex_unlock(&ln->ctl);
}

void lvs_est_run(struct lvs_net *ln)
{
	lockdep_assert_held(&ln->ctl);
	if (ln->estimating)
		return;
	ln->estimating = true;
	ln->estimated = jiffies;
	queue_delayed_work(lvs_unbound_wq, &ln->estimator, LVS_EST_INTERVAL);
}

void lvs_est_rates(const struct lvs_rates *rates, struct lvs_counters *per_second)
{
	u64 half = (1 << (LVS_RATE_SHIFT - 1)) - 1;

	per_second->conns = (rates->cps + half) >> LVS_RATE_SHIFT;
	per_second->inpkts = (rates->inpps + half) >> LVS_RATE_SHIFT;
	per_second->outpkts = (rates->outpps + half) >> LVS_RATE_SHIFT;
	per_second->inbytes = (rates->inbps + half) >> LVS_RATE_SHIFT;
	per_second->outbytes = (rates->outbps + half) >> LVS_RATE_SHIFT;
}

void lvs_est_net_init(struct lvs_net *ln)
{
	INIT_DELAYED_WORK(&ln->estimator, est_work);
}

void lvs_est_net_exit(struct lvs_net *ln)
{
	cancel_delayed_work_sync(&ln->estimator);
}
