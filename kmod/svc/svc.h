/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual services and their dests (real servers).
 *
 * Control operations run in process context under lvs_net.ctl, as transactions (svc/control.h).
 * The packet path reads under RCU: it finds a service in the hash table and asks its published
 * scheduling set for a dest. What a transaction adds, changes or deletes reaches packets when it
 * commits, all at once.
 *
 * Lifetimes. A dest is counted: once by the list of its service, once by each connection. A dest
 * that was deleted while connections refer to it stays in its service's trash; adding the same
 * one again revives it with its counters. With the last reference gone, and a grace period later,
 * the reaper takes ctl, moves its counters into the service's base and frees it. A service lives
 * while it is listed or has dests in its trash; a deleted one with a trash is an orphan, and a
 * new service of the same identity takes a dest over when it is added again.
 */
#ifndef LVS_SVC_H
#define LVS_SVC_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "conn/table.h"
#include "drop.h"
#include "stats.h"

struct lvs_net;
struct lvs_packet;
struct lvs_pool;
struct lvs_route;
struct lvs_sched_set;
struct lvs_scheduler;

struct lvs_svc_key {
	union nf_inet_addr addr;	/* unused bytes are zero */
	u32 fwmark;
	__be16 port;
	u8 af;
	u8 proto;
};

/* Persistence engines: what beside its address tells a client. */
enum lvs_pe {
	LVS_PE_NONE,
	LVS_PE_SIP,	/* the Call-ID of a SIP message */
};

#define LVS_PE_NAME_SIP		"sip"

/* What a service may have that IPVS has no words for: seconds, LVS_OPTION_F_*. */
struct lvs_svc_options {
	u32 est_timeout;
	u32 udp_limit;
	u32 flags;
	u32 max_conns;		/* 0: no limit, as the others */
	u32 max_rate;
	u32 client_conns;
	u32 client_rate;
	u32 toa_kind;		/* 0: LVS_TOA_KIND */
	u32 uoa;		/* LVS_OPTION_UOA_* */
};

static inline bool lvs_svc_has_limits(const struct lvs_svc_options *options)
{
	return options->max_conns || options->max_rate || options->client_conns ||
	       options->client_rate;
}

/* What can be edited in a service. */
struct lvs_svc_config {
	const struct lvs_scheduler *sched;	/* NULL: none */
	u32 flags;				/* IP_VS_SVC_F_* */
	u32 timeout;				/* persistence, seconds */
	__be32 netmask;				/* as in the netlink attribute */
	u8 pe;					/* enum lvs_pe */
	struct lvs_svc_options options;
};

/* lvs_svc.manner: how new connections are not like those of other services. */
#define LVS_SVC_PERSISTENT	BIT(0)	/* a client stays with its dest */
#define LVS_SVC_ONEPACKET	BIT(1)	/* each datagram is a connection */
#define LVS_SVC_SIP		BIT(2)	/* a client is known by its Call-ID */
#define LVS_SVC_INERT		BIT(3)	/* for all ports, but not persistent: serves nobody */
#define LVS_SVC_EXPIRE_RST	BIT(4)	/* the ends of a connection hear of its expiry */
#define LVS_SVC_CLAMP_MSS	BIT(5)	/* tunnels lower the MSS of a SYN */
#define LVS_SVC_LIMITED		BIT(6)	/* there are limits of connections */
#define LVS_SVC_NO_TOA		BIT(7)	/* real servers are not told the client */

struct lvs_svc {
	/* packet path, read mostly */
	struct hlist_node node[2];		/* in table.buckets while published; ctl */
	struct lvs_svc_key key;			/* constant */
	struct lvs_net *ln;			/* constant */
	struct lvs_sched_set __rcu *set;	/* what to choose from; ctl */
	struct lvs_pool __rcu *pool;		/* local addresses; ctl */
	struct lvs_drops __percpu *drops;
	u32 manner;				/* LVS_SVC_*; READ_ONCE; ctl */
	u32 timeout;				/* persistence, jiffies; READ_ONCE; ctl */
	__be32 netmask;				/* of clients, or IPv6 prefix; READ_ONCE; ctl */
	u32 est_timeout;			/* jiffies, 0: the namespace's; READ_ONCE; ctl */
	u32 udp_limit;				/* jiffies, 0: none; READ_ONCE; ctl */
	u32 max_conns;				/* as options, and the next three; READ_ONCE; ctl */
	u32 max_rate;
	u32 client_conns;
	u32 client_rate;
	u32 toa_kind;				/* 0: LVS_TOA_KIND; READ_ONCE; ctl */
	u32 uoa;				/* LVS_OPTION_UOA_*; READ_ONCE; ctl */
	atomic_t laddr_turn;			/* whose turn it is in the pool */

	/* control path, all under ctl */
	struct lvs_svc_config cfg;
	struct hlist_node ctl_node;		/* in table.listed, once deleted in table.orphans */
	struct list_head list;			/* in table.list while listed */
	unsigned long seq;			/* grows along table.list */
	bool listed;
	bool published;
	bool dirty;				/* in a transaction's list of sets to rebuild */
	unsigned int num_dests;
	struct list_head dirty_node;
	struct lvs_sched_set *next_set;		/* built, not published yet */
	struct list_head laddrs;		/* lvs_laddr_entry.node, in order of addition */
	struct lvs_pool *next_pool;		/* built, not published yet */
	struct list_head dests;			/* lvs_dest.node, in order of addition */
	struct list_head trash;			/* lvs_dest.node of deleted ones */
	struct lvs_counters base;		/* of dests freed, less what adopted ones brought */
	struct lvs_counters zeroed;		/* the sum at the last ZERO */
	struct lvs_rates rates;			/* estimator */
	struct rcu_head rcu;
};

/* lvs_dest.flags */
#define LVS_DEST_AVAILABLE_BIT	0		/* listed in its service */
#define LVS_DEST_OVERLOAD_BIT	1		/* at its upper threshold */
#define LVS_DEST_DRAINING_BIT	2		/* to be rid of its connections */
#define LVS_DEST_F_AVAILABLE	BIT(LVS_DEST_AVAILABLE_BIT)
#define LVS_DEST_F_OVERLOAD	BIT(LVS_DEST_OVERLOAD_BIT)
#define LVS_DEST_F_DRAINING	BIT(LVS_DEST_DRAINING_BIT)

struct lvs_dest {
	/* packet path */
	union nf_inet_addr addr;		/* constant; unused bytes are zero */
	__be16 port;				/* constant */
	u8 af;					/* constant */
	u8 fwd;					/* IP_VS_CONN_F_FWD_MASK value; READ_ONCE; ctl */
	int weight;				/* READ_ONCE; ctl */
	unsigned long flags;			/* LVS_DEST_*_BIT, atomic bitops */
	struct lvs_cpu_stats __percpu *stats;
	struct lvs_svc __rcu *svc;		/* changes when the dest is adopted; ctl */
	struct lvs_route __rcu *route;		/* fwd/route.c; ln->route_lock */
	struct hlist_node by_addr;		/* while published; ctl, RCU readers */
	struct lvs_net *ln;			/* constant */

	/* written per connection */
	atomic_t conns ____cacheline_aligned_in_smp;	/* active and inactive ones */
	atomic_t active;
	atomic_t persist;			/* templates */
	refcount_t ref;
	u32 u_threshold;			/* READ_ONCE; ctl */
	u32 l_threshold;			/* READ_ONCE; ctl */

	/* control path, all under ctl unless it says else */
	struct list_head node ____cacheline_aligned_in_smp;	/* svc->dests or svc->trash */
	spinlock_t templates_lock;		/* bottom halves off; innermost */
	struct hlist_head templates;		/* lvs_template.node; templates_lock */
	unsigned long seq;			/* grows along svc->dests */
	bool listed;				/* in svc->dests */
	u8 tun_type;				/* IP_VS_CONN_F_TUNNEL_TYPE_*; READ_ONCE */
	__be16 tun_port;
	u16 tun_flags;
	struct lvs_counters zeroed;		/* the counters at the last ZERO or adoption */
	struct lvs_rates rates;			/* estimator */
	struct llist_node reap;			/* in table.reap once the last reference is gone */
	struct rcu_head rcu;
};

#define LVS_SVC_BUCKETS		1024	/* at least */
#define LVS_SVC_BUCKETS_MAX	BIT(20)
#define LVS_ORPHAN_BUCKETS	64
#define LVS_PROFILE_BUCKETS	64

struct lvs_svc_table {
	/* what packets find; NULL before the first service; ctl */
	struct lvs_svc_buckets __rcu *buckets;
	struct hlist_head *dests;	/* published ones by address and port; READ_ONCE; ctl */
	u32 seed;			/* of the hash; constant */
	u32 marks;			/* published services by mark; READ_ONCE; ctl */
	u32 catchalls;			/* those for all ports; READ_ONCE; ctl */
	u32 ftps;			/* those at FTP's port; READ_ONCE; ctl */

	/* all under ctl */
	struct hlist_head *listed;	/* what control operations find, the uncommitted included */
	struct hlist_head orphans[LVS_ORPHAN_BUCKETS];
	struct list_head list;		/* the listed ones, in order of addition */
	struct lvs_svc *resume;		/* where a dump stopped last, or NULL */
	unsigned long last_seq;
	unsigned int count;		/* listed */
	struct lvs_counters *gone;	/* by CPU: of dests freed */

	struct hlist_head profiles[LVS_PROFILE_BUCKETS];	/* lvs_profile.node */
	struct list_head profile_list;	/* lvs_profile.list, by seq */

	struct llist_head reap;		/* dests to free; lock-free */
	struct work_struct reaper;

	struct delayed_work sweeper;	/* svc/sweep.c */
	bool sweep_conns;		/* READ_ONCE: the connections of deleted dests, too */
};

/*
 * Find the service of a packet: by its mark, by its destination, as data of FTP, by its destination
 * address with any port. Caller holds rcu_read_lock(), which is what keeps the answer alive; no
 * reference is taken. Softirq or process.
 */
struct lvs_svc *lvs_svc_lookup(const struct lvs_packet *pkt);

/*
 * The service of which the packet's sender is a NAT dest, one of them if there are several, or
 * NULL. As lvs_svc_lookup().
 */
struct lvs_svc *lvs_svc_of_sender(const struct lvs_packet *pkt);

/*
 * Let the service's scheduler choose a dest for the packet, or NULL if none is eligible. Caller
 * holds rcu_read_lock(); no reference is taken. Softirq or process.
 */
struct lvs_dest *lvs_svc_schedule(struct lvs_svc *svc, const struct lvs_packet *pkt);

/*
 * A connection is bound to @dest: takes a reference (false, and nothing done, if the dest is just
 * being freed), counts the connection as inactive, settles the overload flag. The caller counts it
 * in dest->stats once the connection is in the table.
 * Caller holds rcu_read_lock(), bottom halves off.
 */
bool lvs_dest_bind(struct lvs_dest *dest);

/* The same for a template, which is counted apart and is no load. */
bool lvs_dest_bind_template(struct lvs_dest *dest);
void lvs_dest_unbind_template(struct lvs_dest *dest);

/* A bound connection turns active or inactive. Caller holds that connection's lock. */
void lvs_dest_set_active(struct lvs_dest *dest, bool active);

/* The counterpart of lvs_dest_bind(): may free the dest after a grace period. Any context. */
void lvs_dest_unbind(struct lvs_dest *dest, bool was_active);

static inline bool lvs_dest_available(const struct lvs_dest *dest)
{
	return READ_ONCE(dest->flags) & LVS_DEST_F_AVAILABLE;
}

static inline bool lvs_dest_overloaded(const struct lvs_dest *dest)
{
	return READ_ONCE(dest->flags) & LVS_DEST_F_OVERLOAD;
}

static inline bool lvs_dest_draining(const struct lvs_dest *dest)
{
	return READ_ONCE(dest->flags) & LVS_DEST_F_DRAINING;
}

/* Connections that are bound and not active, as of about now. */
static inline u32 lvs_dest_inactive(const struct lvs_dest *dest)
{
	int inactive = atomic_read(&dest->conns) - atomic_read(&dest->active);

	return max(inactive, 0);
}

/* The service's counters, all CPUs, since it exists. Process context, under ctl. */
void lvs_svc_counters(struct lvs_svc *svc, struct lvs_counters *sum);

/*
 * The first listed service from @seq on, or NULL; after it comes lvs_svc_next(). A dump in several
 * calls goes on from where it stopped without a walk, unless another one came between. Under ctl.
 */
struct lvs_svc *lvs_svc_from(struct lvs_net *ln, unsigned long seq);
struct lvs_svc *lvs_svc_next(struct lvs_svc *svc);

/*
 * The namespace's counters since it exists: on one CPU, or on all with @cpu -1. Process context,
 * under ctl; walks every service.
 */
void lvs_net_counters(struct lvs_net *ln, int cpu, struct lvs_counters *sum);

/*
 * How many chains of the services' table have which length, as lvs_conn_table_chains(). Under ctl.
 */
void lvs_svc_table_chains(struct lvs_net *ln, u32 counts[LVS_CHAIN_LENGTHS]);

/* Buckets of the services' table. Under ctl. */
u32 lvs_svc_table_size(struct lvs_net *ln);

/*
 * Give the services' table as many buckets as sysctl svc_lfactor wants, or, unless @exactly, about
 * as many: not another size with each service. Under ctl, between transactions; may wait for a
 * grace period.
 */
void lvs_svc_table_fit(struct lvs_net *ln, bool exactly);

int lvs_svc_net_init(struct lvs_net *ln);
/*
 * Drops every service and dest; connections are gone already. What is left to do in RCU
 * callbacks refers to nothing but the services themselves. Process context.
 */
void lvs_svc_net_exit(struct lvs_net *ln);

#endif /* LVS_SVC_H */
