// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/udp.h>
#include <net/ip.h>

#include "core/tcp_options.h"
#include "core/toa_write.h"
#include "fwd/conntrack.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "fwd/tcp_header.h"
#include "lvs/abi.h"
#include "lvs/toa.h"
#include "packet.h"
#include "svc/svc.h"

/* The longest IPv4 header. */
#define MAX_IP_HEADER 60

void lvs_fullnat_udp_begin(struct lvs_fullnat_conn *fc)
{
	switch (READ_ONCE(rcu_dereference(fc->conn.dest->svc)->uoa)) {
	case LVS_OPTION_UOA_OPTION:
		fc->toa = LVS_FULLNAT_UOA_OPTION;
		break;
	case LVS_OPTION_UOA_HEADER:
		fc->toa = LVS_FULLNAT_UOA_HEADER;
		break;
	}
	fc->uoa_left = LVS_FULLNAT_UOA_DATAGRAMS;
}

void lvs_fullnat_udp_blank(struct lvs_packet *pkt)
{
	struct iphdr *iph = ip_hdr(pkt->skb);

	/* Options of IP are laid out as TCP's are. */
	if (lvs_tcp_options_blank((u8 *)(iph + 1), pkt->l4_off - sizeof(*iph), LVS_UOA_IPOPT, 0))
		ip_send_check(iph);
}

/*
 * The packet must not get longer than the path takes, nor than IP can say. What was reassembled
 * leaves in fragments no longer than the ones it came in. The pieces of a GSO packet would all tell,
 * if its device could cut it up at all.
 */
static bool has_room(const struct lvs_packet *pkt, u32 more, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;
	u32 largest = pkt->af == AF_INET ? IPCB(skb)->frag_max_size : IP6CB(skb)->frag_max_size;

	if (skb_is_gso(skb))
		return false;
	return skb->len + more <= min3(mtu, (u32)IP_MAX_MTU, largest ?: U32_MAX);
}

/* Put @len bytes at @off of the packet: what stands before that moves into the headroom. */
static void insert(struct sk_buff *skb, u32 off, const u8 *bytes, u32 len)
{
	skb_push(skb, len);
	memmove(skb->data, skb->data + len, off);
	memcpy(skb->data + off, bytes, len);
	skb_reset_network_header(skb);
}

static void move_up(unsigned char *offset, u32 len)
{
	if (*offset)
		*offset += len;
}

/* What the stack knows of the options that the packet came with stands @len bytes further on. */
static void options_moved(struct ip_options *opt, u32 len)
{
	opt->optlen += len;
	move_up(&opt->srr, len);
	move_up(&opt->rr, len);
	move_up(&opt->ts, len);
	move_up(&opt->router_alert, len);
	move_up(&opt->cipso, len);
}

/* In front of other options, one of which may be the end of all. */
static void insert_option(struct lvs_packet *pkt, const u8 *option, u32 len)
{
	struct sk_buff *skb = pkt->skb;
	struct iphdr *iph;

	insert(skb, sizeof(*iph), option, len);
	options_moved(&IPCB(skb)->opt, len);
	pkt->l4_off += len;
	skb_set_transport_header(skb, pkt->l4_off);
	iph = ip_hdr(skb);
	iph->ihl += len / 4;
	iph->tot_len = htons(ntohs(iph->tot_len) + len);
	ip_send_check(iph);
}

/* The field that names the protocol of the transport header, whose extension headers are sound. */
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

/* UDP's header stays where it is, and so does what there is to sum up. */
static void insert_header(struct lvs_packet *pkt, const u8 *header, u32 len)
{
	struct sk_buff *skb = pkt->skb;

	insert(skb, pkt->l4_off, header, len);
	skb_set_transport_header(skb, pkt->l4_off);
	if (pkt->af == AF_INET) {
		ip_hdr(skb)->protocol = LVS_UOA_PROTOCOL;
		ip_hdr(skb)->tot_len = htons(ntohs(ip_hdr(skb)->tot_len) + len);
		ip_send_check(ip_hdr(skb));
	} else {
		*next_header(pkt) = LVS_UOA_PROTOCOL;
		lvs_ip_length_changed(pkt, len);
	}
	/* A sum of all that is behind the IP header. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
}

/*
 * Devices sum up UDP where they see its number in the IP header. And what conntrack's NAT would take
 * for ports behind the director are none, so the packet leaves its entry behind.
 */
static enum lvs_drop_reason prepare_header(struct lvs_packet *pkt)
{
	if (pkt->skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(pkt->skb))
		return LVS_DROP_NO_MEMORY;
	if (unlikely(pkt->tracked)) {
		if (!lvs_conntrack_leave(pkt->skb))
			return LVS_DROP_CONNTRACK;
		pkt->tracked = false;
	}
	return LVS_DROP_NONE;
}

static void omit(const struct lvs_fullnat_conn *fc)
{
	atomic64_inc(&fc->source.map->laddr->toa_omitted);
}

/* Two processors may count one datagram: then one more tells. */
static void count_told(struct lvs_fullnat_conn *fc)
{
	u8 left = READ_ONCE(fc->uoa_left);

	if (left <= 1)
		WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
	else
		WRITE_ONCE(fc->uoa_left, left - 1);
	atomic64_inc(&fc->source.map->laddr->uoa_told);
}

static enum lvs_drop_reason tell_by_option(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					   u32 mtu)
{
	const struct lvs_conn *conn = &fc->conn;
	u8 option[LVS_UOA_MAX];
	u32 len = lvs_toa_write(option, LVS_UOA_IPOPT, conn->link[LVS_SIDE_CLIENT].af,
				&conn->caddr, conn->cport);

	if (pkt->af != AF_INET || pkt->l4_off + len > MAX_IP_HEADER || !has_room(pkt, len, mtu)) {
		omit(fc);
		return LVS_DROP_NONE;
	}
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), len))
		return LVS_DROP_NO_MEMORY;
	insert_option(pkt, option, len);
	count_told(fc);
	return LVS_DROP_NONE;
}

static enum lvs_drop_reason tell_by_header(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					   u32 mtu)
{
	const struct lvs_conn *conn = &fc->conn;
	enum lvs_drop_reason reason;
	u8 header[LVS_UOA_MAX];
	u32 len = lvs_uoa_write(header, conn->link[LVS_SIDE_CLIENT].af, &conn->caddr, conn->cport);

	if (!has_room(pkt, len, mtu) ||
	    (unlikely(pkt->tracked) && lvs_conntrack_has_nat(pkt->skb))) {
		omit(fc);
		return LVS_DROP_NONE;
	}
	reason = prepare_header(pkt);
	if (reason != LVS_DROP_NONE)
		return reason;
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), len))
		return LVS_DROP_NO_MEMORY;
	insert_header(pkt, header, len);
	count_told(fc);
	return LVS_DROP_NONE;
}

enum lvs_drop_reason lvs_fullnat_udp_tell(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					  u32 mtu)
{
	if (READ_ONCE(fc->toa) == LVS_FULLNAT_UOA_HEADER)
		return tell_by_header(pkt, fc, mtu);
	return tell_by_option(pkt, fc, mtu);
}

void lvs_fullnat_udp_no_room(struct lvs_fullnat_conn *fc)
{
	WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
	omit(fc);
}
