// SPDX-License-Identifier: GPL-2.0-only
/* The services of control operations, and their lives. What packets find: svc/table.c. */
#include <linux/ip_vs.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "lvs/abi.h"
#include "netns.h"
#include "pipeline.h"
#include "sched/sched.h"
#include "svc/internal.h"
#include "svc/laddr.h"
#include "svc/profile.h"

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
	if (!rcu_access_pointer(table->buckets))
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
	lvs_svc_table_free(table);
}
