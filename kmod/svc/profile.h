/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Profiles: what a virtual service gets, beyond what its client asks for, when it is added. They
 * are there before the service and outlive it, so that a client which knows IPVS only, and deletes
 * and adds services as it likes, need not know of them.
 *
 * All of it in process context and under ctl. Packets never see a profile.
 */
#ifndef LVS_SVC_PROFILE_H
#define LVS_SVC_PROFILE_H

#include <linux/list.h>

#include "svc/laddr.h"
#include "svc/svc.h"

struct lvs_profile {
	struct hlist_node node;		/* lvs_svc_table.profiles while listed */
	struct list_head list;		/* lvs_svc_table.profile_list while listed */
	unsigned long seq;		/* grows along the list */
	struct lvs_svc_key key;		/* constant, as the rest; port 0: all ports */
	struct lvs_svc_options options;
	u32 num_laddrs;
	struct lvs_laddr_key laddrs[];
};

/* One of that many local addresses, all zero, or NULL. Its owner frees it. */
struct lvs_profile *lvs_profile_alloc(u32 num_laddrs);
void lvs_profile_free(struct lvs_profile *profile);

/* The profile of exactly that identity, or NULL. */
struct lvs_profile *lvs_profile_find(struct lvs_net *ln, const struct lvs_svc_key *key);

/* The one that holds for a service: its own, or that of all ports of its address; or NULL. */
struct lvs_profile *lvs_profile_for(struct lvs_net *ln, const struct lvs_svc_key *key);

/* As the last, or where it was before, after @prev; and out of the list. */
void lvs_profile_list_last(struct lvs_net *ln, struct lvs_profile *profile);
void lvs_profile_list_after(struct lvs_net *ln, struct lvs_profile *profile,
			    struct list_head *prev);
void lvs_profile_unlist(struct lvs_profile *profile);

void lvs_profiles_init(struct lvs_svc_table *table);
void lvs_profiles_exit(struct lvs_svc_table *table);

#endif /* LVS_SVC_PROFILE_H */
