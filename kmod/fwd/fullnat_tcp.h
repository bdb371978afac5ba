/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What FULLNAT changes in TCP headers beside addresses and ports.
 *
 * The real server sees all clients come from a few addresses, whose ports are used again and again.
 * So that it does not take a new connection for a piece of the one before, which it may still have
 * in TIME_WAIT, a connection gets an initial sequence number of our own, which rises with time (RFC
 * 6528), and no timestamps, which would go back from one client to another. All later segments'
 * sequence numbers are moved by the difference.
 *
 * The client's own address and port go into an option (include/lvs/toa.h) of every segment of the
 * client's that can take it, until the client has acknowledged data of the real server: by then
 * that has seen one. What a client has put there itself is blanked, unless it is a trusted
 * upstream.
 */
#ifndef LVS_FWD_FULLNAT_TCP_H
#define LVS_FWD_FULLNAT_TCP_H

#include "conn/conn.h"

struct lvs_packet;

/*
 * The connection of the SYN @pkt is made, its server's side known. If it is the dest that opens it,
 * it has chosen both ends itself, so no old connection is in its way, and it knows whom it calls:
 * numbers stay, and nothing is told.
 */
void lvs_fullnat_tcp_begin(struct lvs_fullnat_conn *fc, const struct lvs_packet *pkt,
			   bool dest_opens);

/*
 * Change a segment of the client's, whose TCP header's first 20 bytes are writable, before
 * addresses and ports are; it goes on by a path of @mtu bytes. Pointers into the packet are stale
 * afterwards. False without memory. Under RCU, bottom halves off.
 */
bool lvs_fullnat_tcp_request(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc, u32 mtu);

/* The same of a segment of the dest's. */
bool lvs_fullnat_tcp_reply(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc);

/*
 * How much longer the client's segments may get on their way to the dest, which the client does not
 * know of: by the option, 0 when it is not sent any more.
 */
u32 lvs_fullnat_tcp_room(const struct lvs_fullnat_conn *fc);

/* There is a path to the dest that has no room for it: segments go without. */
void lvs_fullnat_tcp_no_room(struct lvs_fullnat_conn *fc);

/*
 * What answers to the SYN or SYN+ACK @pkt goes on to the other end by a path of @mtu bytes as
 * segments of IPv6, which are longer than those of IPv4 that their sender makes: no more than fits
 * may they be. Called after one of the above. False without memory.
 */
bool lvs_fullnat_tcp_limit_mss(struct lvs_packet *pkt, const struct lvs_fullnat_conn *fc, u32 mtu);

#endif /* LVS_FWD_FULLNAT_TCP_H */
