// SPDX-License-Identifier: GPL-2.0-only
/*
 * A router between director and dest finds a tunnelled packet too big: its error comes to the
 * director, the tunnel's source, and quotes the outer header. The director learns the path MTU,
 * and tells the client what is left of it for the client's own packets.
 */
#include <linux/icmp.h>
#include <linux/ip.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/route.h>

#include "conn/conn.h"
#include "core/quote.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "icmp/icmp.h"
#include "netns.h"
#include "packet.h"
#include "svc/svc.h"

bool lvs_icmp_from_tunnel(struct lvs_packet *pkt, unsigned int *verdict)
{
	unsigned int off = pkt->l4_off + sizeof(struct icmphdr);
	struct sk_buff *skb = pkt->skb;
	struct icmphdr buf, *ih;
	struct lvs_packet inner;
	struct lvs_conn *conn;
	enum lvs_side side;
	__be32 dest;
	u32 hash, mtu;

	if (pkt->af != AF_INET)
		return false;
	ih = skb_header_pointer(skb, pkt->l4_off, sizeof(buf), &buf);
	if (!ih || ih->type != ICMP_DEST_UNREACH || ih->code != ICMP_FRAG_NEEDED)
		return false;
	mtu = ntohs(ih->un.frag.mtu);
	if (!lvs_quote_parse_tunnelled(pkt, &inner, &dest))
		return false;
	hash = lvs_conn_hash(AF_INET, &inner.saddr, inner.sport, &inner.daddr, inner.dport);
	conn = lvs_conn_lookup(&inner, hash, &side);
	if (!conn || side != LVS_SIDE_CLIENT || conn->fwd != IP_VS_CONN_F_TUNNEL ||
	    conn->daddr.ip != dest)
		return false;

	lvs_stats_in(conn->dest->stats, skb->len);
	*verdict = NF_STOLEN;
	/* The packet becomes what it quotes: first the tunnelled packet, then the client's. */
	if (!pskb_may_pull(skb, off + 2 * sizeof(struct iphdr)) || !pskb_pull(skb, off)) {
		*verdict = lvs_fwd_drop(pkt, conn, LVS_DROP_ICMP);
		return true;
	}
	skb_reset_network_header(skb);
	ipv4_update_pmtu(skb, pkt->ln->net, mtu, 0, IPPROTO_IPIP);
	lvs_route_reset(pkt->ln, conn->dest);
	skb_pull(skb, sizeof(struct iphdr));
	skb_reset_network_header(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	if (mtu > sizeof(struct iphdr) + 68)
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			  htonl(mtu - sizeof(struct iphdr)));
	consume_skb(skb);
	return true;
}
