/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual services and their dests (real servers).
 *
 * Control operations run in process context under lvs_net.ctl. The packet path reads under RCU:
 * it finds a service in the hash table and asks its published scheduling set for a dest.
 *
 * Lifetimes: a service is held by the table and by each of its dests; a dest by its service while
 * it is listed there, and by each connection. A dest that was deleted while connections refer to
 * it stays in its service's trash list; adding the same one again revives it with its counters. A
 * deleted service with such dests is an orphan; a new service of the same identity adopts them.
 */
#ifndef LVS_SVC_H
#define LVS_SVC_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/refcount.h>
#include <linux/rcupdate.h>

#include "drop.h"
#include "stats.h"

struct lvs_net;
struct lvs_packet;
struct lvs_route;
struct lvs_sched_set;
struct lvs_scheduler;

struct lvs_svc_key {
	union nf_inet_addr addr;
	u32 fwmark;
	__be16 port;
	u8 af;
	u8 proto;
};

struct lvs_svc {
	/* packet path, read mostly */
	struct hlist_node node;			/* lvs_svc_table bucket; written under ctl */
	struct lvs_svc_key key;			/* constant */
	u32 flags;				/* IP_VS_SVC_F_*; ctl */
	struct lvs_net *ln;			/* constant */
	struct lvs_sched_set __rcu *set;	/* what to choose from; ctl */
	struct lvs_drops __percpu *drops;

	/* control path */
	const struct lvs_scheduler *sched;	/* NULL: none; ctl */
	u32 timeout;				/* persistence, seconds; ctl */
	u32 netmask;				/* as in the netlink attribute; ctl */
	struct list_head dests;			/* lvs_dest.node, in order of addition; ctl */
	struct list_head trash;			/* lvs_dest.node of deleted ones; ln->dest_lock */
	unsigned int num_dests;			/* ctl */
	struct list_head orphan_node;		/* in ln->svcs.orphans once deleted; ln->dest_lock */
	struct lvs_counters base;		/* of dests gone, less what adopted ones brought; ln->dest_lock */
	struct lvs_counters zeroed;		/* the sum at the last ZERO; ctl */
	struct lvs_rates rates;			/* estimator, ctl */
	refcount_t ref;
	struct rcu_head rcu;
};

#define LVS_DEST_F_AVAILABLE	BIT(0)		/* listed in its service */
#define LVS_DEST_F_OVERLOAD	BIT(1)		/* at its upper threshold */

struct lvs_dest {
	/* packet path */
	union nf_inet_addr addr;		/* constant */
	__be16 port;				/* constant */
	u8 af;					/* constant */
	u8 fwd;					/* IP_VS_CONN_F_FWD_MASK value; ctl */
	int weight;				/* READ_ONCE; ctl */
	unsigned long flags;			/* bit numbers of LVS_DEST_F_*, atomic bitops */
	struct lvs_cpu_stats __percpu *stats;
	struct lvs_svc __rcu *svc;		/* counted; changes when orphans are adopted (ln->dest_lock) */
	struct lvs_route __rcu *route;		/* fwd/route.c; ln->route_lock */

	/* written per connection */
	atomic_t active ____cacheline_aligned_in_smp;
	atomic_t inactive;
	atomic_t persist;
	refcount_t ref;

	/* control path */
	u32 u_threshold ____cacheline_aligned_in_smp;	/* READ_ONCE; ctl */
	u32 l_threshold;
	struct list_head node;			/* svc->dests (ctl) or svc->trash (ln->dest_lock) */
	struct lvs_counters zeroed;		/* ctl */
	struct lvs_rates rates;			/* estimator, ctl */
	struct rcu_head rcu;
};

#define LVS_SVC_BUCKETS 1024

struct lvs_svc_table {
	struct hlist_head *buckets;		/* RCU readers; written under ctl */
	struct list_head orphans;		/* lvs_svc.orphan_node; ln->dest_lock */
	unsigned int count;			/* ctl */
};

/*
 * Find the service of a packet to @addr:@port. Caller holds rcu_read_lock(), which is what keeps
 * the answer alive; no reference is taken. Softirq or process.
 */
struct lvs_svc *lvs_svc_lookup(struct lvs_net *ln, u8 af, u8 proto,
			       const union nf_inet_addr *addr, __be16 port);

/*
 * Let the service's scheduler choose a dest for the packet, or NULL if none is eligible. Caller
 * holds rcu_read_lock(); no reference is taken. Softirq or process.
 */
struct lvs_dest *lvs_svc_schedule(struct lvs_svc *svc, const struct lvs_packet *pkt);

/*
 * A connection is bound to @dest: takes a reference (false, and nothing done, if the dest is just
 * being freed), counts the connection as inactive, settles the overload flag, counts it in stats.
 * Caller holds rcu_read_lock(), bottom halves off.
 */
bool lvs_dest_bind(struct lvs_dest *dest);

/* A bound connection turns active or inactive. Caller holds that connection's lock. */
void lvs_dest_set_active(struct lvs_dest *dest, bool active);

/* The counterpart of lvs_dest_bind(): may free the dest after a grace period. Any context. */
void lvs_dest_unbind(struct lvs_dest *dest, bool was_active);

static inline bool lvs_dest_available(const struct lvs_dest *dest)
{
	return READ_ONCE(dest->flags) & LVS_DEST_F_AVAILABLE;
}

int lvs_svc_net_init(struct lvs_net *ln);
/* Drops every service and dest; connections are gone already. Process context. */
void lvs_svc_net_exit(struct lvs_net *ln);

#endif /* LVS_SVC_H */
