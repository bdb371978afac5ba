// SPDX-License-Identifier: GPL-2.0-only
/* The end of a TCP connection, told to those who may still believe in it. */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "conn/conn.h"
#include "fwd/fwd.h"
#include "fwd/reset.h"
#include "fwd/route.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

/* Room for what a tunnel and a link put before it. */
#define LVS_RESET_HEADROOM	(MAX_HEADER + 128)
#define LVS_RESET_TTL		64

struct lvs_reset {
	const union nf_inet_addr *saddr;
	const union nf_inet_addr *daddr;
	__be16 sport;
	__be16 dport;
	u32 seq;
	u8 af;
};

static void put_tcp(struct sk_buff *skb, const struct lvs_reset *r)
{
	struct tcphdr *th = skb_put_zero(skb, sizeof(*th));

	skb->transport_header = (unsigned char *)th - skb->head;
	th->source = r->sport;
	th->dest = r->dport;
	th->seq = htonl(r->seq);
	th->doff = sizeof(*th) / 4;
	th->rst = 1;
	if (r->af == AF_INET)
		th->check = csum_tcpudp_magic(r->saddr->ip, r->daddr->ip, sizeof(*th), IPPROTO_TCP,
					      csum_partial(th, sizeof(*th), 0));
	else
		th->check = csum_ipv6_magic(&r->saddr->in6, &r->daddr->in6, sizeof(*th),
					    IPPROTO_TCP, csum_partial(th, sizeof(*th), 0));
}

static void put_ip(struct sk_buff *skb, const struct lvs_reset *r)
{
	struct iphdr *iph = skb_put_zero(skb, sizeof(*iph));

	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tot_len = htons(sizeof(*iph) + sizeof(struct tcphdr));
	iph->frag_off = htons(IP_DF);
	iph->ttl = LVS_RESET_TTL;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = r->saddr->ip;
	iph->daddr = r->daddr->ip;
	ip_send_check(iph);
}

static void put_ipv6(struct sk_buff *skb, const struct lvs_reset *r)
{
	struct ipv6hdr *ip6h = skb_put_zero(skb, sizeof(*ip6h));

	ip6h->version = 6;
	ip6h->payload_len = htons(sizeof(struct tcphdr));
	ip6h->nexthdr = IPPROTO_TCP;
	ip6h->hop_limit = LVS_RESET_TTL;
	ip6h->saddr = r->saddr->in6;
	ip6h->daddr = r->daddr->in6;
}

/* The segment as a packet of this host's own that the director has read; false without memory. */
static bool make(struct lvs_packet *pkt, struct lvs_net *ln, const struct lvs_reset *r)
{
	struct sk_buff *skb = alloc_skb(LVS_RESET_HEADROOM + sizeof(struct ipv6hdr) +
					sizeof(struct tcphdr), GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return false;
	skb_reserve(skb, LVS_RESET_HEADROOM);
	skb_reset_network_header(skb);
	if (r->af == AF_INET)
		put_ip(skb, r);
	else
		put_ipv6(skb, r);
	put_tcp(skb, r);
	skb->protocol = r->af == AF_INET ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	pkt->skb = skb;
	pkt->ln = ln;
	pkt->af = r->af;
	pkt->hook = NF_INET_LOCAL_OUT;
	pkt->tracked = false;
	pkt->uoa_len = 0;
	if (lvs_packet_parse(pkt) == LVS_PARSED_FLOW)
		return true;
	kfree_skb(skb);
	return false;
}

/* The dest is this host. */
static void send_here(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_route *route = lvs_route_get(conn->ln, conn->dest);

	if (IS_ERR(route)) {
		kfree_skb(pkt->skb);
		return;
	}
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst_clone(route->dst));
	lvs_fwd_send(pkt);
}

static void reset_dest(struct lvs_conn *conn, const struct lvs_reset *r)
{
	struct lvs_packet pkt;

	/* Of want of a way the client would be told, who sent nothing. */
	if (IS_ERR(lvs_route_get(conn->ln, conn->dest)) || !make(&pkt, conn->ln, r))
		return;
	switch (lvs_fwd_request(&pkt, conn)) {
	case NF_DROP:
		kfree_skb(pkt.skb);
		break;
	case NF_ACCEPT:
		send_here(&pkt, conn);
		break;
	}
}

static void reset_client(struct lvs_conn *conn, const struct lvs_reset *r)
{
	struct dst_entry *dst;
	struct lvs_packet pkt;

	if (!make(&pkt, conn->ln, r))
		return;
	dst = lvs_fwd_route_to_client(&pkt, conn);
	if (IS_ERR(dst)) {
		kfree_skb(pkt.skb);
		return;
	}
	skb_dst_set(pkt.skb, dst);
	lvs_fwd_send(&pkt);
}

void lvs_fwd_reset(struct lvs_conn *conn)
{
	struct lvs_reset to_dest = {
		.saddr = &conn->caddr,
		.daddr = &conn->vaddr,
		.sport = conn->cport,
		.dport = conn->vport,
		.af = conn->link[LVS_SIDE_CLIENT].af,
	};
	struct lvs_reset to_client = {
		.saddr = &conn->vaddr,
		.daddr = &conn->caddr,
		.sport = conn->vport,
		.dport = conn->cport,
		.af = conn->link[LVS_SIDE_CLIENT].af,
	};

	spin_lock_bh(&conn->lock);
	to_dest.seq = conn->client_next;
	to_client.seq = conn->server_next;
	spin_unlock_bh(&conn->lock);

	local_bh_disable();
	reset_dest(conn, &to_dest);
	reset_client(conn, &to_client);
	local_bh_enable();
}
