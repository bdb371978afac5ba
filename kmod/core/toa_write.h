/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing a client's address as include/lvs/toa.h draws it; core/toa.h reads it on the real
 * server. In both modules.
 */
#ifndef LVS_CORE_TOA_WRITE_H
#define LVS_CORE_TOA_WRITE_H

#include "core/types.h"

/* The bytes that an option takes which has an address of that family. */
u32 lvs_toa_len(u8 af);

/* Write the option to @to; returns its length. */
u32 lvs_toa_write(u8 *to, u8 kind, u8 af, const union nf_inet_addr *addr, __be16 port);

/* The longest header of protocol 248 with its option. */
#define LVS_UOA_MAX 24

/* Write the header of protocol 248 that UDP follows; returns its length, the option's included. */
u32 lvs_uoa_write(u8 *to, u8 af, const union nf_inet_addr *addr, __be16 port);

/*
 * The length of the header of protocol 248 at @header, option included, of which the first 4 bytes
 * can be read; 0 if it is none that UDP can follow.
 */
u32 lvs_uoa_len(const u8 *header);

#endif /* LVS_CORE_TOA_WRITE_H */
