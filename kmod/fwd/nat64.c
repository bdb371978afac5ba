// SPDX-License-Identifier: GPL-2.0-only
/*
 * FULLNAT between the families (NAT64, NAT46): the client and the virtual service are of one, the
 * dest and its local addresses of the other. What FULLNAT does to TCP is done in the family that
 * the packet comes in; then it is translated.
 *
 * Every packet goes out by a route of its new family, by the loopback device if it is for this
 * host: the stack of the old one has no use for it.
 */
#include <linux/netfilter.h>
#include <net/gso.h>
#include <net/ip.h>

#include "conn/conn.h"
#include "fwd/fullnat_tcp.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "fwd/tcp_header.h"
#include "fwd/translate.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

/*
 * More than the length field of the other family can say? IPv6 does not count its header in; GSO
 * packets may be longer than the field of either.
 */
static bool is_too_long(const struct lvs_packet *pkt)
{
	unsigned int most = IP_MAX_MTU + (pkt->af == AF_INET ? sizeof(struct ipv6hdr) : 0);

	return pkt->skb->len + lvs_translate_growth(pkt) > most;
}

static bool lacks_df(const struct lvs_packet *pkt)
{
	return pkt->af == AF_INET && !(ip_hdr(pkt->skb)->frag_off & htons(IP_DF));
}

/*
 * GSO packets that cannot be translated as a whole: those, those whose pieces have headers of their
 * own, and those whose pieces may have to be fragmented (TCP's get smaller instead).
 */
static bool must_be_cut(const struct lvs_packet *pkt)
{
	unsigned int type = skb_shinfo(pkt->skb)->gso_type;

	return skb_is_gso(pkt->skb) &&
	       (type & SKB_GSO_FRAGLIST || is_too_long(pkt) ||
		(lacks_df(pkt) && type & (SKB_GSO_UDP_L4 | SKB_GSO_SCTP)));
}

/*
 * Will the packet fit by @dst, of @mtu bytes, once it is translated? If not, its sender is told, in
 * terms of its own family.
 */
static bool fits(struct lvs_packet *pkt, const struct dst_entry *dst, u32 mtu)
{
	int growth = lvs_translate_growth(pkt);

	if (likely(pkt->skb->len + growth <= mtu))
		return true;
	if (lacks_df(pkt))
		return true;
	/* Nothing that an ICMP error could tell. */
	if (is_too_long(pkt) && !skb_is_gso(pkt->skb))
		return false;
	return lvs_fwd_fits_path(pkt, dst, growth);
}

static bool tcp_request(struct lvs_packet *pkt, struct lvs_conn *conn, u32 mtu)
{
	struct lvs_fullnat_conn *fc = lvs_fullnat_of(conn);
	struct dst_entry *dst;

	if (unlikely(!lvs_fullnat_tcp_request(pkt, fc, mtu)))
		return false;
	if (likely(!(pkt->tcp_flags & LVS_TCP_F_SYN)) || pkt->af == AF_INET)
		return true;
	dst = lvs_fwd_route_to_client(pkt, conn);
	if (IS_ERR(dst))
		return true;
	mtu = dst_mtu(dst);
	dst_release(dst);
	return lvs_fullnat_tcp_limit_mss(pkt, fc, mtu);
}

static bool tcp_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_fullnat_conn *fc = lvs_fullnat_of(conn);
	const struct lvs_route *route;

	if (unlikely(!lvs_fullnat_tcp_reply(pkt, fc)))
		return false;
	if (likely(!(pkt->tcp_flags & LVS_TCP_F_SYN)) || pkt->af == AF_INET)
		return true;
	route = lvs_route_get(pkt->ln, conn->dest);
	return IS_ERR(route) || lvs_fullnat_tcp_limit_mss(pkt, fc, route->mtu);
}

static enum lvs_drop_reason make_ready(struct lvs_packet *pkt, bool here)
{
	unsigned int len = lvs_fwd_rewritten(pkt);

	if (likely(!here))
		return lvs_fwd_decrease_ttl(pkt, len, 0);
	return lvs_fwd_writable(pkt->skb, len, 0) ? LVS_DROP_NONE : LVS_DROP_NO_MEMORY;
}

static unsigned int send_request(struct lvs_packet *pkt, struct lvs_conn *conn,
				 struct lvs_route *route)
{
	struct lvs_fullnat_conn *fc = lvs_fullnat_of(conn);
	struct lvs_ends ends = { .saddr = &fc->laddr, .sport = fc->source.port,
				 .daddr = &conn->daddr, .dport = conn->dport };
	enum lvs_drop_reason reason;

	if (unlikely(!fits(pkt, route->dst, route->mtu)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = make_ready(pkt, route->local);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	if (pkt->proto == IPPROTO_TCP &&
	    unlikely(!tcp_request(pkt, conn, route->mtu - lvs_translate_growth(pkt))))
		return lvs_fwd_drop(pkt, conn, lvs_tcp_edit_failed(pkt));
	reason = lvs_translate(pkt, &ends);
	if (unlikely(lvs_fullnat_udp_adds(pkt, fc)) && reason == LVS_DROP_NONE)
		reason = lvs_fullnat_udp_tell(pkt, fc, route->mtu);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	return lvs_fwd_output(pkt, route->dst);
}

static unsigned int send_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_ends ends = { .saddr = &conn->vaddr, .sport = conn->vport,
				 .daddr = &conn->caddr, .dport = conn->cport };
	struct dst_entry *dst = lvs_fwd_route_to_client(pkt, conn);
	enum lvs_drop_reason reason;

	if (IS_ERR(dst))
		return lvs_fwd_drop(pkt, conn, lvs_fwd_no_way(dst));
	if (unlikely(!fits(pkt, dst, dst_mtu(dst)))) {
		reason = LVS_DROP_TOO_BIG;
		goto drop;
	}
	reason = make_ready(pkt, lvs_fwd_ends_here(lvs_other_family(pkt->af), dst));
	if (unlikely(reason != LVS_DROP_NONE))
		goto drop;
	if (pkt->proto == IPPROTO_TCP && unlikely(!tcp_reply(pkt, conn))) {
		reason = lvs_tcp_edit_failed(pkt);
		goto drop;
	}
	reason = lvs_translate(pkt, &ends);
	if (unlikely(reason != LVS_DROP_NONE))
		goto drop;
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst);
	if (unlikely(lvs_fwd_has_policies(pkt->ln->net)) && !lvs_fwd_obey_policies(pkt))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_ROUTE);
	return lvs_fwd_send(pkt);

drop:
	dst_release(dst);
	return lvs_fwd_drop(pkt, conn, reason);
}

/* Send each piece by itself; without @route it is a reply. */
static noinline unsigned int send_pieces(struct lvs_packet *pkt, struct lvs_conn *conn,
					 struct lvs_route *route)
{
	struct sk_buff *skb, *next, *pieces;
	unsigned int verdict;

	/* The kernel cuts up none whose checksum it would have to make anew. */
	if (pkt->skb->ip_summed != CHECKSUM_PARTIAL && pkt->skb->ip_summed != CHECKSUM_UNNECESSARY)
		return lvs_fwd_drop(pkt, conn, LVS_DROP_MALFORMED);
	pieces = skb_gso_segment(pkt->skb, 0);
	if (IS_ERR_OR_NULL(pieces))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	/* It may be one of the pieces itself, which must not be shared. */
	consume_skb(pkt->skb);
	skb_list_walk_safe(pieces, skb, next) {
		struct lvs_packet piece = *pkt;

		skb_mark_not_on_list(skb);
		piece.skb = skb;
		verdict = route ? send_request(&piece, conn, route) : send_reply(&piece, conn);
		if (verdict == NF_DROP)
			kfree_skb(skb);
	}
	return NF_STOLEN;
}

unsigned int lvs_fwd_nat64(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route)
{
	if (unlikely(must_be_cut(pkt)))
		return send_pieces(pkt, conn, route);
	return send_request(pkt, conn, route);
}

unsigned int lvs_fwd_nat64_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	if (unlikely(must_be_cut(pkt)))
		return send_pieces(pkt, conn, NULL);
	return send_reply(pkt, conn);
}
