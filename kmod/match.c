// SPDX-License-Identifier: GPL-2.0-only
/* Whose packet is it that leaves the director; match.h. For xt_lvs.ko. */
#include <linux/export.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "conn/conn.h"
#include "conn/template.h"
#include "core/parse.h"
#include "ftp/ftp.h"
#include "match.h"
#include "netns.h"
#include "proto/proto.h"

static enum lvs_parsed parse(struct lvs_packet *pkt)
{
	if (pkt->af == AF_INET6)
		return lvs_parse_v6(pkt, ipv6_hdr(pkt->skb));
	/* What was to be reassembled has been. */
	if (lvs_parse_is_fragment(ip_hdr(pkt->skb)))
		return LVS_PARSED_OTHER;
	return lvs_parse_v4(pkt, ip_hdr(pkt->skb));
}

static struct lvs_conn *lookup(const struct lvs_packet *pkt, enum lvs_parsed parsed,
			       enum lvs_side *side)
{
	u32 hash;

	if (parsed == LVS_PARSED_IPSEC)
		return lvs_ipsec_lookup(pkt, side);
	hash = lvs_conn_hash(pkt->af, &pkt->saddr, pkt->sport, &pkt->daddr, pkt->dport);
	return lvs_conn_lookup(pkt, hash, side);
}

static void turn_round(struct lvs_packet *pkt)
{
	swap(pkt->saddr, pkt->daddr);
	swap(pkt->sport, pkt->dport);
}

/*
 * The table has what comes to the director. What leaves it is that turned round: to a dest what the
 * dest answers, to a client what the client sends; or by DR the request as it came.
 */
static struct lvs_conn *find(struct lvs_packet *pkt, bool *reply)
{
	enum lvs_parsed parsed = parse(pkt);
	enum lvs_side side;
	struct lvs_conn *conn;

	if (parsed != LVS_PARSED_FLOW && parsed != LVS_PARSED_IPSEC)
		return NULL;
	turn_round(pkt);
	conn = lookup(pkt, parsed, &side);
	*reply = conn && side == LVS_SIDE_CLIENT;
	if (conn)
		return conn;
	turn_round(pkt);
	return lookup(pkt, parsed, &side);
}

bool lvs_match_packet(struct net *net, u8 af, const struct sk_buff *skb, struct lvs_match *match)
{
	struct lvs_packet pkt = {
		.skb = (struct sk_buff *)skb,	/* which is read only */
		.ln = lvs_net(net),
		.af = af,
	};
	const struct lvs_conn *conn;

	/* Without a service there never was a table; whose packet is it then? */
	if (!rcu_access_pointer(pkt.ln->conns.cur))
		return false;
	conn = find(&pkt, &match->reply);
	if (!conn)
		return false;
	match->af = conn->link[LVS_SIDE_CLIENT].af;
	match->proto = pkt.proto;
	match->vaddr = conn->vaddr;
	match->vport = conn->vport;
	match->method = lvs_conn_is_fullnat(conn) ? IP_VS_CONN_F_MASQ : conn->fwd;
	match->control_vport = conn->control ? conn->control->conn.vport :
					       lvs_ftp_control_vport(conn);
	return true;
}
EXPORT_SYMBOL_GPL(lvs_match_packet);
