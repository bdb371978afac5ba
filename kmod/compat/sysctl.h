/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables of sysctls end with an empty entry up to Linux 6.10; since 6.6 their size can be told, and
 * since 6.11 handlers get them as constants.
 */
#ifndef LVS_COMPAT_SYSCTL_H
#define LVS_COMPAT_SYSCTL_H

#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define lvs_ctl_table const struct ctl_table
#else
#define lvs_ctl_table struct ctl_table
#endif

/* Register a table of @num entries with an empty one behind them. */
static inline struct ctl_table_header *lvs_register_sysctls(struct net *net, const char *path,
							    struct ctl_table *table, size_t num)
{
#ifdef register_net_sysctl
	return register_net_sysctl_sz(net, path, table, num);
#else
	return register_net_sysctl(net, path, table);
#endif
}

#endif
