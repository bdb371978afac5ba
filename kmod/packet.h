/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a packet's headers. */
#ifndef LVS_PACKET_H
#define LVS_PACKET_H

#include "pipeline.h"

/*
 * Fill @pkt from its skb (skb, ln, af and hook are set). Fragments of IPv4 are reassembled first;
 * IPv6's have been before the hooks. Nothing outside the skb is read.
 */
enum lvs_parsed lvs_packet_parse(struct lvs_packet *pkt);

/* The L4 header at pkt->l4_off, once that much was made writable or pulled. */
static inline void *lvs_packet_l4(const struct lvs_packet *pkt)
{
	return pkt->skb->data + pkt->l4_off;
}

#endif /* LVS_PACKET_H */
