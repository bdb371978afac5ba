// SPDX-License-Identifier: GPL-2.0-only
/* What all forwarding methods share: limits of size and hops, and the way out. */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/dst.h>
#include <net/gso.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>

#include "conn/conn.h"
#include "fwd/fwd.h"
#include "fwd/route.h"
#include "netns.h"
#include "pipeline.h"
#include "svc/svc.h"

unsigned int lvs_fwd_drop(const struct lvs_packet *pkt, const struct lvs_conn *conn,
			  enum lvs_drop_reason reason)
{
	lvs_drop_count(pkt->ln, rcu_dereference(conn->dest->svc), reason);
	return NF_DROP;
}

/* An ICMPv6 error needs a device to be sent from; packets of this host have none yet. */
static void ensure_dev(struct lvs_packet *pkt)
{
	if (!pkt->skb->dev)
		pkt->skb->dev = pkt->ln->net->loopback_dev;
}

void lvs_fwd_tell_no_route(struct lvs_packet *pkt)
{
	if (pkt->af == AF_INET) {
		icmp_send(pkt->skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	} else {
		ensure_dev(pkt);
		icmpv6_send(pkt->skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
	}
}

static bool over(const struct sk_buff *skb, unsigned int mtu)
{
	if (skb->len <= mtu)
		return false;
	return !skb_is_gso(skb) || !skb_gso_validate_network_len(skb, mtu);
}

bool lvs_fwd_fits_path(struct lvs_packet *pkt, const struct dst_entry *dst, int overhead)
{
	unsigned int mtu = dst_mtu(dst) - overhead;
	struct sk_buff *skb = pkt->skb;

	/*
	 * Not even the length field of the outermost header holds it; IPv6's does not count that
	 * header in. Nothing that an ICMP error could tell.
	 */
	if (!skb_is_gso(skb) &&
	    skb->len - (dst->ops->family == AF_INET ? 0 : sizeof(struct ipv6hdr)) + overhead >
	    IP_MAX_MTU)
		return false;
	/* What was reassembled is judged by the largest fragment that it came in. */
	if (pkt->af == AF_INET) {
		if (overhead && !READ_ONCE(pkt->ln->sysctls.pmtu_disc))
			return true;
		if (!(ip_hdr(skb)->frag_off & htons(IP_DF)) ||
		    (IPCB(skb)->frag_max_size ? IPCB(skb)->frag_max_size <= mtu : !over(skb, mtu)))
			return true;
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
		return false;
	}
	/* No IPv6 path is narrower; inside a tunnel, fragments of the tunnel's make up for it. */
	mtu = max_t(unsigned int, mtu, IPV6_MIN_MTU);
	if (IP6CB(skb)->frag_max_size ? IP6CB(skb)->frag_max_size <= mtu : !over(skb, mtu))
		return true;
	ensure_dev(pkt);
	icmpv6_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	return false;
}

bool lvs_fwd_writable(struct sk_buff *skb, unsigned int len, unsigned int headroom)
{
	unsigned int more = headroom > skb_headroom(skb) ? headroom - skb_headroom(skb) : 0;

	if (unlikely(!pskb_may_pull(skb, len)))
		return false;
	if (likely(!more && (!skb_cloned(skb) || skb_clone_writable(skb, len))))
		return true;
	/* The copy needs no room to grow at its end. */
	return !pskb_expand_head(skb, SKB_DATA_ALIGN(more), -skb_tailroom(skb), GFP_ATOMIC);
}

enum lvs_drop_reason lvs_fwd_decrease_ttl(struct lvs_packet *pkt, unsigned int len,
					  unsigned int headroom)
{
	struct sk_buff *skb = pkt->skb;
	bool v4 = pkt->af == AF_INET;

	if (unlikely(pkt->hook != NF_INET_LOCAL_OUT &&
		     (v4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit) <= 1)) {
		if (v4)
			icmp_send(skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
		else
			icmpv6_send(skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
		return LVS_DROP_TTL;
	}
	if (unlikely(!lvs_fwd_writable(skb, len, headroom)))
		return LVS_DROP_NO_MEMORY;
	if (unlikely(pkt->hook == NF_INET_LOCAL_OUT))
		return LVS_DROP_NONE;
	if (v4)
		ip_decrease_ttl(ip_hdr(skb));
	else
		ipv6_hdr(skb)->hop_limit--;
	return LVS_DROP_NONE;
}

/* Inline: every packet that is sent comes by. */
static __always_inline void mark_done(struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;

	skb->ipvs_property = 1;
	if (unlikely(pkt->tracked))
		return;
	nf_reset_ct(skb);
	nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
}

void lvs_fwd_mark_done(struct lvs_packet *pkt)
{
	mark_done(pkt);
}

/* Does somebody else hook LOCAL_OUT, or are there only our own, which would let the packet pass? */
static bool others_hook_output(const struct lvs_packet *pkt)
{
	const struct netns_nf *nf = &pkt->ln->net->nf;
	const struct nf_hook_entries *e;

	if (pkt->af == AF_INET)
		e = rcu_dereference(nf->hooks_ipv4[NF_INET_LOCAL_OUT]);
	else
		e = rcu_dereference(nf->hooks_ipv6[NF_INET_LOCAL_OUT]);
	return e && (e->num_hook_entries != 1 || e->hooks[0].hook != lvs_hook_in);
}

unsigned int lvs_fwd_send(struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	struct dst_entry *dst = skb_dst(skb);

	mark_done(pkt);
	/* An early demultiplexed socket is none of a forwarded packet's. */
	if (pkt->hook != NF_INET_LOCAL_OUT)
		skb_orphan(skb);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	/* Its size was judged; what is still too big may be fragmented. */
	skb->ignore_df = 1;
	if (likely(!others_hook_output(pkt)))
		dst_output(pkt->ln->net, NULL, skb);
	else
		NF_HOOK(pkt->af == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6, NF_INET_LOCAL_OUT,
			pkt->ln->net, NULL, skb, NULL, dst->dev, dst_output);
	return NF_STOLEN;
}

unsigned int lvs_fwd_output(struct lvs_packet *pkt, struct dst_entry *dst)
{
	skb_dst_drop(pkt->skb);
	skb_dst_set_noref(pkt->skb, dst);
	return lvs_fwd_send(pkt);
}

static bool is_loopback(u8 af, const union nf_inet_addr *addr)
{
	return af == AF_INET ? ipv4_is_loopback(addr->ip) : ipv6_addr_loopback(&addr->in6);
}

/*
 * Loopback addresses have no meaning outside this host: they do not leave it, and the network must
 * not reach what listens on them alone, by whichever method puts them into the packet.
 */
static bool crosses_loopback(const struct lvs_packet *pkt, const struct lvs_conn *conn,
			     const struct lvs_route *route)
{
	if (likely(!route->local))
		return is_loopback(pkt->af, &pkt->saddr);
	return pkt->hook != NF_INET_LOCAL_OUT && lvs_fwd_sees_replies(conn->fwd) &&
	       is_loopback(route->af, &conn->daddr) && !is_loopback(pkt->af, &pkt->saddr);
}

unsigned int lvs_fwd_request(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_route *route = lvs_route_get(pkt->ln, conn->dest);
	enum lvs_drop_reason reason;

	if (IS_ERR(route)) {
		reason = lvs_route_drop_reason(route);
		if (reason == LVS_DROP_NO_ROUTE)
			lvs_fwd_tell_no_route(pkt);
		return lvs_fwd_drop(pkt, conn, reason);
	}
	if (unlikely(crosses_loopback(pkt, conn, route)))
		return lvs_fwd_drop(pkt, conn, LVS_DROP_LOCAL_ROUTE);
	switch (conn->fwd) {
	case IP_VS_CONN_F_MASQ:
		return lvs_fwd_nat(pkt, conn, route);
	case LVS_FWD_FULLNAT:
		return lvs_fwd_fullnat(pkt, conn, route);
	case LVS_FWD_NAT64:
		return lvs_fwd_nat64(pkt, conn, route);
	case IP_VS_CONN_F_DROUTE:
		return lvs_fwd_dr(pkt, conn, route);
	case IP_VS_CONN_F_TUNNEL:
		return lvs_fwd_tun(pkt, conn, route);
	}
	return lvs_fwd_here(pkt);	/* IP_VS_CONN_F_LOCALNODE */
}
