/* SPDX-License-Identifier: GPL-2.0-only */
/* What a transaction remembers of its operations. For svc/control.c and svc/txn.c only. */
#ifndef LVS_SVC_TXN_H
#define LVS_SVC_TXN_H

#include "svc/control.h"

enum lvs_undo_kind {
	LVS_UNDO_SVC_ADD,
	LVS_UNDO_SVC_EDIT,
	LVS_UNDO_SVC_DEL,
	LVS_UNDO_DEST_ADD,
	LVS_UNDO_DEST_EDIT,
	LVS_UNDO_DEST_DEL,
	LVS_UNDO_DEST_DRAIN,	/* as ZERO */
	LVS_UNDO_DEST_RESET,	/* as ZERO */
	LVS_UNDO_LADDR_ADD,
	LVS_UNDO_LADDR_DEL,
	LVS_UNDO_PROFILE_ADD,
	LVS_UNDO_PROFILE_DEL,
	LVS_UNDO_ZERO,		/* nothing to undo: takes place at the commit */
};

/*
 * One operation. An entry of kind *_DEL owns the reference that the list had, until the commit
 * gives it up or the abort gives it back.
 */
struct lvs_undo {
	struct list_head node;		/* lvs_txn.log */
	enum lvs_undo_kind kind;
	struct lvs_svc *svc;
	struct lvs_dest *dest;
	struct lvs_laddr_entry *laddr;	/* LADDR_*; LADDR_DEL owns it */
	struct lvs_profile *profile;	/* PROFILE_*; PROFILE_DEL owns it */
	struct list_head *prev;		/* *_DEL: what stood before it in its list */
	struct lvs_svc_config svc_cfg;	/* SVC_EDIT: before it */
	struct lvs_dest_config dest_cfg; /* DEST_EDIT, DEST_ADD: before it */

	/* DEST_ADD: the dest before it; zero if it is new */
	struct lvs_svc *from;		/* whose it was, if it was adopted */
	struct lvs_counters counted;	/* what it brought, if it was adopted */
	struct lvs_counters zeroed;
	struct lvs_rates rates;
	unsigned long seq;
};

/* A new last entry, or NULL. Whoever fails after it takes it back with lvs_undo_drop(). */
struct lvs_undo *lvs_undo_add(struct lvs_txn *txn, enum lvs_undo_kind kind, struct lvs_svc *svc,
			      struct lvs_dest *dest);
void lvs_undo_drop(struct lvs_undo *undo);

/* The service's set must be rebuilt by the commit. */
void lvs_txn_dirty(struct lvs_txn *txn, struct lvs_svc *svc);

#endif /* LVS_SVC_TXN_H */
