/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control operations on services and dests.
 *
 * Operations belong to a transaction. It holds ln->ctl from begin to end; each operation sees what
 * the ones before it did, packets see nothing until the commit. When an operation fails, whoever
 * runs the transaction aborts it, which undoes what was done so far in reverse order.
 *
 *	struct lvs_txn txn;
 *
 *	lvs_txn_begin(&txn, ln);
 *	err = lvs_ctl_svc_add(&txn, &key, &cfg, &svc);
 *	...
 *	err = lvs_txn_end(&txn, err);
 */
#ifndef LVS_SVC_CONTROL_H
#define LVS_SVC_CONTROL_H

#include "svc/svc.h"

struct lvs_laddr_entry;
struct lvs_laddr_key;
struct lvs_profile;

struct lvs_txn {
	struct lvs_net *ln;
	struct list_head log;		/* struct lvs_undo, oldest first */
	struct list_head dirty;		/* lvs_svc.dirty_node: sets to rebuild */
};

/* What can be edited in a dest. */
struct lvs_dest_config {
	int weight;
	u32 u_threshold;
	u32 l_threshold;
	u16 tun_flags;
	__be16 tun_port;
	u8 tun_type;
	u8 fwd;
	bool draining;		/* for weight 0 only; false leaves it as it is */
};

struct lvs_dest_key {
	union nf_inet_addr addr;	/* unused bytes are zero */
	__be16 port;
	u8 af;
};

/* Takes ln->ctl. Process context. */
void lvs_txn_begin(struct lvs_txn *txn, struct lvs_net *ln);

/*
 * Commit the transaction if @err is 0, else abort it; releases ln->ctl. Returns @err, or why it
 * could not be committed (and was aborted).
 */
int lvs_txn_end(struct lvs_txn *txn, int err);

/* The listed service or dest of that identity, or NULL. Under ctl, which keeps it. */
struct lvs_svc *lvs_svc_find(struct lvs_net *ln, const struct lvs_svc_key *key);
struct lvs_dest *lvs_dest_find(struct lvs_svc *svc, const struct lvs_dest_key *key);

/*
 * The operations. Process context, may sleep; 0 or -errno. What @key, @svc and @cfg say has been
 * checked: identities are free to take, values in their ranges.
 */
int lvs_ctl_svc_add(struct lvs_txn *txn, const struct lvs_svc_key *key,
		    const struct lvs_svc_config *cfg);
int lvs_ctl_svc_edit(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_svc_config *cfg);
int lvs_ctl_svc_del(struct lvs_txn *txn, struct lvs_svc *svc);
int lvs_ctl_dest_add(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_dest_key *key,
		     const struct lvs_dest_config *cfg);
int lvs_ctl_dest_edit(struct lvs_txn *txn, struct lvs_dest *dest,
		      const struct lvs_dest_config *cfg);
int lvs_ctl_dest_del(struct lvs_txn *txn, struct lvs_dest *dest);
int lvs_ctl_dest_drain(struct lvs_txn *txn, struct lvs_dest *dest);
int lvs_ctl_dest_reset(struct lvs_txn *txn, struct lvs_dest *dest);
int lvs_ctl_laddr_add(struct lvs_txn *txn, struct lvs_svc *svc, const struct lvs_laddr_key *key);
int lvs_ctl_laddr_del(struct lvs_txn *txn, struct lvs_svc *svc, struct lvs_laddr_entry *entry);
/* The local addresses of a profile become those of a service that has none yet. */
int lvs_ctl_laddrs_of_profile(struct lvs_txn *txn, struct lvs_svc *svc,
			      const struct lvs_profile *profile);
/* @profile, the transaction's from then on, takes the place of what there is of its identity. */
int lvs_ctl_profile_set(struct lvs_txn *txn, struct lvs_profile *profile);
int lvs_ctl_profile_del(struct lvs_txn *txn, struct lvs_profile *profile);
int lvs_ctl_zero(struct lvs_txn *txn, struct lvs_svc *svc);	/* NULL: all, and the totals */
int lvs_ctl_flush(struct lvs_txn *txn);

#endif /* LVS_SVC_CONTROL_H */
