// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/ip.h>

#include "core/tcp_options.h"
#include "core/toa_write.h"
#include "fwd/conntrack.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "fwd/uoa_header.h"
#include "lvs/abi.h"
#include "lvs/toa.h"
#include "packet.h"
#include "svc/svc.h"
#include "upstream.h"

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

void lvs_fullnat_udp_clean(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc)
{
	u32 len = pkt->l4_off - sizeof(struct iphdr), offset = 0;
	struct iphdr *iph = ip_hdr(pkt->skb);
	struct lvs_tcp_option option;
	bool forged = false;

	/* Options of IP are laid out as TCP's are. */
	while (lvs_tcp_option_next((u8 *)(iph + 1), len, &offset, &option)) {
		if (option.kind != LVS_UOA_IPOPT)
			continue;
		if (lvs_upstream_trusted(pkt)) {
			WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
			continue;
		}
		lvs_tcp_option_blank(&option);
		forged = true;
	}
	if (forged)
		ip_send_check(iph);
}

/*
 * The packet must not get longer than the path takes, nor than IP can say. What was reassembled
 * leaves in fragments no longer than the ones it came in. A GSO packet's pieces would all tell, if
 * its device could cut it up at all.
 */
static bool has_room(const struct lvs_packet *pkt, u32 more, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;
	u32 largest = pkt->af == AF_INET ? IPCB(skb)->frag_max_size : IP6CB(skb)->frag_max_size;

	if (skb_is_gso(skb))
		return false;
	return skb->len + more <= min3(mtu, (u32)IP_MAX_MTU, largest ?: U32_MAX);
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

	lvs_uoa_insert(pkt, sizeof(*iph), option, len);
	options_moved(&IPCB(skb)->opt, len);
	pkt->l4_off += len;
	skb_set_transport_header(skb, pkt->l4_off);
	iph = ip_hdr(skb);
	iph->ihl += len / 4;
	iph->tot_len = htons(ntohs(iph->tot_len) + len);
	ip_send_check(iph);
}

/*
 * Devices sum up UDP where they see its number in the IP header. And what conntrack's NAT would
 * take for ports behind the director are none, so the packet leaves its entry behind.
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

/* A header of @len bytes: the director's own, or a trusted upstream's. */
static enum lvs_drop_reason add_header(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
				       const u8 *header, u32 len, u32 mtu, bool *added)
{
	enum lvs_drop_reason reason;

	*added = has_room(pkt, len, mtu) &&
		 !(unlikely(pkt->tracked) && lvs_conntrack_has_nat(pkt->skb));
	if (!*added) {
		omit(fc);
		return LVS_DROP_NONE;
	}
	reason = prepare_header(pkt);
	if (reason != LVS_DROP_NONE)
		return reason;
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), len))
		return LVS_DROP_NO_MEMORY;
	lvs_uoa_insert_header(pkt, header, len);
	return LVS_DROP_NONE;
}

static enum lvs_drop_reason tell_by_header(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					   u32 mtu)
{
	const struct lvs_conn *conn = &fc->conn;
	enum lvs_drop_reason reason;
	u8 header[LVS_UOA_MAX];
	bool added;
	u32 len = lvs_uoa_write(header, conn->link[LVS_SIDE_CLIENT].af, &conn->caddr, conn->cport);

	reason = add_header(pkt, fc, header, len, mtu, &added);
	if (reason == LVS_DROP_NONE && added)
		count_told(fc);
	return reason;
}

/* The packet came with the header of a trusted upstream, who tells in our stead. */
static enum lvs_drop_reason pass_on(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc, u32 mtu)
{
	bool added;

	WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
	return add_header(pkt, fc, pkt->uoa, pkt->uoa_len, mtu, &added);
}

enum lvs_drop_reason lvs_fullnat_udp_tell(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					  u32 mtu)
{
	if (pkt->uoa_len)
		return pass_on(pkt, fc, mtu);
	if (READ_ONCE(fc->toa) == LVS_FULLNAT_UOA_HEADER)
		return tell_by_header(pkt, fc, mtu);
	return tell_by_option(pkt, fc, mtu);
}

void lvs_fullnat_udp_no_room(struct lvs_fullnat_conn *fc)
{
	WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
	omit(fc);
}
