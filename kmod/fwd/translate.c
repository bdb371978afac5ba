// SPDX-License-Identifier: GPL-2.0-only
/* Translation between IPv4 and IPv6; fwd/translate.h. */
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/dsfield.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "fwd/fwd.h"
#include "fwd/translate.h"
#include "netns.h"
#include "packet.h"

void lvs_ip_read(const struct sk_buff *skb, unsigned int off, u8 af, struct lvs_ip *ip)
{
	const void *header = skb->data + off;

	if (af == AF_INET) {
		const struct iphdr *iph = header;

		ip->ttl = iph->ttl;
		ip->ds = iph->tos;
	} else {
		const struct ipv6hdr *iph = header;

		ip->ttl = iph->hop_limit;
		ip->ds = ipv6_get_dsfield(iph);
	}
}

static void push_v4(struct sk_buff *skb, const struct lvs_ip *ip)
{
	struct iphdr *iph = skb_push(skb, sizeof(*iph));

	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = ip->ds;
	iph->tot_len = htons(sizeof(*iph) + ip->len);
	iph->id = 0;
	iph->frag_off = ip->df ? htons(IP_DF) : 0;
	iph->ttl = ip->ttl;
	iph->protocol = ip->proto;
	iph->saddr = ip->saddr->ip;
	iph->daddr = ip->daddr->ip;
	ip_send_check(iph);
}

static void push_v6(struct sk_buff *skb, const struct lvs_ip *ip)
{
	struct ipv6hdr *iph = skb_push(skb, sizeof(*iph));

	ip6_flow_hdr(iph, ip->ds, 0);
	iph->payload_len = htons(ip->len);
	iph->nexthdr = ip->proto;
	iph->hop_limit = ip->ttl;
	iph->saddr = ip->saddr->in6;
	iph->daddr = ip->daddr->in6;
}

void lvs_ip_push(struct sk_buff *skb, u8 af, const struct lvs_ip *ip)
{
	(af == AF_INET ? push_v4 : push_v6)(skb, ip);
}

void lvs_packet_translated(struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	pkt->af = lvs_other_family(pkt->af);
	pkt->l4_off = lvs_ip_header_len(pkt->af);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, pkt->l4_off);
	/* A socket of this host's that sent it is of the other family. */
	skb_orphan(skb);
	if (pkt->af == AF_INET) {
		skb->protocol = htons(ETH_P_IP);
		memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	} else {
		skb->protocol = htons(ETH_P_IPV6);
		memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	}
}

/*
 * Neither what authenticates the headers can be translated, nor a packet that is to go elsewhere
 * from here. All headers are there and writable.
 */
static bool has_plain_headers(const struct lvs_packet *pkt)
{
	u8 type = ipv6_hdr(pkt->skb)->nexthdr;
	u32 off = sizeof(struct ipv6hdr);

	while (off < pkt->l4_off) {
		const struct ipv6_rt_hdr *ext = (const struct ipv6_rt_hdr *)(pkt->skb->data + off);

		if (type == NEXTHDR_AUTH || (type == NEXTHDR_ROUTING && ext->segments_left))
			return false;
		off += type == NEXTHDR_FRAGMENT ? sizeof(struct frag_hdr) : (ext->hdrlen + 1) * 8;
		type = ext->nexthdr;
	}
	return true;
}

/* UDP without a checksum, which IPv6 does not allow, must be as long as it says to get one. */
static bool lacks_checksum(const struct lvs_packet *pkt)
{
	return pkt->af == AF_INET && pkt->proto == IPPROTO_UDP &&
	       !lvs_fwd_checksum_of(pkt, lvs_packet_l4(pkt));
}

static bool is_sound(const struct lvs_packet *pkt)
{
	const struct udphdr *uh = lvs_packet_l4(pkt);

	if (pkt->af == AF_INET6)
		return has_plain_headers(pkt);
	return !lacks_checksum(pkt) || ntohs(uh->len) == pkt->skb->len - pkt->l4_off;
}

/*
 * As lvs_fwd_writable(). What a GSO packet says of its pieces changes, too, so nobody may share
 * that with it: a sender that may have to send it again, say.
 */
static bool own(struct sk_buff *skb, unsigned int len, unsigned int headroom)
{
	unsigned int more = headroom > skb_headroom(skb) ? headroom - skb_headroom(skb) : 0;

	if (likely(!skb_is_gso(skb) || !skb_cloned(skb)))
		return lvs_fwd_writable(skb, len, headroom);
	return pskb_may_pull(skb, len) &&
	       !pskb_expand_head(skb, SKB_DATA_ALIGN(more), -skb_tailroom(skb), GFP_ATOMIC);
}

/* A datagram that was to leave in fragments (UFO) becomes whole, and is fragmented as it leaves. */
static bool unite(struct sk_buff *skb)
{
	if (likely(!skb_is_gso(skb) || !(skb_shinfo(skb)->gso_type & SKB_GSO_UDP)))
		return false;
	skb_gso_reset(skb);
	return true;
}

/*
 * Whose packets are as small as all of IPv6 takes need not look for the MTU of a path; routers of
 * IPv4 may fragment them.
 */
static bool needs_df(const struct sk_buff *skb)
{
	if (IP6CB(skb)->frag_max_size)
		return false;
	if (skb_is_gso(skb))
		return !skb_gso_validate_network_len(skb, IPV6_MIN_MTU);
	return skb->len > IPV6_MIN_MTU;
}

/* The sum of the addresses, which TCP and UDP count in. */
static __wsum sum_of_addresses(const struct lvs_packet *pkt)
{
	const struct sk_buff *skb = pkt->skb;

	if (pkt->af == AF_INET)
		return csum_partial(&ip_hdr(skb)->saddr, 2 * sizeof(struct in_addr), 0);
	return csum_partial(&ipv6_hdr(skb)->saddr, 2 * sizeof(struct in6_addr), 0);
}

/* The addresses are others, of which @before is the sum that they had. */
static void repair_checksum(const struct lvs_packet *pkt, __wsum before)
{
	__sum16 *check = lvs_fwd_checksum_of(pkt, lvs_packet_l4(pkt));
	__wsum diff = csum_sub(sum_of_addresses(pkt), before);

	if (!check)
		return;
	if (pkt->skb->ip_summed == CHECKSUM_PARTIAL) {
		*check = ~csum_fold(csum_add(csum_unfold(*check), diff));
		return;
	}
	csum_replace_by_diff(check, diff);
	if (pkt->proto == IPPROTO_UDP && !*check)
		*check = CSUM_MANGLED_0;
}

/* Leave it to the device, or to who stands in for it. */
static void give_checksum(const struct lvs_packet *pkt)
{
	const struct ipv6hdr *iph = ipv6_hdr(pkt->skb);
	struct udphdr *uh = lvs_packet_l4(pkt);
	struct sk_buff *skb = pkt->skb;

	uh->check = ~csum_ipv6_magic(&iph->saddr, &iph->daddr, ntohs(uh->len), IPPROTO_UDP, 0);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
}

/* UDP's pieces, and SCTP's, are of no family. */
static void translate_gso(struct sk_buff *skb, u8 af)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (!skb_is_gso(skb) || !(shinfo->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)))
		return;
	shinfo->gso_type &= ~(SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_TCP_FIXEDID);
	shinfo->gso_type |= af == AF_INET ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
}

/*
 * IPv4 without DF, the sender does not look for the MTU of its path. No router of IPv6 makes up for
 * that, so no piece is bigger than what all of them take.
 */
static void make_small(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);
	unsigned int headers;

	if (!skb_is_gso(skb)) {
		if (skb->len > IPV6_MIN_MTU)
			IP6CB(skb)->frag_max_size = IPV6_MIN_MTU;
		return;
	}
	if (!(shinfo->gso_type & SKB_GSO_TCPV6) ||
	    skb_gso_validate_network_len(skb, IPV6_MIN_MTU))
		return;
	headers = sizeof(struct ipv6hdr) + tcp_hdrlen(skb);
	if (skb->len <= headers)
		return;
	shinfo->gso_type |= SKB_GSO_DODGY;
	shinfo->gso_size = IPV6_MIN_MTU - headers;
	shinfo->gso_segs = DIV_ROUND_UP(skb->len - headers, shinfo->gso_size);
}

void lvs_ip_give_number(const struct lvs_packet *pkt)
{
	struct iphdr *iph = ip_hdr(pkt->skb);

	__ip_select_ident(pkt->ln->net, iph, skb_shinfo(pkt->skb)->gso_segs ?: 1);
	ip_send_check(iph);
}

enum lvs_drop_reason lvs_translate(struct lvs_packet *pkt, const struct lvs_ends *ends)
{
	int growth = lvs_translate_growth(pkt);
	struct sk_buff *skb = pkt->skb;
	struct lvs_ip ip = {
		.saddr = ends->saddr,
		.daddr = ends->daddr,
		.len = skb->len - pkt->l4_off,
		.proto = pkt->proto,
	};
	__wsum addresses;
	bool bare;

	if (unlikely(!own(skb, lvs_fwd_rewritten(pkt), max(growth, 0))))
		return LVS_DROP_NO_MEMORY;
	if (unlikely(!is_sound(pkt)))
		return LVS_DROP_MALFORMED;
	bare = lacks_checksum(pkt);
	/* It is a packet inside the datagram whose sum somebody is to make yet. */
	if (unlikely(bare && skb->ip_summed == CHECKSUM_PARTIAL)) {
		if (skb_is_gso(skb))
			return LVS_DROP_MALFORMED;
		if (skb_checksum_help(skb))
			return LVS_DROP_NO_MEMORY;
	}
	lvs_ip_read(skb, 0, pkt->af, &ip);
	if (unite(skb))
		ip.df = false;
	else if (pkt->af == AF_INET)
		ip.df = (ip_hdr(skb)->frag_off & htons(IP_DF)) && !IPCB(skb)->frag_max_size;
	else
		ip.df = needs_df(skb);
	addresses = sum_of_addresses(pkt);
	lvs_fwd_rewrite_port(pkt, false, ends->sport);
	lvs_fwd_rewrite_port(pkt, true, ends->dport);
	/* The sum that the card may have made of the whole packet is of what it was. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;

	__skb_pull(skb, pkt->l4_off);
	lvs_ip_push(skb, lvs_other_family(pkt->af), &ip);
	lvs_packet_translated(pkt);
	translate_gso(skb, pkt->af);
	if (unlikely(bare))
		give_checksum(pkt);
	else
		repair_checksum(pkt, addresses);
	if (!ip.df && pkt->af == AF_INET)
		lvs_ip_give_number(pkt);
	else if (!ip.df)
		make_small(skb);
	return LVS_DROP_NONE;
}
