// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maglev hashing: a client's connections go to one dest, in proportion to the dests' weights, and
 * most clients keep their dest when another one comes or goes, or when another director takes over
 * (core/sched_mh.h). With the flag mh-port each of a client's ports counts as a client of its own.
 * When the dest is overloaded the client is refused or, with the flag mh-fallback, goes to another
 * one. A drained dest (weight 0) is not in the table: its clients go to others.
 */
#include <linux/ip_vs.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "core/parse.h"
#include "core/sched_mh.h"
#include "sched/view.h"

#define F_FALLBACK	IP_VS_SVC_F_SCHED1
#define F_PORT		IP_VS_SVC_F_SCHED2

/* As many bytes as ip_vs's table of 4093 pointers takes. */
static unsigned int mh_tab_size = 16381;

static int set_tab_size(const char *val, const struct kernel_param *kp)
{
	unsigned int size;
	int err = kstrtouint(val, 0, &size);

	if (err)
		return err;
	if (!lvs_mh_size_valid(size))
		return -EINVAL;
	return param_set_uint(val, kp);
}

static const struct kernel_param_ops tab_size_ops = {
	.set	= set_tab_size,
	.get	= param_get_uint,
};

module_param_cb(mh_tab_size, &tab_size_ops, &mh_tab_size, 0444);
MODULE_PARM_DESC(mh_tab_size,
		 "Maglev hashing: slots a service (251 509 1021 2039 4093 8191 16381 32749 65521 131071)");

static struct lvs_dest *mh_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	__be16 port = set->flags & F_PORT ? pkt->sport : 0;

	return lvs_set_dest(set, lvs_mh_choose(set->plan, lvs_mh_hash(pkt->af, &pkt->saddr, port),
					       set->flags & F_FALLBACK, lvs_set_eligible, set));
}

static void scratch_free(struct lvs_mh_scratch *tmp)
{
	kvfree(tmp->want);
	kvfree(tmp->order);
	kvfree(tmp->rank);
	kvfree(tmp->shuffled);
}

static int scratch_get(struct lvs_mh_scratch *tmp, u32 num, u32 size)
{
	tmp->want = kvmalloc_array(num, sizeof(*tmp->want), GFP_KERNEL);
	tmp->order = kvmalloc_array(num, 2 * sizeof(*tmp->order), GFP_KERNEL);
	tmp->rank = kvmalloc_array(size, sizeof(*tmp->rank), GFP_KERNEL);
	tmp->shuffled = kvmalloc_array(size, sizeof(*tmp->shuffled), GFP_KERNEL);
	if (tmp->want && tmp->order && tmp->rank && tmp->shuffled)
		return 0;
	scratch_free(tmp);
	return -ENOMEM;
}

static struct lvs_mh_dest *identities(const struct lvs_sched_set *set)
{
	struct lvs_mh_dest *dests = kvcalloc(set->num, sizeof(*dests), GFP_KERNEL);
	u32 i;

	for (i = 0; dests && i < set->num; i++) {
		const struct lvs_dest *dest = set->entry[i].dest;

		dests[i].addr = dest->addr;
		dests[i].port = dest->port;
		dests[i].af = dest->af;
		dests[i].weight = set->entry[i].weight;
	}
	return dests;
}

static int mh_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	struct lvs_mh_dest *dests;
	struct lvs_mh_scratch tmp;
	int err;

	if (set->num > LVS_MH_MAX_DESTS)
		return -EINVAL;
	err = scratch_get(&tmp, set->num, mh_tab_size);
	if (err)
		return err;
	dests = identities(set);
	if (dests)
		set->plan = kvmalloc(lvs_mh_bytes(mh_tab_size), GFP_KERNEL);
	if (set->plan)
		lvs_mh_fill(set->plan, mh_tab_size, dests, set->num, &tmp);
	kvfree(dests);
	scratch_free(&tmp);
	return set->plan ? 0 : -ENOMEM;
}

const struct lvs_scheduler lvs_sched_mh = {
	.name		= "mh",
	.choose		= mh_choose,
	.prepare	= mh_prepare,
};
