/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What FULLNAT changes in UDP's packets beside addresses and ports.
 *
 * If the service wants it, the first datagrams of a flow tell the real server who the client is, by
 * an option of the IPv4 header or by a header of IP protocol 248 in front of UDP's
 * (include/lvs/toa.h). UDP's own checksum knows of neither. A datagram that would not fit the path
 * with it goes without, and the next one tells. An option of that kind that the client has put
 * there itself is blanked, unless it is a trusted upstream, who then tells in our stead; a client's
 * header makes the packet one that no service is for.
 */
#ifndef LVS_FWD_FULLNAT_UDP_H
#define LVS_FWD_FULLNAT_UDP_H

#include <linux/compiler.h>
#include <linux/ip.h>

#include "conn/conn.h"
#include "core/parse.h"
#include "drop.h"

/* So many datagrams tell the client: any of them may be lost. */
#define LVS_FULLNAT_UOA_DATAGRAMS	3

/* The UDP connection is made, and nobody else has it yet. Under RCU. */
void lvs_fullnat_udp_begin(struct lvs_fullnat_conn *fc);

/* Is the real server still to be told? */
static inline bool lvs_fullnat_udp_tells(const struct lvs_fullnat_conn *fc)
{
	return READ_ONCE(fc->toa) >= LVS_FULLNAT_UOA_OPTION;
}

/* Is it to be told with this packet, by the director or by what an upstream has put there? */
static inline bool lvs_fullnat_udp_adds(const struct lvs_packet *pkt,
					const struct lvs_fullnat_conn *fc)
{
	return lvs_fullnat_udp_tells(fc) || pkt->uoa_len;
}

/*
 * Tell it with this datagram (lvs_fullnat_udp_adds()), which is as the real server shall have it
 * otherwise, of the real server's family, and goes on by a path of @mtu bytes. The first
 * lvs_fwd_rewritten() bytes are writable. Pointers into the packet are stale afterwards.
 * LVS_DROP_NONE, or the reason to drop the packet. Under RCU, bottom halves off.
 */
enum lvs_drop_reason lvs_fullnat_udp_tell(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
					  u32 mtu);

/* There is a path to the dest that has no room for it: datagrams go without. */
void lvs_fullnat_udp_no_room(struct lvs_fullnat_conn *fc);

/* Could the client have put a forged option there? */
static inline bool lvs_fullnat_udp_suspects(const struct lvs_packet *pkt)
{
	return pkt->l4_off != sizeof(struct iphdr) && pkt->af == AF_INET &&
	       pkt->proto == IPPROTO_UDP;
}

/* Blank it, or leave it if its sender may tell; the IP header is writable. Under RCU. */
void lvs_fullnat_udp_clean(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc);

#endif /* LVS_FWD_FULLNAT_UDP_H */
