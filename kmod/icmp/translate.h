/* SPDX-License-Identifier: GPL-2.0-only */
/* Translating ICMP errors between the families (RFC 7915). */
#ifndef LVS_ICMP_TRANSLATE_H
#define LVS_ICMP_TRANSLATE_H

#include "pipeline.h"

struct lvs_ends;
struct lvs_quote;

/*
 * The error @pkt, whose quote @q is of a packet of @proto, becomes one of the other family about
 * the packet with the addresses and ports @ends, to who sent that. If it was TCP's, its sequence
 * number was less by @seq_delta. Pointers into the packet are stale afterwards. False, and the
 * packet is to be dropped, if its checksum is wrong, the other family has no such error, or there
 * is no memory. Under RCU, bottom halves off.
 */
bool lvs_icmp_translate(struct lvs_packet *pkt, const struct lvs_quote *q, u8 proto,
			const struct lvs_ends *ends, u32 seq_delta);

#endif /* LVS_ICMP_TRANSLATE_H */
