// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel's connection tracking is told of the director's connections; conntrack.h. */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netfilter/nf_nat.h>

#include "conn/conn.h"
#include "fwd/conntrack.h"
#include "fwd/fwd.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "proto/proto.h"

#if IS_ENABLED(CONFIG_NF_CONNTRACK)

/* What is used of nf_conntrack; once there, it stays until this module goes. */
static struct {
	typeof(nf_ct_netns_get) *netns_get;
	typeof(nf_ct_netns_put) *netns_put;
	typeof(nf_conntrack_in) *in;
	typeof(nf_conntrack_find_get) *find;
	typeof(nf_ct_delete) *delete;
	typeof(__nf_conntrack_confirm) *confirm;
#ifdef CONFIG_NF_CONNTRACK_EVENTS
	typeof(nf_ct_deliver_cached_events) *tell;
#endif
} nfct;

static DEFINE_MUTEX(nfct_lock);		/* while it is filled in */

static void nfct_put(void)
{
	if (nfct.netns_get)
		symbol_put(nf_ct_netns_get);
	if (nfct.netns_put)
		symbol_put(nf_ct_netns_put);
	if (nfct.in)
		symbol_put(nf_conntrack_in);
	if (nfct.find)
		symbol_put(nf_conntrack_find_get);
	if (nfct.delete)
		symbol_put(nf_ct_delete);
	if (nfct.confirm)
		symbol_put(__nf_conntrack_confirm);
#ifdef CONFIG_NF_CONNTRACK_EVENTS
	if (nfct.tell)
		symbol_put(nf_ct_deliver_cached_events);
#endif
	memset(&nfct, 0, sizeof(nfct));
}

static bool nfct_is_whole(void)
{
#ifdef CONFIG_NF_CONNTRACK_EVENTS
	if (!nfct.tell)
		return false;
#endif
	return nfct.netns_get && nfct.netns_put && nfct.in && nfct.find && nfct.delete &&
	       nfct.confirm;
}

static int nfct_get(void)
{
	int err = 0;

	mutex_lock(&nfct_lock);
	if (nfct_is_whole())
		goto unlock;
	nfct.netns_get = symbol_request(nf_ct_netns_get);
	nfct.netns_put = symbol_get(nf_ct_netns_put);
	nfct.in = symbol_get(nf_conntrack_in);
	nfct.find = symbol_get(nf_conntrack_find_get);
	nfct.delete = symbol_get(nf_ct_delete);
	nfct.confirm = symbol_get(__nf_conntrack_confirm);
#ifdef CONFIG_NF_CONNTRACK_EVENTS
	nfct.tell = symbol_get(nf_ct_deliver_cached_events);
#endif
	if (!nfct_is_whole()) {
		pr_err("lvs: the sysctl conntrack needs the module nf_conntrack, which cannot be loaded\n");
		nfct_put();
		err = -EOPNOTSUPP;
	}
unlock:
	mutex_unlock(&nfct_lock);
	return err;
}

int lvs_conntrack_set(struct lvs_net *ln, bool on)
{
	int err = on ? nfct_get() : 0;

	if (err)
		return err;
	mutex_lock(&ln->ctl);
	if (on && !ln->sysctls.conntrack) {
		/* Also without rules that need it, conntrack is to see the packets. */
		err = READ_ONCE(ln->conntrack_over) ? -ENODEV :
						      nfct.netns_get(ln->net, NFPROTO_INET);
	} else if (!on && ln->sysctls.conntrack) {
		nfct.netns_put(ln->net, NFPROTO_INET);
	}
	if (!err) {
		/* Whoever sees it on finds nfct filled in. */
		smp_store_release(&ln->sysctls.conntrack, on);
	}
	mutex_unlock(&ln->ctl);
	return err;
}

void lvs_conntrack_net_pre_exit(struct lvs_net *ln)
{
	/* A grace period follows, and nobody who has not read it is left. */
	WRITE_ONCE(ln->conntrack_over, true);
	lvs_conntrack_set(ln, false);
}

void lvs_conntrack_exit(void)
{
	nfct_put();
}

/* The parts of a tuple are compared whole: of an IPv4 address all but the first word is zero. */
static void set_addr(union nf_inet_addr *to, u8 af, const union nf_inet_addr *addr)
{
	if (af == AF_INET)
		*to = (union nf_inet_addr){ .ip = addr->ip };
	else
		to->in6 = addr->in6;
}

static void set_src(struct nf_conntrack_tuple *tuple, const union nf_inet_addr *addr, __be16 port)
{
	set_addr(&tuple->src.u3, tuple->src.l3num, addr);
	tuple->src.u.all = port;
}

static void set_dst(struct nf_conntrack_tuple *tuple, const union nf_inet_addr *addr, __be16 port)
{
	set_addr(&tuple->dst.u3, tuple->src.l3num, addr);
	tuple->dst.u.all = port;
}

static bool src_is(const struct nf_conntrack_tuple *tuple, const union nf_inet_addr *addr,
		   __be16 port)
{
	return lvs_addr_equal(tuple->src.l3num, &tuple->src.u3, addr) && tuple->src.u.all == port;
}

static bool dst_is(const struct nf_conntrack_tuple *tuple, const union nf_inet_addr *addr,
		   __be16 port)
{
	return lvs_addr_equal(tuple->src.l3num, &tuple->dst.u3, addr) && tuple->dst.u.all == port;
}

/* Do replies come as the entry has it? NAT behind us may have changed the client's end. */
static bool fits(const struct nf_conn *ct, const struct lvs_conn *conn)
{
	const struct nf_conntrack_tuple *reply = &ct->tuplehash[IP_CT_DIR_REPLY].tuple;
	const union nf_inet_addr *client;
	__be16 port;

	if (!lvs_fwd_sees_replies(conn->fwd))
		return src_is(reply, &conn->vaddr, conn->vport);
	if (!src_is(reply, &conn->daddr, conn->dport))
		return false;
	client = lvs_conn_seen_client(conn, &port);
	return conn->fwd != LVS_FWD_FULLNAT || dst_is(reply, client, port);
}

/* The director changes the connection's sequence numbers, so those of both ways do not match. */
static bool shifts_numbers(const struct lvs_conn *conn)
{
	return conn->link[LVS_SIDE_CLIENT].proto == IPPROTO_TCP &&
	       (conn->fwd == LVS_FWD_FULLNAT || READ_ONCE(conn->flags) & LVS_CONN_F_FTP);
}

/* Nobody else has the entry yet. */
static void translate(struct nf_conn *ct, const struct lvs_conn *conn)
{
	const struct nf_conntrack_tuple *orig = &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	struct nf_conntrack_tuple *reply = &ct->tuplehash[IP_CT_DIR_REPLY].tuple;
	const union nf_inet_addr *client;
	__be16 port;

	if (!lvs_fwd_sees_replies(conn->fwd))
		return;
	if (src_is(orig, &conn->caddr, conn->cport)) {
		client = lvs_conn_seen_client(conn, &port);
		set_src(reply, &conn->daddr, conn->dport);
		set_dst(reply, client, port);
	} else {
		/* The dest opened it, or its packet is the first since the entry was forgotten. */
		set_src(reply, &conn->caddr, conn->cport);
		set_dst(reply, &conn->vaddr, conn->vport);
	}
	if (shifts_numbers(conn)) {
		ct->proto.tcp.seen[IP_CT_DIR_ORIGINAL].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
		ct->proto.tcp.seen[IP_CT_DIR_REPLY].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	}
}

/*
 * AH and ESP have an entry of their own, beside that of the UDP connection which they belong to. It
 * has no ports; that of AH over IPv6 is of what AH protects, whose ports the director leaves alone.
 */
static void translate_ipsec(struct nf_conn *ct, const struct lvs_conn *conn)
{
	const struct nf_conntrack_tuple *orig = &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple;
	struct nf_conntrack_tuple *reply = &ct->tuplehash[IP_CT_DIR_REPLY].tuple;

	if (!lvs_fwd_sees_replies(conn->fwd))
		return;
	if (lvs_addr_equal(orig->src.l3num, &orig->src.u3, &conn->caddr))
		set_addr(&reply->src.u3, orig->src.l3num, &conn->daddr);
	else
		set_addr(&reply->dst.u3, orig->src.l3num, &conn->vaddr);
}

void lvs_conntrack_pass(struct lvs_packet *pkt, const struct lvs_conn *conn)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(pkt->skb, &ctinfo);

	pkt->tracked = true;
	if (unlikely(!ct)) {
		/*
		 * Conntrack found it invalid, or a rule said notrack. It shall not make an entry of
		 * what the packet becomes.
		 */
		nf_ct_set(pkt->skb, NULL, IP_CT_UNTRACKED);
		return;
	}
	if (conn && unlikely(!nf_ct_is_confirmed(ct))) {
		if (unlikely(lvs_parse_is_ipsec(pkt->proto)))
			translate_ipsec(ct, conn);
		else
			translate(ct, conn);
	}
}

bool lvs_conntrack_has_nat(const struct sk_buff *skb)
{
	const struct nf_conn *ct = (const struct nf_conn *)skb_nfct(skb);

	return ct && ct->status & IPS_NAT_MASK;
}

bool lvs_conntrack_leave(struct sk_buff *skb)
{
	struct nf_conn *ct = (struct nf_conn *)skb_nfct(skb);

	if (ct && !nf_ct_is_confirmed(ct) && nfct.confirm(skb) != NF_ACCEPT)
		return false;
#ifdef CONFIG_NF_CONNTRACK_EVENTS
	/* Another packet's entry may have taken the place of this one's. */
	ct = (struct nf_conn *)skb_nfct(skb);
	if (ct && nf_ct_ecache_exist(ct))
		nfct.tell(ct);
#endif
	nf_reset_ct(skb);
	return true;
}

/*
 * The packet is new to conntrack, as if it had just come. It is past PREROUTING, so NAT of its
 * destination counts as settled if it was before: rules at LOCAL_OUT are for this host's packets.
 */
static bool track_again(struct lvs_packet *pkt, bool dst_settled)
{
	const struct nf_nat_hook *nat;
	enum ip_conntrack_info ctinfo;
	struct nf_hook_state state;
	struct nf_conn *ct;
	bool in = pkt->hook == NF_INET_LOCAL_IN;

	nf_hook_state_init(&state, in ? NF_INET_PRE_ROUTING : pkt->hook, pkt->af,
			   in ? pkt->skb->dev : NULL, NULL, NULL, pkt->ln->net, NULL);
	nf_reset_ct(pkt->skb);
	if (nfct.in(pkt->skb, &state) != NF_ACCEPT)
		return false;
	ct = nf_ct_get(pkt->skb, &ctinfo);
	if (!dst_settled || !ct || nf_ct_is_confirmed(ct) || ct->status & IPS_DST_NAT_DONE)
		return true;
	nat = rcu_dereference(nf_nat_hook);
	return !nat || !nat->parse_nat_setup(ct, NF_NAT_MANIP_DST, NULL);
}

bool lvs_conntrack_begin(struct lvs_packet *pkt, const struct lvs_conn *conn)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(pkt->skb, &ctinfo);
	bool simple, dst_settled;

	if (!ct || !nf_ct_is_confirmed(ct))
		return true;
	if (!nf_ct_is_dying(ct) && (CTINFO2DIR(ctinfo) != IP_CT_DIR_ORIGINAL || fits(ct, conn)))
		return true;
	/* What rules in PREROUTING did to the entry can only be done there. */
	simple = !(ct->status & IPS_DST_NAT) && !ct->master &&
		 nf_ct_zone(ct)->id == NF_CT_DEFAULT_ZONE_ID;
	dst_settled = ct->status & IPS_DST_NAT_DONE;
	nfct.delete(ct, 0, 0);
	return simple && track_again(pkt, dst_settled);
}

/* The entry of what the connection's client sends of this protocol goes. */
static void forget(const struct lvs_conn *conn, u8 proto, __be16 cport, __be16 vport)
{
	struct nf_conntrack_tuple tuple = {
		.src.l3num	= conn->link[LVS_SIDE_CLIENT].af,
		.dst.protonum	= proto,
	};
	struct nf_conntrack_tuple_hash *h;
	struct nf_conn *ct;

	set_src(&tuple, &conn->caddr, cport);
	set_dst(&tuple, &conn->vaddr, vport);
	h = nfct.find(conn->ln->net, &nf_ct_zone_dflt, &tuple);
	if (!h)
		return;
	ct = nf_ct_tuplehash_to_ctrack(h);
	nfct.delete(ct, 0, 0);
	nf_conntrack_put(&ct->ct_general);
}

void lvs_conntrack_end(const struct lvs_conn *conn)
{
	if (READ_ONCE(conn->ln->conntrack_over))
		return;
	forget(conn, conn->link[LVS_SIDE_CLIENT].proto, conn->cport, conn->vport);
	if (lvs_ipsec_rides(conn)) {
		forget(conn, IPPROTO_ESP, 0, 0);
		forget(conn, IPPROTO_AH, 0, 0);
	}
}

#endif /* CONFIG_NF_CONNTRACK */
