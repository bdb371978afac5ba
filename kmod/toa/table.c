// SPDX-License-Identifier: GPL-2.0-only
/* The table of sockets whose client a director told, or may still tell. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#include <net/inet_sock.h>

#include "toa/toa.h"

#define LOCK_BITS 8

static unsigned int table_bits = 16;
module_param(table_bits, uint, 0444);
MODULE_PARM_DESC(table_bits, "the table of sockets has 2^N buckets (16; 8 to 24)");

static struct hlist_head *buckets;
/* One lock for all buckets whose numbers end alike. */
static spinlock_t locks[1 << LOCK_BITS];

static u32 bucket_of(const struct sock *sk)
{
	return hash_ptr(sk, table_bits);
}

static spinlock_t *lock_of(u32 bucket)
{
	return &locks[bucket & ((1 << LOCK_BITS) - 1)];
}

struct toa_entry *toa_find(const struct sock *sk)
{
	u32 bucket = bucket_of(sk);
	struct toa_entry *entry;

	hlist_for_each_entry_rcu(entry, &buckets[bucket], node,
				 lockdep_is_held(lock_of(bucket))) {
		if (entry->sk == sk)
			return entry;
	}
	return NULL;
}

const struct toa_endpoint *toa_client(const struct toa_entry *entry,
				      const struct toa_endpoint *peer)
{
	/* Pairs with the release in whoever learned it. */
	if (!entry || !smp_load_acquire(&entry->known))
		return NULL;
	return memcmp(&entry->peer, peer, sizeof(*peer)) ? NULL : &entry->client;
}

void toa_add(const struct sock *sk, const struct toa_endpoint *peer,
	     const struct toa_endpoint *client)
{
	struct toa_entry *entry = kmalloc(sizeof(*entry), GFP_ATOMIC | __GFP_NOWARN);
	u32 bucket = bucket_of(sk);

	if (!entry) {
		toa_count(TOA_NO_MEMORY);
		return;
	}
	entry->sk = sk;
	entry->peer = *peer;
	entry->known = client;
	if (client)
		entry->client = *client;
	spin_lock_bh(lock_of(bucket));
	hlist_add_head_rcu(&entry->node, &buckets[bucket]);
	spin_unlock_bh(lock_of(bucket));
	toa_count(TOA_ADDED);
}

static void remove_entry(const struct sock *sk)
{
	u32 bucket = bucket_of(sk);
	struct toa_entry *entry;

	/* Most sockets have none, and nobody adds one now: the socket's lock is held. */
	if (hlist_empty(&buckets[bucket]))
		return;
	spin_lock_bh(lock_of(bucket));
	entry = toa_find(sk);
	if (entry)
		hlist_del_rcu(&entry->node);
	spin_unlock_bh(lock_of(bucket));
	if (entry) {
		toa_count(TOA_REMOVED);
		kfree_rcu(entry, rcu);
	}
}

void toa_peer(const struct sock *sk, struct toa_endpoint *peer)
{
	peer->port = inet_sk(sk)->inet_dport;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		memcpy(peer->addr, &sk->sk_v6_daddr, sizeof(peer->addr));
		return;
	}
#endif
	toa_map_ipv4(peer->addr, &inet_sk(sk)->inet_daddr);
}

/* --- sockets that are destroyed */

static struct tracepoint *destroyed;

static void on_destroyed(void *unused, struct sock *sk)
{
	remove_entry(sk);
}

static void find_tracepoint(struct tracepoint *tracepoint, void *unused)
{
	if (!strcmp(tracepoint->name, "tcp_destroy_sock"))
		destroyed = tracepoint;
}

int toa_watch_sockets(void)
{
	int error = -ENOENT;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (destroyed)
		error = tracepoint_probe_register(destroyed, on_destroyed, NULL);
	if (error)
		pr_err("the tracepoint tcp_destroy_sock is not to be had: error %d\n", error);
	return error;
}

void toa_unwatch_sockets(void)
{
	tracepoint_probe_unregister(destroyed, on_destroyed, NULL);
	tracepoint_synchronize_unregister();
}

int toa_table_init(void)
{
	int i;

	if (table_bits < LOCK_BITS || table_bits > 24) {
		pr_err("table_bits=%u is not between %u and 24\n", table_bits, LOCK_BITS);
		return -EINVAL;
	}
	buckets = kvcalloc(1 << table_bits, sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(locks); i++)
		spin_lock_init(&locks[i]);
	return 0;
}

void toa_table_exit(void)
{
	struct hlist_node *next;
	struct toa_entry *entry;
	u32 i;

	for (i = 0; i < 1 << table_bits; i++) {
		hlist_for_each_entry_safe(entry, next, &buckets[i], node)
			kfree(entry);
		cond_resched();
	}
	kvfree(buckets);
}
