/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Schedulers choose a dest for each new connection.
 *
 * A scheduler chooses from a set: an immutable array of its service's eligible dests (weight above
 * 0), published under RCU. Whenever dests, weights, the scheduler or its flags change, a new set is
 * built and takes the old one's place; so choosing takes no lock, and the only thing that CPUs
 * write in common is the cursor of those schedulers that have one. Overloaded dests stay in the set
 * and are skipped when choosing.
 */
#ifndef LVS_SCHED_H
#define LVS_SCHED_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/rcupdate.h>

#include "svc/svc.h"

struct lvs_sched_entry {
	struct lvs_dest *dest;	/* alive for a grace period after the set was replaced */
	u32 weight;		/* at least 1, unless sched->wants_drained */
};

struct lvs_sched_set {
	const struct lvs_scheduler *sched;
	void *plan;		/* the scheduler's own, kvmalloc()ed */
	u32 num;		/* entries; at least one of weight above 0 */
	u32 flags;		/* IP_VS_SVC_F_* of the service */
	struct rcu_head rcu;
	/* Written by every choice of those schedulers that go round; theirs to interpret. */
	atomic64_t cursor ____cacheline_aligned_in_smp;
	/* In order of addition. */
	struct lvs_sched_entry entry[] ____cacheline_aligned_in_smp;
};

struct lvs_scheduler {
	const char *name;

	/*
	 * Choose a dest that is not overloaded, or NULL. Under rcu_read_lock(); softirq or
	 * process; takes no references.
	 */
	struct lvs_dest *(*choose)(struct lvs_sched_set *set, const struct lvs_packet *pkt);

	/*
	 * Optional: make set->plan. @old is the set of the same scheduler that packets choose from
	 * so far, or NULL. Process context, may sleep, under ctl. 0 or -errno.
	 */
	int (*prepare)(struct lvs_sched_set *set, const struct lvs_sched_set *old);

	/*
	 * Optional: set @set's cursor to go on where @old, a set of the same scheduler, has come
	 * to. @old is still in use. Under ctl.
	 */
	void (*resume)(struct lvs_sched_set *set, const struct lvs_sched_set *old);

	/*
	 * Optional: @old is no longer chosen from, but for packets that are still at it; @set of
	 * the same scheduler took its place, or, if that is NULL, none did. Process context, under
	 * ctl.
	 */
	void (*replaced)(struct lvs_sched_set *old, const struct lvs_sched_set *set);

	/* Optional: let go of what set->plan refers to. Any context. */
	void (*release)(struct lvs_sched_set *set);

	/* Its sets have the dests of weight 0, too: they keep their places. */
	bool wants_drained;
};

extern const struct lvs_scheduler lvs_sched_rr;
extern const struct lvs_scheduler lvs_sched_wrr;
extern const struct lvs_scheduler lvs_sched_lc;
extern const struct lvs_scheduler lvs_sched_wlc;
extern const struct lvs_scheduler lvs_sched_sed;
extern const struct lvs_scheduler lvs_sched_nq;
extern const struct lvs_scheduler lvs_sched_fo;
extern const struct lvs_scheduler lvs_sched_ovf;
extern const struct lvs_scheduler lvs_sched_sh;
extern const struct lvs_scheduler lvs_sched_dh;
extern const struct lvs_scheduler lvs_sched_mh;
extern const struct lvs_scheduler lvs_sched_twos;
extern const struct lvs_scheduler lvs_sched_lblc;
extern const struct lvs_scheduler lvs_sched_lblcr;

/* The name that stands for no scheduler. */
#define LVS_SCHED_NONE "none"

/* The scheduler called @name, or NULL. Any context. */
const struct lvs_scheduler *lvs_sched_find(const char *name);

/* A scheduler's name, also that of no scheduler. */
static inline const char *lvs_sched_name(const struct lvs_scheduler *sched)
{
	return sched ? sched->name : LVS_SCHED_NONE;
}

/*
 * The weights of a set's dests, in an array that has room for @times as many numbers. For
 * prepare(), who frees it with kvfree(). NULL without memory.
 */
u32 *lvs_sched_weights(const struct lvs_sched_set *set, u32 times);

/*
 * Build svc->next_set for the service's dests and scheduler of now; it stays NULL if there is
 * nothing to choose from. Process context, under ctl. 0 or -errno.
 */
int lvs_sched_set_build(struct lvs_svc *svc);

/* Let packets choose from svc->next_set; the old set is freed after a grace period. Under ctl. */
void lvs_sched_set_publish(struct lvs_svc *svc);

/* Forget svc->next_set. Under ctl. */
void lvs_sched_set_discard(struct lvs_svc *svc);

#endif /* LVS_SCHED_H */
