// SPDX-License-Identifier: GPL-2.0-only
/* Local addresses, their pools and port maps; svc/laddr.h. */
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "compat/sockets.h"
#include "compat/workqueue.h"
#include "ftp/ftp.h"
#include "netns.h"
#include "packet.h"
#include "svc/internal.h"
#include "svc/laddr.h"

/* An empty map keeps for this long where its search goes on, which ports rest by. */
#define MAP_REST	(120 * HZ)

static u32 hash_of(u8 af, const union nf_inet_addr *addr, u32 more)
{
	return jhash2((const u32 *)addr->all, af == AF_INET ? 1 : ARRAY_SIZE(addr->all), more);
}

static u32 map_bucket(const union nf_inet_addr *peer, u8 af, __be16 port, u8 proto)
{
	return hash_of(af, peer, (__force u16)port << 8 | proto) % LVS_PORTMAP_BUCKETS;
}

/* --- lives */

static void laddr_put(struct lvs_laddr *laddr)
{
	lockdep_assert_held(&laddr->ln->laddrs.lock);
	if (--laddr->refs)
		return;
	hlist_del(&laddr->node);
	kfree_rcu(laddr, rcu);
}

static bool has_key(const struct lvs_laddr *laddr, const struct lvs_laddr_key *key)
{
	return laddr->af == key->af && nf_inet_addr_cmp(&laddr->addr, &key->addr);
}

struct lvs_laddr_entry *lvs_laddr_entry_new(struct lvs_net *ln, const struct lvs_laddr_key *key)
{
	u32 bucket = hash_of(key->af, &key->addr, key->af) % LVS_LADDR_BUCKETS;
	struct hlist_head *head = &ln->laddrs.addrs[bucket];
	struct lvs_laddr_entry *entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	struct lvs_laddr *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT), *laddr;

	if (!entry || !new) {
		kfree(entry);
		kfree(new);
		return NULL;
	}
	spin_lock_bh(&ln->laddrs.lock);
	hlist_for_each_entry(laddr, head, node) {
		if (has_key(laddr, key))
			break;
	}
	if (!laddr) {
		laddr = new;
		new = NULL;
		laddr->addr = key->addr;
		laddr->af = key->af;
		laddr->ln = ln;
		hlist_add_head(&laddr->node, head);
	}
	laddr->refs++;
	spin_unlock_bh(&ln->laddrs.lock);
	kfree(new);
	entry->laddr = laddr;
	return entry;
}

void lvs_laddr_entry_free(struct lvs_laddr_entry *entry)
{
	struct lvs_laddr *laddr = entry->laddr;
	struct lvs_net *ln = laddr->ln;

	spin_lock_bh(&ln->laddrs.lock);
	laddr_put(laddr);
	spin_unlock_bh(&ln->laddrs.lock);
	kfree(entry);
}

struct lvs_laddr_entry *lvs_laddr_entry_find(struct lvs_svc *svc, const struct lvs_laddr_key *key)
{
	struct lvs_laddr_entry *entry;

	lockdep_assert_held(&svc->ln->ctl);
	list_for_each_entry(entry, &svc->laddrs, node) {
		if (has_key(entry->laddr, key))
			return entry;
	}
	return NULL;
}

/* --- port maps */

static struct lvs_portmap *map_find(struct lvs_laddr *laddr, const struct lvs_dest *dest,
				    __be16 port, u8 proto)
{
	struct hlist_head *head = &laddr->maps[map_bucket(&dest->addr, dest->af, port, proto)];
	struct lvs_portmap *map;

	hlist_for_each_entry_rcu(map, head, node, lockdep_is_held(&laddr->ln->laddrs.lock)) {
		if (map->port == port && map->proto == proto &&
		    nf_inet_addr_cmp(&map->peer, &dest->addr))
			return map;
	}
	return NULL;
}

/* NULL without memory, or if the address has just gone. */
static struct lvs_portmap *map_make(struct lvs_laddr *laddr, const struct lvs_dest *dest,
				    __be16 port, u8 proto)
{
	struct lvs_laddr_table *table = &laddr->ln->laddrs;
	struct lvs_portmap *new = kzalloc(sizeof(*new), GFP_ATOMIC | __GFP_NOWARN), *map = NULL;
	u32 low = READ_ONCE(laddr->ln->sysctls.fullnat_lport_min);
	u32 high = READ_ONCE(laddr->ln->sysctls.fullnat_lport_max);
	struct hlist_head *head = &laddr->maps[map_bucket(&dest->addr, dest->af, port, proto)];

	if (!new)
		return NULL;
	new->laddr = laddr;
	new->peer = dest->addr;
	new->port = port;
	new->proto = proto;
	new->emptied = jiffies;
	spin_lock_init(&new->lock);
	/* Somewhere, so that after a restart not the same ports come first. */
	lvs_ports_init(&new->ports, low + get_random_u32() % (high - min(low, high) + 1));

	spin_lock_bh(&table->lock);
	if (laddr->refs) {
		map = map_find(laddr, dest, port, proto);
		if (!map) {
			map = new;
			new = NULL;
			laddr->refs++;
			hlist_add_head_rcu(&map->node, head);
			queue_delayed_work(lvs_unbound_wq, &table->sweeper, MAP_REST);
		}
	}
	spin_unlock_bh(&table->lock);
	kfree(new);
	return map;
}

/* Does a socket of this host speak from there to the peer? */
static bool socket_has(const struct lvs_portmap *map, u16 port)
{
	const struct lvs_laddr *laddr = map->laddr;

	return lvs_socket_has(laddr->ln->net, laddr->af, map->proto, &map->peer, map->port,
			      &laddr->addr, port);
}

/* What take_port() may have to say instead of a port. */
#define NO_PORT		(-1)
#define NO_MAP		(-2)	/* the sweeper came in between */

static int take_port(struct lvs_portmap *map)
{
	const struct lvs_sysctls *s = &map->laddr->ln->sysctls;
	u16 low = READ_ONCE(s->fullnat_lport_min), high = READ_ONCE(s->fullnat_lport_max);
	int tries = READ_ONCE(s->fullnat_lport_tries);
	int port = NO_PORT, first = NO_PORT;

	if (low > high)
		return NO_PORT;
	spin_lock_bh(&map->lock);
	if (unlikely(map->dead)) {
		port = NO_MAP;
		goto unlock;
	}
	while ((port = lvs_ports_take(&map->ports, low, high)) >= 0 && socket_has(map, port)) {
		bool is_round = port == first;

		lvs_ports_give(&map->ports, port);
		if (first == NO_PORT)
			first = port;
		port = NO_PORT;
		/* Ports come in turn: at the first one again all that are left are sockets'. */
		if (is_round)
			break;
		atomic64_inc(&map->laddr->conflicts);
		if (--tries <= 0)
			break;
	}
unlock:
	spin_unlock_bh(&map->lock);
	return port;
}

enum lvs_drop_reason lvs_laddr_take_of(struct lvs_laddr *laddr, const struct lvs_dest *dest,
				       __be16 dport, u8 proto, struct lvs_source *source)
{
	struct lvs_portmap *map = map_find(laddr, dest, dport, proto);
	int port = map ? take_port(map) : NO_MAP;

	if (unlikely(port == NO_MAP)) {
		map = map_make(laddr, dest, dport, proto);
		port = map ? take_port(map) : NO_MAP;
	}
	if (port == NO_MAP)
		return LVS_DROP_NO_MEMORY;
	if (port < 0) {
		atomic64_inc(&laddr->exhausted);
		return LVS_DROP_NO_PORT;
	}
	atomic_inc(&laddr->used);
	source->map = map;
	source->port = htons(port);
	return LVS_DROP_NONE;
}

enum lvs_drop_reason lvs_laddr_take(struct lvs_svc *svc, const struct lvs_dest *dest, __be16 dport,
				    const struct lvs_packet *pkt, struct lvs_source *source)
{
	const struct lvs_pool *pool = rcu_dereference(svc->pool);
	enum lvs_drop_reason reason = LVS_DROP_NO_LADDR, why;
	u32 i, turn;

	if (!pool)
		return reason;
	if (unlikely(svc->key.port == LVS_FTP_PORT)) {
		/* Servers have data connections with nobody but who has the control connection. */
		turn = hash_of(pkt->af, &pkt->saddr, 0);
		/* As for those that were agreed on in texts which could be read. */
		if (pkt->dport != LVS_FTP_PORT)
			dport = 0;
	} else {
		turn = atomic_inc_return(&svc->laddr_turn);
	}
	for (i = 0; i < pool->num; i++) {
		struct lvs_laddr *laddr = pool->laddr[(turn + i) % pool->num];

		if (laddr->af != dest->af)
			continue;
		why = lvs_laddr_take_of(laddr, dest, dport, pkt->proto, source);
		if (likely(why == LVS_DROP_NONE))
			return why;
		reason = why;
	}
	return reason;
}

void lvs_laddr_give(const struct lvs_source *source)
{
	struct lvs_portmap *map = source->map;

	atomic_dec(&map->laddr->used);
	spin_lock_bh(&map->lock);
	lvs_ports_give(&map->ports, ntohs(source->port));
	map->emptied = jiffies;
	spin_unlock_bh(&map->lock);
}

static bool map_is_idle(struct lvs_portmap *map, bool at_once)
{
	bool idle;

	spin_lock(&map->lock);
	idle = !map->ports.num && (at_once || time_after(jiffies, map->emptied + MAP_REST));
	if (idle)
		map->dead = true;
	spin_unlock(&map->lock);
	return idle;
}

/* Free the address's maps that are empty. Returns how many are left. */
static unsigned int sweep_maps(struct lvs_laddr *laddr, bool at_once)
{
	struct lvs_portmap *map;
	struct hlist_node *next;
	unsigned int left = 0;
	int i;

	for (i = 0; i < LVS_PORTMAP_BUCKETS; i++) {
		hlist_for_each_entry_safe(map, next, &laddr->maps[i], node) {
			if (!map_is_idle(map, at_once)) {
				left++;
				continue;
			}
			hlist_del_rcu(&map->node);
			laddr->refs--;
			kfree_rcu(map, rcu);
		}
	}
	return left;
}

static unsigned int sweep(struct lvs_laddr_table *table, bool at_once)
{
	struct lvs_laddr *laddr;
	struct hlist_node *next;
	unsigned int left = 0;
	int i;

	for (i = 0; i < LVS_LADDR_BUCKETS; i++) {
		spin_lock_bh(&table->lock);
		hlist_for_each_entry_safe(laddr, next, &table->addrs[i], node) {
			laddr->refs++;
			left += sweep_maps(laddr, at_once);
			laddr_put(laddr);
		}
		spin_unlock_bh(&table->lock);
		cond_resched();
	}
	return left;
}

static void sweeper(struct work_struct *work)
{
	struct lvs_laddr_table *table = container_of(to_delayed_work(work),
						     struct lvs_laddr_table, sweeper);

	if (sweep(table, false))
		queue_delayed_work(lvs_unbound_wq, &table->sweeper, MAP_REST / 4);
}

/* --- pools */

int lvs_pool_build(struct lvs_svc *svc)
{
	struct lvs_laddr_entry *entry;
	struct lvs_pool *pool;
	u32 num = 0;

	lockdep_assert_held(&svc->ln->ctl);
	lvs_pool_discard(svc);
	list_for_each_entry(entry, &svc->laddrs, node)
		num++;
	if (!num)
		return 0;
	pool = kvmalloc(struct_size(pool, laddr, num), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return -ENOMEM;
	pool->num = 0;
	list_for_each_entry(entry, &svc->laddrs, node)
		pool->laddr[pool->num++] = entry->laddr;
	svc->next_pool = pool;
	return 0;
}

void lvs_pool_publish(struct lvs_svc *svc)
{
	struct lvs_pool *old;

	old = rcu_replace_pointer(svc->pool, svc->next_pool, lockdep_is_held(&svc->ln->ctl));
	svc->next_pool = NULL;
	if (old)
		kvfree_rcu(old, rcu);
}

void lvs_pool_discard(struct lvs_svc *svc)
{
	kvfree(svc->next_pool);
	svc->next_pool = NULL;
}

void lvs_laddr_net_init(struct lvs_net *ln)
{
	spin_lock_init(&ln->laddrs.lock);
	INIT_DELAYED_WORK(&ln->laddrs.sweeper, sweeper);
}

void lvs_laddr_net_exit(struct lvs_net *ln)
{
	cancel_delayed_work_sync(&ln->laddrs.sweeper);
	WARN_ON_ONCE(sweep(&ln->laddrs, true));
}
