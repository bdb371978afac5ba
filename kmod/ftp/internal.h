/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files here share. */
#ifndef LVS_FTP_INTERNAL_H
#define LVS_FTP_INTERNAL_H

#include "core/seq_adjust.h"
#include "ftp/ftp.h"

/* Where one of the two waits for the other's data connection; port 0: nowhere. */
struct lvs_ftp_wait {
	__be16 port;
	unsigned long since;	/* jiffies */
};

/*
 * Where the dest, to which the client has no address by FULLNAT, comes instead: a port of the local
 * address that it knows the client by. Constant but for its place in the table.
 */
struct lvs_ftp_listener {
	struct hlist_node node;		/* the table's lock, RCU readers */
	struct lvs_ftp *ftp;
	struct lvs_source source;
	struct rcu_head rcu;
};

/* What a control connection has beside others. */
struct lvs_ftp {
	struct lvs_conn *conn;		/* constant */
	struct hlist_node node;		/* the table's lock, RCU readers */
	spinlock_t lock;		/* what follows; bottom halves off */
	struct lvs_seq_adjust replaced[LVS_SIDES];	/* of the client's texts, of the dest's */
	struct lvs_ftp_wait dest;	/* READ_ONCE */
	struct lvs_ftp_wait client;	/* READ_ONCE */
	struct lvs_ftp_listener *listener;	/* while the client waits; READ_ONCE */
	__be16 told_port;		/* by the client's latest text; 0: as it was */
	__be16 data_cport;		/* ports of the latest data connection, or 0; READ_ONCE */
	__be16 data_vport;
	struct rcu_head rcu;
};

/* From now on @wait, one of @ftp's two, is for @port. Under @ftp's lock. */
void lvs_ftp_expect(struct lvs_ftp *ftp, struct lvs_ftp_wait *wait, __be16 port);

/*
 * Take a port for a data connection, by FULLNAT, of the local address that the control connection
 * has: servers have data connections with nobody else. Under RCU, bottom halves off.
 */
bool lvs_ftp_take_port(const struct lvs_ftp *ftp, struct lvs_source *source);

/*
 * Take a port for ftp->listener, which takes the place of another one. False if there is none, or
 * no memory. Under RCU and @ftp's lock.
 */
bool lvs_ftp_listen(struct lvs_ftp *ftp);

/* Listen no more; the port is given back. Under @ftp's lock. */
void lvs_ftp_unlisten(struct lvs_ftp *ftp);

/* The same, but the port is now the caller's, in @source. */
void lvs_ftp_listener_take(struct lvs_ftp *ftp, struct lvs_source *source);

/* Whom @pkt, from a dest, comes to; or NULL. Under RCU. */
struct lvs_ftp_listener *lvs_ftp_listener_find(const struct lvs_packet *pkt);

#endif /* LVS_FTP_INTERNAL_H */
