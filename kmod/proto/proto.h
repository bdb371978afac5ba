/* SPDX-License-Identifier: GPL-2.0-only */
/* What the transport protocols mean to a connection. */
#ifndef LVS_PROTO_H
#define LVS_PROTO_H

#include <linux/in.h>
#include <linux/types.h>

#include "conn/table.h"

struct lvs_conn;
struct lvs_packet;

/* proto/tcp.c: all under RCU, bottom halves off */

/* May this packet, which belongs to no connection, open one? */
bool lvs_tcp_opens(const struct lvs_packet *pkt);

/* Does this packet of @conn's client begin another connection from the same port? */
bool lvs_tcp_reuses(const struct lvs_conn *conn, const struct lvs_packet *pkt);

/* The packet moves the connection to its next state, and sets that state's timeout. */
void lvs_tcp_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side);

/*
 * The connection has expired, its numbers are known: tell its ends, if that is wanted. Process
 * context, under RCU.
 */
void lvs_tcp_expires(struct lvs_conn *conn);

/* proto/sctp.c: the same for associations */
bool lvs_sctp_opens(const struct lvs_packet *pkt);
bool lvs_sctp_reuses(const struct lvs_conn *conn, const struct lvs_packet *pkt);
void lvs_sctp_state(struct lvs_conn *conn, const struct lvs_packet *pkt, enum lvs_side side);

/* proto/udp.c */
void lvs_udp_state(struct lvs_conn *conn, const struct lvs_packet *pkt);

/*
 * proto/ipsec.c: the connection that a packet of AH or ESP, or one that an ICMP error quotes,
 * belongs to; @side tells whether as a request or a reply. NULL if there is none. Under RCU, which
 * keeps the answer alive.
 */
struct lvs_conn *lvs_ipsec_lookup(const struct lvs_packet *pkt, enum lvs_side *side);

/* Is it a connection that such packets belong to? */
bool lvs_ipsec_rides(const struct lvs_conn *conn);

/* The name of the connection's state in listings. */
const char *lvs_proto_state_name(const struct lvs_conn *conn);
const char *lvs_proto_name(u8 proto);

#endif /* LVS_PROTO_H */
