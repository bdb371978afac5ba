// SPDX-License-Identifier: GPL-2.0-only
/*
 * A router between director and dest cannot deliver a tunnelled packet: its error comes to the
 * director, the tunnel's source, and quotes the outer header. The client is told what that means
 * for its own packet. If that was too big, the director learns the path MTU, and the client hears
 * what is left of it.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "conn/conn.h"
#include "core/quote.h"
#include "fwd/encap.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "icmp/icmp.h"
#include "netns.h"
#include "packet.h"
#include "proto/proto.h"
#include "svc/svc.h"

struct error {
	u8 type;
	u8 code;
	bool too_big;
	u32 mtu;	/* of the path, if too big */
};

static bool read_error(const struct lvs_packet *pkt, struct error *error)
{
	struct icmphdr buf;
	const struct icmphdr *ih = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);

	if (!ih)
		return false;
	error->type = ih->type;
	error->code = ih->code;
	if (pkt->af == AF_INET) {
		error->too_big = ih->type == ICMP_DEST_UNREACH && ih->code == ICMP_FRAG_NEEDED;
		error->mtu = ntohs(ih->un.frag.mtu);
	} else {
		error->too_big = ih->type == ICMPV6_PKT_TOOBIG;
		error->mtu = ntohl(ih->un.gateway);
	}
	return true;
}

/* Cut off what is before @off, which is where another IP header begins, of @len bytes at least. */
static bool begin_at(struct sk_buff *skb, unsigned int off, unsigned int len)
{
	if (!pskb_may_pull(skb, off + len))
		return false;
	__skb_pull(skb, off);
	skb_reset_network_header(skb);
	return true;
}

static unsigned int header_len(u8 af)
{
	return af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* The kernel keeps the MTU with the route to where the packet goes, which is the tunnel's end. */
static void learn_mtu(struct lvs_packet *pkt, struct lvs_dest *dest, u32 mtu)
{
	struct net *net = pkt->ln->net;

	if (pkt->af == AF_INET)
		ipv4_update_pmtu(pkt->skb, net, mtu, 0, ip_hdr(pkt->skb)->protocol);
	else
		ip6_update_pmtu(pkt->skb, net, htonl(mtu), 0, 0, sock_net_uid(net, NULL));
	lvs_route_reset(pkt->ln, dest);
}

/*
 * ICMP errors are made from the packet that they are about and from its route, of which there is
 * none in the other family. One to the VIP, which this host has, looks as if the packet came in.
 */
static bool fit_route(struct lvs_packet *pkt, const struct lvs_packet *inner)
{
	struct sk_buff *skb = pkt->skb;
	struct flowi4 fl4 = {};
	struct rtable *rt;

	if (inner->af == pkt->af)
		return true;
	skb_dst_drop(skb);
	skb->protocol = inner->af == AF_INET ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	if (inner->af == AF_INET6)
		return true;
	fl4.daddr = inner->daddr.ip;
	rt = ip_route_output_key(pkt->ln->net, &fl4);
	if (IS_ERR(rt))
		return false;
	skb_dst_set(skb, &rt->dst);
	return true;
}

static void tell_v4(struct sk_buff *skb, const struct error *error, bool same_family)
{
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	if (error->too_big) {
		if (ip_hdr(skb)->frag_off & htons(IP_DF) && error->mtu >= IPV4_MIN_MTU)
			icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(error->mtu));
	} else if (same_family) {
		icmp_send(skb, error->type, error->code, 0);
	} else {
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	}
}

static void tell_v6(struct sk_buff *skb, const struct error *error, bool same_family)
{
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	if (error->too_big)
		icmpv6_send(skb, ICMPV6_PKT_TOOBIG, 0, max_t(u32, error->mtu, IPV6_MIN_MTU));
	else if (same_family)
		icmpv6_send(skb, error->type, error->code, 0);
	else
		icmpv6_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}

/* False if the packet is shorter than it said. */
static bool relay(struct lvs_packet *pkt, struct lvs_dest *dest, const struct lvs_packet *inner,
		  unsigned int inner_off, struct error *error)
{
	unsigned int off = pkt->l4_off + sizeof(struct icmphdr);
	struct lvs_tunnel tun;

	/* The packet becomes what it quotes: first the tunnelled packet, then the client's. */
	if (!begin_at(pkt->skb, off, header_len(pkt->af)))
		return false;
	if (error->too_big) {
		learn_mtu(pkt, dest, error->mtu);
		lvs_tunnel_of(dest, &tun);
		error->mtu -= min_t(u32, error->mtu, tun.overhead);
	}
	if (!begin_at(pkt->skb, inner_off - off, header_len(inner->af)) || !fit_route(pkt, inner))
		return false;
	(inner->af == AF_INET ? tell_v4 : tell_v6)(pkt->skb, error, inner->af == pkt->af);
	return true;
}

/* The connection of the packet that the error quotes behind its tunnel's header, or NULL. */
static struct lvs_conn *find_inner(const struct lvs_packet *pkt, struct lvs_packet *inner,
				   u32 *inner_off, union nf_inet_addr *end, enum lvs_side *side)
{
	struct lvs_conn *conn;
	u32 hash;

	if (!lvs_quote_parse_tunnelled(pkt, inner, inner_off, end, false))
		return NULL;
	if (lvs_parse_is_ipsec(inner->proto)) {
		conn = lvs_ipsec_lookup(inner, side);
		if (conn)
			return conn;
		if (!lvs_quote_parse_tunnelled(pkt, inner, inner_off, end, true) ||
		    lvs_parse_is_ipsec(inner->proto))
			return NULL;
	}
	hash = lvs_conn_hash(inner->af, &inner->saddr, inner->sport, &inner->daddr, inner->dport);
	return lvs_conn_lookup(inner, hash, side);
}

bool lvs_icmp_from_tunnel(struct lvs_packet *pkt, unsigned int *verdict)
{
	union nf_inet_addr end;
	struct lvs_packet inner;
	struct lvs_conn *conn;
	enum lvs_side side;
	struct error error;
	u32 off;

	if (!read_error(pkt, &error))
		return false;
	conn = find_inner(pkt, &inner, &off, &end, &side);
	if (!conn || side != LVS_SIDE_CLIENT || conn->fwd != IP_VS_CONN_F_TUNNEL ||
	    conn->dest->af != pkt->af || !nf_inet_addr_cmp(&conn->daddr, &end))
		return false;

	lvs_stats_in(conn->dest->stats, pkt->skb->len);
	if (!relay(pkt, conn->dest, &inner, off, &error)) {
		*verdict = lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
	} else {
		consume_skb(pkt->skb);
		*verdict = NF_STOLEN;
	}
	return true;
}
