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

static void set_free(struct lvs_sched_set *set)
{
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
	struct lvs_sched_set *set;
	struct lvs_dest *dest;
	u32 num = 0;
	int err;

	lockdep_assert_held(&svc->ln->ctl);
	lvs_sched_set_discard(svc);
	if (!sched)
		return 0;
	list_for_each_entry(dest, &svc->dests, node)
		num += dest->weight > 0;
	if (!num)
		return 0;

	set = kvzalloc(struct_size(set, entry, num), GFP_KERNEL);
	if (!set)
		return -ENOMEM;
	set->sched = sched;
	atomic64_set(&set->cursor, 0);
	list_for_each_entry(dest, &svc->dests, node) {
		if (dest->weight <= 0)
			continue;
		set->entry[set->num].dest = dest;
		set->entry[set->num].weight = dest->weight;
		set->num++;
	}
	if (sched->prepare) {
		err = sched->prepare(set);
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

	old = rcu_dereference_protected(svc->set, lockdep_is_held(&svc->ln->ctl));
	if (set && old && set->sched == old->sched && set->sched->resume)
		set->sched->resume(set, old);
	svc->next_set = NULL;
	rcu_assign_pointer(svc->set, set);
	if (old)
		call_rcu(&old->rcu, set_free_rcu);
}

void lvs_sched_set_discard(struct lvs_svc *svc)
{
	if (svc->next_set)
		set_free(svc->next_set);
	svc->next_set = NULL;
}
