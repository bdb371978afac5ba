/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet of one family becomes one of the other: IP/ICMP translation (RFC 7915). */
#ifndef LVS_FWD_TRANSLATE_H
#define LVS_FWD_TRANSLATE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>

#include "drop.h"
#include "pipeline.h"

/* The source and destination that the packet gets. */
struct lvs_ends {
	const union nf_inet_addr *saddr;
	const union nf_inet_addr *daddr;
	__be16 sport;
	__be16 dport;
};

/* What an IP header of either family says. */
struct lvs_ip {
	const union nf_inet_addr *saddr;
	const union nf_inet_addr *daddr;
	unsigned int len;	/* of what follows */
	u8 proto;
	u8 ttl;
	u8 ds;			/* DS and ECN */
	bool df;		/* IPv4 alone */
};

static inline u8 lvs_other_family(u8 af)
{
	return af == AF_INET ? AF_INET6 : AF_INET;
}

static inline int lvs_ip_header_len(u8 af)
{
	return af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* How much longer the packet gets; below 0: shorter. Options and extension headers go. */
static inline int lvs_translate_growth(const struct lvs_packet *pkt)
{
	return lvs_ip_header_len(lvs_other_family(pkt->af)) - pkt->l4_off;
}

/* Read TTL and DS of the header at @off from skb->data; the header's fixed part is there. */
void lvs_ip_read(const struct sk_buff *skb, unsigned int off, u8 af, struct lvs_ip *ip);

/* Put such a header in front of skb->data, where there is room. */
void lvs_ip_push(struct sk_buff *skb, u8 af, const struct lvs_ip *ip);

/*
 * IPv4 without DF, which routers may fragment, needs a number that no other packet of these hosts
 * has for a while.
 */
void lvs_ip_give_number(const struct lvs_packet *pkt);

/*
 * The packet has got a header of the other family, without options, for its network header: what
 * else says of which family it is.
 */
void lvs_packet_translated(struct lvs_packet *pkt);

/*
 * Translate TCP, UDP or SCTP: the header, checksums, addresses and ports. Nothing is said of its
 * size, but that IP's length field holds it; a GSO packet's pieces have no headers of their own.
 * Pointers into the packet are stale afterwards. LVS_DROP_NONE, or the reason to drop the packet.
 * Under RCU, bottom halves off.
 */
enum lvs_drop_reason lvs_translate(struct lvs_packet *pkt, const struct lvs_ends *ends);

#endif /* LVS_FWD_TRANSLATE_H */
