// SPDX-License-Identifier: GPL-2.0-only
/*
 * TUN: the packet travels to the dest inside another IP packet (IPv4 in IPv4, IPv6 in IPv6). The
 * dest has the VIP itself, and answers the client directly.
 */
#include <linux/if_tunnel.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_tunnel.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>

#include "conn/conn.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "netns.h"
#include "pipeline.h"

/* The outer header's place, and the packet's own headers become inner ones. */
static bool push_outer(struct sk_buff *skb, unsigned int len, int gso_type, u8 ipproto)
{
	if (iptunnel_handle_offloads(skb, gso_type))
		return false;
	skb_set_inner_ipproto(skb, ipproto);
	skb->transport_header = skb->network_header;
	skb_push(skb, len);
	skb_reset_network_header(skb);
	return true;
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

static bool encapsulate_v4(struct lvs_packet *pkt, struct lvs_route *route)
{
	const struct iphdr *inner = ip_hdr(pkt->skb);
	u8 tos = INET_ECN_encapsulate(inner->tos, inner->tos);
	__be16 df = inner->frag_off & htons(IP_DF);
	u8 ttl = inner->ttl;
	struct iphdr *outer;

	if (!push_outer(pkt->skb, sizeof(*outer), SKB_GSO_IPXIP4, IPPROTO_IPIP))
		return false;
	memset(IPCB(pkt->skb), 0, sizeof(*IPCB(pkt->skb)));
	outer = ip_hdr(pkt->skb);
	outer->version = 4;
	outer->ihl = sizeof(*outer) / 4;
	outer->tos = tos;
	outer->frag_off = df;
	outer->ttl = ttl;
	outer->protocol = IPPROTO_IPIP;
	outer->saddr = route->saddr.ip;
	outer->daddr = route->dest->addr.ip;
	outer->tot_len = htons(pkt->skb->len);
	outer->id = df ? 0 : next_ident(route, pkt->skb);
	ip_send_check(outer);
	return true;
}

static bool encapsulate_v6(struct lvs_packet *pkt, const struct lvs_route *route)
{
	const struct ipv6hdr *inner = ipv6_hdr(pkt->skb);
	u8 ds = ipv6_get_dsfield(inner);
	__be32 flow = ip6_make_flowinfo(INET_ECN_encapsulate(ds, ds), ip6_flowlabel(inner));
	u8 hop_limit = inner->hop_limit;
	struct ipv6hdr *outer;

	if (!push_outer(pkt->skb, sizeof(*outer), SKB_GSO_IPXIP6, IPPROTO_IPV6))
		return false;
	memset(IP6CB(pkt->skb), 0, sizeof(*IP6CB(pkt->skb)));
	outer = ipv6_hdr(pkt->skb);
	*(__be32 *)outer = flow | htonl(6 << 28);
	outer->payload_len = htons(pkt->skb->len - sizeof(*outer));
	outer->nexthdr = IPPROTO_IPV6;
	outer->hop_limit = hop_limit;
	outer->saddr = route->saddr.in6;
	outer->daddr = route->dest->addr.in6;
	return true;
}

unsigned int lvs_fwd_tun(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route)
{
	unsigned int outer = pkt->af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	enum lvs_drop_reason reason;
	bool ok;

	if (unlikely(route->local))
		return lvs_fwd_here(pkt);
	if (unlikely(!lvs_fwd_fits(pkt, route, outer)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = lvs_fwd_decrease_ttl(pkt, pkt->l4_off, LL_RESERVED_SPACE(route->dst->dev) + outer);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	ok = pkt->af == AF_INET ? encapsulate_v4(pkt, route) : encapsulate_v6(pkt, route);
	if (unlikely(!ok))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	return lvs_fwd_output(pkt, route->dst);
}
