// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP errors quote the packet that they are about. If the director translated that packet, the
 * error quotes something that its receiver never sent, so the quote is translated back, as are
 * the error's own addresses.
 *
 * A quoted reply (VIP to client) means that the error goes in, to the dest. A quoted request as
 * the dest saw it (client to dest) means that it goes out, to the client.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "conn/conn.h"
#include "core/quote.h"
#include "fwd/conntrack.h"
#include "fwd/fullnat_tcp.h"
#include "fwd/fullnat_udp.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "fwd/translate.h"
#include "icmp/icmp.h"
#include "icmp/translate.h"
#include "netns.h"
#include "packet.h"
#include "proto/proto.h"
#include "svc/svc.h"

/* Narrower paths of IPv4 are not worth to be told. */
#define LEAST_MTU_V4	576

/* What the translation replaces: in the error's own header, and in the quoted one. */
struct change {
	bool outer_dst;		/* else the outer source */
	bool inner_dst;		/* else the inner source */
	const union nf_inet_addr *addr;
	__be16 port;
};

static void replace_port(struct lvs_packet *pkt, const struct lvs_quote *q, const struct change *c,
			 __sum16 *check)
{
	__be16 *port = (__be16 *)(pkt->skb->data + q->l4_off) + c->inner_dst;

	inet_proto_csum_replace2(check, pkt->skb, *port, c->port, false);
	*port = c->port;
}

static void translate_v4(struct lvs_packet *pkt, const struct lvs_quote *q, const struct change *c)
{
	struct sk_buff *skb = pkt->skb;
	struct icmphdr *ih = lvs_packet_l4(pkt);
	struct iphdr *outer = ip_hdr(skb);
	struct iphdr *inner = (struct iphdr *)(skb->data + q->ip_off);
	__be32 *field = c->outer_dst ? &outer->daddr : &outer->saddr;
	__sum16 old = inner->check;

	csum_replace4(&outer->check, *field, c->addr->ip);
	*field = c->addr->ip;

	field = c->inner_dst ? &inner->daddr : &inner->saddr;
	csum_replace4(&inner->check, *field, c->addr->ip);
	inet_proto_csum_replace4(&ih->checksum, skb, *field, c->addr->ip, false);
	inet_proto_csum_replace2(&ih->checksum, skb, (__force __be16)old,
				 (__force __be16)inner->check, false);
	*field = c->addr->ip;
	if (q->ports)
		replace_port(pkt, q, c, &ih->checksum);
}

static void translate_v6(struct lvs_packet *pkt, const struct lvs_quote *q, const struct change *c)
{
	struct sk_buff *skb = pkt->skb;
	struct icmp6hdr *ih = lvs_packet_l4(pkt);
	struct ipv6hdr *outer = ipv6_hdr(skb);
	struct ipv6hdr *inner = (struct ipv6hdr *)(skb->data + q->ip_off);
	struct in6_addr *field = c->outer_dst ? &outer->daddr : &outer->saddr;

	inet_proto_csum_replace16(&ih->icmp6_cksum, skb, field->s6_addr32, c->addr->ip6, true);
	*field = c->addr->in6;

	field = c->inner_dst ? &inner->daddr : &inner->saddr;
	inet_proto_csum_replace16(&ih->icmp6_cksum, skb, field->s6_addr32, c->addr->ip6, false);
	*field = c->addr->in6;
	if (q->ports)
		replace_port(pkt, q, c, &ih->icmp6_cksum);
}

/* Where ends what the translation may change. */
static u32 end_of_change(const struct lvs_packet *pkt, const struct lvs_quote *q)
{
	if (q->ports)
		return q->l4_off + 2 * sizeof(__be32);
	return q->ip_off + (pkt->af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

static bool translate(struct lvs_packet *pkt, const struct lvs_quote *q, const struct change *c)
{
	if (!lvs_fwd_writable(pkt->skb, end_of_change(pkt, q), 0))
		return false;
	(pkt->af == AF_INET ? translate_v4 : translate_v6)(pkt, q, c);
	return true;
}

/* FULLNAT translates both ends: @c is what NAT would, the other ends get @addr and @port. */
static bool translate_both(struct lvs_packet *pkt, const struct lvs_quote *q,
			   const struct change *c, const union nf_inet_addr *addr, __be16 port)
{
	struct change other = { .outer_dst = !c->outer_dst, .inner_dst = !c->inner_dst,
				.addr = addr, .port = port };

	return translate(pkt, q, c) && translate(pkt, q, &other);
}

/*
 * The families differ: the error becomes one about @conn's packet as the other side knows it, which
 * goes on to there by a route of that family even if it ends here.
 */
static bool translate_in(struct lvs_packet *pkt, const struct lvs_conn *conn,
			 const struct lvs_quote *q)
{
	const struct lvs_fullnat_conn *fc = lvs_fullnat_of(conn);
	struct lvs_ends ends = { .saddr = &conn->daddr, .sport = conn->dport,
				 .daddr = &fc->laddr, .dport = fc->source.port };

	return lvs_icmp_translate(pkt, q, conn->link[LVS_SIDE_SERVER].proto, &ends, 0);
}

static bool translate_out(struct lvs_packet *pkt, const struct lvs_conn *conn,
			  const struct lvs_quote *q)
{
	struct lvs_ends ends = { .saddr = &conn->caddr, .sport = conn->cport,
				 .daddr = &conn->vaddr, .dport = conn->vport };

	return lvs_icmp_translate(pkt, q, conn->link[LVS_SIDE_CLIENT].proto, &ends,
				  lvs_fullnat_of(conn)->seq_delta);
}

/* The error is about a reply to the client: the dest must hear it. */
static unsigned int relay_in(struct lvs_packet *pkt, struct lvs_conn *conn,
			     const struct lvs_quote *q)
{
	struct change c = { .outer_dst = true, .inner_dst = false, .addr = &conn->daddr,
			    .port = conn->dport };
	struct lvs_route *route;
	enum lvs_drop_reason reason;

	if (!conn->dest)
		return lvs_fwd_bypass(pkt);
	if (!lvs_dest_available(conn->dest))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_DEST_GONE);
	lvs_stats_in(conn->dest->stats, pkt->skb->len);
	if (!lvs_fwd_sees_replies(conn->fwd))
		return lvs_fwd_request(pkt, conn);

	route = lvs_route_get(pkt->ln, conn->dest);
	if (IS_ERR(route))
		return lvs_fwd_drop(pkt, conn, lvs_route_drop_reason(route));
	if (!route->local) {
		reason = lvs_fwd_decrease_ttl(pkt, pkt->l4_off, 0);
		if (reason != LVS_DROP_NONE)
			return lvs_fwd_drop(pkt, conn, reason);
	}
	if (conn->fwd == LVS_FWD_NAT64)
		return translate_in(pkt, conn, q) ? lvs_fwd_output(pkt, route->dst) :
						    lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
	/* FULLNAT's dest may not know the way to who sent the error, and need not. */
	if (conn->fwd == LVS_FWD_FULLNAT ?
	    !translate_both(pkt, q, &c, &lvs_fullnat_of(conn)->laddr,
			    lvs_fullnat_of(conn)->source.port) : !translate(pkt, q, &c))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
	if (!route->local)
		return lvs_fwd_output(pkt, route->dst);
	lvs_fwd_mark_done(pkt);
	return NF_ACCEPT;
}

/* The quoted sequence number becomes the client's again. Eight bytes of the header are there. */
static void restore_seq(struct lvs_packet *pkt, const struct lvs_quote *q, u32 delta)
{
	__be32 *seq = (__be32 *)(pkt->skb->data + q->l4_off + offsetof(struct tcphdr, seq));
	__be32 own = htonl(ntohl(*seq) - delta);
	__sum16 *check = pkt->af == AF_INET ?
			 &((struct icmphdr *)lvs_packet_l4(pkt))->checksum :
			 &((struct icmp6hdr *)lvs_packet_l4(pkt))->icmp6_cksum;

	inet_proto_csum_replace4(check, pkt->skb, *seq, own, false);
	*seq = own;
}

/* Does the error say for which MTU something is too big? */
static bool read_mtu(const struct lvs_packet *pkt, u32 *mtu)
{
	const struct icmp6hdr *ih6 = lvs_packet_l4(pkt);
	const struct icmphdr *ih = lvs_packet_l4(pkt);

	if (pkt->af == AF_INET) {
		*mtu = ntohs(ih->un.frag.mtu);
		return *mtu && ih->type == ICMP_DEST_UNREACH && ih->code == ICMP_FRAG_NEEDED;
	}
	*mtu = ntohl(ih6->icmp6_mtu);
	return ih6->icmp6_type == ICMPV6_PKT_TOOBIG;
}

/* Less than before. */
static void write_mtu(struct lvs_packet *pkt, u32 mtu)
{
	struct icmp6hdr *ih6 = lvs_packet_l4(pkt);
	struct icmphdr *ih = lvs_packet_l4(pkt);

	if (pkt->af == AF_INET) {
		inet_proto_csum_replace2(&ih->checksum, pkt->skb, ih->un.frag.mtu, htons(mtu),
					 false);
		ih->un.frag.mtu = htons(mtu);
	} else {
		inet_proto_csum_replace4(&ih6->icmp6_cksum, pkt->skb, ih6->icmp6_mtu, htonl(mtu),
					 false);
		ih6->icmp6_mtu = htonl(mtu);
	}
}

/*
 * What is too big for a path to the dest is so by what FULLNAT adds as well, which the client does
 * not know of: the translated error tells it of a path that is narrower by as much, or, if there
 * can be none, from now on nothing is added.
 */
static void allow_for_room(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc)
{
	u32 room = lvs_fullnat_tcp_room(fc), mtu;

	/* UDP's client need not hear of what only its first datagrams have. */
	if (unlikely(lvs_fullnat_udp_tells(fc)) && read_mtu(pkt, &mtu))
		lvs_fullnat_udp_no_room(fc);
	if (!room || !read_mtu(pkt, &mtu))
		return;
	if (mtu < (pkt->af == AF_INET ? LEAST_MTU_V4 : IPV6_MIN_MTU) + room)
		lvs_fullnat_tcp_no_room(fc);
	else
		write_mtu(pkt, mtu - room);
}

/* FULLNAT within a family. */
static bool translate_back(struct lvs_packet *pkt, const struct lvs_conn *conn,
			   const struct lvs_quote *q)
{
	struct change c = { .outer_dst = false, .inner_dst = true, .addr = &conn->vaddr,
			    .port = conn->vport };

	if (!translate_both(pkt, q, &c, &conn->caddr, conn->cport))
		return false;
	if (conn->link[LVS_SIDE_CLIENT].proto == IPPROTO_TCP)
		restore_seq(pkt, q, lvs_fullnat_of(conn)->seq_delta);
	return true;
}

/* By FULLNAT the error came to the local address, and goes on to the client. */
static unsigned int relay_out_fullnat(struct lvs_packet *pkt, struct lvs_conn *conn,
				      const struct lvs_quote *q)
{
	struct dst_entry *dst = lvs_fwd_route_to_client(pkt, conn);

	if (IS_ERR(dst))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_ROUTE);
	if (!(conn->fwd == LVS_FWD_NAT64 ? translate_out : translate_back)(pkt, conn, q)) {
		dst_release(dst);
		return lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
	}
	allow_for_room(pkt, lvs_fullnat_of(conn));
	skb_dst_drop(pkt->skb);
	skb_dst_set(pkt->skb, dst);
	return lvs_fwd_send(pkt);
}

/* The error is about a request that the dest got: the client must hear it. */
static unsigned int relay_out(struct lvs_packet *pkt, struct lvs_conn *conn,
			      const struct lvs_quote *q)
{
	struct change c = { .outer_dst = false, .inner_dst = true, .addr = &conn->vaddr,
			    .port = conn->vport };

	lvs_stats_out(conn->dest->stats, pkt->skb->len);
	if (lvs_conn_is_fullnat(conn))
		return relay_out_fullnat(pkt, conn, q);
	if (!translate(pkt, q, &c))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
	if (!lvs_fwd_reroute(pkt))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_ROUTE);
	lvs_fwd_mark_done(pkt);
	return NF_ACCEPT;
}

/* May the error open a connection for the packet that it quotes? */
static bool may_open(const struct lvs_packet *pkt)
{
	return pkt->hook != NF_INET_FORWARD && READ_ONCE(pkt->ln->sysctls.schedule_icmp);
}

static unsigned int relay(struct lvs_packet *pkt, struct lvs_conn *conn, enum lvs_side side,
			  const struct lvs_quote *q)
{
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_TRACKED))
		lvs_conntrack_pass(pkt, NULL);
	return side == LVS_SIDE_CLIENT ? relay_in(pkt, conn, q) : relay_out(pkt, conn, q);
}

bool lvs_icmp_related(struct lvs_packet *pkt, unsigned int *verdict)
{
	struct lvs_packet quoted;
	struct lvs_conn *conn;
	enum lvs_side side;
	struct lvs_quote q;
	u32 hash;

	if (!lvs_quote_is_in(pkt))
		return false;
	if (!lvs_quote_parse(pkt, &quoted, &q, false))
		return pkt->hook == NF_INET_LOCAL_IN && lvs_icmp_from_tunnel(pkt, verdict);
	if (!q.ports) {
		conn = lvs_ipsec_lookup(&quoted, &side);
		if (conn && !lvs_conn_is_fullnat(conn)) {
			*verdict = relay(pkt, conn, side, &q);
			return true;
		}
		if (!lvs_quote_parse(pkt, &quoted, &q, true) || !q.ports)
			return false;
	}
	hash = lvs_conn_hash(quoted.af, &quoted.saddr, quoted.sport, &quoted.daddr, quoted.dport);
	conn = lvs_conn_lookup(&quoted, hash, &side);
	if (!conn) {
		/* GUE looks like any UDP. */
		if (pkt->hook == NF_INET_LOCAL_IN && quoted.proto == IPPROTO_UDP &&
		    lvs_icmp_from_tunnel(pkt, verdict))
			return true;
		if (!may_open(pkt))
			return false;
		conn = lvs_connect_quoted(pkt, &quoted, hash, verdict);
		if (!conn)
			return *verdict != NF_ACCEPT;
		side = LVS_SIDE_CLIENT;
	}
	*verdict = relay(pkt, conn, side, &q);
	return true;
}
