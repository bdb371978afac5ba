// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet's way:
 *
 *   hook -> parse -> ICMP relation -> connection lookup
 *     -> (miss: service lookup -> schedule -> create) -> state -> count -> transmit
 *
 * AH and ESP have no connection but that of their IKE; proto/ipsec.c.
 */
#include <linux/if_arp.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/addrconf.h>
#include <net/icmp.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "compat/inet_sock.h"
#include "conn/conn.h"
#include "conn/template.h"
#include "drop.h"
#include "ftp/ftp.h"
#include "fwd/conntrack.h"
#include "fwd/fwd.h"
#include "fwd/uoa_header.h"
#include "icmp/icmp.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "proto/proto.h"
#include "svc/svc.h"
#include "upstream.h"

static void update_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side)
{
	/* First the time: a shorter timeout must not meet an old one. */
	lvs_conn_touch(conn);
	if (pkt->proto == IPPROTO_TCP) {
		lvs_tcp_state(conn, pkt, side);
	} else if (unlikely(pkt->proto == IPPROTO_SCTP)) {
		lvs_sctp_state(conn, pkt, side);
	} else {
		lvs_udp_state(conn, pkt);
		if (side == LVS_SIDE_SERVER &&
		    unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_UNASSURED))
			lvs_template_assure(conn);
	}
}

/* May this packet, which belongs to no connection, open one? */
static bool opens(const struct lvs_packet *pkt)
{
	if (pkt->proto == IPPROTO_TCP)
		return lvs_tcp_opens(pkt);
	return pkt->proto == IPPROTO_UDP || lvs_sctp_opens(pkt);
}

/*
 * Did the packet come out of a tunnel that ends here, whose packets shall open no connections? It
 * is told by the tunnel's device: tunnels take every mark off what they pass on.
 */
static bool is_ignored(const struct lvs_packet *pkt)
{
	if (likely(!READ_ONCE(pkt->ln->sysctls.ignore_tunneled)) || pkt->hook != NF_INET_LOCAL_IN)
		return false;
	switch (pkt->skb->dev->type) {
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	}
	return false;
}

/* Does this packet of @conn's client begin another connection from the same port? */
static bool reuses(const struct lvs_conn *conn, const struct lvs_packet *pkt)
{
	if (pkt->proto == IPPROTO_TCP)
		return lvs_tcp_reuses(conn, pkt);
	return pkt->proto != IPPROTO_UDP && lvs_sctp_reuses(conn, pkt);
}

/* Inline, as is reply(): IPsec's few packets shall not cost the others a call. */
static __always_inline unsigned int request(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	update_state(conn, pkt, LVS_SIDE_CLIENT);
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_TRACKED))
		lvs_conntrack_pass(pkt, conn);
	if (unlikely(!conn->dest))
		return lvs_fwd_bypass(pkt);
	lvs_stats_in(conn->dest->stats, pkt->skb->len);
	if (unlikely(pkt->uoa_len) && !lvs_uoa_take_out(pkt))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_NO_MEMORY);
	return lvs_fwd_request(pkt, conn);
}

static __always_inline unsigned int reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	update_state(conn, pkt, LVS_SIDE_SERVER);
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_TRACKED))
		lvs_conntrack_pass(pkt, conn);
	lvs_stats_out(conn->dest->stats, pkt->skb->len);
	if (unlikely(lvs_conn_is_fullnat(conn)))
		return conn->fwd == LVS_FWD_FULLNAT ? lvs_fwd_fullnat_reply(pkt, conn) :
						      lvs_fwd_nat64_reply(pkt, conn);
	return lvs_fwd_nat_reply(pkt, conn);
}

static void tell_unreachable(struct lvs_packet *pkt)
{
	if (pkt->af == AF_INET) {
		icmp_send(pkt->skb, ICMP_DEST_UNREACH,
			  lvs_parse_is_ipsec(pkt->proto) ? ICMP_PROT_UNREACH : ICMP_PORT_UNREACH,
			  0);
	} else {
		if (!pkt->skb->dev)
			pkt->skb->dev = pkt->ln->net->loopback_dev;
		icmpv6_send(pkt->skb, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
	}
}

/* If nobody can serve the client, it shall know rather than wait. */
static unsigned int refuse(struct lvs_packet *pkt, struct lvs_svc *svc, enum lvs_drop_reason reason)
{
	lvs_drop_count(pkt->ln, svc, reason);
	if (reason == LVS_DROP_NO_DEST || reason == LVS_DROP_NO_PORT ||
	    reason == LVS_DROP_NO_LADDR || reason == LVS_DROP_IPSEC)
		tell_unreachable(pkt);
	return NF_DROP;
}

/* Does the packet itself say that its connection is over? */
static bool aborts(const struct lvs_packet *pkt)
{
	if (pkt->proto == IPPROTO_TCP)
		return pkt->tcp_flags & LVS_TCP_F_RST;
	return pkt->proto == IPPROTO_SCTP && pkt->sctp_event == LVS_SCTP_EV_ABORT;
}

/*
 * A packet without a connection passes through. If it is of a NAT dest, its client would get it
 * from an address that it never spoke to; with nat_icmp_send the dest hears that instead.
 */
static noinline unsigned int stray(struct lvs_packet *pkt)
{
	struct lvs_svc *svc = lvs_svc_of_sender(pkt);

	if (!svc || aborts(pkt))
		return NF_ACCEPT;
	lvs_drop_count(pkt->ln, svc, LVS_DROP_NO_CONN);
	tell_unreachable(pkt);
	return NF_DROP;
}

/* With nobody to serve a mark's packet, may it go on to where it was going? */
static bool may_bypass(const struct lvs_svc *svc, const struct lvs_packet *pkt)
{
	if (!svc->key.fwmark || !READ_ONCE(pkt->ln->sysctls.cache_bypass))
		return false;
	if (pkt->af == AF_INET)
		return inet_addr_type(pkt->ln->net, pkt->daddr.ip) == RTN_UNICAST;
	return ipv6_addr_type(&pkt->daddr.in6) & IPV6_ADDR_UNICAST &&
	       !ipv6_chk_addr(pkt->ln->net, &pkt->daddr.in6, NULL, 0);
}

static enum lvs_drop_reason choose(struct lvs_svc *svc, const struct lvs_packet *pkt,
				   struct lvs_choice *choice)
{
	u32 manner = READ_ONCE(svc->manner);

	choice->control = NULL;
	choice->source = NULL;
	if (unlikely(manner & LVS_SVC_PERSISTENT))
		return lvs_template_choose(svc, pkt, choice);
	if (unlikely(manner & LVS_SVC_INERT))
		return LVS_DROP_NO_DEST;
	choice->dest = lvs_svc_schedule(svc, pkt);
	if (unlikely(!choice->dest))
		return LVS_DROP_NO_DEST;
	choice->dport = choice->dest->port ? choice->dest->port : pkt->dport;
	return LVS_DROP_NONE;
}

/*
 * The datagram is a connection by itself, which nobody finds again: the next one is scheduled
 * anew. RCU keeps the dest.
 */
static noinline unsigned int one_packet(struct lvs_packet *pkt, const struct lvs_choice *choice,
					u8 fwd)
{
	struct lvs_dest *dest = choice->dest;
	struct lvs_conn conn;

	/* Pairs with lvs_conntrack_set(). */
	if (unlikely(smp_load_acquire(&pkt->ln->sysctls.conntrack)))
		lvs_conntrack_pass(pkt, NULL);
	if (!dest)
		return lvs_fwd_bypass(pkt);
	lvs_conn_fill_once(&conn, pkt, choice, fwd);
	if (choice->control)
		lvs_template_put(choice->control);
	lvs_stats_conn(dest->stats);
	lvs_stats_in(dest->stats, pkt->skb->len);
	if (unlikely(pkt->uoa_len) && !lvs_uoa_take_out(pkt))
		return lvs_fwd_drop(pkt, &conn, LVS_DROP_NO_MEMORY);
	return lvs_fwd_request(pkt, &conn);
}

/* LVS_DROP_NONE, or why no more connections may be made at the moment. */
static enum lvs_drop_reason may_connect(struct lvs_net *ln)
{
	if (unlikely((u32)atomic_read(&ln->conns.count) >= READ_ONCE(ln->sysctls.conn_max)))
		return LVS_DROP_CONN_MAX;
	if (unlikely(READ_ONCE(ln->defence.drop_rate)) && lvs_defence_drops(ln))
		return LVS_DROP_DROP_PACKET;
	return LVS_DROP_NONE;
}

/* Who serves the packet, or nobody (choice->dest is NULL) if it goes on as it is. */
static enum lvs_drop_reason choose_or_bypass(struct lvs_svc *svc, const struct lvs_packet *pkt,
					     struct lvs_choice *choice)
{
	enum lvs_drop_reason reason = may_connect(pkt->ln);

	if (unlikely(reason != LVS_DROP_NONE))
		return reason;
	reason = choose(svc, pkt, choice);
	if (unlikely(reason == LVS_DROP_NO_DEST) && may_bypass(svc, pkt)) {
		choice->dest = NULL;
		choice->dport = 0;
		choice->control = NULL;
		return LVS_DROP_NONE;
	}
	return reason;
}

struct lvs_conn *lvs_connect_quoted(struct lvs_packet *pkt, struct lvs_packet *quoted, u32 hash,
				    unsigned int *verdict)
{
	struct lvs_svc *svc = is_ignored(pkt) ? NULL : lvs_svc_lookup(quoted);
	enum lvs_drop_reason reason;
	struct lvs_choice choice;
	struct lvs_conn *conn;

	*verdict = NF_ACCEPT;
	/* A datagram that is a connection by itself has nothing to do with a later error. */
	if (!svc || (READ_ONCE(svc->manner) & LVS_SVC_ONEPACKET && quoted->proto == IPPROTO_UDP))
		return NULL;
	reason = choose_or_bypass(svc, quoted, &choice);
	conn = reason == LVS_DROP_NONE ?
		       lvs_conn_create(quoted, svc, &choice, hash, &reason) : NULL;
	if (conn)
		return conn;
	lvs_drop_count(pkt->ln, svc, reason);
	*verdict = NF_DROP;
	return NULL;
}

/*
 * A socket of this host's own, at a local address of FULLNAT's, begins to speak to a dest from the
 * very port by which the dest knows a client: neither the dest nor the director could tell the two
 * apart. So it becomes a client as well, of the dest's own address, and gets another port. NULL if
 * there is no such client, or no port left.
 */
static noinline struct lvs_conn *beside_a_client(struct lvs_packet *pkt, u32 hash)
{
	u32 turned = lvs_conn_hash(pkt->af, &pkt->daddr, pkt->dport, &pkt->saddr, pkt->sport);
	struct lvs_packet answer = {
		.ln = pkt->ln,
		.af = pkt->af,
		.proto = pkt->proto,
		.saddr = pkt->daddr,
		.sport = pkt->dport,
		.daddr = pkt->saddr,
		.dport = pkt->sport,
	};
	struct lvs_conn *client, *conn;
	enum lvs_drop_reason why;
	struct lvs_source source;
	struct lvs_choice choice;
	struct lvs_laddr *laddr;
	enum lvs_side side;
	struct lvs_svc *svc;

	client = lvs_conn_lookup(&answer, turned, &side);
	if (likely(!client) || side != LVS_SIDE_SERVER || !lvs_conn_is_fullnat(client))
		return NULL;
	svc = rcu_dereference(client->dest->svc);
	laddr = lvs_fullnat_of(client)->source.map->laddr;
	if (!svc || !lvs_dest_available(client->dest) ||
	    lvs_laddr_take_of(laddr, client->dest, pkt->dport, pkt->proto, &source) !=
		    LVS_DROP_NONE)
		return NULL;
	choice = (struct lvs_choice){
		.dest = client->dest,
		.dport = pkt->dport,
		.source = &source,
	};
	conn = lvs_conn_create(pkt, svc, &choice, hash, &why);
	if (!conn)
		lvs_laddr_give(&source);
	return conn;
}

/* The packet has no connection: make one if it is for a service, else set @verdict. */
static struct lvs_conn *connect(struct lvs_packet *pkt, u32 hash, unsigned int *verdict)
{
	enum lvs_drop_reason reason;
	struct lvs_choice choice;
	struct lvs_conn *conn;
	struct lvs_svc *svc;

	*verdict = NF_ACCEPT;
	if (!opens(pkt) || is_ignored(pkt))
		return NULL;
	svc = lvs_svc_lookup(pkt);
	if (!svc)
		return unlikely(pkt->hook == NF_INET_LOCAL_OUT) ? beside_a_client(pkt, hash) : NULL;
	reason = choose_or_bypass(svc, pkt, &choice);
	if (unlikely(reason != LVS_DROP_NONE)) {
		*verdict = refuse(pkt, svc, reason);
		return NULL;
	}
	if (unlikely(READ_ONCE(svc->manner) & LVS_SVC_ONEPACKET) && pkt->proto == IPPROTO_UDP) {
		u8 fwd = choice.dest ? READ_ONCE(choice.dest->fwd) : IP_VS_CONN_F_BYPASS;

		/* FULLNAT needs the connection to know its own packets by. */
		if (fwd != LVS_FWD_FULLNAT) {
			*verdict = one_packet(pkt, &choice, fwd);
			return NULL;
		}
	}
	conn = lvs_conn_create(pkt, svc, &choice, hash, &reason);
	if (conn && unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_TRACKED) &&
	    !lvs_conntrack_begin(pkt, conn)) {
		reason = LVS_DROP_CONNTRACK;
		conn = NULL;
	}
	if (!conn)
		*verdict = refuse(pkt, svc, reason);
	return conn;
}

/* The connection's dest was deleted: may another one take the client over? */
static bool may_leave(const struct lvs_packet *pkt)
{
	return READ_ONCE(pkt->ln->sysctls.expire_nodest_conn);
}

static unsigned int balance(struct lvs_packet *pkt)
{
	u32 hash = lvs_conn_hash(pkt->af, &pkt->saddr, pkt->sport, &pkt->daddr, pkt->dport);
	enum lvs_side side = LVS_SIDE_CLIENT;
	struct lvs_conn *conn;
	unsigned int verdict;

	conn = lvs_conn_lookup(pkt, hash, &side);
	if (unlikely(!conn && lvs_ftp_waits(&pkt->ln->ftp)))
		conn = lvs_ftp_connect(pkt, &side);
	/* A real server is nobody's upstream. */
	if (conn && side == LVS_SIDE_SERVER)
		return unlikely(pkt->uoa_len) ? NF_ACCEPT : reply(pkt, conn);
	if (pkt->hook == NF_INET_FORWARD) {
		if (unlikely(READ_ONCE(pkt->ln->sysctls.nat_icmp_send)) && !conn)
			return stray(pkt);
		return NF_ACCEPT;
	}
	if (likely(conn)) {
		bool gone = conn->dest && !lvs_dest_available(conn->dest);
		bool reused = reuses(conn, pkt);

		if (unlikely(gone) && !reused && !may_leave(pkt))
			return lvs_fwd_drop(pkt, conn, LVS_DROP_DEST_GONE);
		if (unlikely(gone || reused)) {
			lvs_conn_kill(conn);
			conn = NULL;
			/* Data of FTP's between the ports of before? */
			if (unlikely(lvs_ftp_waits(&pkt->ln->ftp)))
				conn = lvs_ftp_connect(pkt, &side);
			if (unlikely(conn && side == LVS_SIDE_SERVER))
				return reply(pkt, conn);
		}
	}
	if (unlikely(!conn)) {
		conn = connect(pkt, hash, &verdict);
		if (!conn)
			return verdict;
	}
	return request(pkt, conn);
}

/* AH and ESP go where IKE's connection goes; without one they are none of ours. */
static noinline bool ipsec_related(struct lvs_packet *pkt, unsigned int *verdict)
{
	enum lvs_side side;
	struct lvs_conn *conn = lvs_ipsec_lookup(pkt, &side);

	if (!conn || (side == LVS_SIDE_CLIENT && pkt->hook == NF_INET_FORWARD))
		return false;
	if (lvs_conn_is_fullnat(conn)) {
		*verdict = refuse(pkt, rcu_dereference(conn->dest->svc), LVS_DROP_IPSEC);
	} else if (side == LVS_SIDE_SERVER) {
		*verdict = reply(pkt, conn);
	} else if (likely(!conn->dest || lvs_dest_available(conn->dest))) {
		*verdict = request(pkt, conn);
	} else if (!may_leave(pkt)) {
		*verdict = lvs_fwd_drop(pkt, conn, LVS_DROP_DEST_GONE);
	} else {
		lvs_conn_kill(conn);
		return false;
	}
	return true;
}

static unsigned int process(struct sk_buff *skb, const struct nf_hook_state *state)
{
	enum lvs_parsed parsed;
	struct lvs_packet pkt;
	unsigned int verdict;

	pkt.skb = skb;
	pkt.ln = lvs_net(state->net);
	pkt.af = state->pf;
	pkt.hook = state->hook;
	pkt.tracked = false;
	pkt.uoa_len = 0;
	parsed = lvs_packet_parse(&pkt);
again:
	switch (parsed) {
	case LVS_PARSED_FLOW:
		return balance(&pkt);
	case LVS_PARSED_ICMP:
		return lvs_icmp_related(&pkt, &verdict) ? verdict : NF_ACCEPT;
	case LVS_PARSED_IPSEC:
		if (ipsec_related(&pkt, &verdict))
			return verdict;
		parsed = lvs_packet_parse_behind_ah(&pkt);
		goto again;
	case LVS_PARSED_BAD:
		/* What is for this host ends here; what is not is for its receiver to judge. */
		if (pkt.hook != NF_INET_LOCAL_IN)
			return NF_ACCEPT;
		lvs_drop_count(pkt.ln, NULL, LVS_DROP_MALFORMED);
		return NF_DROP;
	case LVS_PARSED_TAKEN:
		return NF_STOLEN;
	case LVS_PARSED_OTHER:
		if (unlikely(lvs_upstream_tells(&pkt)))
			return balance(&pkt);
		break;
	}
	return NF_ACCEPT;
}

/*
 * Packets of this host's own, and those that a userspace queue gave back, come in process context.
 * Counters and locks want bottom halves off.
 */
static unsigned int process_any_context(struct sk_buff *skb, const struct nf_hook_state *state)
{
	unsigned int verdict;

	if (likely(in_softirq()))
		return process(skb, state);
	local_bh_disable();
	verdict = process(skb, state);
	local_bh_enable();
	return verdict;
}

/* LOCAL_IN and LOCAL_OUT: requests to services, and replies to and from this host. */
unsigned int lvs_hook_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct sock *sk;

	if (skb->ipvs_property || !skb_dst(skb))
		return NF_ACCEPT;
	if (state->hook == NF_INET_LOCAL_IN) {
		if (unlikely(skb->pkt_type != PACKET_HOST))
			return NF_ACCEPT;
		return process_any_context(skb, state);
	}
	/* A socket that asked for fragments to be left alone means it. */
	sk = skb_to_full_sk(skb);
	if (sk && state->pf == NFPROTO_IPV4 && sk->sk_family == PF_INET && lvs_inet_nodefrag(sk))
		return NF_ACCEPT;
	return process_any_context(skb, state);
}

/* FORWARD: replies of dests behind this host, and ICMP errors about requests. */
unsigned int lvs_hook_forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (skb->ipvs_property)
		return NF_ACCEPT;
	return process_any_context(skb, state);
}
