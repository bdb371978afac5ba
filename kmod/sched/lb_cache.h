/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the locality schedulers remember: which dests serve an address.
 *
 * A service has one cache. Its sets hand it on to one another; it goes with the last of them. It
 * knows dests by lvs_dest.seq only, which no other dest of the service ever has, and set->plan
 * tells which dest of the set that is: so nothing here keeps a dest alive, and one that was deleted
 * is not found again, even if the same one is added anew.
 *
 * Entries are read under RCU. Only the time of the last use is written in place; a change of
 * members puts a new entry in the place of the old one, under the cache's lock. There are at most
 * LVS_LB_MAX_ENTRIES; then the one of the bucket that was not used for the longest time makes room.
 */
#ifndef LVS_SCHED_LB_CACHE_H
#define LVS_SCHED_LB_CACHE_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>

#include "core/sched_lb.h"
#include "sched/sched.h"

#define LVS_LB_BUCKETS		1024
#define LVS_LB_MAX_ENTRIES	(16 * LVS_LB_BUCKETS)

struct lvs_lb_cache;

/* The plan of a set. */
struct lvs_lb_plan {
	struct lvs_lb_cache *cache;	/* counted */
	unsigned long seq[];		/* of each dest; they grow */
};

struct lvs_lb_entry {
	struct hlist_node node;		/* the cache's lock, RCU readers */
	struct rcu_head rcu;
	union nf_inet_addr addr;	/* unused bytes are zero */
	u32 used;			/* jiffies of the last use; any packet, READ_ONCE */
	u32 changed;			/* jiffies at which it was made */
	u32 num;			/* at least one, at most LVS_LB_MAX_MEMBERS */
	unsigned long member[];		/* lvs_dest.seq */
};

/*
 * The packet's destination in the set's cache, unless it was not used for @expiration seconds;
 * *@members are those of it that the set still has, possibly none. NULL if there is no entry.
 * Marks the entry as used. Under RCU, which keeps it.
 */
struct lvs_lb_entry *lvs_lb_find(const struct lvs_sched_set *set, const struct lvs_packet *pkt,
				 u32 expiration, struct lvs_lb_members *members);

/*
 * Remember @members (at least one) for the packet's destination in the place of @old, which is
 * what was found for it, or NULL. Nothing happens without memory, or if another CPU has changed
 * that meanwhile. Under RCU, bottom halves off.
 */
void lvs_lb_remember(const struct lvs_sched_set *set, const struct lvs_packet *pkt, u32 expiration,
		     const struct lvs_lb_entry *old, const struct lvs_lb_members *members);

/* For lvs_scheduler. */
int lvs_lb_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old);
void lvs_lb_replaced(struct lvs_sched_set *old, const struct lvs_sched_set *set);
void lvs_lb_release(struct lvs_sched_set *set);

#endif /* LVS_SCHED_LB_CACHE_H */
