// SPDX-License-Identifier: GPL-2.0-only
/* The connection table; conn/table.h tells how it works. */
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "conn/expiry.h"
#include "conn/table.h"
#include "conn/template.h"
#include "hook.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

/* Grow when there are more connections than buckets times this over four; see load_shift(). */
#define LVS_GROW_QUARTERS 3
#define LVS_CONN_MAX_BUCKETS BIT(30)

#define LVS_BUCKET_LOCKS 1024
#define LVS_PAUSE_BUCKETS 4096	/* a walk pauses after so many */
static_assert(LVS_BUCKET_LOCKS <= LVS_CONN_MIN_BUCKETS);

static spinlock_t bucket_locks[LVS_BUCKET_LOCKS];
struct lvs_hash_key lvs_conn_hash_key __ro_after_init;

static spinlock_t *bucket_lock(u32 hash)
{
	return &bucket_locks[hash & (LVS_BUCKET_LOCKS - 1)];
}

/* Marks are odd, links are not. Bucket plus size is unique among the buckets of all sizes. */
static bool is_mark(unsigned long next)
{
	return next & 1;
}

static unsigned long end_mark(const struct lvs_buckets *b, u32 bucket)
{
	return ((unsigned long)b->mask + 1 + bucket) << 1 | 1;
}

static struct lvs_conn_link *as_link(unsigned long next)
{
	return (struct lvs_conn_link *)next;
}

/* Read a chain's pointer as a reader. */
static unsigned long follow(const unsigned long *next)
{
	/* What it points to is complete: pairs with publish(). */
	return smp_load_acquire(next);
}

/* Change a chain's pointer under readers. */
static void publish(unsigned long *next, unsigned long value)
{
	/* What was written before is seen first: pairs with follow(). */
	smp_store_release(next, value);
}

/* Is this the tuple that @link stands for? */
static __always_inline bool link_matches(struct lvs_conn_link *link, u8 af, u8 proto,
					 const union nf_inet_addr *saddr, __be16 sport,
					 const union nf_inet_addr *daddr, __be16 dport)
{
	const struct lvs_conn *conn = lvs_conn_of(link);
	const union nf_inet_addr *client;
	__be16 port;

	if (link->af != af || link->proto != proto)
		return false;
	if (link->side == LVS_SIDE_CLIENT)
		return conn->cport == sport && conn->vport == dport &&
		       lvs_addr_equal(af, &conn->caddr, saddr) &&
		       lvs_addr_equal(af, &conn->vaddr, daddr);
	client = lvs_conn_seen_client(conn, &port);
	return conn->dport == sport && port == dport &&
	       lvs_addr_equal(af, &conn->daddr, saddr) && lvs_addr_equal(af, client, daddr);
}

static __always_inline struct lvs_conn_link *find_in(const struct lvs_buckets *b,
						     const struct lvs_packet *pkt, u32 hash)
{
	u32 bucket = hash & b->mask;
	unsigned long next;

again:
	next = follow(&b->head[bucket]);
	while (!is_mark(next)) {
		struct lvs_conn_link *link = as_link(next);

		if (link->hash == hash &&
		    link_matches(link, pkt->af, pkt->proto, &pkt->saddr, pkt->sport,
				 &pkt->daddr, pkt->dport) &&
		    likely(!lvs_conn_expired(lvs_conn_of(link))))
			return link;
		next = follow(&link->next);
	}
	if (unlikely(next != end_mark(b, bucket)))
		goto again;
	return NULL;
}

struct lvs_conn *lvs_conn_lookup(const struct lvs_packet *pkt, u32 hash, enum lvs_side *side)
{
	const struct lvs_buckets *b = rcu_dereference(pkt->ln->conns.cur);
	struct lvs_conn_link *link = find_in(b, pkt, hash);

	if (unlikely(!link)) {
		/* A move links into the new chain before it unlinks from the old one. */
		smp_rmb();
		b = rcu_dereference(b->next);
		if (likely(!b))
			return NULL;
		link = find_in(b, pkt, hash);
		if (!link)
			return NULL;
	}
	*side = link->side;
	return lvs_conn_of(link);
}

static struct lvs_conn_link *find_by(const struct lvs_buckets *b, u32 hash,
				     bool (*match)(struct lvs_conn_link *link, const void *arg),
				     const void *arg)
{
	u32 bucket = hash & b->mask;
	unsigned long next;

again:
	for (next = follow(&b->head[bucket]); !is_mark(next); next = follow(&as_link(next)->next)) {
		struct lvs_conn_link *link = as_link(next);

		if (link->hash == hash && link->side == LVS_SIDE_CLIENT && match(link, arg))
			return link;
	}
	if (unlikely(next != end_mark(b, bucket)))
		goto again;
	return NULL;
}

struct lvs_conn *lvs_conn_find(struct lvs_conn_table *ct, u32 hash,
			       bool (*match)(struct lvs_conn_link *link, const void *arg),
			       const void *arg)
{
	const struct lvs_buckets *b = rcu_dereference(ct->cur);
	struct lvs_conn_link *link = find_by(b, hash, match, arg);

	if (!link) {
		/* As in lvs_conn_lookup(). */
		smp_rmb();
		b = rcu_dereference(b->next);
		if (b)
			link = find_by(b, hash, match, arg);
	}
	return link ? lvs_conn_of(link) : NULL;
}

/* The tuple of @link, as its packets carry it. */
static bool same_tuple(struct lvs_conn_link *a, struct lvs_conn_link *b)
{
	const struct lvs_conn *conn = lvs_conn_of(a);
	const union nf_inet_addr *client;
	__be16 port;

	if (a->hash != b->hash)
		return false;
	if (unlikely(a->af & LVS_AF_TEMPLATE))
		return a->af == b->af && a->proto == b->proto &&
		       lvs_template_same(conn, lvs_conn_of(b));
	if (a->side == LVS_SIDE_CLIENT)
		return link_matches(b, a->af, a->proto, &conn->caddr, conn->cport,
				    &conn->vaddr, conn->vport);
	client = lvs_conn_seen_client(conn, &port);
	return link_matches(b, a->af, a->proto, &conn->daddr, conn->dport, client, port);
}

static struct lvs_conn *find_same(const struct lvs_buckets *b, struct lvs_conn_link *link)
{
	unsigned long next;

	for (next = b->head[link->hash & b->mask]; !is_mark(next); next = as_link(next)->next) {
		struct lvs_conn *conn = lvs_conn_of(as_link(next));

		if (same_tuple(link, as_link(next)) && !(READ_ONCE(conn->flags) & LVS_CONN_F_DEAD))
			return conn;
	}
	return NULL;
}

struct lvs_conn *lvs_conn_link_insert(struct lvs_conn_table *ct, struct lvs_conn_link *link,
				      bool unique)
{
	spinlock_t *lock = bucket_lock(link->hash);
	struct lvs_buckets *b, *next;
	struct lvs_conn *same = NULL;
	unsigned long *head;

	spin_lock_bh(lock);
	b = rcu_dereference(ct->cur);
	next = rcu_dereference(b->next);
	if (unique) {
		same = find_same(b, link);
		if (!same && next)
			same = find_same(next, link);
	}
	if (!same) {
		if (next)
			b = next;
		head = &b->head[link->hash & b->mask];
		link->next = *head;
		publish(head, (unsigned long)link);
	}
	spin_unlock_bh(lock);
	return same;
}

static bool remove_from(struct lvs_buckets *b, struct lvs_conn_link *link)
{
	unsigned long *p = &b->head[link->hash & b->mask];

	for (; !is_mark(*p); p = &as_link(*p)->next) {
		if (as_link(*p) == link) {
			/* link->next stays for readers that stand on it */
			publish(p, link->next);
			return true;
		}
	}
	return false;
}

void lvs_conn_link_remove(struct lvs_conn_table *ct, struct lvs_conn_link *link)
{
	spinlock_t *lock = bucket_lock(link->hash);
	struct lvs_buckets *b;

	spin_lock_bh(lock);
	b = rcu_dereference(ct->cur);
	if (!remove_from(b, link)) {
		b = rcu_dereference(b->next);
		if (b)
			remove_from(b, link);
	}
	spin_unlock_bh(lock);
}

static struct lvs_buckets *buckets_alloc(u32 size)
{
	/* Whoever asks says what failed, in one line instead of a trace. */
	struct lvs_buckets *b = kvmalloc(struct_size(b, head, size),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	u32 i;

	if (!b)
		return NULL;
	RCU_INIT_POINTER(b->next, NULL);
	b->mask = size - 1;
	for (i = 0; i < size; i++)
		b->head[i] = end_mark(b, i);
	return b;
}

/* How many times twice as many connections to a bucket are wanted as by default. */
static int load_shift(const struct lvs_conn_table *ct)
{
	const struct lvs_net *ln = container_of(ct, struct lvs_net, conns);

	return READ_ONCE(ln->sysctls.conn_lfactor) - LVS_CONN_LFACTOR;
}

/* Connections to that many buckets, where by default it is as many as buckets. */
static u32 load_of(u32 buckets, int shift)
{
	u64 conns = shift < 0 ? buckets >> -shift : (u64)buckets << shift;

	return min_t(u64, conns, U32_MAX);
}

static void set_size(struct lvs_conn_table *ct, struct lvs_buckets *b, int shift)
{
	u32 size = b->mask + 1;

	WRITE_ONCE(ct->grow_at, size < LVS_CONN_MAX_BUCKETS ?
				load_of(size / 4 * LVS_GROW_QUARTERS, shift) : U32_MAX);
	WRITE_ONCE(ct->shrink_at, size > LVS_CONN_MIN_BUCKETS ? load_of(size / 16, shift) : 0);
	ct->shift = shift;
}

/* Move one chain. New readers of the old place are sent on by the marks; see conn/table.h. */
static void move_chain(struct lvs_buckets *from, struct lvs_buckets *to, u32 bucket)
{
	spinlock_t *lock = bucket_lock(bucket);

	spin_lock_bh(lock);
	while (!is_mark(from->head[bucket])) {
		struct lvs_conn_link *link = as_link(from->head[bucket]);
		unsigned long *head = &to->head[link->hash & to->mask];
		unsigned long rest = link->next;

		publish(&link->next, *head);
		publish(head, (unsigned long)link);
		publish(&from->head[bucket], rest);
	}
	spin_unlock_bh(lock);
}

/* The size that suits @count connections, with room to grow. */
static u32 wanted_size(u32 count, int shift)
{
	u64 size = shift < 0 ? (u64)count * 2 << -shift : (u64)count * 2 >> shift;

	return roundup_pow_of_two(clamp_t(u64, size, LVS_CONN_MIN_BUCKETS, LVS_CONN_MAX_BUCKETS));
}

static void resize_work(struct work_struct *work)
{
	struct lvs_conn_table *ct = container_of(work, struct lvs_conn_table, resize);
	struct lvs_buckets *old, *new;
	int shift = load_shift(ct);
	u32 count, size, i;

	mutex_lock(&ct->resize_lock);
	old = rcu_dereference_protected(ct->cur, lockdep_is_held(&ct->resize_lock));
	count = atomic_read(&ct->count);
	if (shift == ct->shift && count <= READ_ONCE(ct->grow_at) &&
	    count >= READ_ONCE(ct->shrink_at))
		goto out;
	size = wanted_size(count, shift);
	if (size == old->mask + 1) {
		set_size(ct, old, shift);
		goto out;
	}
	new = buckets_alloc(size);
	if (!new) {
		/* Chains grow longer instead; the next insertion or reaping asks again. */
		pr_warn_ratelimited("lvs: no memory for %u connection buckets\n", size);
		goto out;
	}
	rcu_assign_pointer(old->next, new);
	/* Every writer that may still insert into the old buckets is done after this. */
	synchronize_rcu();
	for (i = 0; i <= old->mask; i++) {
		move_chain(old, new, i);
		cond_resched();
	}
	rcu_assign_pointer(ct->cur, new);
	set_size(ct, new, shift);
	synchronize_rcu();
	kvfree(old);
out:
	mutex_unlock(&ct->resize_lock);
}

void lvs_conn_table_refit(struct lvs_net *ln)
{
	if (rcu_access_pointer(ln->conns.cur))
		queue_work(lvs_unbound_wq, &ln->conns.resize);
}

u32 lvs_conn_table_size(struct lvs_net *ln)
{
	const struct lvs_buckets *b;
	u32 size = LVS_CONN_MIN_BUCKETS;

	rcu_read_lock();
	b = rcu_dereference(ln->conns.cur);
	if (b)
		size = b->mask + 1;
	rcu_read_unlock();
	return size;
}

struct lvs_conn *lvs_conn_iterate(struct lvs_conn_table *ct, struct lvs_conn_iter *iter)
{
	const struct lvs_buckets *b;

	b = rcu_dereference_check(ct->cur, lockdep_is_held(&ct->resize_lock));
	if (!b)
		return NULL;
	for (; iter->bucket <= b->mask; iter->bucket++, iter->skip = 0) {
		unsigned long next;
		u32 n = 0;

		/* Of a table that was full once, many may be empty. */
		if (!iter->skip && iter->bucket % LVS_PAUSE_BUCKETS == 0)
			cond_resched_rcu();
		next = follow(&b->head[iter->bucket]);
		while (!is_mark(next)) {
			struct lvs_conn_link *link = as_link(next);

			if (link->side == LVS_SIDE_CLIENT && n++ == iter->skip)
				return lvs_conn_of(link);
			next = follow(&link->next);
		}
	}
	return NULL;
}

/* At most as many as are told apart. */
static u32 chain_length(const struct lvs_buckets *b, u32 bucket)
{
	unsigned long next = follow(&b->head[bucket]);
	u32 length = 0;

	while (!is_mark(next) && length < LVS_CHAIN_LENGTHS - 1) {
		length++;
		next = follow(&as_link(next)->next);
	}
	return length;
}

void lvs_conn_table_chains(struct lvs_net *ln, u32 counts[LVS_CHAIN_LENGTHS])
{
	struct lvs_conn_table *ct = &ln->conns;
	const struct lvs_buckets *b;
	u32 i;

	memset(counts, 0, LVS_CHAIN_LENGTHS * sizeof(*counts));
	mutex_lock(&ct->resize_lock);
	b = rcu_dereference_protected(ct->cur, lockdep_is_held(&ct->resize_lock));
	for (i = 0; b && i <= b->mask; i++) {
		rcu_read_lock();
		counts[chain_length(b, i)]++;
		rcu_read_unlock();
		cond_resched();
	}
	mutex_unlock(&ct->resize_lock);
}

int lvs_conn_table_up(struct lvs_net *ln)
{
	struct lvs_conn_table *ct = &ln->conns;
	struct lvs_buckets *b;
	int err;

	if (rcu_access_pointer(ct->cur))
		return 0;
	b = buckets_alloc(LVS_CONN_MIN_BUCKETS);
	if (!b)
		return -ENOMEM;
	err = lvs_expiry_up(ct);
	if (err) {
		kvfree(b);
		return err;
	}
	set_size(ct, b, load_shift(ct));
	rcu_assign_pointer(ct->cur, b);
	return 0;
}

void __init lvs_conn_table_setup(void)
{
	u32 i;

	get_random_bytes(&lvs_conn_hash_key, sizeof(lvs_conn_hash_key));
	for (i = 0; i < LVS_BUCKET_LOCKS; i++)
		spin_lock_init(&bucket_locks[i]);
}

void lvs_conn_table_init(struct lvs_net *ln)
{
	mutex_init(&ln->conns.resize_lock);
	INIT_WORK(&ln->conns.resize, resize_work);
	lvs_expiry_init(&ln->conns);
}

void lvs_conn_table_exit(struct lvs_net *ln)
{
	struct lvs_conn_table *ct = &ln->conns;

	cancel_work_sync(&ct->resize);
	lvs_expiry_exit(ct);
	kvfree(rcu_dereference_protected(ct->cur, true));
	RCU_INIT_POINTER(ct->cur, NULL);
}
