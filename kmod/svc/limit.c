// SPDX-License-Identifier: GPL-2.0-only
/* Limits of services; svc/limit.h. */
#include <linux/slab.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "netns.h"
#include "packet.h"
#include "svc/limit.h"

/* A count without connections stays this long: then no rate knows of it any more. */
#define LOAD_REST	(2 * HZ)

/* Bounds what clients without number can make the director remember. */
#define LOADS_MAX	BIT(20)

struct load_key {
	struct lvs_svc_key svc;
	union nf_inet_addr client;	/* zero: all of them */
};

struct load {
	struct rhash_head node;
	struct load_key key;		/* constant */
	spinlock_t lock;		/* bottom halves off */
	bool dead;			/* out of the table; lock */
	u32 conns;			/* lock */
	unsigned long filled;		/* jiffies: up to then the credit is right; lock */
	u64 credit;			/* of new connections, HZ each; lock */
	struct rcu_head rcu;
};

static const struct rhashtable_params params = {
	.head_offset		= offsetof(struct load, node),
	.key_offset		= offsetof(struct load, key),
	.key_len		= sizeof(struct load_key),
	.max_size		= LOADS_MAX,
	.automatic_shrinking	= true,
};

static void key_fill(struct load_key *key, const struct lvs_svc *svc,
		     const union nf_inet_addr *client)
{
	memset(key, 0, sizeof(*key)); /* what lies between the fields, too */
	key->svc.addr = svc->key.addr;
	key->svc.fwmark = svc->key.fwmark;
	key->svc.port = svc->key.port;
	key->svc.af = svc->key.af;
	key->svc.proto = svc->key.proto;
	if (!client)
		return;
	if (svc->key.af == AF_INET)
		key->client.ip = client->ip;
	else
		key->client = *client;
}

static struct load *load_make(struct lvs_limits *limits, struct rhashtable *table,
			      const struct load_key *key)
{
	struct load *load = kzalloc(sizeof(*load), GFP_ATOMIC | __GFP_NOWARN), *same;

	if (!load)
		return NULL;
	load->key = *key;
	spin_lock_init(&load->lock);
	load->filled = jiffies - HZ; /* a second's worth of credit, however much that is */
	same = rhashtable_lookup_get_insert_fast(table, &load->node, params);
	if (!same) {
		queue_delayed_work(lvs_unbound_wq, &limits->sweeper, LOAD_REST);
		return load;
	}
	kfree(load);
	return IS_ERR(same) ? NULL : same;
}

static struct load *load_get(struct lvs_limits *limits, const struct load_key *key)
{
	struct rhashtable *table = READ_ONCE(limits->table);
	struct load *load = rhashtable_lookup_fast(table, key, params);

	return load ? load : load_make(limits, table, key);
}

/* A second's worth at most, however long nobody came. */
static void fill_credit(struct load *load, u32 rate)
{
	unsigned long now = jiffies, passed = min_t(unsigned long, now - load->filled, HZ);

	load->credit = min_t(u64, load->credit + (u64)passed * rate, (u64)rate * HZ);
	load->filled = now;
}

/* Does the new connection keep to both limits? Then it is counted. */
static bool take(struct load *load, u32 max_conns, u32 max_rate)
{
	lockdep_assert_held(&load->lock);
	if (max_conns && load->conns >= max_conns)
		return false;
	fill_credit(load, max_rate);
	if (max_rate) {
		if (load->credit < HZ)
			return false;
		load->credit -= HZ;
	}
	load->conns++;
	return true;
}

static enum lvs_drop_reason admit(struct lvs_svc *svc, const union nf_inet_addr *client,
				  u32 max_conns, u32 max_rate, enum lvs_drop_reason reason)
{
	struct load_key key;
	struct load *load;
	bool dead, taken;
	int tries;

	key_fill(&key, svc, client);
	/* One that dies in between is out of the table at once. */
	for (tries = 0; tries < 3; tries++) {
		load = load_get(&svc->ln->limits, &key);
		if (!load)
			break;
		spin_lock_bh(&load->lock);
		dead = load->dead;
		taken = !dead && take(load, max_conns, max_rate);
		spin_unlock_bh(&load->lock);
		if (!dead)
			return taken ? LVS_DROP_NONE : reason;
	}
	return LVS_DROP_NO_MEMORY;
}

static void release(const struct lvs_svc *svc, const union nf_inet_addr *client)
{
	struct load_key key;
	struct load *load;

	key_fill(&key, svc, client);
	/* One that counts connections stays. */
	load = rhashtable_lookup_fast(svc->ln->limits.table, &key, params);
	if (WARN_ON_ONCE(!load))
		return;
	spin_lock_bh(&load->lock);
	load->conns--;
	spin_unlock_bh(&load->lock);
}

enum lvs_drop_reason lvs_limit_admit(struct lvs_svc *svc, const struct lvs_packet *pkt, u32 *flags)
{
	u32 max_conns = READ_ONCE(svc->max_conns), max_rate = READ_ONCE(svc->max_rate);
	u32 conns = READ_ONCE(svc->client_conns), rate = READ_ONCE(svc->client_rate);
	enum lvs_drop_reason reason;

	*flags = 0;
	/* The client's first: one that is refused for itself takes nothing from the others. */
	if (conns || rate) {
		reason = admit(svc, &pkt->saddr, conns, rate, LVS_DROP_CLIENT_LIMIT);
		if (reason != LVS_DROP_NONE)
			return reason;
		*flags |= LVS_CONN_F_CLIENT_COUNTED;
	}
	if (max_conns || max_rate) {
		reason = admit(svc, NULL, max_conns, max_rate, LVS_DROP_LIMIT);
		if (reason != LVS_DROP_NONE) {
			if (*flags)
				release(svc, &pkt->saddr);
			return reason;
		}
		*flags |= LVS_CONN_F_COUNTED;
	}
	return LVS_DROP_NONE;
}

void lvs_limit_release(const struct lvs_svc *svc, const union nf_inet_addr *client, u32 flags)
{
	if (flags & LVS_CONN_F_CLIENT_COUNTED)
		release(svc, client);
	if (flags & LVS_CONN_F_COUNTED)
		release(svc, NULL);
}

/* Has it counted nothing for a while? Then it is dead, and the caller's to take out. */
static bool kill_if_idle(struct load *load)
{
	bool idle;

	spin_lock_bh(&load->lock);
	idle = !load->conns && time_after(jiffies, load->filled + LOAD_REST);
	if (idle)
		load->dead = true;
	spin_unlock_bh(&load->lock);
	return idle;
}

static void sweeper(struct work_struct *work)
{
	struct lvs_limits *limits = container_of(to_delayed_work(work), struct lvs_limits,
						 sweeper);
	struct rhashtable_iter iter;
	struct load *load;

	rhashtable_walk_enter(limits->table, &iter);
	rhashtable_walk_start(&iter);
	while ((load = rhashtable_walk_next(&iter))) {
		/* The table is being resized: the walk begins again, or goes on. */
		if (IS_ERR(load))
			continue;
		if (kill_if_idle(load) &&
		    !rhashtable_remove_fast(limits->table, &load->node, params))
			kfree_rcu(load, rcu);
		if (!need_resched())
			continue;
		rhashtable_walk_stop(&iter);
		cond_resched();
		rhashtable_walk_start(&iter);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	if (atomic_read(&limits->table->nelems))
		queue_delayed_work(lvs_unbound_wq, &limits->sweeper, LOAD_REST);
}

int lvs_limits_up(struct lvs_limits *limits)
{
	int err;

	if (limits->table)
		return 0;
	err = rhashtable_init(&limits->own, &params);
	if (!err)
		WRITE_ONCE(limits->table, &limits->own);
	return err;
}

void lvs_limits_net_init(struct lvs_limits *limits)
{
	INIT_DELAYED_WORK(&limits->sweeper, sweeper);
}

static void free_load(void *load, void *unused)
{
	kfree(load);
}

void lvs_limits_net_exit(struct lvs_limits *limits)
{
	if (!limits->table)
		return;
	cancel_delayed_work_sync(&limits->sweeper);
	rhashtable_free_and_destroy(limits->table, free_load, NULL);
}
