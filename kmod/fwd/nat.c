// SPDX-License-Identifier: GPL-2.0-only
/*
 * NAT: the packet's destination becomes the dest; the dest's replies come back through the
 * director, which puts the virtual service in their source.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_fib.h>
#include <net/ipv6.h>

#include "conn/conn.h"
#include "core/crc32c.h"
#include "ftp/ftp.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "fwd/tcp_header.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

static void rewrite_addr_v4(struct sk_buff *skb, __be32 *field, __be32 addr, __sum16 *check)
{
	csum_replace4(&ip_hdr(skb)->check, *field, addr);
	if (check)
		inet_proto_csum_replace4(check, skb, *field, addr, true);
	*field = addr;
}

static void rewrite_addr_v6(struct sk_buff *skb, struct in6_addr *field,
			    const struct in6_addr *addr, __sum16 *check)
{
	if (check)
		inet_proto_csum_replace16(check, skb, field->s6_addr32, addr->s6_addr32, true);
	*field = *addr;
}

/*
 * SCTP's checksum covers the ports, and no addresses. With CHECKSUM_PARTIAL, as all GSO packets
 * are, somebody computes it later.
 */
static noinline void replace_port_sctp(struct lvs_packet *pkt, struct lvs_sctphdr *sh, bool dst,
				       __be16 port)
{
	struct sk_buff *skb = pkt->skb;
	__be16 change[2] = {};

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return;
	change[dst] = (dst ? sh->dest : sh->source) ^ port;
	sh->checksum ^= cpu_to_le32(lvs_crc32c_change((const u8 *)change,
						      skb->len - pkt->l4_off - sizeof(change)));
	/* The sum that the card may have made of the whole packet is of what it was. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
}

static __always_inline void rewrite_port(struct lvs_packet *pkt, void *l4, __sum16 *check,
					 bool dst, __be16 port)
{
	struct sk_buff *skb = pkt->skb;
	__be16 *ports = (__be16 *)l4 + dst;

	if (unlikely(!check)) {
		/* AH and ESP have no ports. */
		if (lvs_parse_is_ipsec(pkt->proto) || *ports == port)
			return;
		if (pkt->proto == IPPROTO_SCTP)
			replace_port_sctp(pkt, l4, dst, port);
		*ports = port;
		return;
	}
	if (*ports != port) {
		inet_proto_csum_replace2(check, skb, *ports, port, false);
		*ports = port;
	}
	if (pkt->proto == IPPROTO_UDP && !*check && skb->ip_summed != CHECKSUM_PARTIAL)
		*check = CSUM_MANGLED_0;
}

void lvs_fwd_rewrite_port(struct lvs_packet *pkt, bool dst, __be16 port)
{
	void *l4 = lvs_packet_l4(pkt);

	rewrite_port(pkt, l4, lvs_fwd_checksum_of(pkt, l4), dst, port);
}

void lvs_fwd_rewrite(struct lvs_packet *pkt, bool dst, const union nf_inet_addr *addr, __be16 port)
{
	struct sk_buff *skb = pkt->skb;
	void *l4 = lvs_packet_l4(pkt);
	__sum16 *check = lvs_fwd_checksum_of(pkt, l4);

	if (pkt->af == AF_INET) {
		struct iphdr *iph = ip_hdr(skb);

		rewrite_addr_v4(skb, dst ? &iph->daddr : &iph->saddr, addr->ip, check);
	} else {
		struct ipv6hdr *iph = ipv6_hdr(skb);

		rewrite_addr_v6(skb, dst ? &iph->daddr : &iph->saddr, &addr->in6, check);
	}
	rewrite_port(pkt, l4, check, dst, port);
}

/* The dest is this host: the packet just goes on, to another socket than it was for. */
static unsigned int nat_local(struct lvs_packet *pkt, struct lvs_conn *conn,
			      struct lvs_route *route)
{
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	lvs_fwd_rewrite(pkt, true, &conn->daddr, conn->dport);
	lvs_fwd_mark_done(pkt);
	if (pkt->hook == NF_INET_LOCAL_OUT) {
		/* The packet leaves our RCU section on its way out. */
		skb_dst_drop(pkt->skb);
		skb_dst_set(pkt->skb, dst_clone(route->dst));
	} else {
		skb_orphan(pkt->skb);
	}
	return NF_ACCEPT;
}

unsigned int lvs_fwd_nat(struct lvs_packet *pkt, struct lvs_conn *conn, struct lvs_route *route)
{
	enum lvs_drop_reason reason;

	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_FTP) && !lvs_ftp_request(pkt, conn))
		return lvs_fwd_drop(pkt, conn, lvs_tcp_edit_failed(pkt));
	if (unlikely(route->local))
		return nat_local(pkt, conn, route);
	if (unlikely(!lvs_fwd_fits(pkt, route, 0)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_TOO_BIG);
	reason = lvs_fwd_decrease_ttl(pkt, lvs_fwd_rewritten(pkt), 0);
	if (unlikely(reason != LVS_DROP_NONE))
		return lvs_fwd_drop(pkt, conn, reason);
	lvs_fwd_rewrite(pkt, true, &conn->daddr, conn->dport);
	return lvs_fwd_output(pkt, route->dst);
}

/* Does any way from here depend on where a packet comes from, as its reply's does after NAT? */
static bool ways_by_source_v4(const struct net *net)
{
#ifdef CONFIG_IP_MULTIPLE_TABLES
	return net->ipv4.fib_has_custom_rules || lvs_fwd_has_policies(net);
#else
	return true;
#endif
}

static bool ways_by_source_v6(struct net *net)
{
#ifdef CONFIG_IPV6_MULTIPLE_TABLES
	return net->ipv6.fib6_has_custom_rules || fib6_routes_require_src(net) ||
	       lvs_fwd_has_policies(net);
#else
	return true;
#endif
}

/*
 * The way to the client may depend on the source that the reply now has: policy routing, IPsec.
 * Replies to this host's own clients are where they belong. Inline: every reply comes by.
 */
static __always_inline bool reroute(struct lvs_packet *pkt)
{
	struct net *net = pkt->ln->net;

	if (pkt->hook == NF_INET_LOCAL_IN)
		return true;
	if (unlikely(!READ_ONCE(pkt->ln->sysctls.snat_reroute)))
		return true;
	if (pkt->af == AF_INET) {
		if (pkt->hook == NF_INET_FORWARD && !ways_by_source_v4(net))
			return true;
		return !ip_route_me_harder(net, pkt->skb->sk, pkt->skb, RTN_LOCAL);
	}
	if (pkt->hook == NF_INET_FORWARD && !ways_by_source_v6(net))
		return true;
	return !ip6_route_me_harder(net, pkt->skb->sk, pkt->skb);
}

bool lvs_fwd_reroute(struct lvs_packet *pkt)
{
	return reroute(pkt);
}

unsigned int lvs_fwd_nat_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_FTP) && !lvs_ftp_reply(pkt, conn))
		return lvs_fwd_drop(pkt, conn, lvs_tcp_edit_failed(pkt));
	if (unlikely(!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	lvs_fwd_rewrite(pkt, false, &conn->vaddr, conn->vport);
	if (unlikely(!reroute(pkt)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_ROUTE);
	lvs_fwd_mark_done(pkt);
	return NF_ACCEPT;
}
