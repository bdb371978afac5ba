/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection table: hashed with a secret key, chained, resized under traffic.
 *
 * Readers walk chains under RCU. Writers hold the bucket lock of a hash, which covers the bucket
 * of that hash in every size of the table. A resize publishes the new buckets beside the old
 * ones, waits until every CPU knows, then moves chain after chain; meanwhile readers search the
 * old place, then the new one, and writers insert into the new one. A chain ends in a mark that
 * names its bucket and size: a reader that a move carried into another chain sees a foreign mark
 * and starts over.
 */
#ifndef LVS_CONN_TABLE_H
#define LVS_CONN_TABLE_H

#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct lvs_conn;
struct lvs_conn_link;
struct lvs_net;
struct lvs_packet;
struct lvs_wheel;

enum lvs_side {
	LVS_SIDE_CLIENT,	/* the packet is a request */
	LVS_SIDE_SERVER,	/* the packet is a reply */
	LVS_SIDES,
};

struct lvs_buckets {
	struct lvs_buckets __rcu *next;	/* the table that a running resize fills */
	u32 mask;
	unsigned long head[];		/* a lvs_conn_link or the end mark */
};

/* Sysctl conn_lfactor's default, by which each connection has a bucket or two. */
#define LVS_CONN_LFACTOR (-4)

#define LVS_CONN_MIN_BUCKETS 4096	/* not less than the bucket locks */

struct lvs_conn_table {
	struct lvs_buckets __rcu *cur;	/* NULL until the first service */
	struct lvs_wheel *wheels;	/* conn/expiry.c; NULL until the first service */
	u32 wheel_mask;
	u32 wheel_tick;			/* done up to here; expirer only */
	u32 grow_at;			/* connections; written by resize, READ_ONCE */
	u32 shrink_at;
	int shift;			/* what these were set by; resize_lock */
	atomic_t count;			/* connections */
	struct mutex resize_lock;	/* a resize, or one step of a listing */
	struct work_struct resize;
	struct delayed_work expirer;
};

/*
 * Find the connection that the packet belongs to; @side tells whether as a request or a reply.
 * Expired connections are not found. Under RCU, which keeps the answer alive.
 */
struct lvs_conn *lvs_conn_lookup(const struct lvs_packet *pkt, u32 hash, enum lvs_side *side);

/*
 * Find what has a client's side of that hash which @match accepts. For keys that packets do not
 * have; expired ones are found, too. Under RCU, which keeps the answer alive.
 */
struct lvs_conn *lvs_conn_find(struct lvs_conn_table *ct, u32 hash,
			       bool (*match)(struct lvs_conn_link *link, const void *arg),
			       const void *arg);

/*
 * Put a link into the table. With @unique, a live connection of the same tuple that is there
 * already wins and is returned, else NULL. Under RCU, bottom halves off.
 */
struct lvs_conn *lvs_conn_link_insert(struct lvs_conn_table *ct, struct lvs_conn_link *link,
				      bool unique);

/* Take a link out. Under RCU. */
void lvs_conn_link_remove(struct lvs_conn_table *ct, struct lvs_conn_link *link);

/* Sysctl conn_lfactor has changed: the table gets a size by it, soon. Process context. */
void lvs_conn_table_refit(struct lvs_net *ln);

/* Buckets of the moment. */
u32 lvs_conn_table_size(struct lvs_net *ln);

#define LVS_CHAIN_LENGTHS	8

/*
 * How many chains of the table have which length: counts[i] of i links, the last of that many or
 * more. Process context, may sleep.
 */
void lvs_conn_table_chains(struct lvs_net *ln, u32 counts[LVS_CHAIN_LENGTHS]);

/* A place in a walk over the whole table. */
struct lvs_conn_iter {
	u32 bucket;
	u32 skip;	/* client sides of that bucket that are done */
};

/*
 * The connection at @iter, or NULL at the end; iter->skip++ goes on to the next one. Each
 * connection is met by its client side, and once unless the table was resized between two calls.
 * Under RCU, which it may leave before it looks, and resize_lock.
 */
struct lvs_conn *lvs_conn_iterate(struct lvs_conn_table *ct, struct lvs_conn_iter *iter);

/* Draw the hash key, make the locks. Once, before the first namespace. */
void lvs_conn_table_setup(void);

/* Make the table and the wheels, once. Process context, under ln->ctl. */
int lvs_conn_table_up(struct lvs_net *ln);
void lvs_conn_table_init(struct lvs_net *ln);
/* The table is empty and no packet is inside. Process context. */
void lvs_conn_table_exit(struct lvs_net *ln);

#endif /* LVS_CONN_TABLE_H */
