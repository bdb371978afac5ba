// SPDX-License-Identifier: GPL-2.0-only
/* Control connections of FTP, and the data connections that they agree on; ftp/ftp.h. */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "conn/conn.h"
#include "conn/template.h"
#include "ftp/internal.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "svc/svc.h"

/*
 * A control connection is looked at this much before its end, in time to find its data connection
 * alive, and as often while it has a port of ours in use.
 */
#define LVS_FTP_EARLY	HZ

static unsigned short ftp_ports[LVS_FTP_PORTS_MAX] = { 21 };
static unsigned int num_ports = 1;
module_param_array(ftp_ports, ushort, &num_ports, 0444);
MODULE_PARM_DESC(ftp_ports, "ports of virtual services that speak FTP, up to 8 (21)");

bool lvs_ftp_is_port(__be16 port)
{
	unsigned int i;

	for (i = 0; i < num_ports; i++) {
		if (ntohs(port) == ftp_ports[i])
			return true;
	}
	return false;
}

u16 lvs_ftp_port(unsigned int index)
{
	return index < num_ports ? ftp_ports[index] : 0;
}

static struct lvs_ftp_table *table_of(const struct lvs_conn *conn)
{
	return &conn->ln->ftp;
}

static struct hlist_head *bucket_of(struct lvs_ftp_table *table, u8 af,
				    const union nf_inet_addr *client)
{
	return &table->bucket[lvs_conn_hash(af, client, 0, client, 0) % LVS_FTP_BUCKETS];
}

static atomic_t *users_of(struct lvs_ftp_table *table, __be16 port)
{
	unsigned int i = 0;

	while (i + 1 < num_ports && ftp_ports[i] != ntohs(port))
		i++;
	return &table->users[i];
}

bool lvs_ftp_begin(struct lvs_conn *conn)
{
	struct lvs_ftp_table *table = table_of(conn);
	struct lvs_ftp *ftp = kzalloc(sizeof(*ftp), GFP_ATOMIC | __GFP_NOWARN);

	if (!ftp)
		return false;
	ftp->conn = conn;
	spin_lock_init(&ftp->lock);
	conn->ftp = ftp;
	conn->flags |= LVS_CONN_F_FTP;
	atomic_inc(users_of(table, conn->vport));
	spin_lock_bh(&table->lock);
	hlist_add_head_rcu(&ftp->node, bucket_of(table, conn->link[LVS_SIDE_CLIENT].af,
						 &conn->caddr));
	spin_unlock_bh(&table->lock);
	return true;
}

void lvs_ftp_end(struct lvs_conn *conn)
{
	struct lvs_ftp_table *table = table_of(conn);
	struct lvs_ftp *ftp = conn->ftp;

	spin_lock_bh(&table->lock);
	hlist_del_rcu(&ftp->node);
	spin_unlock_bh(&table->lock);
	spin_lock_bh(&ftp->lock);
	lvs_ftp_expect(ftp, &ftp->dest, 0);
	lvs_ftp_expect(ftp, &ftp->client, 0);
	spin_unlock_bh(&ftp->lock);
	atomic_dec(users_of(table, conn->vport));
	kfree_rcu(ftp, rcu);
}

void lvs_ftp_expect(struct lvs_ftp *ftp, struct lvs_ftp_wait *wait, __be16 port)
{
	struct lvs_ftp_table *table = table_of(ftp->conn);

	lockdep_assert_held(&ftp->lock);
	/* Nobody comes back for one that is dead. */
	if (READ_ONCE(ftp->conn->flags) & LVS_CONN_F_DEAD)
		port = 0;
	if (!wait->port && port)
		atomic_inc(&table->waiting);
	else if (wait->port && !port)
		atomic_dec(&table->waiting);
	WRITE_ONCE(wait->port, port);
	wait->since = jiffies;
	if (wait == &ftp->client && !port)
		lvs_ftp_unlisten(ftp);
}

static bool is_stale(const struct lvs_ftp *ftp, const struct lvs_ftp_wait *wait)
{
	u32 patience = ftp->conn->ln->timeouts.tcp[LVS_TCP_LISTEN];

	return !time_before(jiffies, wait->since + patience) ||
	       !lvs_dest_available(ftp->conn->dest);
}

/*
 * What was agreed on is now: nobody else gets it. @pkt is what the client sent, or would have. The
 * port of @listener, if it was there that the dest came, is the caller's then, in @source. False if
 * somebody was quicker, or it is stale.
 */
static bool claim(struct lvs_ftp *ftp, struct lvs_ftp_wait *wait, __be16 port,
		  const struct lvs_packet *pkt, const struct lvs_ftp_listener *listener,
		  struct lvs_source *source)
{
	bool claimed = false;

	spin_lock_bh(&ftp->lock);
	if (wait->port == port && (!listener || ftp->listener == listener)) {
		claimed = !is_stale(ftp, wait);
		if (claimed && listener)
			lvs_ftp_listener_take(ftp, source);
		lvs_ftp_expect(ftp, wait, 0);
	}
	if (claimed) {
		WRITE_ONCE(ftp->data_cport, pkt->sport);
		WRITE_ONCE(ftp->data_vport, pkt->dport);
	}
	spin_unlock_bh(&ftp->lock);
	return claimed;
}

/*
 * A data connection of @ftp's, between these ports. To the table it is opened by the client in
 * either case: @pkt is what the client sent, or would have.
 */
static struct lvs_conn *create(const struct lvs_ftp *ftp, const struct lvs_packet *pkt,
			       __be16 dport)
{
	struct lvs_dest *dest = ftp->conn->dest;
	struct lvs_choice choice = { .dest = dest, .dport = dport };
	u32 hash = lvs_conn_hash(pkt->af, &pkt->saddr, pkt->sport, &pkt->daddr, pkt->dport);
	enum lvs_drop_reason why;

	/* By another method the two could not meet. */
	if (unlikely(READ_ONCE(dest->fwd) != ftp->conn->fwd))
		return NULL;
	return lvs_conn_create(pkt, rcu_dereference(dest->svc), &choice, hash, &why);
}

/* The same by FULLNAT; @source, which is taken, is used up. */
static struct lvs_conn *create_from(const struct lvs_ftp *ftp, const struct lvs_packet *pkt,
				    __be16 dport, const struct lvs_source *source, bool dest_opens)
{
	struct lvs_dest *dest = ftp->conn->dest;
	struct lvs_choice choice = {
		.dest = dest,
		.dport = dport,
		.dest_opens = dest_opens,
		.source = source,
	};
	u32 hash = lvs_conn_hash(pkt->af, &pkt->saddr, pkt->sport, &pkt->daddr, pkt->dport);
	enum lvs_drop_reason why;
	struct lvs_conn *conn;

	conn = lvs_conn_create(pkt, rcu_dereference(dest->svc), &choice, hash, &why);
	if (!conn)
		lvs_laddr_give(source);
	return conn;
}

static struct lvs_conn *admit_client(const struct lvs_ftp *ftp, const struct lvs_packet *pkt)
{
	struct lvs_source source;

	if (likely(!lvs_conn_is_fullnat(ftp->conn)))
		return create(ftp, pkt, pkt->dport);
	if (!lvs_ftp_take_port(ftp, &source))
		return NULL;
	return create_from(ftp, pkt, pkt->dport, &source, false);
}

/* The client comes to where the dest waits: the same port of the virtual service's. */
static struct lvs_conn *connect_client(const struct lvs_packet *pkt)
{
	struct lvs_ftp_table *table = &pkt->ln->ftp;
	struct lvs_ftp *ftp;

	hlist_for_each_entry_rcu(ftp, bucket_of(table, pkt->af, &pkt->saddr), node) {
		const struct lvs_conn *conn = ftp->conn;

		if (READ_ONCE(ftp->dest.port) == pkt->dport &&
		    conn->link[LVS_SIDE_CLIENT].af == pkt->af &&
		    lvs_addr_equal(pkt->af, &conn->caddr, &pkt->saddr) &&
		    lvs_addr_equal(pkt->af, &conn->vaddr, &pkt->daddr) &&
		    claim(ftp, &ftp->dest, pkt->dport, pkt, NULL, NULL))
			return admit_client(ftp, pkt);
	}
	return NULL;
}

/*
 * What the dest sent, as if it were the client that opens the connection, at its port @cport. From
 * the port beside that of the control connection, as RFC 959 has it, the client sees the same of
 * the virtual service's; from another one, that.
 */
static struct lvs_packet turned_round(const struct lvs_packet *pkt, const struct lvs_conn *conn,
				      __be16 cport)
{
	struct lvs_packet request = *pkt;

	request.saddr = conn->caddr;
	request.sport = cport;
	request.daddr = conn->vaddr;
	request.dport = pkt->sport;
	if (ntohs(pkt->sport) + 1 == ntohs(conn->dport))
		request.dport = htons(ntohs(conn->vport) - 1);
	return request;
}

/* The client waits where it did before: what is left of the connection of then makes way. */
static void make_way(const struct lvs_packet *request)
{
	u32 hash = lvs_conn_hash(request->af, &request->saddr, request->sport, &request->daddr,
				 request->dport);
	enum lvs_side side;
	struct lvs_conn *old = lvs_conn_lookup(request, hash, &side);

	if (old && side == LVS_SIDE_CLIENT && !lvs_tcp_state_active(READ_ONCE(old->state)))
		lvs_conn_kill(old);
}

/* By NAT the dest comes to where the client waits. */
static struct lvs_conn *connect_dest(const struct lvs_packet *pkt)
{
	struct lvs_ftp_table *table = &pkt->ln->ftp;
	struct lvs_packet request;
	struct lvs_conn *data;
	struct lvs_ftp *ftp;

	hlist_for_each_entry_rcu(ftp, bucket_of(table, pkt->af, &pkt->daddr), node) {
		const struct lvs_conn *conn = ftp->conn;

		if (READ_ONCE(ftp->client.port) != pkt->dport || lvs_conn_is_fullnat(conn) ||
		    conn->link[LVS_SIDE_CLIENT].af != pkt->af ||
		    !lvs_addr_equal(pkt->af, &conn->caddr, &pkt->daddr) ||
		    !lvs_addr_equal(pkt->af, &conn->daddr, &pkt->saddr))
			continue;
		request = turned_round(pkt, conn, pkt->dport);
		if (!claim(ftp, &ftp->client, pkt->dport, &request, NULL, NULL))
			continue;
		make_way(&request);
		data = create(ftp, &request, pkt->sport);
		/* Or is it a busy one of another dest's? */
		return data && data->dest == conn->dest ? data : NULL;
	}
	return NULL;
}

/* Or is it a busy one between the same ports of the client and the virtual service? */
static bool is_from(const struct lvs_conn *conn, const struct lvs_source *source)
{
	return lvs_conn_is_fullnat(conn) && lvs_fullnat_of(conn)->source.map == source->map &&
	       lvs_fullnat_of(conn)->source.port == source->port;
}

/* By FULLNAT it comes to a local address, from where it is sent on to the client. */
static struct lvs_conn *connect_dest_here(const struct lvs_packet *pkt)
{
	struct lvs_ftp_listener *listener = lvs_ftp_listener_find(pkt);
	struct lvs_packet request;
	struct lvs_source source;
	struct lvs_conn *conn;
	struct lvs_ftp *ftp;
	__be16 cport;

	if (!listener)
		return NULL;
	ftp = listener->ftp;
	cport = READ_ONCE(ftp->client.port);
	request = turned_round(pkt, ftp->conn, cport);
	if (!cport || !claim(ftp, &ftp->client, cport, &request, listener, &source))
		return NULL;
	make_way(&request);
	conn = create_from(ftp, &request, pkt->sport, &source, true);
	return conn && is_from(conn, &source) ? conn : NULL;
}

struct lvs_conn *lvs_ftp_connect(const struct lvs_packet *pkt, enum lvs_side *side)
{
	struct lvs_conn *conn;

	if (pkt->proto != IPPROTO_TCP ||
	    (pkt->tcp_flags & (LVS_TCP_F_SYN | LVS_TCP_F_ACK)) != LVS_TCP_F_SYN)
		return NULL;
	/* Where nobody is awaited, the port is 0. */
	if (unlikely(!pkt->dport))
		return NULL;
	*side = LVS_SIDE_CLIENT;
	if (pkt->hook != NF_INET_FORWARD) {
		conn = connect_client(pkt);
		if (conn)
			return conn;
	}
	*side = LVS_SIDE_SERVER;
	conn = connect_dest(pkt);
	if (!conn && pkt->hook != NF_INET_FORWARD)
		conn = connect_dest_here(pkt);
	return conn;
}

__be16 lvs_ftp_control_vport(const struct lvs_conn *conn)
{
	u8 af = conn->link[LVS_SIDE_CLIENT].af;
	struct lvs_ftp *ftp;

	if (conn->link[LVS_SIDE_CLIENT].proto != IPPROTO_TCP)
		return 0;
	hlist_for_each_entry_rcu(ftp, bucket_of(table_of(conn), af, &conn->caddr), node) {
		const struct lvs_conn *control = ftp->conn;

		if (READ_ONCE(ftp->data_cport) == conn->cport &&
		    READ_ONCE(ftp->data_vport) == conn->vport &&
		    control->link[LVS_SIDE_CLIENT].af == af &&
		    lvs_addr_equal(af, &control->caddr, &conn->caddr) &&
		    lvs_addr_equal(af, &control->vaddr, &conn->vaddr))
			return control->vport;
	}
	return 0;
}

/* Nobody came, or nobody may any more. */
static void forget_stale(struct lvs_ftp *ftp)
{
	spin_lock_bh(&ftp->lock);
	if (ftp->dest.port && is_stale(ftp, &ftp->dest))
		lvs_ftp_expect(ftp, &ftp->dest, 0);
	if (ftp->client.port && is_stale(ftp, &ftp->client))
		lvs_ftp_expect(ftp, &ftp->client, 0);
	spin_unlock_bh(&ftp->lock);
}

/* Used as long as its data connection lives. */
static void hold(struct lvs_conn *conn)
{
	struct lvs_ftp *ftp = conn->ftp;
	struct lvs_packet data = {
		.ln = conn->ln,
		.af = conn->link[LVS_SIDE_CLIENT].af,
		.proto = IPPROTO_TCP,
		.saddr = conn->caddr,
		.daddr = conn->vaddr,
	};
	enum lvs_side side;
	u32 hash;

	spin_lock_bh(&ftp->lock);
	data.sport = ftp->data_cport;
	data.dport = ftp->data_vport;
	spin_unlock_bh(&ftp->lock);
	hash = lvs_conn_hash(data.af, &data.saddr, data.sport, &data.daddr, data.dport);
	if (data.sport && lvs_conn_lookup(&data, hash, &side))
		lvs_conn_touch(conn);
}

void lvs_ftp_look(struct lvs_conn *conn)
{
	forget_stale(conn->ftp);
	hold(conn);
}

u32 lvs_ftp_look_within(const struct lvs_conn *conn, u32 remaining)
{
	if (READ_ONCE(conn->ftp->listener))
		return min_t(u32, remaining, LVS_FTP_EARLY);
	return remaining - min_t(u32, remaining, LVS_FTP_EARLY);
}

void lvs_ftp_net_init(struct lvs_ftp_table *table)
{
	spin_lock_init(&table->lock);
}

int __init lvs_ftp_init(void)
{
	unsigned int i;

	for (i = 0; i < num_ports; i++) {
		if (!ftp_ports[i]) {
			pr_err("lvs: ftp_ports: 0 is no port\n");
			return -EINVAL;
		}
	}
	return 0;
}
