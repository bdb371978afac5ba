// SPDX-License-Identifier: GPL-2.0-only
/* Reading a packet's headers; packet.h. What is in them is core/parse.h's. */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip.h>

#include "netns.h"
#include "packet.h"

static u32 defrag_user(u8 hook)
{
	switch (hook) {
	case NF_INET_LOCAL_IN:
		return IP_DEFRAG_VS_IN;
	case NF_INET_FORWARD:
		return IP_DEFRAG_VS_FWD;
	}
	return IP_DEFRAG_VS_OUT;
}

static noinline bool reassembled_v4(struct lvs_packet *pkt)
{
	int err;

	local_bh_disable();
	err = ip_defrag(pkt->ln->net, pkt->skb, defrag_user(pkt->hook));
	local_bh_enable();
	if (err)
		return false;
	ip_send_check(ip_hdr(pkt->skb));
	/* The pieces fitted where they came from; they may be cut again. */
	pkt->skb->ignore_df = 1;
	return true;
}

static __always_inline enum lvs_parsed parse_v4(struct lvs_packet *pkt)
{
	const struct iphdr *iph = ip_hdr(pkt->skb);

	/* Each fragment of AH and ESP finds its connection: by its addresses alone. */
	if (unlikely(lvs_parse_is_fragment(iph)) && !lvs_parse_is_ipsec(iph->protocol)) {
		if (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP &&
		    iph->protocol != IPPROTO_SCTP && iph->protocol != IPPROTO_ICMP)
			return LVS_PARSED_OTHER;
		if (!reassembled_v4(pkt))
			return LVS_PARSED_TAKEN;
		iph = ip_hdr(pkt->skb);
	}
	return lvs_parse_v4(pkt, iph);
}

enum lvs_parsed lvs_packet_parse(struct lvs_packet *pkt)
{
	return pkt->af == AF_INET ? parse_v4(pkt) : lvs_parse_v6(pkt, ipv6_hdr(pkt->skb));
}

enum lvs_parsed lvs_packet_parse_behind_ah(struct lvs_packet *pkt)
{
	enum lvs_parsed parsed = LVS_PARSED_OTHER;

	if (pkt->af == AF_INET6 && pkt->proto == IPPROTO_AH)
		parsed = lvs_parse_v6_behind_ah(pkt, ipv6_hdr(pkt->skb));
	return parsed == LVS_PARSED_IPSEC ? LVS_PARSED_OTHER : parsed;
}
