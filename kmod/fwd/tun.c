// SPDX-License-Identifier: GPL-2.0-only
/*
 * TUN: the packet travels to the dest inside another IP packet, of its own family or the other,
 * directly or behind a header of GUE or GRE (fwd/encap.h). The dest has the VIP itself, and answers
 * the client directly.
 */
#include <linux/if_tunnel.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_tunnel.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>

#include "conn/conn.h"
#include "core/tcp_options.h"
#include "fwd/conntrack.h"
#include "fwd/encap.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "fwd/tcp_header.h"
#include "netns.h"
#include "pipeline.h"
#include "svc/svc.h"

/* What the outer header repeats of the inner one. */
struct repeated {
	u8 ds;
	u8 ttl;
	__be16 df;
	__be32 flow;
};

static void read_inner(const struct lvs_packet *pkt, struct repeated *r)
{
	if (pkt->af == AF_INET) {
		const struct iphdr *inner = ip_hdr(pkt->skb);

		r->ds = inner->tos;
		r->ttl = inner->ttl;
		/* What came in fragments leaves in fragments, DF or not, which need a number. */
		r->df = READ_ONCE(pkt->ln->sysctls.pmtu_disc) && !IPCB(pkt->skb)->frag_max_size ?
			inner->frag_off & htons(IP_DF) : 0;
		r->flow = 0;
	} else {
		const struct ipv6hdr *inner = ipv6_hdr(pkt->skb);

		r->ds = ipv6_get_dsfield(inner);
		r->ttl = inner->hop_limit;
		/* A path that is narrower than any of IPv6 may be is made up for by fragments. */
		r->df = 0;
		r->flow = ip6_flowlabel(inner);
	}
	r->ds = INET_ECN_encapsulate(r->ds, r->ds);
}

/*
 * What may be fragmented needs a number that is its own among those to the same dest (RFC 6864);
 * a GSO packet takes one for each of its segments.
 */
static __be16 next_ident(struct lvs_route *route, const struct sk_buff *skb)
{
	u32 segs = skb_shinfo(skb)->gso_segs ?: 1;

	return htons(atomic_add_return(segs, &route->ident) - segs);
}

static void push_v4(struct sk_buff *skb, struct lvs_route *route, const struct repeated *r,
		    u8 proto)
{
	struct iphdr *outer = skb_push(skb, sizeof(*outer));

	skb_reset_network_header(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	outer->version = 4;
	outer->ihl = sizeof(*outer) / 4;
	outer->tos = r->ds;
	outer->frag_off = r->df;
	outer->ttl = r->ttl;
	outer->protocol = proto;
	outer->saddr = route->saddr.ip;
	outer->daddr = route->dest->addr.ip;
	outer->tot_len = htons(skb->len);
	outer->id = r->df ? 0 : next_ident(route, skb);
	ip_send_check(outer);
}

static void push_v6(struct sk_buff *skb, const struct lvs_route *route, const struct repeated *r,
		    u8 proto)
{
	unsigned int len = skb->len;
	struct ipv6hdr *outer = skb_push(skb, sizeof(*outer));

	skb_reset_network_header(skb);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	*(__be32 *)outer = ip6_make_flowinfo(r->ds, r->flow) | htonl(6 << 28);
	outer->payload_len = htons(len);
	outer->nexthdr = proto;
	outer->hop_limit = r->ttl;
	outer->saddr = route->saddr.in6;
	outer->daddr = route->dest->addr.in6;
}

static bool encapsulate(struct lvs_packet *pkt, struct lvs_route *route)
{
	struct sk_buff *skb = pkt->skb;
	u8 proto = pkt->af == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
	struct repeated r;

	read_inner(pkt, &r);
	if (likely(route->tun.type == IP_VS_CONN_F_TUNNEL_TYPE_IPIP)) {
		int gso_type = route->af == AF_INET ? SKB_GSO_IPXIP4 : SKB_GSO_IPXIP6;

		if (unlikely(iptunnel_handle_offloads(skb, gso_type)))
			return false;
		skb_set_inner_ipproto(skb, proto);
		skb->transport_header = skb->network_header;
	} else if (!lvs_encap_push(skb, route, &proto)) {
		return false;
	}
	if (route->af == AF_INET) {
		push_v4(skb, route, &r, proto);
		skb->protocol = htons(ETH_P_IP);
	} else {
		push_v6(skb, route, &r, proto);
		skb->protocol = htons(ETH_P_IPV6);
	}
	/* From here on it is a packet of the tunnel's family. */
	pkt->af = route->af;
	return true;
}

/*
 * A SYN shall not promise the dest more than what fits the way there: whoever answers it through a
 * tunnel of the same kind, or takes the client's MSS for his own, then sends no larger segments.
 */
static noinline void clamp_mss(struct lvs_packet *pkt, u32 mtu)
{
	u32 headers = pkt->l4_off + sizeof(struct tcphdr);
	struct tcphdr *th;
	__wsum before;

	if (!pskb_may_pull(pkt->skb, headers) || !lvs_tcp_whole_header(pkt) || mtu <= headers)
		return;
	th = lvs_tcp_header(pkt);
	before = lvs_tcp_header_sum(th);
	lvs_tcp_options_cap_mss(lvs_tcp_options_of(th), lvs_tcp_options_len(th), mtu - headers);
	lvs_tcp_header_changed(pkt->skb, th, before);
}

static bool clamps_mss(const struct lvs_packet *pkt, const struct lvs_conn *conn)
{
	return pkt->tcp_flags & LVS_TCP_F_SYN &&
	       READ_ONCE(rcu_dereference(conn->dest->svc)->manner) & LVS_SVC_CLAMP_MSS;
}

unsigned int lvs_fwd_tun(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route)
{
	unsigned int overhead = route->tun.overhead;
	enum lvs_drop_reason reason;

	if (unlikely(route->local))
		return lvs_fwd_here(pkt);
	if (unlikely(!lvs_fwd_fits(pkt, route, overhead)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = lvs_fwd_decrease_ttl(pkt, pkt->l4_off,
				      LL_RESERVED_SPACE(route->dst->dev) + overhead);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	if (pkt->proto == IPPROTO_TCP && unlikely(clamps_mss(pkt, conn)))
		clamp_mss(pkt, route->mtu - overhead);
	if (unlikely(pkt->tracked) && !lvs_conntrack_leave(pkt->skb))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_CONNTRACK);
	if (unlikely(!encapsulate(pkt, route)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	return lvs_fwd_output(pkt, route->dst);
}
