/* SPDX-License-Identifier: GPL-2.0-only */
/* What a firewall's rules may ask about packets that the director has forwarded. */
#ifndef LVS_MATCH_H
#define LVS_MATCH_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

/* The connection of a packet, as rules know it. */
struct lvs_match {
	union nf_inet_addr vaddr;	/* of family af */
	__be16 vport;
	__be16 control_vport;	/* of the connection or template that this one came by; 0: none */
	u8 af;
	u8 proto;		/* what its client speaks */
	u8 method;		/* IP_VS_CONN_F_FWD_MASK value; FULLNAT's is that of MASQ */
	bool reply;		/* it goes to the client */
};

/*
 * Which connection does the forwarded packet @skb, a request or a reply as it leaves the director,
 * belong to? False if it is of none: an ICMP error, a tunnel's, one of a one-packet service.
 * Under RCU, in softirq or process context. Takes no reference.
 */
bool lvs_match_packet(struct net *net, u8 af, const struct sk_buff *skb, struct lvs_match *match);

#endif /* LVS_MATCH_H */
