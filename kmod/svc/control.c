// SPDX-License-Identifier: GPL-2.0-only
/* The control operations. Each first gets what it may fail to get, then changes something. */
#include "est/est.h"
#include "hook.h"
#include "lvs/abi.h"
#include "netns.h"
#include "svc/internal.h"
#include "svc/laddr.h"
#include "svc/limit.h"
#include "svc/profile.h"
#include "svc/txn.h"

int lvs_ctl_svc_add(struct lvs_txn *txn, const struct lvs_svc_key *key,
		    const struct lvs_svc_config *cfg)
{
	struct lvs_undo *undo;
	struct lvs_svc *svc;
	int err;

	err = lvs_svc_table_up(txn->ln);
	if (!err)
		err = lvs_est_up(txn->ln);
	if (!err && lvs_svc_has_limits(&cfg->options))
		err = lvs_limits_up(&txn->ln->limits);
	if (err)
		return err;
	undo = lvs_undo_add(txn, LVS_UNDO_SVC_ADD, NULL, NULL);
	if (!undo)
		return -ENOMEM;
	err = lvs_hooks_up(txn->ln, key->af);
	if (err)
		goto drop_undo;
	svc = lvs_svc_alloc(txn->ln, key, cfg);
	if (!svc) {
		err = -ENOMEM;
		goto drop_undo;
	}
	undo->svc = svc;
	lvs_svc_list_last(svc);
	return 0;

drop_undo:
	lvs_undo_drop(undo);
	return err;
}

int lvs_ctl_svc_edit(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_svc_config *cfg)
{
	struct lvs_undo *undo;

	if (lvs_svc_has_limits(&cfg->options) && lvs_limits_up(&txn->ln->limits))
		return -ENOMEM;
	undo = lvs_undo_add(txn, LVS_UNDO_SVC_EDIT, svc, NULL);
	if (!undo)
		return -ENOMEM;
	undo->svc_cfg = svc->cfg;
	svc->cfg = *cfg;
	if (undo->svc_cfg.sched != cfg->sched || undo->svc_cfg.flags != cfg->flags)
		lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_svc_del(struct lvs_txn *txn, struct lvs_svc *svc)
{
	struct lvs_dest *dest, *next;
	struct lvs_undo *undo;
	int err;

	list_for_each_entry_safe(dest, next, &svc->dests, node) {
		err = lvs_ctl_dest_del(txn, dest);
		if (err)
			return err;
	}
	undo = lvs_undo_add(txn, LVS_UNDO_SVC_DEL, svc, NULL);
	if (!undo)
		return -ENOMEM;
	undo->prev = svc->list.prev;
	lvs_svc_unlist(svc);
	return 0;
}

/* By FULLNAT the dest's packets come here, too, and may be fragments of a family of their own. */
static int hooks_for(struct lvs_net *ln, u8 af, u8 fwd)
{
	return fwd == LVS_FWD_FULLNAT ? lvs_hooks_up(ln, af) : 0;
}

int lvs_ctl_dest_add(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_dest_key *key,
		     const struct lvs_dest_config *cfg)
{
	struct lvs_undo *undo;
	struct lvs_dest *dest;
	int err;

	err = hooks_for(txn->ln, key->af, cfg->fwd);
	if (err)
		return err;
	undo = lvs_undo_add(txn, LVS_UNDO_DEST_ADD, svc, NULL);
	if (!undo)
		return -ENOMEM;
	dest = lvs_dest_revive(svc, key);
	if (dest) {
		lvs_dest_get_config(dest, &undo->dest_cfg);
		undo->seq = dest->seq;
		undo->zeroed = dest->zeroed;
		undo->rates = dest->rates;
		lvs_stats_read(dest->stats, &undo->counted);
		dest->rates = (struct lvs_rates){ .last = undo->counted };
		if (lvs_dest_svc(dest) != svc) {
			/* A new service begins with zero, and so do its dests. */
			undo->from = lvs_dest_svc(dest);
			dest->zeroed = undo->counted;
			lvs_dest_adopt(dest, svc, &undo->counted);
		}
	} else {
		dest = lvs_dest_alloc(svc, key);
		if (!dest) {
			lvs_undo_drop(undo);
			return -ENOMEM;
		}
	}
	undo->dest = dest;
	lvs_dest_set_config(dest, cfg);
	lvs_dest_list_last(dest);
	lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_dest_edit(struct lvs_txn *txn, struct lvs_dest *dest,
		      const struct lvs_dest_config *cfg)
{
	struct lvs_svc *svc = lvs_dest_svc(dest);
	struct lvs_undo *undo;
	int err;

	err = hooks_for(txn->ln, dest->af, cfg->fwd);
	if (err)
		return err;
	undo = lvs_undo_add(txn, LVS_UNDO_DEST_EDIT, svc, dest);
	if (!undo)
		return -ENOMEM;
	lvs_dest_get_config(dest, &undo->dest_cfg);
	lvs_dest_set_config(dest, cfg);
	if (undo->dest_cfg.weight != cfg->weight)
		lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_dest_del(struct lvs_txn *txn, struct lvs_dest *dest)
{
	struct lvs_svc *svc = lvs_dest_svc(dest);
	struct lvs_undo *undo = lvs_undo_add(txn, LVS_UNDO_DEST_DEL, svc, dest);

	if (!undo)
		return -ENOMEM;
	undo->prev = dest->node.prev;
	lvs_dest_unlist(dest);
	lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_dest_drain(struct lvs_txn *txn, struct lvs_dest *dest)
{
	struct lvs_dest_config cfg;
	int err;

	lvs_dest_get_config(dest, &cfg);
	cfg.weight = 0;
	err = lvs_ctl_dest_edit(txn, dest, &cfg);
	if (err)
		return err;
	return lvs_undo_add(txn, LVS_UNDO_DEST_DRAIN, NULL, dest) ? 0 : -ENOMEM;
}

int lvs_ctl_dest_reset(struct lvs_txn *txn, struct lvs_dest *dest)
{
	return lvs_undo_add(txn, LVS_UNDO_DEST_RESET, NULL, dest) ? 0 : -ENOMEM;
}

int lvs_ctl_laddr_add(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_laddr_key *key)
{
	struct lvs_undo *undo = lvs_undo_add(txn, LVS_UNDO_LADDR_ADD, svc, NULL);

	if (!undo)
		return -ENOMEM;
	undo->laddr = lvs_laddr_entry_new(txn->ln, key);
	if (!undo->laddr) {
		lvs_undo_drop(undo);
		return -ENOMEM;
	}
	list_add_tail(&undo->laddr->node, &svc->laddrs);
	lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_laddrs_of_profile(struct lvs_txn *txn, struct lvs_svc *svc,
			      const struct lvs_profile *profile)
{
	struct lvs_laddr_entry *entry;
	u32 i;
	int err;

	for (i = 0; i < profile->num_laddrs; i++) {
		err = lvs_ctl_laddr_add(txn, svc, &profile->laddrs[i]);
		if (err)
			return err;
	}
	list_for_each_entry(entry, &svc->laddrs, node)
		entry->of_profile = true;
	return 0;
}

int lvs_ctl_laddr_del(struct lvs_txn *txn, struct lvs_svc *svc, struct lvs_laddr_entry *entry)
{
	struct lvs_undo *undo = lvs_undo_add(txn, LVS_UNDO_LADDR_DEL, svc, NULL);

	if (!undo)
		return -ENOMEM;
	undo->laddr = entry;
	undo->prev = entry->node.prev;
	list_del(&entry->node);
	lvs_txn_dirty(txn, svc);
	return 0;
}

int lvs_ctl_profile_set(struct lvs_txn *txn, struct lvs_profile *profile)
{
	struct lvs_profile *old = lvs_profile_find(txn->ln, &profile->key);
	struct lvs_undo *undo;
	int err;

	if (old) {
		err = lvs_ctl_profile_del(txn, old);
		if (err)
			goto free;
	}
	undo = lvs_undo_add(txn, LVS_UNDO_PROFILE_ADD, NULL, NULL);
	if (!undo) {
		err = -ENOMEM;
		goto free;
	}
	undo->profile = profile;
	lvs_profile_list_last(txn->ln, profile);
	return 0;

free:
	lvs_profile_free(profile);
	return err;
}

int lvs_ctl_profile_del(struct lvs_txn *txn, struct lvs_profile *profile)
{
	struct lvs_undo *undo = lvs_undo_add(txn, LVS_UNDO_PROFILE_DEL, NULL, NULL);

	if (!undo)
		return -ENOMEM;
	undo->profile = profile;
	undo->prev = profile->list.prev;
	lvs_profile_unlist(profile);
	return 0;
}

int lvs_ctl_zero(struct lvs_txn *txn, struct lvs_svc *svc)
{
	return lvs_undo_add(txn, LVS_UNDO_ZERO, svc, NULL) ? 0 : -ENOMEM;
}

int lvs_ctl_flush(struct lvs_txn *txn)
{
	struct lvs_svc *svc, *next;
	int err;

	list_for_each_entry_safe(svc, next, &txn->ln->svcs.list, list) {
		err = lvs_ctl_svc_del(txn, svc);
		if (err)
			return err;
	}
	return 0;
}
