// SPDX-License-Identifier: GPL-2.0-only
#include "core/quote.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>

bool lvs_quote_is_in(const struct lvs_packet *pkt)
{
	struct icmphdr buf;
	const struct icmphdr *ih;

	/* Type and code stand in the same place in both versions. */
	ih = (const struct icmphdr *)lvs_bytes(pkt->skb, pkt->l4_off, sizeof(buf), &buf);
	if (!ih)
		return false;
	if (pkt->af == AF_INET6)
		return !(ih->type & ICMPV6_INFOMSG_MASK);
	return ih->type == ICMP_DEST_UNREACH || ih->type == ICMP_SOURCE_QUENCH ||
	       ih->type == ICMP_TIME_EXCEEDED;
}

/* A sound header of IPv4 at @off, of a packet that is whole or a first fragment; else NULL. */
static const struct iphdr *header_v4(const struct sk_buff *skb, u32 off, struct iphdr *buf)
{
	const struct iphdr *iph = (const struct iphdr *)lvs_bytes(skb, off, sizeof(*buf), buf);

	if (!iph || iph->version != 4 || iph->ihl < 5 || iph->frag_off & htons(LVS_IP4_OFFSET))
		return NULL;
	return iph;
}

static bool quoted_v4(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q)
{
	struct iphdr buf;
	const struct iphdr *iph = header_v4(pkt->skb, q->ip_off, &buf);

	if (!iph)
		return false;
	quoted->proto = iph->protocol;
	quoted->saddr.ip = iph->daddr;
	quoted->daddr.ip = iph->saddr;
	q->l4_off = q->ip_off + iph->ihl * 4;
	return true;
}

static bool quoted_v6(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q)
{
	struct ipv6hdr buf;
	const struct ipv6hdr *iph;
	bool first;
	int off;

	iph = (const struct ipv6hdr *)lvs_bytes(pkt->skb, q->ip_off, sizeof(buf), &buf);
	if (!iph || iph->version != 6)
		return false;
	quoted->proto = iph->nexthdr;
	quoted->saddr.in6 = iph->daddr;
	quoted->daddr.in6 = iph->saddr;
	off = lvs_parse_extensions(pkt->skb, q->ip_off + sizeof(buf), &quoted->proto, &first);
	if (off < 0)
		return false;
	q->l4_off = off;
	return true;
}

bool lvs_quote_parse(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q)
{
	*quoted = *pkt;
	q->ip_off = pkt->l4_off + sizeof(struct icmphdr);
	if (!(pkt->af == AF_INET ? quoted_v4 : quoted_v6)(pkt, quoted, q))
		return false;
	if (quoted->proto != IPPROTO_TCP && quoted->proto != IPPROTO_UDP)
		return false;
	return lvs_parse_ports(pkt->skb, q->l4_off, &quoted->dport, &quoted->sport);
}

bool lvs_quote_parse_tunnelled(const struct lvs_packet *pkt, struct lvs_packet *inner,
			       __be32 *tunnel_daddr)
{
	u32 off = pkt->l4_off + sizeof(struct icmphdr);
	const struct iphdr *iph;
	struct iphdr buf;

	iph = header_v4(pkt->skb, off, &buf);
	if (!iph || iph->protocol != IPPROTO_IPIP || iph->ihl != 5)
		return false;
	*tunnel_daddr = iph->daddr;
	off += sizeof(*iph);
	iph = header_v4(pkt->skb, off, &buf);
	if (!iph || (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP))
		return false;
	*inner = *pkt;
	inner->proto = iph->protocol;
	inner->saddr.ip = iph->saddr;
	inner->daddr.ip = iph->daddr;
	return lvs_parse_ports(pkt->skb, off + iph->ihl * 4, &inner->sport, &inner->dport);
}
