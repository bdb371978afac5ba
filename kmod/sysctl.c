// SPDX-License-Identifier: GPL-2.0-only
/* The files under /proc/sys/net/ipv4/vs. */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "compat/sysctl.h"
#include "fwd/conntrack.h"
#include "netns.h"
#include "sysctl.h"
#include "upstream.h"

#define CONN_MAX	BIT(30)

void lvs_sysctls_init(struct lvs_sysctls *s)
{
	*s = (struct lvs_sysctls) {
		.conn_max		= CONN_MAX,
		.conn_reuse_mode	= 1,
		.lblc_expiration	= 24 * 60 * 60,
		.lblcr_expiration	= 24 * 60 * 60,
		.pmtu_disc		= 1,
		.snat_reroute		= 1,
		.amemthresh		= 1024,
		.am_droprate		= 10,
		.fullnat_lport_min	= 5000,
		.fullnat_lport_max	= 65535,
		.fullnat_lport_tries	= 10000,
		.fullnat_toa_entry	= 1,
		.fullnat_mss_adjust_entry = 1,
		.fullnat_timestamp_remove_entry = 1,
		.fullnat_conn_reused_entry = 1,
		.run_estimation		= 1,
		.conn_lfactor		= LVS_CONN_LFACTOR,
		.svc_lfactor		= -3,
		.sync_version		= 1,
		.sync_ports		= 1,
		.sync_qlen_max		= min(nr_free_buffer_pages() / 32, (unsigned long)INT_MAX),
		.sync_threshold		= { 3, 50 },
	};
}

static int zero;
static int one = 1;
static int three = 3;
static int max_seconds = INT_MAX / HZ;
static int max_port = U16_MAX;
static int max_tries = 65536;
static int max_conns = CONN_MAX;
static int max_int = INT_MAX;

/* A power of two. */
static int sync_ports(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	int *field = table->data, value = READ_ONCE(*field), err;
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value), .mode = table->mode };

	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value < 1 || !is_power_of_2(value))
		return -EINVAL;
	WRITE_ONCE(*field, value);
	return 0;
}

/* Two numbers: the first less than the second, unless that is 0. */
static int sync_threshold(lvs_ctl_table *table, int write, void *buffer, size_t *lenp,
			  loff_t *ppos)
{
	int *field = table->data, value[LVS_SYNC_THRESHOLDS], err;
	struct ctl_table copy = { .data = value, .maxlen = sizeof(value), .mode = table->mode };

	value[0] = READ_ONCE(field[0]);
	value[1] = READ_ONCE(field[1]);
	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value[0] < 0 || value[1] < 0 || (value[1] && value[0] >= value[1]))
		return -EINVAL;
	WRITE_ONCE(field[0], value[0]);
	WRITE_ONCE(field[1], value[1]);
	return 0;
}

/* A mode from 0 to 3, which takes effect before the write is done. */
static int defence_mode(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	int *field = table->data, value = READ_ONCE(*field), err;
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value), .mode = table->mode };

	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value < 0 || value > LVS_DEFENCE_ALWAYS)
		return -EINVAL;
	WRITE_ONCE(*field, value);
	lvs_defence_now(table->extra1);
	return 0;
}

/* 0 or 1; 1 only where there is connection tracking. */
static int conntrack(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	int value = READ_ONCE(*(int *)table->data), err;
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value), .mode = table->mode };

	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value < 0 || value > 1)
		return -EINVAL;
	return lvs_conntrack_set(table->extra1, value);
}

static int est_nice(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	int value = READ_ONCE(*(int *)table->data), err;
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value), .mode = table->mode };

	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	return err || !write ? err : lvs_est_set_nice(table->extra1, value);
}

/* From -8 to 8; the tables get other sizes. */
static int load_factor(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct lvs_net *ln = table->extra1;
	int value = READ_ONCE(*(int *)table->data), err;
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value), .mode = table->mode };

	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value < -8 || value > 8)
		return -EINVAL;
	WRITE_ONCE(*(int *)table->data, value);
	lvs_conn_table_refit(ln);
	mutex_lock(&ln->ctl);
	lvs_svc_table_fit(ln, true);
	mutex_unlock(&ln->ctl);
	return 0;
}

/* A list of CPUs, as 0-3,8. */
static int est_cpulist(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct lvs_net *ln = table->extra1;
	struct ctl_table copy = { .maxlen = nr_cpu_ids, .mode = table->mode };
	unsigned long *bits;
	cpumask_var_t cpus;
	int err;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	lvs_est_get_cpus(ln, cpus);
	bits = cpumask_bits(cpus);
	copy.data = &bits;
	err = proc_do_large_bitmap(&copy, write, buffer, lenp, ppos);
	if (!err && write)
		err = lvs_est_set_cpus(ln, cpus);
	free_cpumask_var(cpus);
	return err;
}

/* A number from *@low to *@high; others are refused with EINVAL. */
#define SYSCTL_RANGE(field, low, high)					\
	{								\
		.procname	= #field,				\
		.data		= (void *)offsetof(struct lvs_sysctls, field), \
		.maxlen		= sizeof(int),				\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= (low),				\
		.extra2		= (high),				\
	}

/* @num numbers with a rule of their own, which finds the namespace in table->extra1. */
#define SYSCTL_RULE(field, num, rule)					\
	{								\
		.procname	= #field,				\
		.data		= (void *)offsetof(struct lvs_sysctls, field), \
		.maxlen		= (num) * sizeof(int),			\
		.mode		= 0644,					\
		.proc_handler	= (rule),				\
	}

/* .data tells the place in the namespace's struct lvs_sysctls. An empty entry at the end. */
static const struct ctl_table template[] = {
	SYSCTL_RANGE(conn_max, &zero, &max_conns),
	SYSCTL_RANGE(conn_reuse_mode, &zero, &three),
	SYSCTL_RANGE(sloppy_tcp, &zero, &one),
	SYSCTL_RANGE(sloppy_sctp, &zero, &one),
	SYSCTL_RANGE(expire_nodest_conn, &zero, &one),
	SYSCTL_RANGE(expire_quiescent_template, &zero, &one),
	SYSCTL_RANGE(lblc_expiration, &zero, &max_seconds),
	SYSCTL_RANGE(lblcr_expiration, &zero, &max_seconds),
	SYSCTL_RANGE(cache_bypass, &zero, &one),
	SYSCTL_RANGE(schedule_icmp, &zero, &one),
	SYSCTL_RANGE(nat_icmp_send, &zero, &one),
	SYSCTL_RANGE(ignore_tunneled, &zero, &one),
	SYSCTL_RANGE(pmtu_disc, &zero, &one),
	SYSCTL_RULE(conntrack, 1, conntrack),
	SYSCTL_RANGE(snat_reroute, &zero, &one),
	SYSCTL_RANGE(amemthresh, &zero, &max_int),
	SYSCTL_RANGE(am_droprate, &zero, &max_int),
	SYSCTL_RULE(drop_entry, 1, defence_mode),
	SYSCTL_RULE(drop_packet, 1, defence_mode),
	SYSCTL_RULE(secure_tcp, 1, defence_mode),
	SYSCTL_RANGE(fullnat_lport_min, &one, &max_port),
	SYSCTL_RANGE(fullnat_lport_max, &one, &max_port),
	SYSCTL_RANGE(fullnat_lport_tries, &one, &max_tries),
	SYSCTL_RANGE(fullnat_toa_entry, &zero, &one),
	SYSCTL_RANGE(fullnat_mss_adjust_entry, &zero, &one),
	SYSCTL_RANGE(fullnat_timestamp_remove_entry, &zero, &one),
	SYSCTL_RANGE(fullnat_conn_reused_entry, &zero, &one),
	{
		.procname	= "toa_trusted_upstreams",
		.mode		= 0644,
		.proc_handler	= lvs_upstream_sysctl,
	},
	SYSCTL_RANGE(conn_expire_tcp_rst, &zero, &one),
	SYSCTL_RANGE(run_estimation, &zero, &one),
	SYSCTL_RULE(est_nice, 1, est_nice),
	{
		.procname	= "est_cpulist",
		.mode		= 0644,
		.proc_handler	= est_cpulist,
	},
	SYSCTL_RULE(conn_lfactor, 1, load_factor),
	SYSCTL_RULE(svc_lfactor, 1, load_factor),
	SYSCTL_RANGE(sync_version, &zero, &one),
	SYSCTL_RULE(sync_ports, 1, sync_ports),
	SYSCTL_RANGE(sync_persist_mode, &zero, &one),
	SYSCTL_RANGE(sync_qlen_max, &zero, &max_int),
	SYSCTL_RANGE(sync_sock_size, &zero, &max_int),
	SYSCTL_RULE(sync_threshold, LVS_SYNC_THRESHOLDS, sync_threshold),
	SYSCTL_RANGE(sync_refresh_period, &zero, &max_seconds),
	SYSCTL_RANGE(sync_retries, &zero, &three),
	SYSCTL_RANGE(backup_only, &zero, &one),
	{}
};

#define NUM_SYSCTLS (ARRAY_SIZE(template) - 1)

static int __net_init sysctl_net_init(struct net *net)
{
	struct lvs_net *ln = lvs_net(net);
	struct ctl_table *table;
	size_t i;

	/* As the rest of the director, they are not for a namespace's own root. */
	if (net->user_ns != &init_user_ns)
		return 0;
	table = kmemdup(template, sizeof(template), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < NUM_SYSCTLS; i++) {
		table[i].data = (char *)&ln->sysctls + (unsigned long)table[i].data;
		if (!table[i].extra1)
			table[i].extra1 = ln;
	}
	ln->sysctl_header = lvs_register_sysctls(net, "net/ipv4/vs", table, NUM_SYSCTLS);
	if (!ln->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	ln->sysctl_table = table;
	return 0;
}

static void __net_exit sysctl_net_exit(struct net *net)
{
	struct lvs_net *ln = lvs_net(net);

	if (!ln->sysctl_header)
		return;
	unregister_net_sysctl_table(ln->sysctl_header);
	kfree(ln->sysctl_table);
}

static struct pernet_operations sysctl_net_ops = {
	.init	= sysctl_net_init,
	.exit	= sysctl_net_exit,
};

int __init lvs_sysctl_init(void)
{
	return register_pernet_subsys(&sysctl_net_ops);
}

void lvs_sysctl_exit(void)
{
	unregister_pernet_subsys(&sysctl_net_ops);
}
