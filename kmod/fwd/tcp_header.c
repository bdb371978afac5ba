// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "fwd/tcp_header.h"

enum lvs_drop_reason lvs_tcp_edit_failed(const struct lvs_packet *pkt)
{
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);

	return !th || pkt->l4_off + th->doff * 4 > pkt->skb->len ? LVS_DROP_MALFORMED :
								   LVS_DROP_NO_MEMORY;
}

bool lvs_tcp_unlist(struct lvs_packet *pkt)
{
	u32 len = pkt->skb->len - pkt->l4_off;
	struct sk_buff *skb = pkt->skb;
	struct tcphdr *th;

	/* What it says of its segments nobody may share with it: a capture, say. */
	if (skb_unclone(skb, GFP_ATOMIC))
		return false;
	skb_shinfo(skb)->gso_type &= ~SKB_GSO_FRAGLIST;
	/* GRO has verified the segments' own checksums, which are for whoever cuts to make anew. */
	th = lvs_tcp_header(pkt);
	if (pkt->af == AF_INET)
		th->check = ~csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, len,
					       IPPROTO_TCP, 0);
	else
		th->check = ~csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, len,
					     IPPROTO_TCP, 0);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (unsigned char *)th - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	return true;
}
