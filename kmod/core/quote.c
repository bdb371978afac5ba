// SPDX-License-Identifier: GPL-2.0-only
#include "core/quote.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>

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

static bool has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* A sound header of IPv4 at @off, or NULL. */
static const struct iphdr *header_v4(const struct sk_buff *skb, u32 off, struct iphdr *buf)
{
	const struct iphdr *iph = (const struct iphdr *)lvs_bytes(skb, off, sizeof(*buf), buf);

	return iph && iph->version == 4 && iph->ihl >= 5 ? iph : NULL;
}

static bool is_later_fragment(const struct iphdr *iph)
{
	return iph->frag_off & htons(LVS_IP4_OFFSET);
}

/* A sound header of IPv6 at @off, or NULL. */
static const struct ipv6hdr *header_v6(const struct sk_buff *skb, u32 off, struct ipv6hdr *buf)
{
	const struct ipv6hdr *iph = (const struct ipv6hdr *)lvs_bytes(skb, off, sizeof(*buf), buf);

	return iph && iph->version == 6 ? iph : NULL;
}

static bool quoted_v4(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q)
{
	struct iphdr buf;
	const struct iphdr *iph = header_v4(pkt->skb, q->ip_off, &buf);

	if (!iph || (is_later_fragment(iph) && !lvs_parse_is_ipsec(iph->protocol)))
		return false;
	quoted->proto = iph->protocol;
	quoted->saddr.ip = iph->daddr;
	quoted->daddr.ip = iph->saddr;
	q->l4_off = q->ip_off + iph->ihl * 4;
	return true;
}

static bool quoted_v6(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q,
		      bool behind_ah)
{
	struct ipv6hdr buf;
	const struct ipv6hdr *iph;
	bool first;
	int off;

	iph = header_v6(pkt->skb, q->ip_off, &buf);
	if (!iph)
		return false;
	quoted->proto = iph->nexthdr;
	quoted->saddr.in6 = iph->daddr;
	quoted->daddr.in6 = iph->saddr;
	off = lvs_parse_extensions(pkt->skb, q->ip_off + sizeof(buf), &quoted->proto, &first,
				   behind_ah);
	/* A later fragment has nothing of AH or ESP but what says that it is of them. */
	if (off < 0)
		return !behind_ah && lvs_parse_is_ipsec(quoted->proto);
	q->l4_off = off;
	return true;
}

bool lvs_quote_parse(const struct lvs_packet *pkt, struct lvs_packet *quoted, struct lvs_quote *q,
		     bool behind_ah)
{
	*quoted = *pkt;
	q->ip_off = pkt->l4_off + sizeof(struct icmphdr);
	if (!(pkt->af == AF_INET ? quoted_v4(pkt, quoted, q) :
				   quoted_v6(pkt, quoted, q, behind_ah)))
		return false;
	q->ports = has_ports(quoted->proto);
	if (!q->ports)
		return lvs_parse_is_ipsec(quoted->proto);
	quoted->l4_off = q->l4_off;
	/* What a reply says of itself is not said of the request that it stands for. */
	quoted->tcp_flags = 0;
	return lvs_parse_ports(pkt->skb, q->l4_off, &quoted->dport, &quoted->sport);
}

/* The outer header at *@off, which moves behind it: as ours are, without options. */
static bool outer_header(const struct lvs_packet *pkt, u32 *off, u8 *proto,
			 union nf_inet_addr *end)
{
	memset(end, 0, sizeof(*end));
	if (pkt->af == AF_INET) {
		struct iphdr buf;
		const struct iphdr *iph = header_v4(pkt->skb, *off, &buf);

		if (!iph || iph->ihl != 5 || is_later_fragment(iph))
			return false;
		*proto = iph->protocol;
		end->ip = iph->daddr;
		*off += sizeof(buf);
	} else {
		struct ipv6hdr buf;
		const struct ipv6hdr *iph = header_v6(pkt->skb, *off, &buf);

		if (!iph)
			return false;
		*proto = iph->nexthdr;
		end->in6 = iph->daddr;
		*off += sizeof(buf);
	}
	return true;
}

/* The headers of GRE (RFC 2784) and of GUE, variant 0: what tells what follows, and where. */
struct gre {
	__be16 flags;
	__be16 type;
};

struct udp_gue {
	__be16 ports[2];
	__be16 len;
	__be16 check;
	u8 version_hlen;	/* two bits, one for control messages, five of 4 byte units */
	u8 proto;
	__be16 flags;
};

/* All but that of a checksum, which ours may have. */
#define GRE_FLAGS_OTHER	0x7fff

/* What stands between the IP headers, at *@off, which moves behind it. @proto as if it were not. */
static bool encapsulation(const struct sk_buff *skb, u32 *off, u8 *proto)
{
	const struct udp_gue *gue;
	const struct gre *gre;
	struct udp_gue gue_buf;
	struct gre gre_buf;

	switch (*proto) {
	case IPPROTO_GRE:
		gre = (const struct gre *)lvs_bytes(skb, *off, sizeof(gre_buf), &gre_buf);
		if (!gre || gre->flags & htons(GRE_FLAGS_OTHER))
			return false;
		if (gre->type == htons(ETH_P_IP))
			*proto = IPPROTO_IPIP;
		else if (gre->type == htons(ETH_P_IPV6))
			*proto = IPPROTO_IPV6;
		else
			return false;
		*off += sizeof(*gre) + (gre->flags ? 4 : 0);
		return true;
	case IPPROTO_UDP:
		gue = (const struct udp_gue *)lvs_bytes(skb, *off, sizeof(gue_buf), &gue_buf);
		if (!gue || gue->version_hlen & 0xe0)
			return false;
		*proto = gue->proto;
		*off += sizeof(*gue) + (gue->version_hlen & 0x1f) * 4;
		return true;
	}
	return true;
}

/* The inner packet's header at @off; *@off moves behind it. */
static bool inner_header(struct lvs_packet *inner, u32 *off, bool behind_ah)
{
	if (inner->af == AF_INET) {
		struct iphdr buf;
		const struct iphdr *iph = header_v4(inner->skb, *off, &buf);

		if (!iph || is_later_fragment(iph))
			return false;
		inner->proto = iph->protocol;
		inner->saddr.ip = iph->saddr;
		inner->daddr.ip = iph->daddr;
		*off += iph->ihl * 4;
	} else {
		struct ipv6hdr buf;
		const struct ipv6hdr *iph = header_v6(inner->skb, *off, &buf);
		bool first;
		int l4;

		if (!iph)
			return false;
		inner->proto = iph->nexthdr;
		inner->saddr.in6 = iph->saddr;
		inner->daddr.in6 = iph->daddr;
		l4 = lvs_parse_extensions(inner->skb, *off + sizeof(buf), &inner->proto, &first,
					  behind_ah);
		if (l4 < 0)
			return false;
		*off = l4;
	}
	return true;
}

bool lvs_quote_parse_tunnelled(const struct lvs_packet *pkt, struct lvs_packet *inner,
			       u32 *inner_off, union nf_inet_addr *end, bool behind_ah)
{
	u32 off = pkt->l4_off + sizeof(struct icmphdr);
	u8 proto;

	if (!outer_header(pkt, &off, &proto, end) || !encapsulation(pkt->skb, &off, &proto))
		return false;
	if (proto != IPPROTO_IPIP && proto != IPPROTO_IPV6)
		return false;
	*inner = *pkt;
	inner->af = proto == IPPROTO_IPIP ? AF_INET : AF_INET6;
	*inner_off = off;
	if (!inner_header(inner, &off, behind_ah))
		return false;
	if (!has_ports(inner->proto))
		return lvs_parse_is_ipsec(inner->proto);
	return lvs_parse_ports(pkt->skb, off, &inner->sport, &inner->dport);
}
