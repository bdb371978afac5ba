// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients of UDP flows: a director tells them with the first packets of a flow only, so they are
 * kept for six minutes after they were last told or asked for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "toa/toa.h"
#include "compat/workqueue.h"

#define LIFE (360 * HZ)
#define SWEEP_PERIOD (30 * HZ)

static unsigned int uoa_max = 65536;
module_param(uoa_max, uint, 0444);
MODULE_PARM_DESC(uoa_max, "UDP flows whose client is remembered at the most (65536)");

/* One that is told anew with another client is replaced, so readers see no mixture. */
struct flow {
	struct hlist_node node;		/* under its bucket's lock */
	struct toa_flow key;
	struct toa_endpoint client;
	unsigned long used;		/* jiffies; stored by anybody */
	struct rcu_head rcu;
};

struct bucket {
	struct hlist_head flows;
	spinlock_t lock;		/* protects the list; softirqs take it */
};

static struct bucket *buckets;
static u32 mask, seed;
static atomic_t count = ATOMIC_INIT(0);
static struct delayed_work sweep_work;

static struct bucket *bucket_of(const struct toa_flow *key)
{
	BUILD_BUG_ON(sizeof(*key) % sizeof(u32));
	return &buckets[jhash2((const u32 *)key, sizeof(*key) / sizeof(u32), seed) & mask];
}

static bool expired(const struct flow *flow)
{
	return time_after(jiffies, READ_ONCE(flow->used) + LIFE);
}

static struct flow *find(struct bucket *bucket, const struct toa_flow *key)
{
	struct flow *flow;

	hlist_for_each_entry_rcu(flow, &bucket->flows, node, lockdep_is_held(&bucket->lock)) {
		if (!memcmp(&flow->key, key, sizeof(*key)))
			return flow;
	}
	return NULL;
}

/* The caller holds the bucket's lock. */
static void forget(struct flow *flow)
{
	hlist_del_rcu(&flow->node);
	kfree_rcu(flow, rcu);
	atomic_dec(&count);
}

/* Makes room for one more, if need be at the cost of this bucket's oldest. */
static bool make_room(struct bucket *bucket)
{
	struct flow *flow, *oldest = NULL;

	if (atomic_read(&count) < uoa_max)
		return true;
	hlist_for_each_entry(flow, &bucket->flows, node) {
		if (!oldest || time_before(flow->used, oldest->used))
			oldest = flow;
	}
	if (oldest)
		forget(oldest);
	return oldest;
}

void toa_flow_save(const struct toa_flow *key, const struct toa_endpoint *client)
{
	struct bucket *bucket = bucket_of(key);
	struct flow *old, *flow;

	spin_lock_bh(&bucket->lock);
	old = find(bucket, key);
	if (old && !memcmp(&old->client, client, sizeof(*client))) {
		WRITE_ONCE(old->used, jiffies);
		goto out;
	}
	if (old)
		forget(old);
	if (!make_room(bucket)) {
		toa_count(TOA_UOA_FULL);
		goto out;
	}
	flow = kmalloc(sizeof(*flow), GFP_ATOMIC | __GFP_NOWARN);
	if (!flow) {
		toa_count(TOA_NO_MEMORY);
		goto out;
	}
	flow->key = *key;
	flow->client = *client;
	flow->used = jiffies;
	atomic_inc(&count);
	hlist_add_head_rcu(&flow->node, &bucket->flows);
	toa_count(TOA_UOA_SAVED);
out:
	spin_unlock_bh(&bucket->lock);
}

bool toa_flow_client(const struct toa_flow *key, struct toa_endpoint *client)
{
	unsigned long now = jiffies;
	struct flow *flow;
	bool found;

	rcu_read_lock();
	flow = find(bucket_of(key), key);
	found = flow && !expired(flow);
	if (found) {
		*client = flow->client;
		if (READ_ONCE(flow->used) != now)
			WRITE_ONCE(flow->used, now);
	}
	rcu_read_unlock();
	toa_count(found ? TOA_UOA_SUCCESS : TOA_UOA_MISS);
	return found;
}

static void sweep(struct work_struct *work)
{
	struct hlist_node *next;
	struct flow *flow;
	u32 i;

	for (i = 0; i <= mask; i++) {
		if (hlist_empty(&buckets[i].flows))
			continue;
		spin_lock_bh(&buckets[i].lock);
		hlist_for_each_entry_safe(flow, next, &buckets[i].flows, node) {
			if (expired(flow))
				forget(flow);
		}
		spin_unlock_bh(&buckets[i].lock);
		cond_resched();
	}
	queue_delayed_work(lvs_unbound_wq, &sweep_work, SWEEP_PERIOD);
}

int toa_flows_init(void)
{
	u32 i;

	if (!uoa_max || uoa_max > 1 << 24) {
		pr_err("uoa_max=%u is not between 1 and %u\n", uoa_max, 1 << 24);
		return -EINVAL;
	}
	mask = max_t(u32, roundup_pow_of_two(uoa_max) / 4, 1) - 1;
	buckets = kvcalloc(mask + 1, sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return -ENOMEM;
	for (i = 0; i <= mask; i++)
		spin_lock_init(&buckets[i].lock);
	get_random_bytes(&seed, sizeof(seed));
	INIT_DELAYED_WORK(&sweep_work, sweep);
	queue_delayed_work(lvs_unbound_wq, &sweep_work, SWEEP_PERIOD);
	return 0;
}

void toa_flows_exit(void)
{
	struct hlist_node *next;
	struct flow *flow;
	u32 i;

	cancel_delayed_work_sync(&sweep_work);
	for (i = 0; i <= mask; i++) {
		hlist_for_each_entry_safe(flow, next, &buckets[i].flows, node)
			kfree(flow);
		cond_resched();
	}
	kvfree(buckets);
}
