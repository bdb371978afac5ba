// SPDX-License-Identifier: GPL-2.0-only
/* What packets find: services by address or mark, and the dests that send them. */
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/ip.h>

#include "ftp/ftp.h"
#include "netns.h"
#include "sched/sched.h"
#include "svc/internal.h"
#include "svc/laddr.h"

/* Where a service is found by packets; its members are linked by lvs_svc.node[way]. */
struct lvs_svc_buckets {
	u32 mask;
	u8 way;
	struct hlist_head head[];
};

static struct lvs_svc_buckets *buckets_of(struct lvs_net *ln)
{
	return rcu_dereference_protected(ln->svcs.buckets, lockdep_is_held(&ln->ctl));
}

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

static struct lvs_svc *svc_of(struct hlist_node *node, const struct lvs_svc_buckets *b)
{
	return container_of(node - b->way, struct lvs_svc, node[0]);
}

static __always_inline struct lvs_svc *by_addr(const struct lvs_packet *pkt,
					       struct lvs_svc_buckets *b, __be16 port)
{
	u32 hash = hash_of(pkt->ln, pkt->af, pkt->proto, &pkt->daddr, port);
	struct hlist_node *node;

	__hlist_for_each_rcu(node, &b->head[hash & b->mask]) {
		struct lvs_svc *svc = svc_of(node, b);
		const struct lvs_svc_key *key = &svc->key;

		if (key->port == port && key->proto == pkt->proto && key->af == pkt->af &&
		    !key->fwmark && addr_equal(pkt->af, &key->addr, &pkt->daddr))
			return svc;
	}
	return NULL;
}

static noinline struct lvs_svc *by_mark(const struct lvs_packet *pkt, struct lvs_svc_buckets *b)
{
	u32 mark = pkt->skb->mark, hash;
	struct hlist_node *node;

	if (!mark)
		return NULL;
	hash = hash_of_mark(pkt->ln, pkt->af, mark);
	__hlist_for_each_rcu(node, &b->head[hash & b->mask]) {
		struct lvs_svc *svc = svc_of(node, b);

		if (svc->key.fwmark == mark && svc->key.af == pkt->af)
			return svc;
	}
	return NULL;
}

/*
 * What may be a data connection of FTP goes to the service of its control connections if that is
 * persistent, and so sends the client where it was before: by DR and TUN there is no other way. One
 * that is not persistent knows nothing of such packets.
 */
static noinline struct lvs_svc *ftp_data(const struct lvs_packet *pkt, struct lvs_svc_buckets *b)
{
	struct lvs_svc *svc;

	if (pkt->proto != IPPROTO_TCP)
		return NULL;
	if (pkt->dport != LVS_FTP_DATA_PORT &&
	    inet_port_requires_bind_service(pkt->ln->net, ntohs(pkt->dport)))
		return NULL;
	svc = by_addr(pkt, b, LVS_FTP_PORT);
	return svc && READ_ONCE(svc->manner) & LVS_SVC_PERSISTENT ? svc : NULL;
}

static noinline struct lvs_svc *catchall(const struct lvs_packet *pkt, struct lvs_svc_buckets *b)
{
	return by_addr(pkt, b, 0);
}

struct lvs_svc *lvs_svc_lookup(const struct lvs_packet *pkt)
{
	const struct lvs_svc_table *table = &pkt->ln->svcs;
	struct lvs_svc_buckets *b = rcu_dereference(table->buckets);
	struct lvs_svc *svc = NULL;

	if (unlikely(!b))
		return NULL;
	if (unlikely(READ_ONCE(table->marks)))
		svc = by_mark(pkt, b);
	if (!svc)
		svc = by_addr(pkt, b, pkt->dport);
	if (!svc && unlikely(READ_ONCE(table->ftps)))
		svc = ftp_data(pkt, b);
	if (!svc && unlikely(READ_ONCE(table->catchalls)))
		svc = catchall(pkt, b);
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

/* --- services come and go */

/* Services that packets need not look for while there are none. */
static void count_special(struct lvs_svc *svc, int by)
{
	struct lvs_svc_table *table = &svc->ln->svcs;

	if (svc->key.fwmark)
		WRITE_ONCE(table->marks, table->marks + by);
	else if (!svc->key.port)
		WRITE_ONCE(table->catchalls, table->catchalls + by);
	else if (svc->key.port == LVS_FTP_PORT)
		WRITE_ONCE(table->ftps, table->ftps + by);
}

static void insert(struct lvs_svc *svc, struct lvs_svc_buckets *b)
{
	u32 hash = lvs_svc_key_hash(svc->ln, &svc->key);

	hlist_add_head_rcu(&svc->node[b->way], &b->head[hash & b->mask]);
}

void lvs_svc_publish(struct lvs_svc *svc)
{
	lockdep_assert_held(&svc->ln->ctl);
	if (svc->published)
		return;
	count_special(svc, 1);
	/* Before one of the same identity, which is about to go, if there is one. */
	insert(svc, buckets_of(svc->ln));
	svc->published = true;
}

void lvs_svc_unpublish(struct lvs_svc *svc)
{
	lockdep_assert_held(&svc->ln->ctl);
	if (svc->published) {
		hlist_del_rcu(&svc->node[buckets_of(svc->ln)->way]);
		count_special(svc, -1);
	}
	svc->published = false;
	lvs_sched_set_discard(svc);
	lvs_sched_set_publish(svc);
	lvs_pool_discard(svc);
	lvs_pool_publish(svc);
}

/* --- the tables */

static struct lvs_svc_buckets *buckets_alloc(u32 size, u8 way)
{
	struct lvs_svc_buckets *b = kvzalloc(struct_size(b, head, size), GFP_KERNEL | __GFP_NOWARN);

	if (!b)
		return NULL;
	b->mask = size - 1;
	b->way = way;
	return b;
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
	if (!buckets_of(ln))
		rcu_assign_pointer(table->buckets, buckets_alloc(LVS_SVC_BUCKETS, 0));
	return table->gone && table->listed && table->dests && buckets_of(ln) ? 0 : -ENOMEM;
}

void lvs_svc_table_free(struct lvs_svc_table *table)
{
	kvfree(rcu_dereference_protected(table->buckets, true));
	kfree(table->dests);
	kfree(table->listed);
	kfree(table->gone);
}

/* As many buckets as sysctl svc_lfactor wants for the services that there are. */
static u32 wanted_size(const struct lvs_net *ln)
{
	int factor = READ_ONCE(ln->sysctls.svc_lfactor);
	u64 count = ln->svcs.count;
	u64 size = factor < 0 ? count << -factor : count >> factor;

	return roundup_pow_of_two(clamp_t(u64, size, LVS_SVC_BUCKETS, LVS_SVC_BUCKETS_MAX));
}

/*
 * Services go over by the other one of their two nodes, so that readers of the old buckets are not
 * led astray. When no such reader is left, the old node is free for the next time.
 */
void lvs_svc_table_fit(struct lvs_net *ln, bool exactly)
{
	struct lvs_svc_buckets *old = buckets_of(ln), *new;
	u32 size = wanted_size(ln);
	struct lvs_svc *svc;

	if (!old || size == old->mask + 1)
		return;
	/* Not back and forth with each service. */
	if (!exactly && size < old->mask + 1 && size > (old->mask + 1) / 4)
		return;
	new = buckets_alloc(size, !old->way);
	/* Without memory chains are longer; the next change tries again. */
	if (!new)
		return;
	list_for_each_entry(svc, &ln->svcs.list, list) {
		if (svc->published)
			insert(svc, new);
	}
	rcu_assign_pointer(ln->svcs.buckets, new);
	synchronize_rcu();
	kvfree(old);
}

u32 lvs_svc_table_size(struct lvs_net *ln)
{
	const struct lvs_svc_buckets *b = buckets_of(ln);

	return b ? b->mask + 1 : LVS_SVC_BUCKETS;
}

void lvs_svc_table_chains(struct lvs_net *ln, u32 counts[LVS_CHAIN_LENGTHS])
{
	const struct lvs_svc_buckets *b = buckets_of(ln);
	struct hlist_node *node;
	u32 i;

	memset(counts, 0, LVS_CHAIN_LENGTHS * sizeof(*counts));
	for (i = 0; b && i <= b->mask; i++) {
		u32 length = 0;

		hlist_for_each(node, &b->head[i]) {
			if (++length == LVS_CHAIN_LENGTHS - 1)
				break;
		}
		counts[length]++;
	}
}
