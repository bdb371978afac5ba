/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet as the director sees it, and how its headers are read. */
#ifndef LVS_CORE_PARSE_H
#define LVS_CORE_PARSE_H

#include "core/types.h"
#include "core/bytes.h"
#include "core/toa_write.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct lvs_net;

/* A parsed packet. Lives on the stack of one hook call. */
struct lvs_packet {
	struct sk_buff *skb;
	struct lvs_net *ln;
	union nf_inet_addr saddr;
	union nf_inet_addr daddr;
	__be16 sport;
	__be16 dport;
	u16 l4_off;		/* of the transport header, from skb->data */
	u8 af;
	u8 proto;
	u8 hook;		/* NF_INET_* */
	u8 tcp_flags;		/* LVS_TCP_F_* */
	u8 sctp_event;		/* enum lvs_sctp_event */
	bool tracked;		/* conntrack goes on with it, fwd/conntrack.h */
	u8 uoa_len;		/* of uoa: what an upstream told with it, upstream.h; 0: nothing */
	u8 uoa[LVS_UOA_MAX];	/* a header of protocol 248 */
};

enum lvs_parsed {
	LVS_PARSED_FLOW,	/* TCP, UDP or SCTP, with ports */
	LVS_PARSED_ICMP,	/* ICMP or ICMPv6; no ports */
	LVS_PARSED_IPSEC,	/* AH or ESP; no ports, and nothing behind l4_off was read */
	LVS_PARSED_OTHER,	/* not ours */
	LVS_PARSED_BAD,		/* the headers lie */
	LVS_PARSED_TAKEN,	/* a fragment; reassembly has it */
};

/* The bits of the fields in which IPv4 and IPv6 tell a fragment's place. */
#define LVS_IP4_OFFSET	0x1fff
#define LVS_IP4_MORE	0x2000
#define LVS_IP6_OFFSET	0xfff8
#define LVS_IP6_MORE	0x0001

/* SCTP's own header, which the first chunk follows. */
struct lvs_sctphdr {
	__be16 source;
	__be16 dest;
	__be32 vtag;
	__le32 checksum;
};

/*
 * The ports at @off: of a TCP, UDP or SCTP header of which at least 8 bytes are there, which is a
 * whole one of UDP and what an ICMP error quotes of any.
 */
static __always_inline bool lvs_parse_ports(const struct sk_buff *skb, u32 off,
					    __be16 *sport, __be16 *dport)
{
	__be16 buf[4];
	const __be16 *ports = (const __be16 *)lvs_bytes(skb, off, sizeof(buf), buf);

	if (!ports)
		return false;
	*sport = ports[0];
	*dport = ports[1];
	return true;
}

static __always_inline enum lvs_parsed lvs_parse_tcp(struct lvs_packet *pkt)
{
	struct tcphdr buf;
	const struct tcphdr *th;

	th = (const struct tcphdr *)lvs_bytes(pkt->skb, pkt->l4_off, sizeof(buf), &buf);
	if (!th || th->doff < 5)
		return LVS_PARSED_BAD;
	pkt->sport = th->source;
	pkt->dport = th->dest;
	pkt->tcp_flags = ((const u8 *)th)[13];
	return LVS_PARSED_FLOW;
}

/* The ports of SCTP, and what its chunks mean. */
enum lvs_parsed lvs_parse_sctp(struct lvs_packet *pkt);

static __always_inline bool lvs_parse_is_ipsec(u8 proto)
{
	return proto == IPPROTO_ESP || proto == IPPROTO_AH;
}

/* What stands at pkt->l4_off, by pkt->proto. */
static __always_inline enum lvs_parsed lvs_parse_l4(struct lvs_packet *pkt)
{
	switch (pkt->proto) {
	case IPPROTO_TCP:
		return lvs_parse_tcp(pkt);
	case IPPROTO_UDP:
		if (!lvs_parse_ports(pkt->skb, pkt->l4_off, &pkt->sport, &pkt->dport))
			return LVS_PARSED_BAD;
		return LVS_PARSED_FLOW;
	case IPPROTO_SCTP:
		return lvs_parse_sctp(pkt);
	case IPPROTO_ICMP:
		return pkt->af == AF_INET ? LVS_PARSED_ICMP : LVS_PARSED_OTHER;
	case IPPROTO_ICMPV6:
		return pkt->af == AF_INET6 ? LVS_PARSED_ICMP : LVS_PARSED_OTHER;
	}
	/* Not among the cases, where TCP and UDP would have to be told from it. */
	if (lvs_parse_is_ipsec(pkt->proto) && pkt->l4_off <= pkt->skb->len)
		return LVS_PARSED_IPSEC;
	return LVS_PARSED_OTHER;
}

static __always_inline bool lvs_parse_is_fragment(const struct iphdr *iph)
{
	return iph->frag_off & htons(LVS_IP4_OFFSET | LVS_IP4_MORE);
}

/*
 * A whole packet of IPv4, whose header @iph was checked before (length, version, and that all of
 * it is there); skb and af of @pkt are set. This is every packet's way, hence inline.
 */
static __always_inline enum lvs_parsed lvs_parse_v4(struct lvs_packet *pkt,
						    const struct iphdr *iph)
{
	pkt->saddr.ip = iph->saddr;
	pkt->daddr.ip = iph->daddr;
	pkt->proto = iph->protocol;
	pkt->l4_off = iph->ihl * 4;
	return lvs_parse_l4(pkt);
}

/*
 * The same for IPv6. What is still a fragment is not ours: it would have been reassembled. AH is
 * what the packet is of, as in IPv4.
 */
enum lvs_parsed lvs_parse_v6(struct lvs_packet *pkt, const struct ipv6hdr *iph);

/* The same of what AH protects: it is an extension header like others. */
enum lvs_parsed lvs_parse_v6_behind_ah(struct lvs_packet *pkt, const struct ipv6hdr *iph);

/*
 * Walk the IPv6 extension headers at @off, the first of type *@proto, and AH's among them if
 * @behind_ah. Returns where the transport header is, its type in *@proto; -1 if there is none:
 * nothing follows, the packet ends before, or it is a later fragment, of which *@proto tells what
 * the first one has behind its fragment header. @first tells a first fragment, which has the
 * transport header but not all of what is behind it.
 */
int lvs_parse_extensions(const struct sk_buff *skb, u32 off, u8 *proto, bool *first,
			 bool behind_ah);

#endif /* LVS_CORE_PARSE_H */
