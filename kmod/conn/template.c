// SPDX-License-Identifier: GPL-2.0-only
/* Templates, by which a client of a persistent service stays with its dest; conn/template.h. */
#include <linux/ip_vs.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>

#include "conn/conn.h"
#include "conn/expiry.h"
#include "conn/table.h"
#include "conn/template.h"
#include "core/sip.h"
#include "ftp/ftp.h"
#include "netns.h"
#include "pipeline.h"
#include "svc/svc.h"

/* How long a template waits on when its time is over and connections are left. */
#define LVS_TEMPLATE_AGAIN	(60 * HZ)

struct template_key {
	union nf_inet_addr caddr;	/* unused bytes are zero */
	union nf_inet_addr vaddr;	/* as above; of a service by mark: the mark */
	__be16 vport;
	u8 af;
	u8 proto;			/* 0 of a service by mark */
	u8 data_len;
	u8 data[LVS_TEMPLATE_DATA_MAX];
};

static void mask_client(const struct lvs_packet *pkt, __be32 netmask, union nf_inet_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (pkt->af == AF_INET)
		addr->ip = pkt->saddr.ip & netmask;
	else
		ipv6_addr_prefix(&addr->in6, &pkt->saddr.in6, (__force u32)netmask);
}

static bool is_own_port(const struct lvs_svc *svc, const struct lvs_packet *pkt)
{
	return !svc->key.fwmark && pkt->dport == svc->key.port;
}

/*
 * Templates of these services are for the client's connections to whatever port: FTP's data
 * connections have ports of their own and are to follow the control connection.
 */
static bool is_for_all_ports(const struct lvs_svc *svc, const struct lvs_packet *pkt)
{
	return !is_own_port(svc, pkt) || svc->key.port == LVS_FTP_PORT;
}

static void key_fill(struct template_key *key, const struct lvs_svc *svc,
		     const struct lvs_packet *pkt)
{
	mask_client(pkt, READ_ONCE(svc->netmask), &key->caddr);
	memset(&key->vaddr, 0, sizeof(key->vaddr));
	key->af = pkt->af;
	key->vport = is_for_all_ports(svc, pkt) ? 0 : pkt->dport;
	key->data_len = 0;
	if (svc->key.fwmark) {
		key->vaddr.ip = htonl(svc->key.fwmark);
		key->proto = 0;
		return;
	}
	key->proto = pkt->proto;
	if (pkt->af == AF_INET)
		key->vaddr.ip = pkt->daddr.ip;
	else
		key->vaddr.in6 = pkt->daddr.in6;
}

/* As much of a message as its Call-ID is looked for in. */
#define LVS_SIP_HEAD	4096

/* False if the datagram has no Call-ID. May move the packet's data. */
static bool key_add_call_id(struct template_key *key, const struct lvs_packet *pkt)
{
	u32 from = pkt->l4_off + sizeof(struct udphdr);
	struct sk_buff *skb = pkt->skb;
	u32 len, at;

	/* The parser saw to the header being there. */
	len = min_t(u32, skb->len - from, LVS_SIP_HEAD);
	if (!pskb_may_pull(skb, from + len))
		return false;
	len = min_t(u32, len, max_t(int, ntohs(((struct udphdr *)(skb->data + pkt->l4_off))->len) -
					 (int)sizeof(struct udphdr), 0));
	key->data_len = lvs_sip_call_id(skb->data + from, len, &at);
	memcpy(key->data, skb->data + from + at, key->data_len);
	return key->data_len;
}

static u32 key_hash(const struct template_key *key)
{
	u32 hash = lvs_conn_hash(AF_INET6, &key->caddr, htons(key->proto), &key->vaddr, key->vport);
	siphash_key_t secret;

	if (!key->data_len)
		return hash;
	memcpy(&secret, &lvs_conn_hash_key, sizeof(secret));
	return hash ^ (u32)siphash(key->data, key->data_len, &secret);
}

static bool key_matches(struct lvs_conn_link *link, const void *arg)
{
	const struct template_key *key = arg;
	const struct lvs_template *t;
	struct lvs_conn *conn;

	if (link->af != (key->af | LVS_AF_TEMPLATE) || link->proto != key->proto)
		return false;
	conn = lvs_conn_of(link);
	t = lvs_template_of(conn);
	return conn->vport == key->vport && nf_inet_addr_cmp(&conn->caddr, &key->caddr) &&
	       nf_inet_addr_cmp(&conn->vaddr, &key->vaddr) && t->data_len == key->data_len &&
	       !memcmp(t->data, key->data, key->data_len);
}

bool lvs_template_same(const struct lvs_conn *a, const struct lvs_conn *b)
{
	const struct lvs_template *ta = container_of(a, struct lvs_template, conn);
	const struct lvs_template *tb = container_of(b, struct lvs_template, conn);

	return a->vport == b->vport && nf_inet_addr_cmp(&a->caddr, &b->caddr) &&
	       nf_inet_addr_cmp(&a->vaddr, &b->vaddr) && ta->data_len == tb->data_len &&
	       !memcmp(ta->data, tb->data, ta->data_len);
}

bool lvs_template_expired(struct lvs_template *t)
{
	return lvs_conn_expired(&t->conn) && refcount_read(&t->users) <= 1;
}

/*
 * May clients be sent to the template's dest? To one of weight 0 they may for as long as it has
 * connections, so that they can end what they began; unless that is not wanted.
 */
static bool dest_serves(const struct lvs_dest *dest)
{
	if (!lvs_dest_available(dest) || lvs_dest_draining(dest))
		return false;
	return READ_ONCE(dest->weight) > 0 || (atomic_read(&dest->conns) &&
	       !READ_ONCE(dest->ln->sysctls.expire_quiescent_template));
}

void lvs_template_assure(struct lvs_conn *conn)
{
	spin_lock_bh(&conn->lock);
	WRITE_ONCE(conn->flags, conn->flags & ~LVS_CONN_F_UNASSURED);
	spin_unlock_bh(&conn->lock);
	WRITE_ONCE(conn->control->conn.state, LVS_TEMPLATE_ASSURED);
}

static void template_free(struct rcu_head *head)
{
	kfree(container_of(head, struct lvs_template, conn.rcu));
}

void lvs_template_put(struct lvs_template *t)
{
	if (refcount_dec_and_test(&t->users))
		call_rcu(&t->conn.rcu, template_free);
}

void lvs_template_release(struct lvs_template *t)
{
	struct lvs_dest *dest = t->conn.dest;

	spin_lock_bh(&dest->templates_lock);
	if (!hlist_unhashed(&t->node))
		hlist_del_init(&t->node);
	spin_unlock_bh(&dest->templates_lock);
	lvs_dest_unbind_template(dest);
	lvs_template_put(t);
}

void lvs_template_renew(struct lvs_template *t)
{
	/* The time first: the new timeout must not meet the old one. */
	WRITE_ONCE(t->conn.seen, (u32)jiffies);
	lvs_conn_set_timeout(&t->conn, LVS_TEMPLATE_AGAIN);
}

static struct lvs_template *template_alloc(const struct template_key *key, u32 hash, u32 timeout,
					   struct lvs_net *ln, const struct lvs_choice *choice)
{
	struct lvs_template *t = kzalloc(struct_size(t, data, key->data_len),
					 GFP_ATOMIC | __GFP_NOWARN);
	struct lvs_conn *conn;

	if (!t)
		return NULL;
	conn = &t->conn;
	conn->caddr = key->caddr;
	conn->vaddr = key->vaddr;
	conn->vport = key->vport;
	conn->daddr = choice->dest->addr;
	conn->dport = key->vport ? choice->dest->port : 0;
	conn->state = LVS_TEMPLATE_NONE;
	conn->timeout = timeout;
	conn->flags = LVS_CONN_F_TEMPLATE | LVS_CONN_F_NOOUTPUT;
	lvs_conn_setup(conn, ln, choice->dest);
	lvs_conn_link_init(conn, LVS_SIDE_CLIENT, key->af | LVS_AF_TEMPLATE, key->proto, hash);
	lvs_conn_link_init(conn, LVS_SIDE_SERVER, choice->dest->af, key->proto, hash);
	/* One for its life, one for the connection at hand. */
	refcount_set(&t->users, 2);
	INIT_HLIST_NODE(&t->node);
	t->data_len = key->data_len;
	memcpy(t->data, key->data, key->data_len);
	return t;
}

/* Among its dest's templates, unless it has died already. */
static void join_dest(struct lvs_template *t)
{
	struct lvs_dest *dest = t->conn.dest;

	spin_lock_bh(&t->conn.lock);
	if (!(t->conn.flags & LVS_CONN_F_DEAD)) {
		spin_lock(&dest->templates_lock);
		hlist_add_head(&t->node, &dest->templates);
		spin_unlock(&dest->templates_lock);
	}
	spin_unlock_bh(&t->conn.lock);
}

/* Was never in the table. */
static void template_discard(struct lvs_template *t)
{
	lvs_dest_unbind_template(t->conn.dest);
	kfree(t);
}

/*
 * Take up a template that was found: false if it is of no use, because its time is over, its dest
 * does not serve, or it has just died.
 */
static bool template_use(struct lvs_template *t, u32 timeout, struct lvs_choice *choice)
{
	if (lvs_template_expired(t) || !dest_serves(t->conn.dest)) {
		lvs_conn_kill(&t->conn);
		return false;
	}
	if (!refcount_inc_not_zero(&t->users))
		return false;
	lvs_conn_touch(&t->conn);
	if (unlikely(READ_ONCE(t->conn.timeout) != timeout))
		lvs_conn_set_timeout(&t->conn, timeout);
	choice->dest = t->conn.dest;
	choice->control = t;
	return true;
}

/* A new template of @key to choice->dest, or the one that another CPU has just made. */
static enum lvs_drop_reason template_make(const struct template_key *key, u32 hash, u32 timeout,
					  struct lvs_net *ln, struct lvs_choice *choice)
{
	struct lvs_conn_table *ct = &ln->conns;
	struct lvs_template *t;
	struct lvs_conn *same;

	if (!lvs_dest_bind_template(choice->dest))
		return LVS_DROP_NO_DEST;
	t = template_alloc(key, hash, timeout, ln, choice);
	if (!t) {
		lvs_dest_unbind_template(choice->dest);
		return LVS_DROP_NO_MEMORY;
	}
	same = lvs_conn_link_insert(ct, &t->conn.link[LVS_SIDE_CLIENT], true);
	if (same) {
		if (template_use(lvs_template_of(same), timeout, choice)) {
			template_discard(t);
			return LVS_DROP_NONE;
		}
		same = lvs_conn_link_insert(ct, &t->conn.link[LVS_SIDE_CLIENT], true);
	}
	if (same) {
		/* Twice within two instructions; this connection goes without one. */
		template_discard(t);
		choice->control = NULL;
		return LVS_DROP_NONE;
	}
	join_dest(t);
	lvs_conn_enlist(&t->conn);
	choice->control = t;
	return LVS_DROP_NONE;
}

enum lvs_drop_reason lvs_template_choose(struct lvs_svc *svc, const struct lvs_packet *pkt,
					 struct lvs_choice *choice)
{
	u32 timeout = READ_ONCE(svc->timeout);
	enum lvs_drop_reason reason;
	struct lvs_conn *found;
	struct template_key key;
	u32 hash;

	key_fill(&key, svc, pkt);
	/* Other protocols' first packets say nothing yet: there the address has to do. */
	if (READ_ONCE(svc->manner) & LVS_SVC_SIP && pkt->proto == IPPROTO_UDP &&
	    !key_add_call_id(&key, pkt))
		return LVS_DROP_NO_CALL_ID;
	hash = key_hash(&key);
	found = lvs_conn_find(&pkt->ln->conns, hash, key_matches, &key);
	if (!found || !template_use(lvs_template_of(found), timeout, choice)) {
		choice->dest = lvs_svc_schedule(svc, pkt);
		if (!choice->dest)
			return LVS_DROP_NO_DEST;
		reason = template_make(&key, hash, timeout, pkt->ln, choice);
		if (reason != LVS_DROP_NONE)
			return reason;
	}
	choice->dport = pkt->dport;
	if (is_own_port(svc, pkt) && choice->dest->port)
		choice->dport = choice->dest->port;
	return LVS_DROP_NONE;
}

/*
 * A deleted dest may come back while it has connections, and a quiet one may get its weight back;
 * then its clients are to find it.
 */
static bool may_keep(const struct lvs_dest *dest)
{
	if (lvs_dest_available(dest))
		return dest_serves(dest);
	return atomic_read(&dest->conns);
}

static struct lvs_template *first_of(struct lvs_dest *dest)
{
	struct hlist_node *node;

	spin_lock_bh(&dest->templates_lock);
	node = dest->templates.first;
	spin_unlock_bh(&dest->templates_lock);
	return node ? hlist_entry(node, struct lvs_template, node) : NULL;
}

void lvs_template_sweep(struct lvs_dest *dest)
{
	struct lvs_template *t;

	lockdep_assert_held(&dest->ln->ctl);
	while (!may_keep(dest)) {
		/* Whoever kills it takes it out of the list. */
		rcu_read_lock();
		t = first_of(dest);
		if (t)
			lvs_conn_kill(&t->conn);
		rcu_read_unlock();
		if (!t)
			return;
		cond_resched();
	}
}

const char *lvs_template_state_name(u8 state)
{
	return state == LVS_TEMPLATE_ASSURED ? "ASSURED" : "NONE";
}
