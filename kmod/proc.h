/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/net/ip_vs, ip_vs_app, ip_vs_stats, ip_vs_stats_percpu and (conn/proc.c) ip_vs_conn,
 * ip_vs_conn_sync, for those who parse them.
 *
 * Made per namespace, after family "IPVS" was claimed and after the per-namespace state (nl/nl.h
 * tells why); taken away before either of them.
 */
#ifndef LVS_PROC_H
#define LVS_PROC_H

/* Process context. 0 or -errno. */
int lvs_proc_init(void);
void lvs_proc_exit(void);

#endif /* LVS_PROC_H */
