/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a packet's headers. */
#ifndef LVS_PACKET_H
#define LVS_PACKET_H

#include "pipeline.h"

enum lvs_parsed {
	LVS_PARSED_FLOW,	/* TCP or UDP, with ports */
	LVS_PARSED_ICMP,	/* ICMP or ICMPv6; no ports */
	LVS_PARSED_OTHER,	/* not ours */
	LVS_PARSED_BAD,		/* the headers lie */
	LVS_PARSED_TAKEN,	/* a fragment; reassembly has it */
};

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

/*
 * The ports at @offset of the skb: of a TCP or UDP header of which at least 8 bytes are there.
 */
bool lvs_packet_ports(const struct sk_buff *skb, unsigned int offset, __be16 *sport, __be16 *dport);

#endif /* LVS_PACKET_H */
