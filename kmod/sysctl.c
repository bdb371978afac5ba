// SPDX-License-Identifier: GPL-2.0-only
/* The files under /proc/sys/net/ipv4/vs. */
#include <linux/limits.h>
#include <linux/slab.h>

#include "compat/sysctl.h"
#include "netns.h"
#include "sysctl.h"

void lvs_sysctls_init(struct lvs_sysctls *s)
{
	s->lblc_expiration = 24 * 60 * 60;
	s->lblcr_expiration = 24 * 60 * 60;
	s->fullnat_lport_min = 5000;
	s->fullnat_lport_max = 65535;
	s->fullnat_lport_tries = 10000;
}

static int zero;
static int one = 1;
static int max_seconds = INT_MAX / HZ;
static int max_port = U16_MAX;
static int max_tries = 65536;

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

/* .data tells the place in the namespace's struct lvs_sysctls. An empty entry at the end. */
static const struct ctl_table template[] = {
	SYSCTL_RANGE(lblc_expiration, &zero, &max_seconds),
	SYSCTL_RANGE(lblcr_expiration, &zero, &max_seconds),
	SYSCTL_RANGE(expire_nodest_conn, &zero, &one),
	SYSCTL_RANGE(expire_quiescent_template, &zero, &one),
	SYSCTL_RANGE(sloppy_sctp, &zero, &one),
	SYSCTL_RANGE(fullnat_lport_min, &one, &max_port),
	SYSCTL_RANGE(fullnat_lport_max, &one, &max_port),
	SYSCTL_RANGE(fullnat_lport_tries, &one, &max_tries),
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
	for (i = 0; i < NUM_SYSCTLS; i++)
		table[i].data = (char *)&ln->sysctls + (unsigned long)table[i].data;
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
