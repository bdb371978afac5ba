/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a packet's headers. */
#ifndef LVS_PACKET_H
#define LVS_PACKET_H

#include <net/ipv6.h>

#include "pipeline.h"

/*
 * Fill @pkt from its skb (skb, ln, af and hook are set). Fragments of IPv4 are reassembled first,
 * but those of AH and ESP; IPv6's have been before the hooks. Nothing outside the skb is read.
 */
enum lvs_parsed lvs_packet_parse(struct lvs_packet *pkt);

/* @pkt was found to be AH or ESP, and is nobody's as such: what is it otherwise? */
enum lvs_parsed lvs_packet_parse_behind_ah(struct lvs_packet *pkt);

/* Only the bytes that a family has count. */
static __always_inline bool lvs_addr_equal(u8 af, const union nf_inet_addr *a,
					   const union nf_inet_addr *b)
{
	return af == AF_INET ? a->ip == b->ip : ipv6_addr_equal(&a->in6, &b->in6);
}

/* The L4 header at pkt->l4_off, once that much was made writable or pulled. */
static inline void *lvs_packet_l4(const struct lvs_packet *pkt)
{
	return pkt->skb->data + pkt->l4_off;
}

#endif /* LVS_PACKET_H */
