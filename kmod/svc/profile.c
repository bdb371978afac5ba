// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

#include "netns.h"
#include "svc/internal.h"
#include "svc/profile.h"

static struct hlist_head *bucket(struct lvs_net *ln, const struct lvs_svc_key *key)
{
	return &ln->svcs.profiles[lvs_svc_key_hash(ln, key) % LVS_PROFILE_BUCKETS];
}

struct lvs_profile *lvs_profile_alloc(u32 num_laddrs)
{
	struct lvs_profile *profile;

	profile = kvzalloc(struct_size(profile, laddrs, num_laddrs), GFP_KERNEL_ACCOUNT);
	if (profile)
		profile->num_laddrs = num_laddrs;
	return profile;
}

void lvs_profile_free(struct lvs_profile *profile)
{
	kvfree(profile);
}

struct lvs_profile *lvs_profile_find(struct lvs_net *ln, const struct lvs_svc_key *key)
{
	struct lvs_profile *profile;

	lockdep_assert_held(&ln->ctl);
	hlist_for_each_entry(profile, bucket(ln, key), node) {
		if (lvs_svc_key_equal(&profile->key, key))
			return profile;
	}
	return NULL;
}

struct lvs_profile *lvs_profile_for(struct lvs_net *ln, const struct lvs_svc_key *key)
{
	struct lvs_profile *profile = lvs_profile_find(ln, key);
	struct lvs_svc_key all_ports = *key;

	if (profile || key->fwmark)
		return profile;
	all_ports.port = 0;
	return lvs_profile_find(ln, &all_ports);
}

void lvs_profile_list_after(struct lvs_net *ln, struct lvs_profile *profile,
			    struct list_head *prev)
{
	lockdep_assert_held(&ln->ctl);
	hlist_add_head(&profile->node, bucket(ln, &profile->key));
	list_add(&profile->list, prev);
}

void lvs_profile_list_last(struct lvs_net *ln, struct lvs_profile *profile)
{
	profile->seq = ++ln->svcs.last_seq;
	lvs_profile_list_after(ln, profile, ln->svcs.profile_list.prev);
}

void lvs_profile_unlist(struct lvs_profile *profile)
{
	hlist_del(&profile->node);
	list_del(&profile->list);
}

void lvs_profiles_init(struct lvs_svc_table *table)
{
	int i;

	INIT_LIST_HEAD(&table->profile_list);
	for (i = 0; i < LVS_PROFILE_BUCKETS; i++)
		INIT_HLIST_HEAD(&table->profiles[i]);
}

void lvs_profiles_exit(struct lvs_svc_table *table)
{
	struct lvs_profile *profile, *next;

	list_for_each_entry_safe(profile, next, &table->profile_list, list)
		lvs_profile_free(profile);
}
