/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connection templates: which dest a client of a persistent service is bound to.
 *
 * A template stands in the connection table beside the connections, under a key that no packet
 * can have: the client's network, no client port, and the service. Each connection that was made
 * by it holds a reference; while one lives, the template does not expire. A template may be dead,
 * that is out of the table, and yet be referred to by connections.
 *
 * A template binds to a dest that is in service. Once the dest is drained (its weight is 0, or it
 * was deleted) its templates go with its last connection at the latest.
 */
#ifndef LVS_CONN_TEMPLATE_H
#define LVS_CONN_TEMPLATE_H

#include <linux/refcount.h>

#include "conn/conn.h"
#include "drop.h"

struct lvs_svc;

/* As many bytes of a persistence engine's key as clients of netlink and the sync protocol know. */
#define LVS_TEMPLATE_DATA_MAX	255

/* States of a template, as listings and the sync protocol number them. */
enum lvs_template_state {
	LVS_TEMPLATE_NONE,
	LVS_TEMPLATE_ASSURED,	/* one of its connections was established */
	LVS_TEMPLATE_STATES,
};

struct lvs_template {
	struct lvs_conn conn;		/* only its client's side is in the table */
	refcount_t users;		/* 1 while alive, and 1 for each of its connections */
	struct hlist_node node;		/* in dest->templates; dest->templates_lock */
	u8 data_len;			/* constant */
	u8 data[];			/* constant: what the persistence engine found */
};

/* Where a new connection goes. */
struct lvs_choice {
	struct lvs_dest *dest;
	struct lvs_template *control;	/* with a reference for the connection; NULL: none */
	__be16 dport;
	bool dest_opens;		/* with a source alone: it is not the client who does */
	const struct lvs_source *source;	/* by FULLNAT, taken already; or NULL */
};

static inline bool lvs_conn_is_template(const struct lvs_conn *conn)
{
	return READ_ONCE(conn->flags) & LVS_CONN_F_TEMPLATE;
}

static inline struct lvs_template *lvs_template_of(struct lvs_conn *conn)
{
	return container_of(conn, struct lvs_template, conn);
}

/* What the client's side of a connection or a template is about. */
static inline u8 lvs_conn_client_af(const struct lvs_conn *conn)
{
	return conn->link[LVS_SIDE_CLIENT].af & ~LVS_AF_TEMPLATE;
}

/*
 * Choose the dest of a persistent service for the packet: the one that its client is bound to,
 * else one that the scheduler chooses and that the client is bound to from now on. Returns
 * LVS_DROP_NONE, or why there is none. The reference in @choice is the caller's.
 * Under RCU, bottom halves off.
 */
enum lvs_drop_reason lvs_template_choose(struct lvs_svc *svc, const struct lvs_packet *pkt,
					 struct lvs_choice *choice);

/* The connection is established: its template, if it has one, is worth more now. Under RCU. */
void lvs_template_assure(struct lvs_conn *conn);

/* Give a connection's reference up. Any context. */
void lvs_template_put(struct lvs_template *t);

/* Has the template's time run out? Not while it has connections. Any context. */
bool lvs_template_expired(struct lvs_template *t);

/* The same of a connection or a template, which listings then pass over. Any context. */
static inline bool lvs_conn_is_over(struct lvs_conn *conn)
{
	return lvs_conn_is_template(conn) ? lvs_template_expired(lvs_template_of(conn)) :
					    lvs_conn_expired(conn);
}

/* The template's time is over and it still has connections: look again later. Under RCU. */
void lvs_template_renew(struct lvs_template *t);

/* Do two dead or living templates stand for the same key? */
bool lvs_template_same(const struct lvs_conn *a, const struct lvs_conn *b);

/* lvs_conn_kill()'s part: the dest is unbound, the life's reference is given up. */
void lvs_template_release(struct lvs_template *t);

/*
 * Kill the templates of @dest if it may not keep them. Process context; under ctl, which keeps
 * @dest.
 */
void lvs_template_sweep(struct lvs_dest *dest);

const char *lvs_template_state_name(u8 state);

#endif /* LVS_CONN_TEMPLATE_H */
