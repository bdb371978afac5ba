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

/* What a control connection has beside others. */
struct lvs_ftp {
	struct lvs_conn *conn;		/* constant */
	struct hlist_node node;		/* the table's lock, RCU readers */
	spinlock_t lock;		/* what follows; bottom halves off */
	struct lvs_seq_adjust replies;	/* texts of the dest's that were replaced */
	struct lvs_ftp_wait dest;	/* READ_ONCE */
	struct lvs_ftp_wait client;	/* READ_ONCE */
	__be16 data_cport;		/* ports of the latest data connection, or 0 */
	__be16 data_vport;
	struct rcu_head rcu;
};

/* From now on @wait, one of @ftp's two, is for @port. Bottom halves off. */
void lvs_ftp_expect(struct lvs_ftp *ftp, struct lvs_ftp_wait *wait, __be16 port);

#endif /* LVS_FTP_INTERNAL_H */
