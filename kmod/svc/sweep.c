// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must not stay with a drained dest. It is looked for a moment after the dest was drained, so
 * that one that is deleted and added again, as in a reload, finds its clients as they were.
 */
#include <linux/sched.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "conn/template.h"
#include "netns.h"
#include "svc/internal.h"

static void sweep_list(struct list_head *dests)
{
	struct lvs_dest *dest;

	list_for_each_entry(dest, dests, node) {
		if (atomic_read(&dest->persist))
			lvs_template_sweep(dest);
	}
}

static void sweep_templates(struct lvs_net *ln)
{
	struct lvs_svc *svc;
	int i;

	mutex_lock(&ln->ctl);
	list_for_each_entry(svc, &ln->svcs.list, list) {
		sweep_list(&svc->dests);
		sweep_list(&svc->trash);
		cond_resched();
	}
	for (i = 0; i < LVS_ORPHAN_BUCKETS; i++) {
		hlist_for_each_entry(svc, &ln->svcs.orphans[i], ctl_node)
			sweep_list(&svc->trash);
	}
	mutex_unlock(&ln->ctl);
}

void lvs_svc_sweeper(struct work_struct *work)
{
	struct lvs_net *ln = container_of(to_delayed_work(work), struct lvs_net, svcs.sweeper);

	if (xchg(&ln->svcs.sweep_conns, false))
		lvs_conn_kill_stranded(ln);
	sweep_templates(ln);
}

void lvs_svc_sweep_conns(struct lvs_net *ln)
{
	WRITE_ONCE(ln->svcs.sweep_conns, true);
	queue_delayed_work(lvs_unbound_wq, &ln->svcs.sweeper, HZ / 2);
}
