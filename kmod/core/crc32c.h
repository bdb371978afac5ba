/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeping SCTP's checksum, a CRC32C over the whole packet, right when some of its bytes change. A
 * CRC is linear: what the changed bits alone add to it can be told without the other bytes, and a
 * checksum that was wrong stays wrong.
 */
#ifndef LVS_CORE_CRC32C_H
#define LVS_CORE_CRC32C_H

#include "core/types.h"

/*
 * By which bits the CRC32C of a packet changes when four bytes of it do: @change has their bits
 * that differ, @after is how many bytes follow them.
 */
u32 lvs_crc32c_change(const u8 change[4], u32 after);

#endif /* LVS_CORE_CRC32C_H */
