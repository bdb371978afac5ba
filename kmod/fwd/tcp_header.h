/* SPDX-License-Identifier: GPL-2.0-only */
/* Editing a segment's headers, with the checksums. All under RCU, bottom halves off. */
#ifndef LVS_FWD_TCP_HEADER_H
#define LVS_FWD_TCP_HEADER_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/checksum.h>

#include "fwd/fwd.h"
#include "packet.h"
#include "pipeline.h"

/* Its first 20 bytes, at least, are there. */
static inline struct tcphdr *lvs_tcp_header(const struct lvs_packet *pkt)
{
	return lvs_packet_l4(pkt);
}

static inline u32 lvs_tcp_options_len(const struct tcphdr *th)
{
	return th->doff * 4 - sizeof(*th);
}

static inline u8 *lvs_tcp_options_of(struct tcphdr *th)
{
	return (u8 *)(th + 1);
}

/*
 * Make all of the TCP header writable: false without memory, or if it says that it is shorter
 * than it can be or longer than the packet. Pointers into the packet are stale afterwards.
 */
static inline bool lvs_tcp_whole_header(struct lvs_packet *pkt)
{
	u32 len = lvs_tcp_header(pkt)->doff * 4;

	return len >= sizeof(struct tcphdr) && pkt->l4_off + len <= pkt->skb->len &&
	       lvs_fwd_writable(pkt->skb, pkt->l4_off + len, 0);
}

/*
 * Why the header could not be edited: it says that it is longer than the packet, or there is no
 * memory.
 */
enum lvs_drop_reason lvs_tcp_edit_failed(const struct lvs_packet *pkt);

/* The sum of a header that is about to change, for lvs_tcp_header_changed(). */
static inline __wsum lvs_tcp_header_sum(const struct tcphdr *th)
{
	return csum_partial(th, th->doff * 4, 0);
}

static inline void lvs_tcp_header_changed(struct sk_buff *skb, struct tcphdr *th, __wsum before)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		csum_replace_by_diff(&th->check, csum_sub(lvs_tcp_header_sum(th), before));
}

/* For lvs_tcp_one_header(): it is such a packet. */
bool lvs_tcp_unlist(struct lvs_packet *pkt);

/*
 * What GRO puts together it may keep as it came, TCP too since Linux 6.10: then each segment has a
 * header of its own, of which the kernel brings only addresses and ports up to date. All of them
 * say the same, so make it a GSO packet like others, whose segments get the one header in front.
 * Called before anything else in that is changed; its first 20 bytes are writable. Pointers into
 * the packet are stale afterwards. False without memory.
 */
static inline bool lvs_tcp_one_header(struct lvs_packet *pkt)
{
	/* They are a list behind the first one's data, which most packets have nothing behind. */
	if (likely(!pkt->skb->data_len || !(skb_shinfo(pkt->skb)->gso_type & SKB_GSO_FRAGLIST)))
		return true;
	return lvs_tcp_unlist(pkt);
}

/* Put @value into a sequence or acknowledgment number. */
static inline void lvs_tcp_set_number(struct sk_buff *skb, struct tcphdr *th, __be32 *field,
				      u32 value)
{
	inet_proto_csum_replace4(&th->check, skb, *field, htonl(value), false);
	*field = htonl(value);
}

/* The packet got @more bytes longer, or shorter: what its IP header says of it. */
static inline void lvs_ip_length_changed(struct lvs_packet *pkt, int more)
{
	if (pkt->af == AF_INET) {
		struct iphdr *iph = ip_hdr(pkt->skb);
		__be16 len = htons(ntohs(iph->tot_len) + more);

		csum_replace2(&iph->check, iph->tot_len, len);
		iph->tot_len = len;
	} else {
		be16_add_cpu(&ipv6_hdr(pkt->skb)->payload_len, more);
	}
}

#endif /* LVS_FWD_TCP_HEADER_H */
