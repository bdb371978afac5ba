// SPDX-License-Identifier: GPL-2.0-only
/* Local ports of data connections by FULLNAT, and waiting there for the dest; ftp/internal.h. */
#include <linux/slab.h>

#include "conn/conn.h"
#include "ftp/internal.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "svc/laddr.h"

static struct hlist_head *bucket_of(struct lvs_ftp_table *table, u8 af,
				    const union nf_inet_addr *laddr, __be16 port)
{
	return &table->listeners[lvs_conn_hash(af, laddr, port, laddr, 0) % LVS_FTP_BUCKETS];
}

bool lvs_ftp_take_port(const struct lvs_ftp *ftp, struct lvs_source *source)
{
	struct lvs_laddr *laddr = lvs_fullnat_of(ftp->conn)->source.map->laddr;

	/*
	 * The ports at the dest come and go: with a map for each there would be as many maps as
	 * data connections.
	 */
	return lvs_laddr_take_of(laddr, ftp->conn->dest, 0, IPPROTO_TCP, source) == LVS_DROP_NONE;
}

bool lvs_ftp_listen(struct lvs_ftp *ftp)
{
	struct lvs_fullnat_conn *fc = lvs_fullnat_of(ftp->conn);
	struct lvs_ftp_table *table = &ftp->conn->ln->ftp;
	struct lvs_ftp_listener *listener;

	lockdep_assert_held(&ftp->lock);
	lvs_ftp_unlisten(ftp);
	listener = kmalloc(sizeof(*listener), GFP_ATOMIC | __GFP_NOWARN);
	if (!listener)
		return false;
	if (!lvs_ftp_take_port(ftp, &listener->source)) {
		kfree(listener);
		return false;
	}
	listener->ftp = ftp;
	spin_lock(&table->lock);
	hlist_add_head_rcu(&listener->node, bucket_of(table, ftp->conn->link[LVS_SIDE_SERVER].af,
						      &fc->laddr, listener->source.port));
	spin_unlock(&table->lock);
	WRITE_ONCE(ftp->listener, listener);
	return true;
}

void lvs_ftp_listener_take(struct lvs_ftp *ftp, struct lvs_source *source)
{
	struct lvs_ftp_table *table = &ftp->conn->ln->ftp;
	struct lvs_ftp_listener *listener = ftp->listener;

	lockdep_assert_held(&ftp->lock);
	WRITE_ONCE(ftp->listener, NULL);
	spin_lock(&table->lock);
	hlist_del_rcu(&listener->node);
	spin_unlock(&table->lock);
	*source = listener->source;
	kfree_rcu(listener, rcu);
}

void lvs_ftp_unlisten(struct lvs_ftp *ftp)
{
	struct lvs_source source;

	lockdep_assert_held(&ftp->lock);
	if (!ftp->listener)
		return;
	lvs_ftp_listener_take(ftp, &source);
	lvs_laddr_give(&source);
}

struct lvs_ftp_listener *lvs_ftp_listener_find(const struct lvs_packet *pkt)
{
	struct hlist_head *head = bucket_of(&pkt->ln->ftp, pkt->af, &pkt->daddr, pkt->dport);
	struct lvs_ftp_listener *listener;

	hlist_for_each_entry_rcu(listener, head, node) {
		const struct lvs_conn *conn = listener->ftp->conn;

		if (listener->source.port == pkt->dport &&
		    conn->link[LVS_SIDE_SERVER].af == pkt->af &&
		    lvs_addr_equal(pkt->af, &lvs_fullnat_of(conn)->laddr, &pkt->daddr) &&
		    lvs_addr_equal(pkt->af, &conn->daddr, &pkt->saddr))
			return listener;
	}
	return NULL;
}
