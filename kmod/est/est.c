// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sched/prio.h>

#include "est/est.h"
#include "netns.h"

/* One step of an average for something that has grown by @delta in @elapsed jiffies. */
static void smooth(u64 *avg, u64 delta, u32 elapsed)
{
	s64 rate = mul_u64_u32_div(delta << LVS_RATE_SHIFT, HZ, elapsed);

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

static bool may_run(const struct lvs_net *ln)
{
	return READ_ONCE(ln->sysctls.run_estimation) &&
	       !(ln->est.is_told && cpumask_empty(ln->est.cpus));
}

static void estimate(struct lvs_net *ln)
{
	unsigned long now, elapsed;

	mutex_lock(&ln->ctl);
	now = jiffies;
	elapsed = clamp(now - ln->est.last, 1UL, (unsigned long)INT_MAX);
	/* Told not to, it looks now and then whether it may again; the rates stay as they are. */
	if (may_run(ln)) {
		estimate_all(ln, elapsed);
		ln->est.last = now;
	}
	/* Without services it goes on until the totals have come down to nothing. */
	WRITE_ONCE(ln->est.on, ln->svcs.count || !still(&ln->rates));
	mutex_unlock(&ln->ctl);
}

static int estimator(void *arg)
{
	struct lvs_net *ln = arg;

	while (!kthread_should_stop()) {
		wait_event_idle(ln->est.wake, READ_ONCE(ln->est.on) || kthread_should_stop());
		wait_event_idle_timeout(ln->est.wake, kthread_should_stop(), LVS_EST_INTERVAL);
		if (!kthread_should_stop())
			estimate(ln);
	}
	return 0;
}

static void default_cpus(struct cpumask *cpus)
{
	rcu_read_lock();
	cpumask_copy(cpus, housekeeping_cpumask(HK_TYPE_KTHREAD));
	rcu_read_unlock();
}

int lvs_est_up(struct lvs_net *ln)
{
	struct lvs_estimator *est = &ln->est;
	struct task_struct *thread;

	lockdep_assert_held(&ln->ctl);
	if (est->thread)
		return 0;
	thread = kthread_create(estimator, ln, "lvs_est");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	set_user_nice(thread, READ_ONCE(ln->sysctls.est_nice));
	/* They were online when they were told; without any of them now, others do. */
	if (est->is_told)
		set_cpus_allowed_ptr(thread, est->cpus);
	est->thread = thread;
	wake_up_process(thread);
	return 0;
}

void lvs_est_run(struct lvs_net *ln)
{
	lockdep_assert_held(&ln->ctl);
	if (ln->est.on)
		return;
	ln->est.last = jiffies;
	/* What connections without a service have counted meanwhile is no rate of now. */
	lvs_net_counters(ln, -1, &ln->rates.last);
	WRITE_ONCE(ln->est.on, true);
	wake_up(&ln->est.wake);
}

int lvs_est_set_nice(struct lvs_net *ln, int nice)
{
	if (nice < MIN_NICE || nice > MAX_NICE)
		return -EINVAL;
	mutex_lock(&ln->ctl);
	WRITE_ONCE(ln->sysctls.est_nice, nice);
	if (ln->est.thread)
		set_user_nice(ln->est.thread, nice);
	mutex_unlock(&ln->ctl);
	return 0;
}

static int set_cpus(struct lvs_estimator *est, const struct cpumask *cpus)
{
	if (!est->is_told && !zalloc_cpumask_var(&est->cpus, GFP_KERNEL))
		return -ENOMEM;
	est->is_told = true;
	cpumask_copy(est->cpus, cpus);
	if (!est->thread || cpumask_empty(cpus))
		return 0;
	return set_cpus_allowed_ptr(est->thread, cpus);
}

int lvs_est_set_cpus(struct lvs_net *ln, const struct cpumask *cpus)
{
	int err;

	if (!cpumask_empty(cpus) && !cpumask_intersects(cpus, cpu_online_mask))
		return -EINVAL;
	mutex_lock(&ln->ctl);
	err = set_cpus(&ln->est, cpus);
	mutex_unlock(&ln->ctl);
	return err;
}

void lvs_est_get_cpus(struct lvs_net *ln, struct cpumask *cpus)
{
	mutex_lock(&ln->ctl);
	if (ln->est.is_told)
		cpumask_copy(cpus, ln->est.cpus);
	else
		default_cpus(cpus);
	mutex_unlock(&ln->ctl);
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
	init_waitqueue_head(&ln->est.wake);
}

void lvs_est_net_exit(struct lvs_net *ln)
{
	if (ln->est.thread)
		kthread_stop(ln->est.thread);
	if (ln->est.is_told)
		free_cpumask_var(ln->est.cpus);
}
