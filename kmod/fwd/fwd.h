/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending packets to dests, one forwarding method a file, and replies to clients. */
#ifndef LVS_FWD_H
#define LVS_FWD_H

#include <linux/ip_vs.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <net/net_namespace.h>

#include "drop.h"
#include "fwd/route.h"
#include "pipeline.h"

struct dst_entry;
struct lvs_conn;
struct lvs_svc;
struct sk_buff;

/* Do the replies of a connection forwarded by @fwd pass the director? */
static inline bool lvs_fwd_sees_replies(u8 fwd)
{
	return fwd == IP_VS_CONN_F_MASQ || fwd >= LVS_FWD_FULLNAT;
}

/*
 * Send a packet of the connection's client to its dest by the connection's method. Returns the
 * hook's verdict: NF_STOLEN if it was sent, NF_ACCEPT if this host is the dest, NF_DROP (counted).
 * Under RCU, bottom halves off.
 */
unsigned int lvs_fwd_request(struct lvs_packet *pkt, struct lvs_conn *conn);

/* The methods, called by lvs_fwd_request(). */
unsigned int lvs_fwd_nat(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route);
unsigned int lvs_fwd_fullnat(struct lvs_packet *pkt, struct lvs_conn *conn,
			     struct lvs_route *route);
unsigned int lvs_fwd_nat64(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route);
unsigned int lvs_fwd_dr(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route);
unsigned int lvs_fwd_tun(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route);

/*
 * Send the packet on to where it was going, which is another host: nobody here serves it. Verdict
 * as lvs_fwd_request().
 */
unsigned int lvs_fwd_bypass(struct lvs_packet *pkt);

/* Translate a reply of a NAT dest and let it go on: NF_ACCEPT, or NF_DROP (counted). */
unsigned int lvs_fwd_nat_reply(struct lvs_packet *pkt, struct lvs_conn *conn);

/*
 * What a NAT dest sent has its new source: route it anew if it may go another way now. False if
 * there is none. Pointers into the packet are stale afterwards. Before lvs_fwd_mark_done().
 */
bool lvs_fwd_reroute(struct lvs_packet *pkt);

/*
 * Translate a reply of a FULLNAT dest and send it to the client: NF_STOLEN, NF_ACCEPT if the client
 * is on this host, or NF_DROP (counted).
 */
unsigned int lvs_fwd_fullnat_reply(struct lvs_packet *pkt, struct lvs_conn *conn);

/* The same where the client is of the other family: NF_STOLEN, or NF_DROP (counted). */
unsigned int lvs_fwd_nat64_reply(struct lvs_packet *pkt, struct lvs_conn *conn);

/* Has IPsec anything to say on what leaves? */
static inline bool lvs_fwd_has_policies(const struct net *net)
{
#ifdef CONFIG_XFRM
	return net->xfrm.policy_count[XFRM_POLICY_OUT] ||
	       net->xfrm.policy_default[XFRM_POLICY_OUT] == XFRM_USERPOLICY_BLOCK;
#else
	return false;
#endif
}

/*
 * Route a packet from this host that has its addresses again, where IPsec has something to say.
 * False if it must not go. Pointers into the packet are stale afterwards.
 */
bool lvs_fwd_obey_policies(struct lvs_packet *pkt);

/*
 * The way to a connection's client from its virtual address, a counted reference; an ERR_PTR() if
 * there is none. Under RCU, bottom halves off.
 */
struct dst_entry *lvs_fwd_route_to_client(const struct lvs_packet *pkt,
					  const struct lvs_conn *conn);

/* Does that way, of family @af, end at this host? */
bool lvs_fwd_ends_here(u8 af, const struct dst_entry *dst);

/* Why a packet is dropped for which there is no such way. */
static inline enum lvs_drop_reason lvs_fwd_no_way(const struct dst_entry *dst)
{
	return PTR_ERR(dst) == -ENOBUFS ? LVS_DROP_NO_MEMORY : LVS_DROP_NO_ROUTE;
}

/* Shared by the methods (fwd/output.c). */

/* There is no route to where the packet shall go: its sender is told. */
void lvs_fwd_tell_no_route(struct lvs_packet *pkt);

/* Count a drop for the connection's service; returns NF_DROP. */
unsigned int lvs_fwd_drop(const struct lvs_packet *pkt, const struct lvs_conn *conn,
			  enum lvs_drop_reason reason);

/*
 * May the packet go by @dst, with @overhead bytes more around it (below 0: less)? If not, its
 * sender is told (FRAG_NEEDED, PKT_TOOBIG). GSO packets are judged by what they will be cut into.
 */
bool lvs_fwd_fits_path(struct lvs_packet *pkt, const struct dst_entry *dst, int overhead);

static inline bool lvs_fwd_fits(struct lvs_packet *pkt, const struct lvs_route *route,
				unsigned int overhead)
{
	return likely(pkt->skb->len + overhead <= route->mtu) ||
	       lvs_fwd_fits_path(pkt, route->dst, overhead);
}

/*
 * Make the first @len bytes writable, with @headroom bytes before them. A packet that shares its
 * data (a capture, say) gets a copy that is no larger than it must be. Pointers into the packet are
 * stale afterwards. False without memory or if the packet is shorter.
 */
bool lvs_fwd_writable(struct sk_buff *skb, unsigned int len, unsigned int headroom);

/*
 * lvs_fwd_writable(), and one from the TTL or hop limit, as a router does; the sender is told if
 * none is left. Packets of this host's own keep theirs. Returns LVS_DROP_NONE, or the reason to
 * drop the packet.
 */
enum lvs_drop_reason lvs_fwd_decrease_ttl(struct lvs_packet *pkt, unsigned int len,
					  unsigned int headroom);

/* How much of the packet lvs_fwd_rewrite() writes to. */
static inline unsigned int lvs_fwd_rewritten(const struct lvs_packet *pkt)
{
	if (pkt->proto == IPPROTO_TCP)
		return pkt->l4_off + sizeof(struct tcphdr);
	if (likely(pkt->proto == IPPROTO_UDP))
		return pkt->l4_off + sizeof(struct udphdr);
	return pkt->l4_off + (pkt->proto == IPPROTO_SCTP ? sizeof(struct lvs_sctphdr) : 0);
}

/*
 * The packet is past the director: a second hook leaves it alone, as does conntrack, unless the
 * packet is tracked.
 */
void lvs_fwd_mark_done(struct lvs_packet *pkt);

/* The dest is this host and the packet is for it as it is: NF_ACCEPT. */
static inline unsigned int lvs_fwd_here(struct lvs_packet *pkt)
{
	lvs_fwd_mark_done(pkt);
	return NF_ACCEPT;
}

/* Send the packet by the dst that it has through LOCAL_OUT; always NF_STOLEN. */
unsigned int lvs_fwd_send(struct lvs_packet *pkt);

/* The same by @dst, which is kept by RCU. */
unsigned int lvs_fwd_output(struct lvs_packet *pkt, struct dst_entry *dst);

/*
 * Change the packet's destination (@dst) or source address and port, with every checksum; of AH
 * and ESP the address. The first lvs_fwd_rewritten() bytes are writable.
 */
void lvs_fwd_rewrite(struct lvs_packet *pkt, bool dst, const union nf_inet_addr *addr, __be16 port);

/* The same of the port alone. */
void lvs_fwd_rewrite_port(struct lvs_packet *pkt, bool dst, __be16 port);

/*
 * The transport's Internet checksum, or NULL if it has none (UDP over IPv4 may; SCTP, AH, ESP).
 * @l4 is the transport header.
 */
static inline __sum16 *lvs_fwd_checksum_of(const struct lvs_packet *pkt, void *l4)
{
	struct udphdr *uh = l4;

	if (pkt->proto == IPPROTO_TCP)
		return &((struct tcphdr *)l4)->check;
	if (unlikely(pkt->proto != IPPROTO_UDP))
		return NULL;
	/* A partial one is never 0: then it is that of a packet inside the datagram. */
	return uh->check ? &uh->check : NULL;
}

#endif /* LVS_FWD_H */
