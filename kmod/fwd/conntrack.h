/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's connection tracking beside the director. Without the sysctl conntrack it never hears
 * of the director's packets. With it, it has one entry for each connection (LVS_CONN_F_TRACKED),
 * which firewalls and iptables' NAT before and behind the director go by.
 *
 * conntrack makes the entry when it meets the first packet, CIP -> VIP, and supposes that replies
 * are VIP -> CIP. By the time that the director has the packet the entry is in no table yet, so the
 * director puts in what replies will really be: RIP -> CIP, with FULLNAT RIP -> LIP. The packet
 * carries its entry on to POSTROUTING, where NAT may change it further and conntrack confirms it,
 * that is, puts it into the table.
 *
 * nf_conntrack is a module, which is asked for by name when the sysctl is first set: a plain insmod
 * of the director needs nothing else loaded before.
 */
#ifndef LVS_CONNTRACK_H
#define LVS_CONNTRACK_H

#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/types.h>

struct lvs_conn;
struct lvs_net;
struct lvs_packet;
struct sk_buff;

#if IS_ENABLED(CONFIG_NF_CONNTRACK)

/*
 * The sysctl becomes @on: new connections are tracked. 0, -EOPNOTSUPP without nf_conntrack, or
 * another errno. Process context.
 */
int lvs_conntrack_set(struct lvs_net *ln, bool on);

/*
 * @conn is new and @pkt opens it. If the packet has the entry of an earlier connection, which says
 * where that one's replies came from, it gets another one. False if it cannot: the packet must be
 * dropped, and finds no entry when it is sent again. Under RCU, bottom halves off.
 */
bool lvs_conntrack_begin(struct lvs_packet *pkt, const struct lvs_conn *conn);

/*
 * The packet, of the tracked connection @conn, is about to be forwarded. NULL: it is no packet that
 * an answer can be told by, an ICMP error or a one-packet service's. Under RCU, bottom halves off.
 */
void lvs_conntrack_pass(struct lvs_packet *pkt, const struct lvs_conn *conn);

/*
 * The packet is about to become one of another protocol, as in a tunnel, and does not reach
 * POSTROUTING as what it is: it leaves its entry behind. False if it must be dropped. Under RCU,
 * bottom halves off.
 */
bool lvs_conntrack_leave(struct sk_buff *skb);

/* Does conntrack's own NAT change packets of the connection as well? */
bool lvs_conntrack_has_nat(const struct sk_buff *skb);

/* A tracked connection has ended, and its entry with it. Under RCU; not in hard interrupts. */
void lvs_conntrack_end(const struct lvs_conn *conn);

/* The namespace's conntrack may go before the director's connections: leave it alone. */
void lvs_conntrack_net_pre_exit(struct lvs_net *ln);

/* There are no connections any more. */
void lvs_conntrack_exit(void);

#else

static inline int lvs_conntrack_set(struct lvs_net *ln, bool on)
{
	return on ? -EOPNOTSUPP : 0;
}

static inline bool lvs_conntrack_begin(struct lvs_packet *pkt, const struct lvs_conn *conn)
{
	return true;
}

static inline void lvs_conntrack_pass(struct lvs_packet *pkt, const struct lvs_conn *conn)
{
}

static inline bool lvs_conntrack_leave(struct sk_buff *skb)
{
	return true;
}

static inline bool lvs_conntrack_has_nat(const struct sk_buff *skb)
{
	return false;
}

static inline void lvs_conntrack_end(const struct lvs_conn *conn)
{
}

static inline void lvs_conntrack_net_pre_exit(struct lvs_net *ln)
{
}

static inline void lvs_conntrack_exit(void)
{
}

#endif

#endif /* LVS_CONNTRACK_H */
