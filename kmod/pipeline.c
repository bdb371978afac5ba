// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet's way:
 *
 *   hook -> parse -> ICMP relation -> connection lookup
 *     -> (miss: service lookup -> schedule -> create) -> state -> count -> transmit
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/icmp.h>

#include "compat/inet_sock.h"
#include "conn/conn.h"
#include "drop.h"
#include "fwd/fwd.h"
#include "icmp/icmp.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "proto/proto.h"
#include "svc/svc.h"

static void update_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side)
{
	/* First the time: a shorter timeout must not meet an old one. */
	lvs_conn_touch(conn);
	if (pkt->proto == IPPROTO_TCP)
		lvs_tcp_state(conn, pkt, side);
	else
		lvs_udp_state(conn, pkt);
}

static unsigned int request(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_dest *dest = conn->dest;

	if (unlikely(!lvs_dest_available(dest)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_DEST_GONE);
	update_state(conn, pkt, LVS_SIDE_CLIENT);
	lvs_stats_in(dest->stats, pkt->skb->len);
	return lvs_fwd_request(pkt, conn);
}

static unsigned int reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	update_state(conn, pkt, LVS_SIDE_SERVER);
	lvs_stats_out(conn->dest->stats, pkt->skb->len);
	return lvs_fwd_nat_reply(pkt, conn);
}

/* Nobody can serve the client, and it shall know rather than wait. */
static unsigned int refuse(struct lvs_packet *pkt, struct lvs_svc *svc)
{
	lvs_drop_count(pkt->ln, svc, LVS_DROP_NO_DEST);
	if (pkt->af == AF_INET) {
		icmp_send(pkt->skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
	} else {
		if (!pkt->skb->dev)
			pkt->skb->dev = pkt->ln->net->loopback_dev;
		icmpv6_send(pkt->skb, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
	}
	return NF_DROP;
}

/* The packet has no connection: make one if it is for a service, else set @verdict. */
static struct lvs_conn *connect(struct lvs_packet *pkt, u32 hash, unsigned int *verdict)
{
	struct lvs_dest *dest;
	struct lvs_conn *conn;
	struct lvs_svc *svc;

	*verdict = NF_ACCEPT;
	if (pkt->proto == IPPROTO_TCP && !lvs_tcp_opens(pkt))
		return NULL;
	svc = lvs_svc_lookup(pkt->ln, pkt->af, pkt->proto, &pkt->daddr, pkt->dport);
	if (!svc)
		return NULL;
	dest = lvs_svc_schedule(svc, pkt);
	if (!dest) {
		*verdict = refuse(pkt, svc);
		return NULL;
	}
	conn = lvs_conn_create(pkt, dest, hash);
	if (!conn) {
		lvs_drop_count(pkt->ln, svc, LVS_DROP_NO_MEMORY);
		*verdict = NF_DROP;
	}
	return conn;
}

static unsigned int balance(struct lvs_packet *pkt)
{
	u32 hash = lvs_conn_hash(pkt->af, &pkt->saddr, pkt->sport, &pkt->daddr, pkt->dport);
	enum lvs_side side = LVS_SIDE_CLIENT;
	struct lvs_conn *conn;
	unsigned int verdict;

	conn = lvs_conn_lookup(pkt, hash, &side);
	if (conn && side == LVS_SIDE_SERVER)
		return reply(pkt, conn);
	if (pkt->hook == NF_INET_FORWARD)
		return NF_ACCEPT;
	if (conn && pkt->proto == IPPROTO_TCP && unlikely(lvs_tcp_reuses(conn, pkt))) {
		lvs_conn_kill(conn);
		conn = NULL;
	}
	if (unlikely(!conn)) {
		conn = connect(pkt, hash, &verdict);
		if (!conn)
			return verdict;
	}
	return request(pkt, conn);
}

static unsigned int process(struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct lvs_packet pkt;
	unsigned int verdict;

	pkt.skb = skb;
	pkt.ln = lvs_net(state->net);
	pkt.af = state->pf;
	pkt.hook = state->hook;
	switch (lvs_packet_parse(&pkt)) {
	case LVS_PARSED_FLOW:
		return balance(&pkt);
	case LVS_PARSED_ICMP:
		return lvs_icmp_related(&pkt, &verdict) ? verdict : NF_ACCEPT;
	case LVS_PARSED_BAD:
		/* What is for this host ends here; what is not is for its receiver to judge. */
		if (pkt.hook != NF_INET_LOCAL_IN)
			return NF_ACCEPT;
		lvs_drop_count(pkt.ln, NULL, LVS_DROP_MALFORMED);
		return NF_DROP;
	case LVS_PARSED_TAKEN:
		return NF_STOLEN;
	case LVS_PARSED_OTHER:
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
