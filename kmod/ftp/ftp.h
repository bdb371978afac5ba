/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FTP behind NAT and FULLNAT. Its data connections go to ports that the control connection tells:
 * the dest's after PASV or EPSV, the client's after PORT or EPRT. The director reads both. It puts
 * the virtual service's address in the place of the dest's, which the client could not reach,
 * shifts sequence numbers by what the text became longer or shorter, and waits for the one data
 * connection that was agreed on.
 *
 * By FULLNAT the dest has no way to the client. There the client's text is replaced, too: the dest
 * opens the data connection to a port of the local address that it knows the client by (listen.c).
 *
 * A control connection is one by NAT or FULLNAT, within one family of addresses, to a virtual
 * service's port that is among the module's ftp_ports. It stays as long as its data connection
 * does.
 */
#ifndef LVS_FTP_H
#define LVS_FTP_H

#include <linux/atomic.h>
#include <linux/ip_vs.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "conn/conn.h"
#include "core/parse.h"

struct lvs_ftp;
struct lvs_net;

/* The ports of FTP itself (RFC 959), whatever others the module's ftp_ports names. */
#define LVS_FTP_PORT		htons(21)
#define LVS_FTP_DATA_PORT	htons(20)

#define LVS_FTP_PORTS_MAX	8
#define LVS_FTP_BUCKETS		256

struct lvs_ftp_table {
	spinlock_t lock;		/* the lists; bottom halves off */
	struct hlist_head bucket[LVS_FTP_BUCKETS];	/* control connections, by client; RCU */
	struct hlist_head listeners[LVS_FTP_BUCKETS];	/* by local address and port; RCU */
	atomic_t waiting;		/* data connections that were agreed on and are to come */
	atomic_t users[LVS_FTP_PORTS_MAX];	/* control connections, by port */
};

/* Is it a port that FTP's control connections go to? Any context. */
bool lvs_ftp_is_port(__be16 port);

/* Does a connection that @pkt opens, forwarded by @fwd, control others? */
static inline bool lvs_ftp_is_control(const struct lvs_packet *pkt, u8 fwd)
{
	return pkt->proto == IPPROTO_TCP && (fwd == IP_VS_CONN_F_MASQ || fwd == LVS_FWD_FULLNAT) &&
	       lvs_ftp_is_port(pkt->dport);
}

/*
 * @conn, which nobody has seen yet, is a control connection. False without memory. Softirq or
 * bottom halves off.
 */
bool lvs_ftp_begin(struct lvs_conn *conn);

/* It is dead: forget it after a grace period. */
void lvs_ftp_end(struct lvs_conn *conn);

/*
 * A packet of a control connection, from the client or from the dest, before its addresses are
 * translated. May move the packet's data. False if there is no memory for what must be changed.
 * Under RCU, bottom halves off.
 */
bool lvs_ftp_request(struct lvs_packet *pkt, struct lvs_conn *conn);
bool lvs_ftp_reply(struct lvs_packet *pkt, struct lvs_conn *conn);

/* Is any data connection to come? */
static inline bool lvs_ftp_waits(const struct lvs_ftp_table *table)
{
	return atomic_read(&table->waiting);
}

/*
 * The packet has no connection. Make it if it opens a data connection that was agreed on; @side
 * tells who of the two sent it. NULL if not. Under RCU, bottom halves off.
 */
struct lvs_conn *lvs_ftp_connect(const struct lvs_packet *pkt, enum lvs_side *side);

/*
 * The virtual service's port of the control connection that the data connection @conn was agreed
 * on by; 0: it is none, or not the latest one. Under RCU.
 */
__be16 lvs_ftp_control_vport(const struct lvs_conn *conn);

/*
 * The expirer meets a control connection: it counts as used while its data connection lives, and
 * gives up to wait where nobody came in time. Under RCU.
 */
void lvs_ftp_look(struct lvs_conn *conn);

/* In how many jiffies it wants to be met, if it expires in @remaining. Under RCU. */
u32 lvs_ftp_look_within(const struct lvs_conn *conn, u32 remaining);

void lvs_ftp_net_init(struct lvs_ftp_table *table);

/* Module parameters are right. 0 or -EINVAL. */
int lvs_ftp_init(void);

/* The port number @index, counted from 0, in host order; 0: there are no more. */
u16 lvs_ftp_port(unsigned int index);

#endif /* LVS_FTP_H */
