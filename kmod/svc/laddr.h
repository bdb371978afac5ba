/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Local addresses: under which FULLNAT speaks to real servers.
 *
 * A service has a pool of them. An address that several services name is one object, since a real
 * server cannot tell their connections apart either: towards one dest and port each of its ports
 * is taken once. Which are taken is in a port map for each such pair, made when it is first
 * needed.
 *
 * Lifetimes. A pool's entry and a port map each count their address. An address that left its last
 * pool stays as long as connections have ports of it. Maps that have been empty for a while are
 * freed by the sweeper, and addresses with their last reference, both after a grace period.
 */
#ifndef LVS_SVC_LADDR_H
#define LVS_SVC_LADDR_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "core/ports.h"
#include "drop.h"

struct lvs_dest;
struct lvs_net;
struct lvs_packet;
struct lvs_svc;

#define LVS_LADDR_BUCKETS	64
#define LVS_PORTMAP_BUCKETS	64

struct lvs_laddr_table {
	spinlock_t lock;		/* bottom halves off; outside lvs_portmap.lock */
	struct hlist_head addrs[LVS_LADDR_BUCKETS];	/* lvs_laddr.node; lock */
	struct delayed_work sweeper;
};

struct lvs_laddr {
	union nf_inet_addr addr;	/* constant; unused bytes are zero */
	u8 af;				/* constant */
	struct lvs_net *ln;		/* constant */
	struct hlist_node node;		/* table's lock */
	unsigned int refs;		/* pools' entries and maps; table's lock */
	atomic_t used;			/* ports taken, towards all peers */
	atomic64_t conflicts;		/* ports passed over: a socket of this host has them */
	atomic64_t exhausted;		/* searches that found no port */
	atomic64_t uoa_told;		/* datagrams that told the client's address */
	atomic64_t toa_omitted;		/* packets that had no room for the client's address */
	struct hlist_head maps[LVS_PORTMAP_BUCKETS];	/* lvs_portmap.node; RCU, table's lock */
	struct rcu_head rcu;
};

/* The ports of one local address towards one port of a peer. */
struct lvs_portmap {
	struct hlist_node node;		/* RCU, table's lock */
	struct lvs_laddr *laddr;	/* constant, counted */
	union nf_inet_addr peer;	/* constant, as the next two */
	__be16 port;
	u8 proto;
	bool dead;			/* out of laddr->maps; lock */
	spinlock_t lock;		/* bottom halves off */
	unsigned long emptied;		/* jiffies of the last port given back; lock */
	struct rcu_head rcu;
	struct lvs_ports ports;		/* lock; large */
};

/* Which address, as control operations name it. */
struct lvs_laddr_key {
	union nf_inet_addr addr;	/* unused bytes are zero */
	u8 af;
};

/* One address of a pool, for control operations. */
struct lvs_laddr_entry {
	struct list_head node;		/* lvs_svc.laddrs; ctl */
	struct lvs_laddr *laddr;	/* counted */
	bool of_profile;		/* nobody but the service's profile asked for it */
};

/* What packets choose from; immutable. */
struct lvs_pool {
	struct rcu_head rcu;
	u32 num;
	struct lvs_laddr *laddr[];
};

/* Where a connection speaks to its dest from. */
struct lvs_source {
	struct lvs_portmap *map;	/* the port is taken there */
	__be16 port;
};

/*
 * Take a port of one of the service's local addresses towards the dest's @dport, for a connection
 * that @pkt opens. LVS_DROP_NONE, or why there is none. Under RCU, bottom halves off.
 */
enum lvs_drop_reason lvs_laddr_take(struct lvs_svc *svc, const struct lvs_dest *dest, __be16 dport,
				    const struct lvs_packet *pkt, struct lvs_source *source);

/*
 * The same of @laddr alone. With 0 for @dport the port is one of those that are taken once towards
 * all ports of the dest's; for connections to or from ports that no service has for a dest's.
 */
enum lvs_drop_reason lvs_laddr_take_of(struct lvs_laddr *laddr, const struct lvs_dest *dest,
				       __be16 dport, u8 proto, struct lvs_source *source);

/* Give the port back. Any context but hard interrupts. */
void lvs_laddr_give(const struct lvs_source *source);

/* An entry for an address, whose object is found or made; NULL without memory. Under ctl. */
struct lvs_laddr_entry *lvs_laddr_entry_new(struct lvs_net *ln, const struct lvs_laddr_key *key);
/* The entry is in no list, and no pool that packets see has its address. Any context. */
void lvs_laddr_entry_free(struct lvs_laddr_entry *entry);

/* The entry of the service's pool for that address, or NULL. Under ctl. */
struct lvs_laddr_entry *lvs_laddr_entry_find(struct lvs_svc *svc, const struct lvs_laddr_key *key);

/*
 * Build svc->next_pool of the service's entries of now; publish it, the old one being freed after a
 * grace period; or forget it. Under ctl. 0 or -ENOMEM.
 */
int lvs_pool_build(struct lvs_svc *svc);
void lvs_pool_publish(struct lvs_svc *svc);
void lvs_pool_discard(struct lvs_svc *svc);

void lvs_laddr_net_init(struct lvs_net *ln);
/* No connection is left, and no service. Process context. */
void lvs_laddr_net_exit(struct lvs_net *ln);

#endif /* LVS_SVC_LADDR_H */
