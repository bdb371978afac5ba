// SPDX-License-Identifier: GPL-2.0-only
/* GUE (draft-ietf-intarea-gue, variant 0) and GRE (RFC 2784); fwd/encap.h. */
#include <linux/if_tunnel.h>
#include <linux/ip.h>
#include <linux/ip_vs.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/gre.h>
#include <net/gue.h>
#include <net/ip6_checksum.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "fwd/encap.h"
#include "fwd/route.h"
#include "svc/svc.h"

/* The checksum of GRE, and the two bytes behind it that are reserved. */
#define GRE_CSUM_LEN	4
/* A GUE header's private flags, and what they announce: where the receiver sums from and to. */
#define GUE_REMCSUM_LEN	(GUE_LEN_PRIV + GUE_PLEN_REMCSUM)

void lvs_tunnel_of(const struct lvs_dest *dest, struct lvs_tunnel *tun)
{
	tun->type = READ_ONCE(dest->tun_type);
	tun->port = READ_ONCE(dest->tun_port);
	tun->flags = READ_ONCE(dest->tun_flags);
	tun->overhead = dest->af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	if (tun->type == IP_VS_CONN_F_TUNNEL_TYPE_GUE) {
		tun->overhead += sizeof(struct udphdr) + sizeof(struct guehdr);
		if (tun->flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM)
			tun->overhead += GUE_REMCSUM_LEN;
	} else if (tun->type == IP_VS_CONN_F_TUNNEL_TYPE_GRE) {
		tun->overhead += sizeof(struct gre_base_hdr);
		if (tun->flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM)
			tun->overhead += GRE_CSUM_LEN;
	}
}

/*
 * The packet becomes an inner one, cut up if need be by those who know of @gso_type. What both
 * encapsulations have in common: nothing but them stands between the two IP headers.
 */
static bool make_inner(struct sk_buff *skb, const struct lvs_route *route, int gso_type)
{
	gso_type |= route->af == AF_INET ? SKB_GSO_IPXIP4 : SKB_GSO_IPXIP6;
	if (iptunnel_handle_offloads(skb, gso_type))
		return false;
	skb_set_inner_mac_header(skb, skb_inner_network_offset(skb));
	return true;
}

/*
 * With remote checksum offload the receiver completes the inner checksum, being told where, so
 * that the sender needs no device that can.
 */
static void push_gue(struct sk_buff *skb, u8 proto, bool remcsum)
{
	__be16 start = 0, field = 0;
	struct guehdr *gue;
	__be16 *place;

	if (remcsum) {
		start = htons(skb_checksum_start_offset(skb));
		field = htons(skb_checksum_start_offset(skb) + skb->csum_offset);
		if (!skb_is_gso(skb)) {
			skb->ip_summed = CHECKSUM_NONE;
			skb->encapsulation = 0;
		}
	}
	gue = skb_push(skb, sizeof(*gue) + (remcsum ? GUE_REMCSUM_LEN : 0));
	gue->word = 0;
	gue->proto_ctype = proto;
	if (!remcsum)
		return;
	gue->hlen = GUE_REMCSUM_LEN / 4;
	gue->flags = GUE_FLAG_PRIV;
	*(__be32 *)(gue + 1) = GUE_PFLAG_REMCSUM;
	place = (__be16 *)((u8 *)(gue + 1) + GUE_LEN_PRIV);
	place[0] = start;
	place[1] = field;
}

static bool encap_gue(struct sk_buff *skb, const struct lvs_route *route, u8 *proto)
{
	const struct lvs_tunnel *tun = &route->tun;
	bool csum = tun->flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM;
	bool remcsum = tun->flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM &&
		       skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_start_offset(skb) >= 0;
	int gso_type = csum ? SKB_GSO_UDP_TUNNEL_CSUM : SKB_GSO_UDP_TUNNEL;
	const union nf_inet_addr *saddr = &route->saddr, *daddr = &route->dest->addr;
	__be16 sport = udp_flow_src_port(route->dest->ln->net, skb, 0, 0, false);
	struct udphdr *uh;

	if (!make_inner(skb, route, gso_type | (remcsum ? SKB_GSO_TUNNEL_REMCSUM : 0)))
		return false;
	skb_set_inner_ipproto(skb, *proto);
	push_gue(skb, *proto, remcsum);
	uh = skb_push(skb, sizeof(*uh));
	skb_reset_transport_header(skb);
	uh->source = sport;
	uh->dest = tun->port;
	uh->len = htons(skb->len);
	uh->check = 0;
	if (route->af == AF_INET)
		udp_set_csum(!csum, skb, saddr->ip, daddr->ip, skb->len);
	else
		udp6_set_csum(!csum, skb, &saddr->in6, &daddr->in6, skb->len);
	*proto = IPPROTO_UDP;
	return true;
}

static bool encap_gre(struct sk_buff *skb, const struct lvs_route *route, u8 *proto)
{
	bool csum = route->tun.flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM;
	__be16 type = *proto == IPPROTO_IPIP ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	struct gre_base_hdr *gre;

	if (!make_inner(skb, route, csum ? SKB_GSO_GRE_CSUM : SKB_GSO_GRE))
		return false;
	skb_set_inner_protocol(skb, type);
	gre = skb_push(skb, sizeof(*gre) + (csum ? GRE_CSUM_LEN : 0));
	skb_reset_transport_header(skb);
	gre->flags = csum ? GRE_CSUM : 0;
	gre->protocol = type;
	*proto = IPPROTO_GRE;
	if (!csum)
		return true;
	memset(gre + 1, 0, GRE_CSUM_LEN);
	if (skb_is_gso(skb))
		return true;
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		/* The inner checksum is still to come; what it will amount to is known. */
		*(__sum16 *)(gre + 1) = csum_fold(lco_csum(skb));
	} else {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_transport_header(skb) - skb->head;
		skb->csum_offset = sizeof(*gre);
	}
	return true;
}

bool lvs_encap_push(struct sk_buff *skb, const struct lvs_route *route, u8 *proto)
{
	if (route->tun.type == IP_VS_CONN_F_TUNNEL_TYPE_GUE)
		return encap_gue(skb, route, proto);
	return encap_gre(skb, route, proto);
}
