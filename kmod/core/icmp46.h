/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ICMP error of one family is called in the other (RFC 7915, sections 4.2 and 5.2). */
#ifndef LVS_CORE_ICMP46_H
#define LVS_CORE_ICMP46_H

#include "core/types.h"

/* The first words of an error of either family, but for the checksum. */
struct lvs_icmp_head {
	u8 type;
	u8 code;
	u32 rest;	/* the second word: an MTU, a pointer */
};

/*
 * Make an error of IPv6 of one of IPv4 that quotes a packet of @len bytes (as its header says), or
 * the reverse. False if the other family has no such error.
 */
bool lvs_icmp_to_v6(struct lvs_icmp_head *head, u32 len);
bool lvs_icmp_to_v4(struct lvs_icmp_head *head);

/*
 * How many bytes of the packet an error quotes if something else follows (RFC 4884); 0: all that is
 * there belongs to the packet.
 */
u32 lvs_icmp_v4_quoted(const struct lvs_icmp_head *head);
u32 lvs_icmp_v6_quoted(const struct lvs_icmp_head *head);

#endif /* LVS_CORE_ICMP46_H */
