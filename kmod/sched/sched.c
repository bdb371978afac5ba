// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "netns.h"
#include "sched/sched.h"
#include "svc/svc.h"

static const struct lvs_scheduler *const schedulers[] = {
	&lvs_sched_rr,
	&lvs_sched_wrr,
	&lvs_sched_lc,
	&lvs_sched_wlc,
	&lvs_sched_sed,
	&lvs_sched_nq,
	&lvs_sched_fo,
	&lvs_sched_ovf,
	&lvs_sched_sh,
	&lvs_sched_dh,
	&lvs_sched_mh,
	&lvs_sched_twos,
	&lvs_sched_lblc,
	&lvs_sched_lblcr,
};

const struct lvs_scheduler *lvs_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(schedulers); i++) {
		if (!strcmp(schedulers[i]->name, name))
			return schedulers[i];
	}
	return NULL;
}

u32 *lvs_sched_weights(const struct lvs_sched_set *set, u32 times)
{
	u32 *weights = kvmalloc_array(set->num, times * sizeof(*weights), GFP_KERNEL);
	u32 i;

	for (i = 0; weights && i < set->num; i++)
		weights[i] = set->entry[i].weight;
	return weights;
}

static void set_free(struct lvs_sched_set *set)
{
	if (set->plan && set->sched->release)
		set->sched->release(set);
	kvfree(set->plan);
	kvfree(set);
}

static void set_free_rcu(struct rcu_head *rcu)
{
	set_free(container_of(rcu, struct lvs_sched_set, rcu));
}

int lvs_sched_set_build(struct lvs_svc *svc)
{
	const struct lvs_scheduler *sched = svc->cfg.sched;
	u32 num = 0, eligible = 0;
	struct lvs_sched_set *set, *old;
	struct lvs_dest *dest;
	int err;

	lockdep_assert_held(&svc->ln->ctl);
	lvs_sched_set_discard(svc);
	if (!sched)
		return 0;
	list_for_each_entry(dest, &svc->dests, node) {
		eligible += dest->weight > 0;
		num += dest->weight > 0 || sched->wants_drained;
	}
	if (!eligible)
		return 0;

	set = kvzalloc(struct_size(set, entry, num), GFP_KERNEL);
	if (!set)
		return -ENOMEM;
	set->sched = sched;
	set->flags = svc->cfg.flags;
	atomic64_set(&set->cursor, 0);
	list_for_each_entry(dest, &svc->dests, node) {
		if (!dest->weight && !sched->wants_drained)
			continue;
		set->entry[set->num].dest = dest;
		set->entry[set->num].weight = dest->weight;
		set->num++;
	}
	if (sched->prepare) {
		old = rcu_dereference_protected(svc->set, lockdep_is_held(&svc->ln->ctl));
		err = sched->prepare(set, old && old->sched == sched ? old : NULL);
		if (err) {
			set_free(set);
			return err;
		}
	}
	svc->next_set = set;
	return 0;
}

void lvs_sched_set_publish(struct lvs_svc *svc)
{
	struct lvs_sched_set *set = svc->next_set;
	struct lvs_sched_set *old;
	bool same;

	old = rcu_dereference_protected(svc->set, lockdep_is_held(&svc->ln->ctl));
	same = set && old && set->sched == old->sched;
	if (same && set->sched->resume)
		set->sched->resume(set, old);
	svc->next_set = NULL;
	rcu_assign_pointer(svc->set, set);
	if (!old)
		return;
	if (old->sched->replaced)
		old->sched->replaced(old, same ? set : NULL);
	call_rcu(&old->rcu, set_free_rcu);
}

void lvs_sched_set_discard(struct lvs_svc *svc)
{
	if (svc->next_set)
		set_free(svc->next_set);
	svc->next_set = NULL;
}
