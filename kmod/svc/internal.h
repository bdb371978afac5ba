/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files in svc/ share. All of it in process context and under ctl, unless it says else. */
#ifndef LVS_SVC_INTERNAL_H
#define LVS_SVC_INTERNAL_H

#include "netns.h"
#include "svc/control.h"
#include "svc/svc.h"

static inline struct lvs_svc *lvs_dest_svc(const struct lvs_dest *dest)
{
	return rcu_dereference_protected(dest->svc, lockdep_is_held(&dest->ln->ctl));
}

/* table.c */

/* Make the hash tables if they are not there yet. 0 or -ENOMEM. */
int lvs_svc_table_up(struct lvs_net *ln);
/* Nobody looks for anything any more. */
void lvs_svc_table_free(struct lvs_svc_table *table);

u32 lvs_svc_key_hash(const struct lvs_net *ln, const struct lvs_svc_key *key);

/* Show the service to packets, or hide it from them. */
void lvs_svc_publish(struct lvs_svc *svc);
void lvs_svc_unpublish(struct lvs_svc *svc);

/* Let packets find the dest by its address and port, or no more; harmless if it is so already. */
void lvs_svc_table_add_dest(struct lvs_dest *dest);
void lvs_svc_table_del_dest(struct lvs_dest *dest);

/* svc.c */

/* A service that is not listed and not published, or NULL. */
struct lvs_svc *lvs_svc_alloc(struct lvs_net *ln, const struct lvs_svc_key *key,
			      const struct lvs_svc_config *cfg);

/* Show the service to control operations: last in the list, or after @prev there. */
void lvs_svc_list_last(struct lvs_svc *svc);
void lvs_svc_list_after(struct lvs_svc *svc, struct list_head *prev);
/* Hide it from them. It is an orphan then, and somebody must call lvs_svc_free_unused(). */
void lvs_svc_unlist(struct lvs_svc *svc);

/* Let packets go by the service's configuration of now. */
void lvs_svc_show_config(struct lvs_svc *svc);

/* Free the service, after a grace period, if it is neither listed nor has a dest in its trash. */
void lvs_svc_free_unused(struct lvs_svc *svc);

/* The orphans that may have the service's identity; compare with lvs_svc_key_equal(). */
struct hlist_head *lvs_svc_orphans(struct lvs_net *ln, const struct lvs_svc_key *key);
bool lvs_svc_key_equal(const struct lvs_svc_key *a, const struct lvs_svc_key *b);

/* dest.c */

/* A dest in the service's trash with one reference, which is the caller's; or NULL. */
struct lvs_dest *lvs_dest_alloc(struct lvs_svc *svc, const struct lvs_dest_key *key);

void lvs_dest_get_config(const struct lvs_dest *dest, struct lvs_dest_config *cfg);
void lvs_dest_set_config(struct lvs_dest *dest, const struct lvs_dest_config *cfg);

/*
 * Move the dest from the trash into its service's list, as the last or after @prev, and back. The
 * list keeps the caller's reference, lvs_dest_unlist() returns it to him.
 */
void lvs_dest_list_last(struct lvs_dest *dest);
void lvs_dest_list_after(struct lvs_dest *dest, struct list_head *prev);
void lvs_dest_unlist(struct lvs_dest *dest);

/* Tell packets whether the dest is listed. */
void lvs_dest_publish(struct lvs_dest *dest);

/*
 * drain.c: the dest, whose weight is 0, is to be rid of its connections; or they end at once. Both
 * walk the table of connections.
 */
void lvs_dest_drain(struct lvs_dest *dest);
void lvs_dest_reset_conns(struct lvs_dest *dest);

/*
 * A deleted dest of that identity, of @svc itself or of an orphan of the same identity, with a
 * reference for the caller; or NULL.
 */
struct lvs_dest *lvs_dest_revive(struct lvs_svc *svc, const struct lvs_dest_key *key);

/*
 * Move a dest from the trash of its service into @to's. The old one loses what the dest counted
 * after it had counted @counted, and keeps the rest.
 */
void lvs_dest_adopt(struct lvs_dest *dest, struct lvs_svc *to, const struct lvs_counters *counted);

/* Give up a reference. Any context. */
void lvs_dest_put(struct lvs_dest *dest);

/*
 * A dest was drained (its weight is 0 or it was deleted), or a drained one lost its last
 * connection: see within a second to the templates that it must not keep. Any context.
 */
void lvs_dest_drained(struct lvs_dest *dest);

/* sweep.c */
void lvs_svc_sweeper(struct work_struct *work);
/* Kill the connections of deleted dests soon. Any context. */
void lvs_svc_sweep_conns(struct lvs_net *ln);

/* Free the dests whose last reference is gone. */
void lvs_dest_reap(struct lvs_net *ln);
void lvs_dest_reaper(struct work_struct *work);

#endif /* LVS_SVC_INTERNAL_H */
