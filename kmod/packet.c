// SPDX-License-Identifier: GPL-2.0-only
/* Reading a packet's headers; packet.h. */
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "netns.h"
#include "packet.h"

static __always_inline bool ports_at(const struct sk_buff *skb, unsigned int offset,
				     __be16 *sport, __be16 *dport)
{
	__be16 buf[4], *ports;

	ports = skb_header_pointer(skb, offset, sizeof(buf), buf);
	if (!ports)
		return false;
	*sport = ports[0];
	*dport = ports[1];
	return true;
}

bool lvs_packet_ports(const struct sk_buff *skb, unsigned int offset, __be16 *sport, __be16 *dport)
{
	return ports_at(skb, offset, sport, dport);
}

static __always_inline enum lvs_parsed parse_tcp(struct lvs_packet *pkt)
{
	struct tcphdr buf, *th;

	th = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);
	if (!th || th->doff < 5)
		return LVS_PARSED_BAD;
	pkt->sport = th->source;
	pkt->dport = th->dest;
	pkt->tcp_flags = ((const u8 *)th)[13];
	return LVS_PARSED_FLOW;
}

static __always_inline enum lvs_parsed parse_l4(struct lvs_packet *pkt)
{
	switch (pkt->proto) {
	case IPPROTO_TCP:
		return parse_tcp(pkt);
	case IPPROTO_UDP:
		if (!ports_at(pkt->skb, pkt->l4_off, &pkt->sport, &pkt->dport))
			return LVS_PARSED_BAD;
		return LVS_PARSED_FLOW;
	case IPPROTO_ICMP:
		return pkt->af == AF_INET ? LVS_PARSED_ICMP : LVS_PARSED_OTHER;
	case IPPROTO_ICMPV6:
		return pkt->af == AF_INET6 ? LVS_PARSED_ICMP : LVS_PARSED_OTHER;
	}
	return LVS_PARSED_OTHER;
}

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

	if (unlikely(ip_is_fragment(iph))) {
		if (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP &&
		    iph->protocol != IPPROTO_ICMP)
			return LVS_PARSED_OTHER;
		if (!reassembled_v4(pkt))
			return LVS_PARSED_TAKEN;
		iph = ip_hdr(pkt->skb);
	}
	pkt->saddr.ip = iph->saddr;
	pkt->daddr.ip = iph->daddr;
	pkt->proto = iph->protocol;
	pkt->l4_off = iph->ihl * 4;
	return parse_l4(pkt);
}

static noinline enum lvs_parsed parse_v6(struct lvs_packet *pkt)
{
	const struct ipv6hdr *iph = ipv6_hdr(pkt->skb);
	__be16 frag_off = 0;
	u8 nexthdr = iph->nexthdr;
	int offset = sizeof(*iph);

	pkt->saddr.in6 = iph->saddr;
	pkt->daddr.in6 = iph->daddr;
	if (unlikely(ipv6_ext_hdr(nexthdr))) {
		offset = ipv6_skip_exthdr(pkt->skb, offset, &nexthdr, &frag_off);
		/* Cut short, or without a transport header: IPv6 has its own answers to that. */
		if (offset < 0)
			return LVS_PARSED_OTHER;
		/* Not reassembled: one of those that nf_defrag_ipv6 leaves to the stack. */
		if (frag_off & htons(IP6_OFFSET | IP6_MF))
			return LVS_PARSED_OTHER;
	}
	pkt->proto = nexthdr;
	pkt->l4_off = offset;
	return parse_l4(pkt);
}

enum lvs_parsed lvs_packet_parse(struct lvs_packet *pkt)
{
	return pkt->af == AF_INET ? parse_v4(pkt) : parse_v6(pkt);
}
