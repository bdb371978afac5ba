/* SPDX-License-Identifier: GPL-2.0-only */
/* The header of IP protocol 248 between the IP header and UDP's (include/lvs/toa.h). */
#ifndef LVS_FWD_UOA_HEADER_H
#define LVS_FWD_UOA_HEADER_H

#include <linux/types.h>

struct lvs_packet;

/*
 * Put @len bytes at @off of the packet: what stands before that moves into the headroom, where
 * there is room, and is writable. Pointers into the packet are stale afterwards.
 */
void lvs_uoa_insert(struct lvs_packet *pkt, u32 off, const u8 *bytes, u32 len);

/* Put a header in front of the transport's; as above. What is summed up stays where it is. */
void lvs_uoa_insert_header(struct lvs_packet *pkt, const u8 *header, u32 len);

/*
 * Take out the header of pkt->uoa_len bytes: what is left is UDP. Pointers into the packet are
 * stale afterwards. False without memory.
 */
bool lvs_uoa_take_out(struct lvs_packet *pkt);

#endif /* LVS_FWD_UOA_HEADER_H */
