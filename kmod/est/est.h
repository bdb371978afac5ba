/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rates of dests, services and the namespace: every LVS_EST_INTERVAL, avg += (rate - avg) / 4.
 *
 * One work item per namespace goes over all services in process context, and only while there are
 * some. It reads each dest's counters once; services and the namespace are sums of those.
 */
#ifndef LVS_EST_H
#define LVS_EST_H

#include "stats.h"

struct lvs_net;

#define LVS_EST_INTERVAL (2 * HZ)

/* There are services: see to it that the estimator runs. Process context, under ctl. */
void lvs_est_run(struct lvs_net *ln);

/* The smoothed rates per second, rounded. conns is connections per second, and so on. Under ctl. */
void lvs_est_rates(const struct lvs_rates *rates, struct lvs_counters *per_second);

void lvs_est_net_init(struct lvs_net *ln);
/* The estimator does not run and is not started any more. Process context. */
void lvs_est_net_exit(struct lvs_net *ln);

#endif /* LVS_EST_H */
