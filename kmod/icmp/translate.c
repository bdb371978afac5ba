// SPDX-License-Identifier: GPL-2.0-only
/* ICMP errors of the other family; icmp/translate.h. */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>

#include "core/icmp46.h"
#include "core/quote.h"
#include "fwd/fwd.h"
#include "fwd/translate.h"
#include "icmp/translate.h"
#include "packet.h"

/* The error's own header, which both families lay out the same way. */
#define HEADER_LEN	sizeof(struct icmphdr)

/* What of the quoted transport header is certainly there: ports, and TCP's sequence number. */
#define QUOTED_LEN	8

static __sum16 checksum_of(const struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	u32 len = skb->len - pkt->l4_off;
	__wsum sum = skb_checksum(skb, pkt->l4_off, len, 0);

	if (pkt->af == AF_INET)
		return csum_fold(sum);
	return csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, len, IPPROTO_ICMPV6,
			       sum);
}

/* The translated error gets a checksum that is right, so this one must be. */
static bool is_sound(const struct lvs_packet *pkt)
{
	return pkt->skb->ip_summed != CHECKSUM_PARTIAL && !checksum_of(pkt);
}

/* How long the quoted packet was behind its IP header, as that says. */
static u32 quoted_payload(const struct sk_buff *skb, const struct lvs_quote *q, u8 af)
{
	const void *header = skb->data + q->ip_off;
	u32 len, before = q->l4_off - q->ip_off;

	if (af == AF_INET)
		len = ntohs(((const struct iphdr *)header)->tot_len);
	else
		len = ntohs(((const struct ipv6hdr *)header)->payload_len) + sizeof(struct ipv6hdr);
	return clamp_t(u32, len - min(len, before), QUOTED_LEN, IP_MAX_MTU - sizeof(struct iphdr));
}

static bool translate_head(const struct lvs_packet *pkt, const struct lvs_quote *q,
			   struct lvs_icmp_head *head)
{
	const struct icmphdr *ih = lvs_packet_l4(pkt);
	u32 len = quoted_payload(pkt->skb, q, pkt->af) + q->l4_off - q->ip_off;

	head->type = ih->type;
	head->code = ih->code;
	head->rest = ntohl(ih->un.gateway);
	return pkt->af == AF_INET ? lvs_icmp_to_v6(head, len) : lvs_icmp_to_v4(head);
}

/*
 * What follows the quoted packet would be in another place, and is left out; as is what makes an
 * error of IPv6 longer than it may be.
 */
static bool trim(struct lvs_packet *pkt, const struct lvs_quote *q)
{
	const struct icmphdr *ih = lvs_packet_l4(pkt);
	struct lvs_icmp_head head = { .type = ih->type, .rest = ntohl(ih->un.gateway) };
	u32 quoted, end = pkt->skb->len;

	if (pkt->af == AF_INET) {
		quoted = lvs_icmp_v4_quoted(&head);
		end = min_t(u32, end, q->l4_off + IPV6_MIN_MTU - HEADER_LEN -
			    2 * sizeof(struct ipv6hdr));
	} else {
		quoted = lvs_icmp_v6_quoted(&head);
	}
	if (quoted)
		end = min(end, q->ip_off + quoted);
	return end >= q->l4_off + QUOTED_LEN && !pskb_trim(pkt->skb, end);
}

/* As they were in the packet of @ends. */
static void restore_transport(struct lvs_packet *pkt, const struct lvs_quote *q, u8 proto,
			      const struct lvs_ends *ends, u32 seq_delta)
{
	__be16 *ports = (__be16 *)(pkt->skb->data + q->l4_off);
	__be32 *seq = (__be32 *)(pkt->skb->data + q->l4_off + offsetof(struct tcphdr, seq));

	ports[0] = ends->sport;
	ports[1] = ends->dport;
	if (proto == IPPROTO_TCP)
		*seq = htonl(ntohl(*seq) - seq_delta);
}

static void push_head(struct sk_buff *skb, const struct lvs_icmp_head *head)
{
	struct icmphdr *ih = skb_push(skb, HEADER_LEN);

	ih->type = head->type;
	ih->code = head->code;
	ih->checksum = 0;
	ih->un.gateway = htonl(head->rest);
}

bool lvs_icmp_translate(struct lvs_packet *pkt, const struct lvs_quote *q, u8 proto,
			const struct lvs_ends *ends, u32 seq_delta)
{
	u8 af = pkt->af, other = lvs_other_family(af);
	struct lvs_ip inner = { .saddr = ends->saddr, .daddr = ends->daddr, .proto = proto };
	struct lvs_ip outer = { .saddr = ends->daddr, .daddr = ends->saddr };
	struct sk_buff *skb = pkt->skb;
	struct lvs_icmp_head head;

	if (!is_sound(pkt) ||
	    !lvs_fwd_writable(skb, q->l4_off + QUOTED_LEN, 2 * sizeof(struct ipv6hdr)) ||
	    !translate_head(pkt, q, &head) || !trim(pkt, q))
		return false;
	restore_transport(pkt, q, proto, ends, seq_delta);
	lvs_ip_read(skb, 0, af, &outer);
	lvs_ip_read(skb, q->ip_off, af, &inner);
	inner.len = quoted_payload(skb, q, af);
	inner.df = true;
	outer.proto = other == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	outer.df = false;
	skb->ip_summed = CHECKSUM_NONE;

	__skb_pull(skb, q->l4_off);
	lvs_ip_push(skb, other, &inner);
	push_head(skb, &head);
	outer.len = skb->len;
	lvs_ip_push(skb, other, &outer);
	lvs_packet_translated(pkt);
	pkt->proto = outer.proto;
	if (other == AF_INET)
		lvs_ip_give_number(pkt);
	((struct icmphdr *)lvs_packet_l4(pkt))->checksum = checksum_of(pkt);
	return true;
}
