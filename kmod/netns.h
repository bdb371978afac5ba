/* SPDX-License-Identifier: GPL-2.0-only */
/* What one network namespace has of the director. */
#ifndef LVS_NETNS_H
#define LVS_NETNS_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "conn/table.h"
#include "core/sctp_state.h"
#include "core/tcp_state.h"
#include "defence.h"
#include "drop.h"
#include "est/est.h"
#include "ftp/ftp.h"
#include "stats.h"
#include "svc/laddr.h"
#include "svc/limit.h"
#include "svc/svc.h"
#include "sysctl.h"
#include "upstream.h"

/* Timeouts in jiffies; packets read them, SET_CONFIG writes them under ctl. */
struct lvs_timeouts {
	u32 tcp[LVS_TCP_STATES];
	u32 udp;
	u32 sctp[LVS_SCTP_STATES];
};

struct lvs_networks;

struct lvs_net {
	/* packet path, read mostly */
	struct net *net;
	struct lvs_conn_table conns;
	struct lvs_svc_table svcs;
	struct lvs_laddr_table laddrs;
	struct lvs_limits limits;
	struct lvs_timeouts timeouts;
	struct lvs_drops __percpu *drops;
	struct lvs_sysctls sysctls;		/* READ_ONCE; whoever writes the files */
	struct lvs_defence defence;
	struct lvs_ftp_table ftp;
	struct lvs_networks __rcu *upstreams;	/* upstream.h; NULL: none; ctl */
	bool conntrack_over;			/* READ_ONCE: the kernel's conntrack may be gone */

	/* control path */
	struct mutex ctl;			/* serialises control operations */
	spinlock_t route_lock;			/* lvs_dest.route and routes; bottom halves off */
	struct list_head routes;		/* lvs_route.node */
	struct lvs_counters zeroed;		/* the counters at the last ZERO; ctl */
	struct lvs_rates rates;			/* of all services; estimator, ctl */
	struct lvs_estimator est;
	struct work_struct hooks_work;		/* hook.c: takes the hooks down once idle */
	bool hooked;				/* ctl */
	bool hooked6;				/* ctl: IPv6 defragmentation is on */
	struct ctl_table_header *sysctl_header;	/* sysctl.c; NULL in other users' namespaces */
	struct ctl_table *sysctl_table;
};

extern unsigned int lvs_net_id;

static inline struct lvs_net *lvs_net(const struct net *net)
{
	return net_generic(net, lvs_net_id);
}

int lvs_netns_init(void);
void lvs_netns_exit(void);

#endif /* LVS_NETNS_H */
