/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/net/ip_vs_conn and ip_vs_conn_sync */
#ifndef LVS_CONN_PROC_H
#define LVS_CONN_PROC_H

struct net;

/* Process context. 0 or -ENOMEM. The family IPVS must be ours already (a name clash would warn). */
int lvs_conn_proc_init(struct net *net);
void lvs_conn_proc_exit(struct net *net);

#endif /* LVS_CONN_PROC_H */
