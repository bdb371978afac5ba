// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "core/parse.h"
#include "sched/lb_cache.h"

struct lvs_lb_cache {
	refcount_t ref;		/* sets that have it in their plan */
	u32 seed;		/* constant */
	spinlock_t lock;	/* all below; bottom halves off */
	bool dead;		/* no set is chosen from any more: nothing may enter */
	u32 num;		/* entries */
	struct hlist_head bucket[LVS_LB_BUCKETS];
};

static struct lvs_lb_cache *cache_of(const struct lvs_sched_set *set)
{
	return ((const struct lvs_lb_plan *)set->plan)->cache;
}

/* A service has addresses of one family, so those of IPv4 are compared as IPv6's with zeros. */
static void addr_of(const struct lvs_packet *pkt, union nf_inet_addr *addr)
{
	if (pkt->af == AF_INET)
		*addr = (union nf_inet_addr){ .ip = pkt->daddr.ip };
	else
		*addr = pkt->daddr;
}

static struct hlist_head *bucket_of(struct lvs_lb_cache *cache, const union nf_inet_addr *addr)
{
	u32 hash = jhash2((const u32 *)addr->all, ARRAY_SIZE(addr->all), cache->seed);

	return &cache->bucket[hash % LVS_LB_BUCKETS];
}

static u32 idle(const struct lvs_lb_entry *entry)
{
	u32 used = READ_ONCE(entry->used);
	u32 time = (u32)jiffies - used;

	/* Another CPU's clock may be a little ahead. */
	return time > (u32)-(60 * HZ) ? 0 : time;
}

static bool expired(const struct lvs_lb_entry *entry, u32 expiration)
{
	return idle(entry) >= expiration * HZ;
}

/* The number in the set of the dest whose seq that is, or LVS_NOBODY. */
static u32 index_of(const struct lvs_sched_set *set, unsigned long seq)
{
	const struct lvs_lb_plan *plan = set->plan;
	u32 low = 0, high = set->num;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (plan->seq[middle] < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->num && plan->seq[low] == seq ? low : LVS_NOBODY;
}

struct lvs_lb_entry *lvs_lb_find(const struct lvs_sched_set *set, const struct lvs_packet *pkt,
				 u32 expiration, struct lvs_lb_members *members)
{
	struct lvs_lb_entry *entry;
	union nf_inet_addr addr;
	u32 now = jiffies, i;

	members->num = 0;
	addr_of(pkt, &addr);
	hlist_for_each_entry_rcu(entry, bucket_of(cache_of(set), &addr), node) {
		if (nf_inet_addr_cmp(&entry->addr, &addr))
			break;
	}
	if (!entry || expired(entry, expiration))
		return NULL;
	if (READ_ONCE(entry->used) != now)
		WRITE_ONCE(entry->used, now);
	for (i = 0; i < entry->num; i++) {
		u32 dest = index_of(set, entry->member[i]);

		if (dest != LVS_NOBODY)
			members->dest[members->num++] = dest;
	}
	return entry;
}

static struct lvs_lb_entry *entry_make(const struct lvs_sched_set *set,
				       const union nf_inet_addr *addr,
				       const struct lvs_lb_members *members)
{
	const struct lvs_lb_plan *plan = set->plan;
	struct lvs_lb_entry *entry;
	u32 i;

	entry = kmalloc(struct_size(entry, member, members->num), GFP_ATOMIC | __GFP_NOWARN);
	if (!entry)
		return NULL;
	entry->addr = *addr;
	entry->used = jiffies;
	entry->changed = entry->used;
	entry->num = members->num;
	for (i = 0; i < members->num; i++)
		entry->member[i] = plan->seq[members->dest[i]];
	return entry;
}

static void forget(struct lvs_lb_cache *cache, struct lvs_lb_entry *entry)
{
	lockdep_assert_held(&cache->lock);
	hlist_del_rcu(&entry->node);
	kfree_rcu(entry, rcu);
	cache->num--;
}

/*
 * Forget what expired in this bucket and, if the cache is full all the same, what was not used for
 * the longest time. Returns the entry of @addr if there still is one.
 */
static struct lvs_lb_entry *tidy(struct lvs_lb_cache *cache, struct hlist_head *bucket,
				 const union nf_inet_addr *addr, u32 expiration)
{
	struct lvs_lb_entry *entry, *oldest = NULL, *same = NULL;
	struct hlist_node *next;

	hlist_for_each_entry_safe(entry, next, bucket, node) {
		if (expired(entry, expiration))
			forget(cache, entry);
		else if (nf_inet_addr_cmp(&entry->addr, addr))
			same = entry;
		else if (!oldest || idle(entry) > idle(oldest))
			oldest = entry;
	}
	if (!same && oldest && cache->num >= LVS_LB_MAX_ENTRIES)
		forget(cache, oldest);
	return same;
}

void lvs_lb_remember(const struct lvs_sched_set *set, const struct lvs_packet *pkt, u32 expiration,
		     const struct lvs_lb_entry *old, const struct lvs_lb_members *members)
{
	struct lvs_lb_cache *cache = cache_of(set);
	struct lvs_lb_entry *entry, *same;
	struct hlist_head *bucket;
	union nf_inet_addr addr;

	addr_of(pkt, &addr);
	entry = entry_make(set, &addr, members);
	if (!entry)
		return;
	bucket = bucket_of(cache, &addr);
	spin_lock(&cache->lock);
	same = tidy(cache, bucket, &addr, expiration);
	if (cache->dead || same != old || (!same && cache->num >= LVS_LB_MAX_ENTRIES)) {
		spin_unlock(&cache->lock);
		kfree(entry);
		return;
	}
	if (same)
		forget(cache, same);
	hlist_add_head_rcu(&entry->node, bucket);
	cache->num++;
	spin_unlock(&cache->lock);
}

static struct lvs_lb_cache *cache_make(void)
{
	struct lvs_lb_cache *cache = kvzalloc(sizeof(*cache), GFP_KERNEL);

	if (!cache)
		return NULL;
	refcount_set(&cache->ref, 1);
	cache->seed = get_random_u32();
	spin_lock_init(&cache->lock);
	return cache;
}

int lvs_lb_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	struct lvs_lb_plan *plan;
	u32 i;

	plan = kvmalloc(struct_size(plan, seq, set->num), GFP_KERNEL);
	if (!plan)
		return -ENOMEM;
	if (old) {
		plan->cache = cache_of(old);
		refcount_inc(&plan->cache->ref);
	} else {
		plan->cache = cache_make();
		if (!plan->cache) {
			kvfree(plan);
			return -ENOMEM;
		}
	}
	for (i = 0; i < set->num; i++)
		plan->seq[i] = set->entry[i].dest->seq;
	set->plan = plan;
	return 0;
}

static bool any_left(const struct lvs_sched_set *set, const struct lvs_lb_entry *entry)
{
	u32 i;

	for (i = 0; set && i < entry->num; i++) {
		if (index_of(set, entry->member[i]) != LVS_NOBODY)
			return true;
	}
	return false;
}

/* Forget the entries that have no member in @set any more; without a set all of them, for good. */
void lvs_lb_replaced(struct lvs_sched_set *old, const struct lvs_sched_set *set)
{
	struct lvs_lb_cache *cache = cache_of(old);
	struct lvs_lb_entry *entry;
	struct hlist_node *next;
	u32 i;

	for (i = 0; i < LVS_LB_BUCKETS; i++) {
		spin_lock_bh(&cache->lock);
		cache->dead = !set;
		hlist_for_each_entry_safe(entry, next, &cache->bucket[i], node) {
			if (!any_left(set, entry))
				forget(cache, entry);
		}
		spin_unlock_bh(&cache->lock);
		cond_resched();
	}
}

void lvs_lb_release(struct lvs_sched_set *set)
{
	struct lvs_lb_cache *cache = cache_of(set);

	if (refcount_dec_and_test(&cache->ref))
		kvfree(cache);
}
