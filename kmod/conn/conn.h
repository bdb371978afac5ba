/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection: who talks to which virtual service, and which dest serves them.
 *
 * Packets use connections under RCU alone: no reference, no lock, no timer. A connection is in
 * the table once by what its client sends (client to VIP) and, where replies pass the director,
 * once by what its dest sends (dest to client).
 *
 * Its life: created by the packet path, marked with the time by each packet, reaped by the
 * expirer (conn/expiry.c) or killed before that by a client that reuses the port. Whoever sets
 * LVS_CONN_F_DEAD first takes it out of the table and the wheel, settles its dest's counts and
 * frees it after a grace period.
 *
 * Persistent services have templates in the same table (conn/template.h), which share all of
 * this. The address family of their entries is one that no packet has.
 */
#ifndef LVS_CONN_H
#define LVS_CONN_H

#include <linux/ip_vs.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "conn/table.h"
#include "core/hash.h"
#include "drop.h"
#include "lvs/abi.h"
#include "svc/laddr.h"

struct lvs_choice;
struct lvs_dest;
struct lvs_ftp;
struct lvs_net;
struct lvs_packet;
struct lvs_svc;
struct lvs_template;

/* One entry in the table. */
struct lvs_conn_link {
	unsigned long next;	/* the next link or the end mark; bucket lock, RCU readers */
	u32 hash;		/* constant */
	u8 side;		/* constant, enum lvs_side: which element of lvs_conn.link */
	u8 af;			/* constant; with LVS_AF_TEMPLATE a template's */
	u8 proto;		/* constant */
};

#define LVS_AF_TEMPLATE		0x80

#define LVS_CONN_F_DEAD		BIT(0)	/* out of the table, or about to be */
#define LVS_CONN_F_ACTIVE	BIT(1)	/* counted as active in its dest */
#define LVS_CONN_F_NOOUTPUT	BIT(2)	/* replies bypass the director */
#define LVS_CONN_F_TEMPLATE	BIT(3)	/* constant: it is in a struct lvs_template */
#define LVS_CONN_F_UNASSURED	BIT(4)	/* the template has not heard that it was established */
#define LVS_CONN_F_FTP		BIT(5)	/* constant: it controls data connections */
#define LVS_CONN_F_LIMITED	BIT(6)	/* constant: it ends at lvs_conn.until, busy or not */
#define LVS_CONN_F_NUMBERED	BIT(7)	/* client_next and server_next are known */
#define LVS_CONN_F_TRACKED	BIT(8)	/* constant: conntrack has it, fwd/conntrack.h */
#define LVS_CONN_F_COUNTED	BIT(9)	/* constant: by its service's limit, svc/limit.h */
#define LVS_CONN_F_CLIENT_COUNTED BIT(10)	/* constant: by the limit for each client */

struct lvs_conn {
	/* what a packet touches: two cache lines */
	struct lvs_conn_link link[LVS_SIDES];
	union nf_inet_addr caddr;	/* constant, as the ports */
	union nf_inet_addr vaddr;
	union nf_inet_addr daddr;
	__be16 cport;
	__be16 vport;
	__be16 dport;
	u8 fwd;				/* constant, IP_VS_CONN_F_FWD_MASK value or LVS_FWD_NAT64 */
	u8 state;			/* lock; READ_ONCE */
	u32 timeout;			/* jiffies; lock; READ_ONCE */
	u32 seen;			/* jiffies of the last packet, coarse; any packet */
	u32 flags;			/* LVS_CONN_F_*; lock; READ_ONCE */
	spinlock_t lock;		/* state changes and death, not the steady state */
	struct lvs_dest *dest;		/* constant, bound by lvs_dest_bind(); NULL: bypass */

	/* slow path */
	struct lvs_net *ln;		/* constant */
	struct lvs_template *control;	/* constant: by which it was made, counted; or NULL */
	union {
		struct hlist_node wheel;	/* in an expiry slot; that shard's lock */
		struct rcu_head rcu;		/* once dead and off the wheel */
	};
	u32 due;			/* tick at which the wheel looks; the shard's lock */
	u8 shard;			/* constant, which wheel */
	struct lvs_ftp *ftp;		/* constant, with LVS_CONN_F_FTP alone */
	union {
		u32 until;		/* constant, jiffies; with LVS_CONN_F_LIMITED alone */
		struct {		/* lock; with LVS_CONN_F_NUMBERED alone */
			u32 client_next;	/* TCP: the number after the client's last */
			u32 server_next;	/* what the client awaits */
		};
	};
};

/* A connection by FULLNAT, whose dest knows the client by another address and port. */
struct lvs_fullnat_conn {
	struct lvs_conn conn;
	union nf_inet_addr laddr;	/* constant */
	struct lvs_source source;	/* constant, the port is taken */
	u32 seq_delta;			/* constant: TCP, added to the client's sequence numbers */
	u32 server_first;		/* what follows the server's SYN; 0: unknown; READ_ONCE */
	u8 toa;				/* LVS_FULLNAT_TOA_*, _UOA_*; READ_ONCE */
	u8 uoa_left;			/* UDP: datagrams that are still to tell; READ_ONCE */
};

/* Is the server being told who the client is? */
#define LVS_FULLNAT_TOA_NONE	0	/* it shall not be */
#define LVS_FULLNAT_TOA_SEND	1
#define LVS_FULLNAT_TOA_DONE	2
#define LVS_FULLNAT_UOA_OPTION	3	/* UDP, from here on */
#define LVS_FULLNAT_UOA_HEADER	4

static inline struct lvs_fullnat_conn *lvs_fullnat_of(const struct lvs_conn *conn)
{
	return container_of(conn, struct lvs_fullnat_conn, conn);
}

/*
 * The method of connections by FULLNAT whose dest is not of the client's family (NAT64, NAT46).
 * Dests do not have it: theirs is FULLNAT.
 */
#define LVS_FWD_NAT64		6

static inline bool lvs_conn_is_fullnat(const struct lvs_conn *conn)
{
	return conn->fwd >= LVS_FWD_FULLNAT;
}

/* The address, and in *@port the port, that the connection's dest takes for the client's. */
static inline const union nf_inet_addr *lvs_conn_seen_client(const struct lvs_conn *conn,
							     __be16 *port)
{
	if (unlikely(lvs_conn_is_fullnat(conn))) {
		*port = lvs_fullnat_of(conn)->source.port;
		return &lvs_fullnat_of(conn)->laddr;
	}
	*port = conn->cport;
	return &conn->caddr;
}

static inline struct lvs_conn *lvs_conn_of(struct lvs_conn_link *link)
{
	return container_of(link - link->side, struct lvs_conn, link[0]);
}

extern struct lvs_hash_key lvs_conn_hash_key;

/* The hash of a packet's tuple, source first. Any context. */
static inline u32 lvs_conn_hash(u8 af, const union nf_inet_addr *saddr, __be16 sport,
				const union nf_inet_addr *daddr, __be16 dport)
{
	u32 ports = (__force u32)sport << 16 | (__force u32)dport;
	u64 s[2], d[2];

	if (likely(af == AF_INET))
		return lvs_hash_v4((__force u32)saddr->ip, (__force u32)daddr->ip, ports,
				   &lvs_conn_hash_key);
	memcpy(s, saddr, sizeof(s));
	memcpy(d, daddr, sizeof(d));
	return lvs_hash_v6(s, d, ports, &lvs_conn_hash_key);
}

/*
 * Packets mark the time only if the mark is older than this, so that a busy connection writes its
 * cache line a few times a second; expiry waits this much longer, so as never to be early.
 */
#define LVS_SEEN_GRAIN	(HZ / 8)

/* Jiffies since the last packet, as coarse as the mark. */
static inline u32 lvs_conn_idle(const struct lvs_conn *conn)
{
	u32 seen = READ_ONCE(conn->seen), idle;

	/* The mark before the clock; another CPU's may still be a little ahead. */
	smp_rmb();
	idle = (u32)jiffies - seen;
	return unlikely(idle > (u32)-(60 * HZ)) ? 0 : idle;
}

static inline bool lvs_conn_expired(const struct lvs_conn *conn)
{
	/* Before the mark: what sets both writes that first. */
	u32 timeout = smp_load_acquire(&conn->timeout);

	return lvs_conn_idle(conn) >= timeout + LVS_SEEN_GRAIN;
}

/* Mark the connection as used now. Under RCU. */
static inline void lvs_conn_touch(struct lvs_conn *conn)
{
	u32 now = jiffies;

	if (now - READ_ONCE(conn->seen) >= LVS_SEEN_GRAIN)
		WRITE_ONCE(conn->seen, now);
}

/*
 * Has it a dest of weight 0 that it is to leave (sysctl expire_nodest_conn) if its client begins
 * anew? Under RCU.
 */
bool lvs_conn_is_abandoned(const struct lvs_conn *conn);

/* Jiffies until it expires, 0 if it has. */
u32 lvs_conn_remaining(const struct lvs_conn *conn);

/*
 * Make the connection of a request as @choice says, put it into the table and start its time.
 * Under RCU, bottom halves off. @hash is that of the packet's tuple. Returns the connection, or
 * the one that another CPU made for the same tuple just before, or NULL: then @why tells for want
 * of what. In each case the reference in @choice is used up; its source only with a connection.
 */
struct lvs_conn *lvs_conn_create(const struct lvs_packet *pkt, struct lvs_svc *svc,
				 const struct lvs_choice *choice, u32 hash,
				 enum lvs_drop_reason *why);

/*
 * Fill in the connection of a single packet, which never enters the table, by the method @fwd,
 * which is not FULLNAT. Under RCU, which keeps choice->dest.
 */
void lvs_conn_fill_once(struct lvs_conn *conn, const struct lvs_packet *pkt,
			const struct lvs_choice *choice, u8 fwd);

/* For templates: what they have in common with connections, the rest of @conn being filled in. */
void lvs_conn_setup(struct lvs_conn *conn, struct lvs_net *ln, struct lvs_dest *dest);
void lvs_conn_link_init(struct lvs_conn *conn, enum lvs_side side, u8 af, u8 proto, u32 hash);

/* It is in the table: count it and start its time. Under RCU, bottom halves off. */
void lvs_conn_enlist(struct lvs_conn *conn);

/*
 * Take the connection out of everything; it is freed after a grace period. Harmless if it is dead
 * already. Any context but hard interrupts; under RCU.
 */
void lvs_conn_kill(struct lvs_conn *conn);

/*
 * The connection goes from state @old to @state with @timeout jiffies, and counts as active or not.
 * Nothing happens to a dead one. False if another CPU has moved it from @old meanwhile. Under RCU,
 * bottom halves off.
 */
bool lvs_conn_set_state(struct lvs_conn *conn, u8 old, u8 state, u32 timeout, bool active);

/*
 * TCP: the client has sent all before @client_next and awaits @server_next. Under RCU, bottom
 * halves off.
 */
void lvs_conn_set_numbers(struct lvs_conn *conn, u32 client_next, u32 server_next);

/* Give it another timeout, unless it is dead. Under RCU, bottom halves off. */
void lvs_conn_set_timeout(struct lvs_conn *conn, u32 timeout);

/* Kill one whose time is over: its ends hear of it, if they shall. Process context, under RCU. */
void lvs_conn_end(struct lvs_conn *conn);

/*
 * Kill the connections whose dests were deleted; their clients may then be served by another one.
 * Process context.
 */
void lvs_conn_kill_stranded(struct lvs_net *ln);

/*
 * Show @visit the connections and templates in one of @parts of the table, under RCU; it returns
 * whether it has killed the one it was shown. Process context.
 */
typedef bool (*lvs_conn_visit)(struct lvs_conn *conn, const void *arg);
void lvs_conn_walk(struct lvs_net *ln, lvs_conn_visit visit, const void *arg, u32 part, u32 parts);

/* Kill every connection of the namespace. Process context; hooks are off. */
void lvs_conn_kill_all(struct lvs_net *ln);

int lvs_conn_init(void);
/* After this, no callback of a connection is pending. */
void lvs_conn_exit(void);

#endif /* LVS_CONN_H */
