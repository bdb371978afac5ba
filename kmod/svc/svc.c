// SPDX-License-Identifier: GPL-2.0-only
/* The table of services: what packets find, what control operations find, and their lives. */
#include <linux/ip_vs.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "lvs/abi.h"
#include "netns.h"
#include "pipeline.h"
#include "sched/sched.h"
#include "svc/internal.h"
#include "svc/laddr.h"
#include "svc/profile.h"

static u32 hash_of(const struct lvs_net *ln, u8 af, u8 proto, const union nf_inet_addr *addr,
		   __be16 port)
{
	u32 who = (u32)af << 24 | (u32)proto << 16 | (__force u16)port;

	if (af == AF_INET)
		return jhash_2words((__force u32)addr->ip, who, ln->svcs.seed);
	return jhash2((const u32 *)addr->all, ARRAY_SIZE(addr->all), ln->svcs.seed ^ who);
}

static u32 hash_of_mark(const struct lvs_net *ln, u8 af, u32 mark)
{
	return jhash_2words(mark, af, ln->svcs.seed);
}

u32 lvs_svc_key_hash(const struct lvs_net *ln, const struct lvs_svc_key *key)
{
	if (key->fwmark)
		return hash_of_mark(ln, key->af, key->fwmark);
	return hash_of(ln, key->af, key->proto, &key->addr, key->port);
}

static bool addr_equal(u8 af, const union nf_inet_addr *a, const union nf_inet_addr *b)
{
	return af == AF_INET ? a->ip == b->ip : nf_inet_addr_cmp(a, b);
}

static __always_inline struct lvs_svc *by_addr(const struct lvs_packet *pkt,
					       struct hlist_head *buckets, __be16 port)
{
	struct lvs_svc *svc;

	buckets += hash_of(pkt->ln, pkt->af, pkt->proto, &pkt->daddr, port) % LVS_SVC_BUCKETS;
	hlist_for_each_entry_rcu(svc, buckets, node) {
		const struct lvs_svc_key *key = &svc->key;

		if (key->port == port && key->proto == pkt->proto && key->af == pkt->af &&
		    !key->fwmark && addr_equal(pkt->af, &key->addr, &pkt->daddr))
			return svc;
	}
	return NULL;
}

static noinline struct lvs_svc *by_mark(const struct lvs_packet *pkt, struct hlist_head *buckets)
{
	u32 mark = pkt->skb->mark;
	struct lvs_svc *svc;

	if (!mark)
		return NULL;
	buckets += hash_of_mark(pkt->ln, pkt->af, mark) % LVS_SVC_BUCKETS;
	hlist_for_each_entry_rcu(svc, buckets, node) {
		if (svc->key.fwmark == mark && svc->key.af == pkt->af)
			return svc;
	}
	return NULL;
}

static noinline struct lvs_svc *catchall(const struct lvs_packet *pkt, struct hlist_head *buckets)
{
	return by_addr(pkt, buckets, 0);
}

struct lvs_svc *lvs_svc_lookup(const struct lvs_packet *pkt)
{
	const struct lvs_svc_table *table = &pkt->ln->svcs;
	struct hlist_head *buckets = READ_ONCE(table->buckets);
	struct lvs_svc *svc = NULL;

	if (unlikely(!buckets))
		return NULL;
	if (unlikely(READ_ONCE(table->marks)))
		svc = by_mark(pkt, buckets);
	if (!svc)
		svc = by_addr(pkt, buckets, pkt->dport);
	if (!svc && unlikely(READ_ONCE(table->catchalls)))
		svc = catchall(pkt, buckets);
	return svc;
}

static struct hlist_head *dest_bucket(const struct lvs_net *ln, struct hlist_head *dests, u8 af,
				      const union nf_inet_addr *addr, __be16 port)
{
	return &dests[hash_of(ln, af, 0, addr, port) % LVS_SVC_BUCKETS];
}

struct lvs_svc *lvs_svc_of_sender(const struct lvs_packet *pkt)
{
	struct hlist_head *dests = READ_ONCE(pkt->ln->svcs.dests);
	const struct lvs_dest *dest;
	struct lvs_svc *svc;

	if (!dests)
		return NULL;
	dests = dest_bucket(pkt->ln, dests, pkt->af, &pkt->saddr, pkt->sport);
	hlist_for_each_entry_rcu(dest, dests, by_addr) {
		if (dest->port != pkt->sport || dest->af != pkt->af ||
		    READ_ONCE(dest->fwd) != IP_VS_CONN_F_MASQ ||
		    !addr_equal(pkt->af, &dest->addr, &pkt->saddr))
			continue;
		svc = rcu_dereference(dest->svc);
		if (svc->key.fwmark || svc->key.proto == pkt->proto)
			return svc;
	}
	return NULL;
}

void lvs_svc_table_add_dest(struct lvs_dest *dest)
{
	struct lvs_net *ln = dest->ln;

	lockdep_assert_held(&ln->ctl);
	if (hlist_unhashed(&dest->by_addr))
		hlist_add_head_rcu(&dest->by_addr, dest_bucket(ln, ln->svcs.dests, dest->af,
							       &dest->addr, dest->port));
}

/* One that is added again soon comes back into the same bucket, so readers stay in it. */
void lvs_svc_table_del_dest(struct lvs_dest *dest)
{
	lockdep_assert_held(&dest->ln->ctl);
	hlist_del_init_rcu(&dest->by_addr);
}

struct lvs_dest *lvs_svc_schedule(struct lvs_svc *svc, const struct lvs_packet *pkt)
{
	struct lvs_sched_set *set = rcu_dereference(svc->set);

	return set ? set->sched->choose(set, pkt) : NULL;
}

bool lvs_svc_key_equal(const struct lvs_svc_key *a, const struct lvs_svc_key *b)
{
	return a->af == b->af && a->proto == b->proto && a->port == b->port &&
	       a->fwmark == b->fwmark && nf_inet_addr_cmp(&a->addr, &b->addr);
}

struct lvs_svc *lvs_svc_find(struct lvs_net *ln, const struct lvs_svc_key *key)
{
	struct lvs_svc *svc;

	lockdep_assert_held(&ln->ctl);
	if (!ln->svcs.listed)
		return NULL;
	hlist_for_each_entry(svc, &ln->svcs.listed[lvs_svc_key_hash(ln, key) % LVS_SVC_BUCKETS],
			     ctl_node) {
		if (lvs_svc_key_equal(&svc->key, key))
			return svc;
	}
	return NULL;
}

struct hlist_head *lvs_svc_orphans(struct lvs_net *ln, const struct lvs_svc_key *key)
{
	return &ln->svcs.orphans[lvs_svc_key_hash(ln, key) % LVS_ORPHAN_BUCKETS];
}

void lvs_svc_table_chains(struct lvs_net *ln, u32 counts[LVS_CHAIN_LENGTHS])
{
	struct lvs_svc_table *table = &ln->svcs;
	struct lvs_svc *svc;
	u32 i;

	lockdep_assert_held(&ln->ctl);
	memset(counts, 0, LVS_CHAIN_LENGTHS * sizeof(*counts));
	for (i = 0; table->buckets && i < LVS_SVC_BUCKETS; i++) {
		u32 length = 0;

		hlist_for_each_entry(svc, &table->buckets[i], node) {
			if (++length == LVS_CHAIN_LENGTHS - 1)
				break;
		}
		counts[length]++;
	}
}

int lvs_svc_table_up(struct lvs_net *ln)
{
	struct lvs_svc_table *table = &ln->svcs;

	lockdep_assert_held(&ln->ctl);
	if (!table->gone)
		table->gone = kcalloc(nr_cpu_ids, sizeof(*table->gone), GFP_KERNEL);
	if (!table->listed)
		table->listed = kcalloc(LVS_SVC_BUCKETS, sizeof(*table->listed), GFP_KERNEL);
	if (!table->dests)
		WRITE_ONCE(table->dests, kcalloc(LVS_SVC_BUCKETS, sizeof(*table->dests),
						 GFP_KERNEL));
	if (!table->buckets)
		WRITE_ONCE(table->buckets, kcalloc(LVS_SVC_BUCKETS, sizeof(*table->buckets),
						   GFP_KERNEL));
	return table->gone && table->listed && table->dests && table->buckets ? 0 : -ENOMEM;
}

struct lvs_svc *lvs_svc_alloc(struct lvs_net *ln, const struct lvs_svc_key *key,
			      const struct lvs_svc_config *cfg)
{
	struct lvs_svc *svc = kzalloc(sizeof(*svc), GFP_KERNEL);

	if (!svc)
		return NULL;
	svc->drops = alloc_percpu(struct lvs_drops);
	if (!svc->drops) {
		kfree(svc);
		return NULL;
	}
	svc->key = *key;
	svc->ln = ln;
	svc->cfg = *cfg;
	INIT_LIST_HEAD(&svc->list);
	INIT_LIST_HEAD(&svc->dests);
	INIT_LIST_HEAD(&svc->trash);
	INIT_LIST_HEAD(&svc->laddrs);
	return svc;
}

static void svc_free_rcu(struct rcu_head *rcu)
{
	struct lvs_svc *svc = container_of(rcu, struct lvs_svc, rcu);
	struct lvs_laddr_entry *entry, *next;

	list_for_each_entry_safe(entry, next, &svc->laddrs, node)
		lvs_laddr_entry_free(entry);
	free_percpu(svc->drops);
	kfree(svc);
}

void lvs_svc_free_unused(struct lvs_svc *svc)
{
	lockdep_assert_held(&svc->ln->ctl);
	if (svc->listed || !list_empty(&svc->trash))
		return;
	hlist_del(&svc->ctl_node);
	call_rcu(&svc->rcu, svc_free_rcu);
}

void lvs_svc_list_after(struct lvs_svc *svc, struct list_head *prev)
{
	struct lvs_svc_table *table = &svc->ln->svcs;

	lockdep_assert_held(&svc->ln->ctl);
	hlist_del_init(&svc->ctl_node);
	hlist_add_head(&svc->ctl_node,
		       &table->listed[lvs_svc_key_hash(svc->ln, &svc->key) % LVS_SVC_BUCKETS]);
	list_add(&svc->list, prev);
	svc->listed = true;
	WRITE_ONCE(table->count, table->count + 1);
}

void lvs_svc_list_last(struct lvs_svc *svc)
{
	svc->seq = ++svc->ln->svcs.last_seq;
	lvs_svc_list_after(svc, svc->ln->svcs.list.prev);
}

void lvs_svc_unlist(struct lvs_svc *svc)
{
	struct lvs_svc_table *table = &svc->ln->svcs;

	lockdep_assert_held(&svc->ln->ctl);
	if (table->resume == svc)
		table->resume = NULL;
	hlist_del_init(&svc->ctl_node);
	hlist_add_head(&svc->ctl_node, lvs_svc_orphans(svc->ln, &svc->key));
	list_del_init(&svc->list);
	svc->listed = false;
	WRITE_ONCE(table->count, table->count - 1);
}

struct lvs_svc *lvs_svc_next(struct lvs_svc *svc)
{
	struct lvs_svc_table *table = &svc->ln->svcs;

	table->resume = svc;
	return list_is_last(&svc->list, &table->list) ? NULL : list_next_entry(svc, list);
}

struct lvs_svc *lvs_svc_from(struct lvs_net *ln, unsigned long seq)
{
	struct lvs_svc_table *table = &ln->svcs;
	struct lvs_svc *svc = table->resume;

	lockdep_assert_held(&ln->ctl);
	if (!svc || svc->seq > seq)
		svc = list_first_entry_or_null(&table->list, struct lvs_svc, list);
	while (svc && svc->seq < seq)
		svc = lvs_svc_next(svc);
	return svc;
}

void lvs_svc_show_config(struct lvs_svc *svc)
{
	const struct lvs_svc_config *cfg = &svc->cfg;
	u32 manner = 0;

	lockdep_assert_held(&svc->ln->ctl);
	if (cfg->flags & IP_VS_SVC_F_PERSISTENT)
		manner |= LVS_SVC_PERSISTENT;
	else if (!svc->key.fwmark && !svc->key.port)
		manner |= LVS_SVC_INERT;
	if (cfg->flags & IP_VS_SVC_F_ONEPACKET)
		manner |= LVS_SVC_ONEPACKET;
	if (cfg->pe == LVS_PE_SIP)
		manner |= LVS_SVC_SIP;
	if (cfg->options.flags & LVS_OPTION_F_EXPIRE_RST)
		manner |= LVS_SVC_EXPIRE_RST;
	if (cfg->options.flags & LVS_OPTION_F_CLAMP_MSS)
		manner |= LVS_SVC_CLAMP_MSS;
	if (cfg->options.flags & LVS_OPTION_F_NO_TOA)
		manner |= LVS_SVC_NO_TOA;
	WRITE_ONCE(svc->toa_kind, cfg->options.toa_kind);
	WRITE_ONCE(svc->uoa, cfg->options.uoa);
	if (lvs_svc_has_limits(&cfg->options))
		manner |= LVS_SVC_LIMITED;
	WRITE_ONCE(svc->max_conns, cfg->options.max_conns);
	WRITE_ONCE(svc->max_rate, cfg->options.max_rate);
	WRITE_ONCE(svc->client_conns, cfg->options.client_conns);
	WRITE_ONCE(svc->client_rate, cfg->options.client_rate);
	/* Times are told apart across half of their range. */
	WRITE_ONCE(svc->timeout, min_t(u32, cfg->timeout, INT_MAX / 2 / HZ) * HZ);
	WRITE_ONCE(svc->netmask, cfg->netmask);
	WRITE_ONCE(svc->est_timeout, cfg->options.est_timeout * HZ);
	WRITE_ONCE(svc->udp_limit, cfg->options.udp_limit * HZ);
	WRITE_ONCE(svc->manner, manner);
}

/* Services that packets need not look for while there are none. */
static void count_special(struct lvs_svc *svc, int by)
{
	struct lvs_svc_table *table = &svc->ln->svcs;

	if (svc->key.fwmark)
		WRITE_ONCE(table->marks, table->marks + by);
	else if (!svc->key.port)
		WRITE_ONCE(table->catchalls, table->catchalls + by);
}

void lvs_svc_publish(struct lvs_svc *svc)
{
	lockdep_assert_held(&svc->ln->ctl);
	if (svc->published)
		return;
	count_special(svc, 1);
	/* Before one of the same identity, which is about to go, if there is one. */
	hlist_add_head_rcu(&svc->node,
			   &svc->ln->svcs.buckets[lvs_svc_key_hash(svc->ln, &svc->key) %
						  LVS_SVC_BUCKETS]);
	svc->published = true;
}

void lvs_svc_unpublish(struct lvs_svc *svc)
{
	lockdep_assert_held(&svc->ln->ctl);
	if (svc->published) {
		hlist_del_rcu(&svc->node);
		count_special(svc, -1);
	}
	svc->published = false;
	lvs_sched_set_discard(svc);
	lvs_sched_set_publish(svc);
	lvs_pool_discard(svc);
	lvs_pool_publish(svc);
}

static void trash_counters(struct lvs_svc *svc, int cpu, struct lvs_counters *sum)
{
	struct lvs_counters one;
	struct lvs_dest *dest;

	list_for_each_entry(dest, &svc->trash, node) {
		if (cpu < 0)
			lvs_stats_read(dest->stats, &one);
		else
			lvs_stats_read_cpu(dest->stats, cpu, &one);
		lvs_counters_add(sum, &one);
	}
}

static void dest_counters(struct lvs_svc *svc, int cpu, struct lvs_counters *sum)
{
	struct lvs_counters one;
	struct lvs_dest *dest;

	list_for_each_entry(dest, &svc->dests, node) {
		if (cpu < 0)
			lvs_stats_read(dest->stats, &one);
		else
			lvs_stats_read_cpu(dest->stats, cpu, &one);
		lvs_counters_add(sum, &one);
	}
	trash_counters(svc, cpu, sum);
}

void lvs_svc_counters(struct lvs_svc *svc, struct lvs_counters *sum)
{
	lockdep_assert_held(&svc->ln->ctl);
	*sum = svc->base;
	dest_counters(svc, -1, sum);
}

void lvs_net_counters(struct lvs_net *ln, int cpu, struct lvs_counters *sum)
{
	struct lvs_svc_table *table = &ln->svcs;
	struct lvs_svc *svc;
	int i;

	lockdep_assert_held(&ln->ctl);
	*sum = (struct lvs_counters){};
	if (!table->gone)
		return;
	for_each_possible_cpu(i) {
		if (cpu < 0 || cpu == i)
			lvs_counters_add(sum, &table->gone[i]);
	}
	list_for_each_entry(svc, &table->list, list)
		dest_counters(svc, cpu, sum);
	for (i = 0; i < LVS_ORPHAN_BUCKETS; i++) {
		hlist_for_each_entry(svc, &table->orphans[i], ctl_node)
			trash_counters(svc, cpu, sum);
	}
}

int lvs_svc_net_init(struct lvs_net *ln)
{
	struct lvs_svc_table *table = &ln->svcs;
	int i;

	table->seed = get_random_u32();
	INIT_LIST_HEAD(&table->list);
	for (i = 0; i < LVS_ORPHAN_BUCKETS; i++)
		INIT_HLIST_HEAD(&table->orphans[i]);
	lvs_profiles_init(table);
	init_llist_head(&table->reap);
	INIT_WORK(&table->reaper, lvs_dest_reaper);
	INIT_DELAYED_WORK(&table->sweeper, lvs_svc_sweeper);
	return 0;
}

/* As lvs_ctl_flush(), but it needs no memory for undoing and so cannot fail. */
static void drop_all(struct lvs_net *ln)
{
	struct lvs_dest *dest, *next_dest;
	struct lvs_svc *svc, *next;

	list_for_each_entry_safe(svc, next, &ln->svcs.list, list) {
		lvs_svc_unpublish(svc);
		list_for_each_entry_safe(dest, next_dest, &svc->dests, node) {
			lvs_dest_unlist(dest);
			lvs_dest_publish(dest);
			lvs_dest_put(dest);
		}
		lvs_svc_unlist(svc);
		lvs_svc_free_unused(svc);
	}
}

void lvs_svc_net_exit(struct lvs_net *ln)
{
	struct lvs_svc_table *table = &ln->svcs;

	lvs_profiles_exit(table);
	/* Never used: spare the namespace the wait. */
	if (!table->buckets)
		goto free;
	/* What it may have killed is dead now, and there is nothing left that it might kill. */
	cancel_delayed_work_sync(&table->sweeper);
	mutex_lock(&ln->ctl);
	drop_all(ln);
	mutex_unlock(&ln->ctl);

	/* The callbacks of the last references hand the dests to the reaper. */
	rcu_barrier();
	cancel_work_sync(&table->reaper);
	mutex_lock(&ln->ctl);
	lvs_dest_reap(ln);
	mutex_unlock(&ln->ctl);
free:
	kfree(table->buckets);
	kfree(table->dests);
	kfree(table->listed);
	kfree(table->gone);
}
