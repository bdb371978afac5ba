// SPDX-License-Identifier: GPL-2.0-only
/*
 * FULLNAT: what goes to the dest has the dest for its destination and a local address for its
 * source, so that the answer comes back to this director from wherever the dest is. The answer
 * gets the virtual service for its source and the client for its destination.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "conn/conn.h"
#include "ftp/ftp.h"
#include "fwd/fullnat_tcp.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "fwd/tcp_header.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

/* LVS_DROP_NONE, or the reason to drop the packet. */
static enum lvs_drop_reason rewrite_request(struct lvs_packet *pkt, const struct lvs_conn *conn,
					    u32 mtu)
{
	struct lvs_fullnat_conn *fc = lvs_fullnat_of(conn);

	if (pkt->proto == IPPROTO_TCP) {
		if (unlikely(!lvs_fullnat_tcp_request(pkt, fc, mtu)))
			return lvs_tcp_edit_failed(pkt);
	} else if (unlikely(lvs_fullnat_udp_suspects(pkt))) {
		lvs_fullnat_udp_clean(pkt, fc);
	}
	lvs_fwd_rewrite(pkt, true, &conn->daddr, conn->dport);
	lvs_fwd_rewrite(pkt, false, &fc->laddr, fc->source.port);
	return unlikely(lvs_fullnat_udp_adds(pkt, fc)) ? lvs_fullnat_udp_tell(pkt, fc, mtu) :
							 LVS_DROP_NONE;
}

/* The dest is this host: a socket of its own. */
static unsigned int fullnat_local(struct lvs_packet *pkt, struct lvs_conn *conn,
				  struct lvs_route *route)
{
	enum lvs_drop_reason reason;

	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	reason = rewrite_request(pkt, conn, dst_mtu(route->dst));
	if (reason != LVS_DROP_NONE)
		return lvs_fwd_drop(pkt, conn, reason);
	lvs_fwd_mark_done(pkt);
	if (pkt->hook == NF_INET_LOCAL_OUT) {
		skb_dst_drop(pkt->skb);
		skb_dst_set(pkt->skb, dst_clone(route->dst));
	} else {
		skb_orphan(pkt->skb);
	}
	return NF_ACCEPT;
}

unsigned int lvs_fwd_fullnat(struct lvs_packet *pkt, struct lvs_conn *conn,
			     struct lvs_route *route)
{
	enum lvs_drop_reason reason;

	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_FTP) && !lvs_ftp_request(pkt, conn))
		return lvs_fwd_drop(pkt, conn, lvs_tcp_edit_failed(pkt));
	if (unlikely(route->local))
		return fullnat_local(pkt, conn, route);
	if (unlikely(!lvs_fwd_fits(pkt, route, 0)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = lvs_fwd_decrease_ttl(pkt, lvs_fwd_rewritten(pkt), 0);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	reason = rewrite_request(pkt, conn, route->mtu);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	return lvs_fwd_output(pkt, route->dst);
}

static struct dst_entry *route_v4(struct net *net, const struct lvs_conn *conn, u32 mark)
{
	struct flowi4 fl4 = {
		.daddr = conn->caddr.ip,
		.saddr = conn->vaddr.ip,
		.flowi4_mark = mark,
		/* The virtual address need not be this host's. */
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
}

static struct dst_entry *route_v6(struct net *net, const struct lvs_conn *conn, u32 mark)
{
	struct flowi6 fl6 = {
		.daddr = conn->caddr.in6,
		.saddr = conn->vaddr.in6,
		.flowi6_mark = mark,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);
	int err = dst->error;

	if (!err)
		return dst;
	dst_release(dst);
	return ERR_PTR(err);
}

struct dst_entry *lvs_fwd_route_to_client(const struct lvs_packet *pkt,
					  const struct lvs_conn *conn)
{
	if (conn->link[LVS_SIDE_CLIENT].af == AF_INET)
		return route_v4(pkt->ln->net, conn, pkt->skb->mark);
	return route_v6(pkt->ln->net, conn, pkt->skb->mark);
}

bool lvs_fwd_ends_here(u8 af, const struct dst_entry *dst)
{
	if (af == AF_INET)
		return container_of(dst, struct rtable, dst)->rt_flags & RTCF_LOCAL;
	return container_of(dst, struct rt6_info, dst)->rt6i_flags & RTF_LOCAL;
}

bool lvs_fwd_obey_policies(struct lvs_packet *pkt)
{
	struct net *net = pkt->ln->net;

	if (pkt->af == AF_INET)
		return !ip_route_me_harder(net, NULL, pkt->skb, RTN_LOCAL);
	return !ip6_route_me_harder(net, NULL, pkt->skb);
}

unsigned int lvs_fwd_fullnat_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	enum lvs_drop_reason reason;
	struct dst_entry *dst;
	bool here;

	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_FTP) && !lvs_ftp_reply(pkt, conn))
		return lvs_fwd_drop(pkt, conn, lvs_tcp_edit_failed(pkt));
	dst = lvs_fwd_route_to_client(pkt, conn);
	if (IS_ERR(dst))
		return lvs_fwd_drop(pkt, conn, lvs_fwd_no_way(dst));
	here = lvs_fwd_ends_here(pkt->af, dst);
	if (unlikely(pkt->skb->len > dst_mtu(dst) && !here && !lvs_fwd_fits_path(pkt, dst, 0))) {
		reason = LVS_DROP_TOO_BIG;
		goto drop;
	}
	if (unlikely(here))
		reason = lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0) ?
			 LVS_DROP_NONE : LVS_DROP_NO_MEMORY;
	else
		reason = lvs_fwd_decrease_ttl(pkt, lvs_fwd_rewritten(pkt), 0);
	if (unlikely(reason != LVS_DROP_NONE))
		goto drop;
	if (pkt->proto == IPPROTO_TCP &&
	    unlikely(!lvs_fullnat_tcp_reply(pkt, lvs_fullnat_of(conn)))) {
		reason = lvs_tcp_edit_failed(pkt);
		goto drop;
	}
	lvs_fwd_rewrite(pkt, false, &conn->vaddr, conn->vport);
	lvs_fwd_rewrite(pkt, true, &conn->caddr, conn->cport);
	if (unlikely(here && pkt->hook == NF_INET_LOCAL_IN)) {
		/* As it came, to a socket of this host. */
		dst_release(dst);
		lvs_fwd_mark_done(pkt);
		skb_orphan(pkt->skb);
		return NF_ACCEPT;
	}
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst);
	if (unlikely(lvs_fwd_has_policies(pkt->ln->net)) && !lvs_fwd_obey_policies(pkt))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_ROUTE);
	return lvs_fwd_send(pkt);

drop:
	dst_release(dst);
	return lvs_fwd_drop(pkt, conn, reason);
}
