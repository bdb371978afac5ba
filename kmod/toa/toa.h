/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of toa.ko share. docs/toa.md tells how they work together. */
#ifndef TOA_TOA_H
#define TOA_TOA_H

#include <linux/in6.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "core/toa.h"

/* --- counters: stats.c */

/* The first six have the names that the modules before this one gave them. */
#define TOA_COUNTERS(X)				\
	X(SYN_RECV_SOCK_TOA, syn_recv_sock_toa)	\
	X(SYN_RECV_SOCK_NO_TOA, syn_recv_sock_no_toa) \
	X(GETNAME_OK, getname_toa_ok)		\
	X(GETNAME_MISMATCH, getname_toa_mismatch) \
	X(GETNAME_BYPASS, getname_toa_bypass)	\
	X(GETNAME_EMPTY, getname_toa_empty)	\
	X(LATE, late_toa)			\
	X(OUT_OF_WINDOW, out_of_window)		\
	X(UNTRUSTED, untrusted)			\
	X(BAD_ADDRESS, bad_address)		\
	X(NO_MEMORY, missed_no_memory)		\
	X(ADDED, sockets_added)			\
	X(REMOVED, sockets_removed)		\
	X(UOA_GOT, uoa_got)			\
	X(UOA_SAVED, uoa_saved)			\
	X(UOA_INVALID, uoa_invalid)		\
	X(UOA_FULL, uoa_full)			\
	X(UOA_SUCCESS, uoa_success)		\
	X(UOA_MISS, uoa_miss)

enum toa_counter {
#define TOA_COUNTER(id, name) TOA_##id,
	TOA_COUNTERS(TOA_COUNTER)
#undef TOA_COUNTER
	TOA_COUNTER_MAX
};

struct toa_counters {
	u64 value[TOA_COUNTER_MAX];
};

DECLARE_PER_CPU(struct toa_counters, toa_counters);

static inline void toa_count(enum toa_counter counter)
{
	this_cpu_inc(toa_counters.value[counter]);
}

int toa_stats_init(void);
void toa_stats_exit(void);

/* --- whom to believe: trust.c */

/* Whether packets from @addr may tell a client's address. Takes rcu_read_lock() itself. */
bool toa_trusted(const u8 addr[16]);

int toa_trust_init(void);
void toa_trust_exit(void);

/* --- sockets and their clients: table.c */

/*
 * Entries are added and changed by whoever holds the socket's lock, removed when the socket is
 * destroyed, and freed after a grace period.
 */
struct toa_entry {
	struct hlist_node node;		/* under the lock of its bucket */
	const struct sock *sk;		/* never followed, only compared */
	struct toa_endpoint peer;	/* whom the kernel talks to, never changes */
	struct toa_endpoint client;	/* set once, before known */
	bool known;			/* stored with release once client is set */
	struct rcu_head rcu;
};

/*
 * The caller holds rcu_read_lock(), or the lock of the socket's bucket. What is found stays as long
 * as that, or as the socket's lock is held.
 */
struct toa_entry *toa_find(const struct sock *sk);

/* The client of a connection whose true peer is @peer. The caller holds rcu_read_lock(). */
const struct toa_endpoint *toa_client(const struct toa_entry *entry,
				      const struct toa_endpoint *peer);

/* The caller holds the socket's lock. @client may be NULL: not known yet. */
void toa_add(const struct sock *sk, const struct toa_endpoint *peer,
	     const struct toa_endpoint *client);

int toa_table_init(void);
void toa_table_exit(void);	/* when nobody can look any more */

/* Begin and end to remove the entries of sockets that are destroyed. */
int toa_watch_sockets(void);
void toa_unwatch_sockets(void);

/* The true peer of a TCP socket, as the kernel has it. */
void toa_peer(const struct sock *sk, struct toa_endpoint *peer);

/* --- functions of the kernel that are followed: hook.c */

struct ftrace_ops;

struct toa_hook {
	const char *name;
	struct ftrace_ops *ops;
	unsigned long address;		/* 0 while not in place */
};

int toa_hook_add(struct toa_hook *hook);
void toa_hook_remove(struct toa_hook *hook);

/* --- TCP: learn.c, show.c; queries: sockopt.c; UDP: flows.c, uoa.c */

int toa_learn_init(void);
void toa_learn_exit(void);

int toa_show_init(void);
void toa_show_exit(void);

int toa_sockopt_init(void);
void toa_sockopt_exit(void);

/* A UDP flow as the real server sees it. Padding is zero: it is compared as bytes. */
struct toa_flow {
	u64 net;		/* cookie of the namespace */
	u8 saddr[16];
	u8 daddr[16];
	__be16 sport;
	__be16 dport;
	u32 zero;
};

/* Callable from any context but hard interrupts. */
void toa_flow_save(const struct toa_flow *flow, const struct toa_endpoint *client);
bool toa_flow_client(const struct toa_flow *flow, struct toa_endpoint *client);

int toa_flows_init(void);
void toa_flows_exit(void);

int toa_uoa_init(void);
void toa_uoa_exit(void);

#endif /* TOA_TOA_H */
