/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rates of dests, services and the namespace: every LVS_EST_INTERVAL, avg += (rate - avg) / 4.
 *
 * One thread per namespace, there from its first service on, goes over all services, and sleeps
 * while there are none. It reads each dest's counters once; services and the namespace are sums of
 * those.
 */
#ifndef LVS_EST_H
#define LVS_EST_H

#include <linux/cpumask.h>
#include <linux/wait.h>

#include "stats.h"

struct lvs_net;
struct task_struct;

#define LVS_EST_INTERVAL (2 * HZ)

struct lvs_estimator {
	struct task_struct *thread;	/* NULL until the first service; ctl */
	wait_queue_head_t wake;
	cpumask_var_t cpus;		/* those it was told, if it was; ctl, as is_told */
	bool is_told;
	unsigned long last;		/* jiffies of its last round; ctl */
	bool on;			/* there are rates to estimate; READ_ONCE; ctl */
};

/* Make the thread, once. 0 or -errno. Process context, under ctl. */
int lvs_est_up(struct lvs_net *ln);

/* There are services: see to it that the estimator runs. Process context, under ctl. */
void lvs_est_run(struct lvs_net *ln);

/* sysctl est_nice: 0, or -EINVAL for what is no nice value. Process context, takes ctl. */
int lvs_est_set_nice(struct lvs_net *ln, int nice);

/*
 * sysctl est_cpulist: the CPUs that the estimator may use; without any it stops. -EINVAL if there
 * are some, but none that is online. Process context, takes ctl.
 */
int lvs_est_set_cpus(struct lvs_net *ln, const struct cpumask *cpus);
void lvs_est_get_cpus(struct lvs_net *ln, struct cpumask *cpus);

/* The smoothed rates per second, rounded. conns is connections per second, and so on. Under ctl. */
void lvs_est_rates(const struct lvs_rates *rates, struct lvs_counters *per_second);

void lvs_est_net_init(struct lvs_net *ln);
/* The estimator does not run and is not started any more. Process context. */
void lvs_est_net_exit(struct lvs_net *ln);

#endif /* LVS_EST_H */
