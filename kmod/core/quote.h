/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet that an ICMP error quotes. */
#ifndef LVS_CORE_QUOTE_H
#define LVS_CORE_QUOTE_H

#include "core/parse.h"

/* Where the pieces of a quoting error are, from skb->data. */
struct lvs_quote {
	u32 ip_off;
	u32 l4_off;
	bool ports;	/* they are at l4_off, which means nothing for AH and ESP */
};

/* Is the ICMP or ICMPv6 packet an error, which quotes what it is about? */
bool lvs_quote_is_in(const struct lvs_packet *pkt);

/*
 * Read what the error @pkt quotes into @quoted, with source and destination exchanged: as a packet
 * of the other direction, which is what the table can find. False if it is not TCP, UDP or SCTP
 * whose ports are there, nor AH or ESP, which may be a later fragment. With @behind_ah, AH of IPv6
 * is an extension header like others.
 */
bool lvs_quote_parse(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q,
		     bool behind_ah);

/*
 * The same if the error @pkt quotes the outer header of a tunnel (of pkt->af), and behind it,
 * behind a header of GUE or GRE perhaps, a packet that was sent through: that one in @inner, in
 * its own direction and with its own af; where it begins in @inner_off, from skb->data; the
 * tunnel's end in @end, whose unused bytes are zero. No later fragments.
 */
bool lvs_quote_parse_tunnelled(const struct lvs_packet *pkt, struct lvs_packet *inner,
			       u32 *inner_off, union nf_inet_addr *end, bool behind_ah);

#endif /* LVS_CORE_QUOTE_H */
