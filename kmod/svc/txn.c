// SPDX-License-Identifier: GPL-2.0-only
/* Transactions: how the operations of one are made visible together, or undone. */
#include <linux/sched.h>
#include <linux/slab.h>

#include "defence.h"
#include "est/est.h"
#include "hook.h"
#include "netns.h"
#include "sched/sched.h"
#include "svc/internal.h"
#include "svc/laddr.h"
#include "svc/profile.h"
#include "svc/txn.h"

void lvs_txn_begin(struct lvs_txn *txn, struct lvs_net *ln)
{
	txn->ln = ln;
	INIT_LIST_HEAD(&txn->log);
	INIT_LIST_HEAD(&txn->dirty);
	mutex_lock(&ln->ctl);
}

struct lvs_undo *lvs_undo_add(struct lvs_txn *txn, enum lvs_undo_kind kind, struct lvs_svc *svc,
			      struct lvs_dest *dest)
{
	struct lvs_undo *undo = kzalloc(sizeof(*undo), GFP_KERNEL);

	if (!undo)
		return NULL;
	undo->kind = kind;
	undo->svc = svc;
	undo->dest = dest;
	list_add_tail(&undo->node, &txn->log);
	return undo;
}

void lvs_undo_drop(struct lvs_undo *undo)
{
	list_del(&undo->node);
	kfree(undo);
}

void lvs_txn_dirty(struct lvs_txn *txn, struct lvs_svc *svc)
{
	if (svc->dirty)
		return;
	svc->dirty = true;
	list_add_tail(&svc->dirty_node, &txn->dirty);
}

static void clean(struct lvs_svc *svc)
{
	svc->dirty = false;
	list_del(&svc->dirty_node);
}

static int build_sets(struct lvs_txn *txn)
{
	struct lvs_svc *svc;
	int err;

	list_for_each_entry(svc, &txn->dirty, dirty_node) {
		if (!svc->listed)
			continue;
		err = lvs_sched_set_build(svc);
		if (!err)
			err = lvs_pool_build(svc);
		if (err)
			return err;
	}
	return 0;
}

static void zero_counters(struct lvs_rates *rates, struct lvs_counters *zeroed,
			  const struct lvs_counters *now)
{
	*zeroed = *now;
	*rates = (struct lvs_rates){ .last = *now };
}

static void zero_svc(struct lvs_svc *svc)
{
	struct lvs_counters now;
	struct lvs_dest *dest;

	list_for_each_entry(dest, &svc->dests, node) {
		lvs_stats_read(dest->stats, &now);
		zero_counters(&dest->rates, &dest->zeroed, &now);
	}
	lvs_svc_counters(svc, &now);
	zero_counters(&svc->rates, &svc->zeroed, &now);
}

static void zero(struct lvs_net *ln, struct lvs_svc *svc)
{
	struct lvs_counters now;

	if (svc) {
		if (svc->listed)
			zero_svc(svc);
		return;
	}
	list_for_each_entry(svc, &ln->svcs.list, list) {
		zero_svc(svc);
		cond_resched();
	}
	lvs_net_counters(ln, -1, &now);
	zero_counters(&ln->rates, &ln->zeroed, &now);
}

/* Show packets what was added and changed. */
static void publish(struct lvs_txn *txn)
{
	struct lvs_svc *svc, *next;
	struct lvs_undo *undo;

	list_for_each_entry(undo, &txn->log, node) {
		if (undo->kind == LVS_UNDO_DEST_ADD)
			lvs_dest_publish(undo->dest);
	}
	list_for_each_entry_safe(svc, next, &txn->dirty, dirty_node) {
		if (svc->listed) {
			lvs_sched_set_publish(svc);
			lvs_pool_publish(svc);
		}
		clean(svc);
	}
	list_for_each_entry(undo, &txn->log, node) {
		if (undo->kind != LVS_UNDO_SVC_ADD && undo->kind != LVS_UNDO_SVC_EDIT)
			continue;
		lvs_svc_show_config(undo->svc);
		if (undo->kind == LVS_UNDO_SVC_ADD && undo->svc->listed)
			lvs_svc_publish(undo->svc);
	}
}

/* Hide from packets what was deleted. Services that may be of no use now go to @orphaned. */
static void unpublish(struct lvs_txn *txn, struct list_head *orphaned)
{
	struct lvs_undo *undo, *next;

	list_for_each_entry(undo, &txn->log, node) {
		if (undo->kind == LVS_UNDO_SVC_DEL)
			lvs_svc_unpublish(undo->svc);
	}
	list_for_each_entry_safe(undo, next, &txn->log, node) {
		struct lvs_svc *orphan = NULL;

		switch (undo->kind) {
		case LVS_UNDO_SVC_DEL:
			orphan = undo->svc;
			break;
		case LVS_UNDO_DEST_ADD:
			orphan = undo->from;
			break;
		case LVS_UNDO_DEST_DEL:
			lvs_dest_publish(undo->dest);
			lvs_dest_put(undo->dest);
			break;
		case LVS_UNDO_DEST_DRAIN:
			if (!undo->dest->weight)
				lvs_dest_drain(undo->dest);
			break;
		case LVS_UNDO_DEST_RESET:
			lvs_dest_reset_conns(undo->dest);
			break;
		case LVS_UNDO_ZERO:
			zero(txn->ln, undo->svc);
			break;
		case LVS_UNDO_LADDR_DEL:
			lvs_laddr_entry_free(undo->laddr);
			break;
		case LVS_UNDO_PROFILE_DEL:
			lvs_profile_free(undo->profile);
			break;
		default:
			break;
		}
		if (orphan && list_empty(&orphan->list))
			list_add(&orphan->list, orphaned);
		lvs_undo_drop(undo);
		cond_resched();
	}
}

/* The services that the log mentions are free to go only when nobody will read it any more. */
static void free_orphaned(struct list_head *orphaned)
{
	struct lvs_svc *svc, *next;

	list_for_each_entry_safe(svc, next, orphaned, list) {
		list_del_init(&svc->list);
		lvs_svc_free_unused(svc);
	}
}

static void undo_dest_add(struct lvs_undo *undo)
{
	struct lvs_dest *dest = undo->dest;

	lvs_dest_unlist(dest);
	/* What it counted in between was the old one's too: that gets back what it gave away. */
	if (undo->from)
		lvs_dest_adopt(dest, undo->from, &undo->counted);
	lvs_dest_set_config(dest, &undo->dest_cfg);
	dest->seq = undo->seq;
	dest->zeroed = undo->zeroed;
	dest->rates = undo->rates;
	lvs_dest_put(dest);
}

static void abort_log(struct lvs_txn *txn, struct list_head *orphaned)
{
	struct lvs_undo *undo, *next;

	list_for_each_entry_safe_reverse(undo, next, &txn->log, node) {
		switch (undo->kind) {
		case LVS_UNDO_SVC_ADD:
			lvs_svc_unlist(undo->svc);
			list_add(&undo->svc->list, orphaned);
			break;
		case LVS_UNDO_SVC_EDIT:
			undo->svc->cfg = undo->svc_cfg;
			break;
		case LVS_UNDO_SVC_DEL:
			lvs_svc_list_after(undo->svc, undo->prev);
			break;
		case LVS_UNDO_DEST_ADD:
			undo_dest_add(undo);
			break;
		case LVS_UNDO_DEST_EDIT:
			lvs_dest_set_config(undo->dest, &undo->dest_cfg);
			break;
		case LVS_UNDO_DEST_DEL:
			lvs_dest_list_after(undo->dest, undo->prev);
			break;
		case LVS_UNDO_LADDR_ADD:
			list_del(&undo->laddr->node);
			lvs_laddr_entry_free(undo->laddr);
			break;
		case LVS_UNDO_LADDR_DEL:
			list_add(&undo->laddr->node, undo->prev);
			break;
		case LVS_UNDO_PROFILE_ADD:
			lvs_profile_unlist(undo->profile);
			lvs_profile_free(undo->profile);
			break;
		case LVS_UNDO_PROFILE_DEL:
			lvs_profile_list_after(txn->ln, undo->profile, undo->prev);
			break;
		case LVS_UNDO_DEST_DRAIN:
		case LVS_UNDO_DEST_RESET:
		case LVS_UNDO_ZERO:
			break;
		}
		lvs_undo_drop(undo);
	}
}

static void undo_all(struct lvs_txn *txn, struct list_head *orphaned)
{
	struct lvs_svc *svc, *next;

	list_for_each_entry_safe(svc, next, &txn->dirty, dirty_node) {
		lvs_sched_set_discard(svc);
		lvs_pool_discard(svc);
		clean(svc);
	}
	abort_log(txn, orphaned);
}

int lvs_txn_end(struct lvs_txn *txn, int err)
{
	struct lvs_net *ln = txn->ln;
	LIST_HEAD(orphaned);

	lockdep_assert_held(&ln->ctl);
	if (!err)
		err = build_sets(txn);
	if (err) {
		undo_all(txn, &orphaned);
	} else {
		/* From here on nothing can fail. */
		publish(txn);
		unpublish(txn, &orphaned);
	}
	free_orphaned(&orphaned);
	lvs_svc_table_fit(ln, false);
	if (ln->svcs.count) {
		lvs_est_run(ln);
		lvs_defence_run(ln);
	} else {
		lvs_hooks_idle(ln);
	}
	mutex_unlock(&ln->ctl);
	return err;
}
