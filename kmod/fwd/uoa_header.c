// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "fwd/fwd.h"
#include "fwd/tcp_header.h"
#include "fwd/uoa_header.h"
#include "lvs/toa.h"
#include "packet.h"

void lvs_uoa_insert(struct lvs_packet *pkt, u32 off, const u8 *bytes, u32 len)
{
	struct sk_buff *skb = pkt->skb;

	skb_push(skb, len);
	memmove(skb->data, skb->data + len, off);
	memcpy(skb->data + off, bytes, len);
	skb_reset_network_header(skb);
}

/* The field that names what stands at pkt->l4_off; the extension headers before it are sound. */
static u8 *next_header(const struct lvs_packet *pkt)
{
	u8 *data = pkt->skb->data, type = ipv6_hdr(pkt->skb)->nexthdr;
	u8 *field = &ipv6_hdr(pkt->skb)->nexthdr;
	u32 off = sizeof(struct ipv6hdr);

	while (off < pkt->l4_off) {
		field = data + off;
		if (type == NEXTHDR_FRAGMENT)
			off += sizeof(struct frag_hdr);
		else if (type == NEXTHDR_AUTH)
			off += (field[1] + 2) * 4;
		else
			off += (field[1] + 1) * 8;
		type = *field;
	}
	return field;
}

/*
 * The IP header, whose packet is @more bytes longer than it says, names @proto. The transport
 * header moves as all before UDP does: IPv6 may have yet to read what extension headers begin
 * there.
 */
static void change_ip(struct lvs_packet *pkt, u8 proto, int more)
{
	struct sk_buff *skb = pkt->skb;

	skb->transport_header -= more;
	if (pkt->af == AF_INET) {
		ip_hdr(skb)->protocol = proto;
		ip_hdr(skb)->tot_len = htons(ntohs(ip_hdr(skb)->tot_len) + more);
		ip_send_check(ip_hdr(skb));
	} else {
		*next_header(pkt) = proto;
		lvs_ip_length_changed(pkt, more);
	}
	/* A sum of all that is behind the IP header. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
}

void lvs_uoa_insert_header(struct lvs_packet *pkt, const u8 *header, u32 len)
{
	lvs_uoa_insert(pkt, pkt->l4_off, header, len);
	change_ip(pkt, LVS_UOA_PROTOCOL, len);
}

bool lvs_uoa_take_out(struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	u32 len = pkt->uoa_len;

	if (!lvs_fwd_writable(skb, pkt->l4_off + sizeof(struct udphdr), 0))
		return false;
	pkt->l4_off -= len;
	memmove(skb->data + len, skb->data, pkt->l4_off);
	skb_pull(skb, len);
	skb_reset_network_header(skb);
	change_ip(pkt, IPPROTO_UDP, -(int)len);
	return true;
}
