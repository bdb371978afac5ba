// SPDX-License-Identifier: GPL-2.0-only
/* Birth, change of state, and death of a connection. */
#include <linux/slab.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "conn/expiry.h"
#include "conn/table.h"
#include "conn/template.h"
#include "ftp/ftp.h"
#include "fwd/conntrack.h"
#include "fwd/fullnat_tcp.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "netns.h"
#include "pipeline.h"
#include "proto/proto.h"
#include "svc/svc.h"

static struct kmem_cache *conn_cache __ro_after_init;
static struct kmem_cache *fullnat_cache __ro_after_init;

u32 lvs_conn_remaining(const struct lvs_conn *conn)
{
	/* As lvs_conn_expired(). */
	u32 allowed = smp_load_acquire(&conn->timeout) + LVS_SEEN_GRAIN;
	u32 idle = lvs_conn_idle(conn);

	return idle < allowed ? allowed - idle : 0;
}

bool lvs_conn_is_abandoned(const struct lvs_conn *conn)
{
	return conn->dest && !READ_ONCE(conn->dest->weight) &&
	       READ_ONCE(conn->ln->sysctls.expire_nodest_conn);
}

void lvs_conn_link_init(struct lvs_conn *conn, enum lvs_side side, u8 af, u8 proto, u32 hash)
{
	conn->link[side].hash = hash;
	conn->link[side].side = side;
	conn->link[side].af = af;
	conn->link[side].proto = proto;
}

static __always_inline void setup(struct lvs_conn *conn, struct lvs_net *ln, struct lvs_dest *dest,
				  u8 fwd)
{
	conn->fwd = fwd;
	conn->seen = jiffies;
	spin_lock_init(&conn->lock);
	conn->dest = dest;
	conn->ln = ln;
	INIT_HLIST_NODE(&conn->wheel);
	conn->shard = raw_smp_processor_id() & ln->conns.wheel_mask;
}

void lvs_conn_setup(struct lvs_conn *conn, struct lvs_net *ln, struct lvs_dest *dest)
{
	setup(conn, ln, dest, READ_ONCE(dest->fwd));
}

/* All but the places in the table. */
static __always_inline void fill(struct lvs_conn *conn, const struct lvs_packet *pkt,
				 const struct lvs_choice *choice, u8 fwd)
{
	struct lvs_net *ln = pkt->ln;

	conn->caddr = pkt->saddr;
	conn->vaddr = pkt->daddr;
	if (likely(choice->dest))
		conn->daddr = choice->dest->addr;
	else
		memset(&conn->daddr, 0, sizeof(conn->daddr));
	conn->cport = pkt->sport;
	conn->vport = pkt->dport;
	conn->dport = choice->dport;
	conn->state = LVS_TCP_NONE;
	conn->timeout = pkt->proto == IPPROTO_TCP ? ln->timeouts.tcp[LVS_TCP_NONE] :
						    ln->timeouts.udp;
	conn->control = choice->control;
	setup(conn, ln, choice->dest, fwd);
	conn->flags = lvs_fwd_sees_replies(conn->fwd) ? 0 : LVS_CONN_F_NOOUTPUT;
	if (unlikely(choice->control))
		conn->flags |= LVS_CONN_F_UNASSURED;
	/* Pairs with lvs_conntrack_set(). An entry of conntrack's is of one family. */
	if (unlikely(smp_load_acquire(&ln->sysctls.conntrack)) &&
	    (!lvs_fwd_sees_replies(fwd) || choice->dest->af == pkt->af))
		conn->flags |= LVS_CONN_F_TRACKED;
}

/* A client that never stops sending shall not stay with its dest for ever. */
static __always_inline void limit(struct lvs_conn *conn, const struct lvs_packet *pkt,
				  const struct lvs_svc *svc)
{
	u32 span = READ_ONCE(svc->udp_limit);

	if (unlikely(span) && pkt->proto == IPPROTO_UDP) {
		conn->flags |= LVS_CONN_F_LIMITED;
		conn->until = conn->seen + span;
	}
}

void lvs_conn_fill_once(struct lvs_conn *conn, const struct lvs_packet *pkt,
			const struct lvs_choice *choice, u8 fwd)
{
	fill(conn, pkt, choice, fwd);
	lvs_conn_link_init(conn, LVS_SIDE_CLIENT, pkt->af, pkt->proto, 0);
	lvs_conn_link_init(conn, LVS_SIDE_SERVER, choice->dest->af, pkt->proto, 0);
}

static void fill_links(struct lvs_conn *conn, const struct lvs_packet *pkt, u32 hash,
		       bool dest_opens)
{
	const union nf_inet_addr *client;
	u8 af = likely(conn->dest) ? conn->dest->af : pkt->af;
	__be16 port;

	client = lvs_conn_seen_client(conn, &port);
	lvs_conn_link_init(conn, LVS_SIDE_CLIENT, pkt->af, pkt->proto, hash);
	lvs_conn_link_init(conn, LVS_SIDE_SERVER, af, pkt->proto,
			   lvs_conn_hash(af, &conn->daddr, conn->dport, client, port));
	if (unlikely(conn->fwd == LVS_FWD_FULLNAT)) {
		lvs_fullnat_tcp_begin(lvs_fullnat_of(conn), pkt, dest_opens);
		if (pkt->proto == IPPROTO_UDP)
			lvs_fullnat_udp_begin(lvs_fullnat_of(conn));
		if (af != pkt->af)
			conn->fwd = LVS_FWD_NAT64;
	}
}

/* Memory for a connection by @fwd, with a local address and port of @owner's if it is FULLNAT. */
static struct lvs_conn *conn_alloc(const struct lvs_packet *pkt, struct lvs_svc *owner,
				   const struct lvs_choice *choice, u8 fwd,
				   enum lvs_drop_reason *why)
{
	struct lvs_fullnat_conn *conn;

	*why = LVS_DROP_NO_MEMORY;
	if (likely(fwd != LVS_FWD_FULLNAT))
		return kmem_cache_alloc(conn_cache, GFP_ATOMIC | __GFP_NOWARN);
	conn = kmem_cache_alloc(fullnat_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!conn)
		return NULL;
	if (unlikely(choice->source)) {
		conn->source = *choice->source;
	} else {
		*why = lvs_laddr_take(owner, choice->dest, choice->dport, pkt, &conn->source);
		if (unlikely(*why != LVS_DROP_NONE)) {
			kmem_cache_free(fullnat_cache, conn);
			return NULL;
		}
	}
	conn->laddr = conn->source.map->laddr->addr;
	return &conn->conn;
}

static void release_memory(struct lvs_conn *conn)
{
	if (unlikely(lvs_conn_is_fullnat(conn)))
		kmem_cache_free(fullnat_cache, lvs_fullnat_of(conn));
	else
		kmem_cache_free(conn_cache, conn);
}

/* Nobody has seen it. What @choice brought stays the caller's. */
static void conn_discard(struct lvs_conn *conn, const struct lvs_choice *choice)
{
	if (lvs_conn_is_fullnat(conn) && !choice->source)
		lvs_laddr_give(&lvs_fullnat_of(conn)->source);
	release_memory(conn);
}

static void conn_free_rcu(struct rcu_head *head)
{
	release_memory(container_of(head, struct lvs_conn, rcu));
}

/* It is out of the table: its port is free. Its memory goes after a grace period. */
static void conn_free(struct lvs_conn *conn)
{
	if (unlikely(lvs_conn_is_fullnat(conn)))
		lvs_laddr_give(&lvs_fullnat_of(conn)->source);
	call_rcu(&conn->rcu, conn_free_rcu);
}

/* Returns the flags of before. */
static u32 mark_dead(struct lvs_conn *conn)
{
	u32 flags;

	spin_lock_bh(&conn->lock);
	flags = conn->flags;
	WRITE_ONCE(conn->flags, flags | LVS_CONN_F_DEAD);
	spin_unlock_bh(&conn->lock);
	return flags;
}

void lvs_conn_enlist(struct lvs_conn *conn)
{
	struct lvs_conn_table *ct = &conn->ln->conns;
	u32 count;

	lvs_expiry_start(ct, conn);
	count = atomic_inc_return(&ct->count);
	if (unlikely(count == 1))
		lvs_expiry_run(ct);
	if (unlikely(count > READ_ONCE(ct->grow_at)))
		queue_work(lvs_unbound_wq, &ct->resize);
}

static void unbind(struct lvs_dest *dest, bool was_active)
{
	if (likely(dest))
		lvs_dest_unbind(dest, was_active);
}

static void control_put(struct lvs_template *control)
{
	if (unlikely(control))
		lvs_template_put(control);
}

struct lvs_conn *lvs_conn_create(const struct lvs_packet *pkt, struct lvs_svc *svc,
				 const struct lvs_choice *choice, u32 hash,
				 enum lvs_drop_reason *why)
{
	struct lvs_conn_table *ct = &pkt->ln->conns;
	struct lvs_dest *dest = choice->dest;
	u8 fwd = likely(dest) ? READ_ONCE(dest->fwd) : IP_VS_CONN_F_BYPASS;
	/* The one that has the dest, if a template led to another service's. */
	struct lvs_svc *owner = likely(dest) ? rcu_dereference(dest->svc) : svc;
	struct lvs_conn *conn, *same;
	u32 counted = 0;

	if (unlikely(choice->source))
		fwd = LVS_FWD_FULLNAT;
	if (unlikely(READ_ONCE(owner->manner) & LVS_SVC_LIMITED) && dest) {
		*why = lvs_limit_admit(owner, pkt, &counted);
		if (*why != LVS_DROP_NONE)
			goto put_control;
	}
	*why = LVS_DROP_NO_MEMORY;
	if (likely(dest) && !lvs_dest_bind(dest))
		goto release;
	conn = conn_alloc(pkt, owner, choice, fwd, why);
	if (!conn) {
		unbind(dest, false);
		goto release;
	}
	fill(conn, pkt, choice, fwd);
	conn->flags |= counted;
	limit(conn, pkt, svc);
	fill_links(conn, pkt, hash, choice->source && choice->dest_opens);
	if (unlikely(lvs_ftp_is_control(pkt, conn->fwd)) && !lvs_ftp_begin(conn)) {
		*why = LVS_DROP_NO_MEMORY;
		conn_discard(conn, choice);
		unbind(dest, false);
		goto release;
	}

	/*
	 * The client's side goes last: it is by that side that others find the connection and may
	 * kill it, and then both must be in the table.
	 */
	if (!(conn->flags & LVS_CONN_F_NOOUTPUT))
		lvs_conn_link_insert(ct, &conn->link[LVS_SIDE_SERVER], false);
	same = lvs_conn_link_insert(ct, &conn->link[LVS_SIDE_CLIENT], true);
	if (same && lvs_conn_expired(same)) {
		/* The expirer has not come by yet; its place is ours. */
		lvs_conn_kill(same);
		same = lvs_conn_link_insert(ct, &conn->link[LVS_SIDE_CLIENT], true);
	}
	if (same) {
		/* Its server's side was visible for a moment. */
		u32 flags = mark_dead(conn);

		if (!(flags & LVS_CONN_F_NOOUTPUT))
			lvs_conn_link_remove(ct, &conn->link[LVS_SIDE_SERVER]);
		if (unlikely(flags & LVS_CONN_F_FTP))
			lvs_ftp_end(conn);
		lvs_limit_release(owner, &pkt->saddr, counted);
		unbind(dest, flags & LVS_CONN_F_ACTIVE);
		control_put(choice->control);
		conn_free(conn);
		return same;
	}
	if (likely(dest))
		lvs_stats_conn(dest->stats);
	lvs_conn_enlist(conn);
	return conn;

release:
	lvs_limit_release(owner, &pkt->saddr, counted);
put_control:
	control_put(choice->control);
	return NULL;
}

void lvs_conn_kill(struct lvs_conn *conn)
{
	struct lvs_conn_table *ct = &conn->ln->conns;
	u32 flags = mark_dead(conn);

	if (flags & LVS_CONN_F_DEAD)
		return;

	lvs_conn_link_remove(ct, &conn->link[LVS_SIDE_CLIENT]);
	if (!(flags & LVS_CONN_F_NOOUTPUT))
		lvs_conn_link_remove(ct, &conn->link[LVS_SIDE_SERVER]);
	lvs_expiry_stop(ct, conn);
	atomic_dec(&ct->count);
	if (unlikely(flags & LVS_CONN_F_TEMPLATE)) {
		lvs_template_release(lvs_template_of(conn));
		return;
	}
	if (unlikely(flags & LVS_CONN_F_FTP))
		lvs_ftp_end(conn);
	if (unlikely(flags & LVS_CONN_F_TRACKED))
		lvs_conntrack_end(conn);
	if (unlikely(flags & (LVS_CONN_F_COUNTED | LVS_CONN_F_CLIENT_COUNTED)))
		lvs_limit_release(rcu_dereference(conn->dest->svc), &conn->caddr, flags);
	unbind(conn->dest, flags & LVS_CONN_F_ACTIVE);
	control_put(conn->control);
	conn_free(conn);
}

bool lvs_conn_set_state(struct lvs_conn *conn, u8 old, u8 state, u32 timeout, bool active)
{
	bool hasten = false;

	spin_lock_bh(&conn->lock);
	if (!(conn->flags & LVS_CONN_F_DEAD)) {
		if (conn->state != old) {
			spin_unlock_bh(&conn->lock);
			return false;
		}
		hasten = timeout < conn->timeout;
		WRITE_ONCE(conn->state, state);
		/* Pairs with lvs_conn_expired(). */
		smp_store_release(&conn->timeout, timeout);
		if (active != !!(conn->flags & LVS_CONN_F_ACTIVE)) {
			WRITE_ONCE(conn->flags, conn->flags ^ LVS_CONN_F_ACTIVE);
			if (likely(conn->dest))
				lvs_dest_set_active(conn->dest, active);
		}
	}
	spin_unlock_bh(&conn->lock);
	if (hasten)
		lvs_expiry_hasten(&conn->ln->conns, conn);
	return true;
}

/* Is @a behind @b, in the numbers of TCP? */
static bool is_later(u32 a, u32 b)
{
	return (s32)(a - b) > 0;
}

void lvs_conn_set_numbers(struct lvs_conn *conn, u32 client_next, u32 server_next)
{
	spin_lock_bh(&conn->lock);
	if (!(conn->flags & LVS_CONN_F_NUMBERED)) {
		conn->client_next = client_next;
		conn->server_next = server_next;
		WRITE_ONCE(conn->flags, conn->flags | LVS_CONN_F_NUMBERED);
	}
	/* What is late or sent again says nothing new. */
	if (is_later(client_next, conn->client_next))
		conn->client_next = client_next;
	if (is_later(server_next, conn->server_next))
		conn->server_next = server_next;
	spin_unlock_bh(&conn->lock);
}

void lvs_conn_set_timeout(struct lvs_conn *conn, u32 timeout)
{
	bool hasten = false;

	spin_lock_bh(&conn->lock);
	if (!(conn->flags & LVS_CONN_F_DEAD)) {
		hasten = timeout < conn->timeout;
		/* Pairs with lvs_conn_expired(). */
		smp_store_release(&conn->timeout, timeout);
	}
	spin_unlock_bh(&conn->lock);
	if (hasten)
		lvs_expiry_hasten(&conn->ln->conns, conn);
}

void lvs_conn_end(struct lvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_NUMBERED))
		lvs_tcp_expires(conn);
	lvs_conn_kill(conn);
}

void lvs_conn_walk(struct lvs_net *ln, lvs_conn_visit visit, const void *arg, u32 part, u32 parts)
{
	struct lvs_conn_table *ct = &ln->conns;
	struct lvs_conn_iter iter = {};
	struct lvs_conn *conn;
	u32 bucket, n = 0;
	u64 size, end;

	mutex_lock(&ct->resize_lock);
	size = lvs_conn_table_size(ln);
	iter.bucket = size * part / parts;
	end = size * (part + 1) / parts;
	bucket = iter.bucket;
	rcu_read_lock();
	while ((conn = lvs_conn_iterate(ct, &iter)) && iter.bucket < end) {
		/* A pause only before a bucket: in its middle the place could be lost. */
		if (iter.bucket != bucket && n >= 64) {
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
			n = 0;
			bucket = iter.bucket;
			continue;
		}
		bucket = iter.bucket;
		n++;
		if (!visit(conn, arg))
			iter.skip++;
	}
	rcu_read_unlock();
	mutex_unlock(&ct->resize_lock);
}

/* Templates of such a dest have rules of their own. */
static bool kill_if_stranded(struct lvs_conn *conn, const void *unused)
{
	if (lvs_conn_is_template(conn) || !conn->dest || lvs_dest_available(conn->dest))
		return false;
	lvs_conn_kill(conn);
	return true;
}

void lvs_conn_kill_stranded(struct lvs_net *ln)
{
	lvs_conn_walk(ln, kill_if_stranded, NULL, 0, 1);
}

static bool kill_any(struct lvs_conn *conn, const void *unused)
{
	lvs_conn_kill(conn);
	return true;
}

void lvs_conn_kill_all(struct lvs_net *ln)
{
	lvs_conn_walk(ln, kill_any, NULL, 0, 1);
}

/*
 * The kernel clears an object of a cache without a constructor each time that it is allocated
 * (init_on_alloc): two hundred instructions of a new connection's for nothing. Every field of it
 * is written when it is made; only what lies between them keeps these zeroes.
 */
static void clear_conn(void *object)
{
	memset(object, 0, sizeof(struct lvs_conn));
}

static void clear_fullnat_conn(void *object)
{
	memset(object, 0, sizeof(struct lvs_fullnat_conn));
}

int __init lvs_conn_init(void)
{
	BUILD_BUG_ON(offsetof(struct lvs_conn, daddr) != 64);
	if (!IS_ENABLED(CONFIG_DEBUG_SPINLOCK)) {
		BUILD_BUG_ON(offsetofend(struct lvs_conn, dest) > 128);
		/* Beside an object that has a constructor is its place in the list of free ones. */
		BUILD_BUG_ON(sizeof(struct lvs_conn) + sizeof(void *) > 192);
		BUILD_BUG_ON(sizeof(struct lvs_fullnat_conn) + sizeof(void *) > 256);
	}

	lvs_conn_table_setup();
	conn_cache = kmem_cache_create("lvs_conn", sizeof(struct lvs_conn), 0,
				       SLAB_HWCACHE_ALIGN, clear_conn);
	if (!conn_cache)
		return -ENOMEM;
	fullnat_cache = kmem_cache_create("lvs_fullnat", sizeof(struct lvs_fullnat_conn), 0,
					  SLAB_HWCACHE_ALIGN, clear_fullnat_conn);
	if (!fullnat_cache) {
		kmem_cache_destroy(conn_cache);
		return -ENOMEM;
	}
	return 0;
}

void lvs_conn_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(fullnat_cache);
	kmem_cache_destroy(conn_cache);
}
