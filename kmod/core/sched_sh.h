/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source and destination hashing: an address has a bucket, a bucket has a dest. Which one is a
 * function of the dests and their weights alone; where ip_vs fills the table evenly, it is ip_vs's
 * choice, so that directors of both kinds send a client to the same dest.
 *
 * The dests, last added first, stand in line, each as long as its weight (a drained one, weight 0,
 * has the length 1, so that the others' places do not move). The line is laid over the buckets as
 * often as it fits; what is left, fewer buckets than the line is long, takes samples of it at even
 * distances. So the buckets that a dest has are within one of its share.
 */
#ifndef LVS_CORE_SCHED_SH_H
#define LVS_CORE_SCHED_SH_H

#include "core/sched.h"

#define LVS_SH_MIN_BITS	4
#define LVS_SH_MAX_BITS	20

struct lvs_sh_table {
	u32 bits;	/* 2^bits buckets */
	u32 num;	/* dests, at least one */
	u32 bucket[];	/* numbers of dests */
};

static inline size_t lvs_sh_size(u32 bits)
{
	return sizeof(struct lvs_sh_table) + ((size_t)1 << bits) * sizeof(u32);
}

/*
 * Make the table in @table, which has lvs_sh_size(@bits) bytes, for @n dests (at least one) of
 * @weights; NULL: all alike.
 */
void lvs_sh_fill(struct lvs_sh_table *table, u32 bits, const u32 *weights, u32 n);

/* An address as one number. */
static inline u32 lvs_sh_key(u8 af, const union nf_inet_addr *addr)
{
	const __be32 *word = addr->ip6;

	if (af == AF_INET)
		return ntohl(word[0]);
	return ntohl(word[0] ^ word[1] ^ word[2] ^ word[3]);
}

/* The golden ratio spreads neighbours widely; the upper bits of the product are its best. */
static inline u32 lvs_sh_bucket(u32 key, u32 bits)
{
	return (key * 0x61c88647u) >> (32 - bits);
}

/* Buckets that are tried before the search goes from dest to dest. */
#define LVS_SH_PROBES 256

/*
 * The dest of @key. If it is drained, its clients go on to others; if it is overloaded, they do so
 * only with @fallback: the same clients to the same ones as long as the same dests are out.
 * LVS_NOBODY if nobody may be chosen. view->eligible() is false for drained dests, too, whose load
 * has the weight 0.
 */
static __always_inline u32 lvs_sh_choose(const struct lvs_sh_table *table, u32 key, bool fallback,
					 const struct lvs_sched_view *view, const void *ctx)
{
	u32 mask = (1u << table->bits) - 1;
	u32 bucket = lvs_sh_bucket(key, table->bits);
	u32 dest = table->bucket[bucket];
	u32 i;

	if (view->eligible(ctx, dest))
		return dest;
	if (!fallback && view->load(ctx, dest).weight)
		return LVS_NOBODY;
	/* Twice as far and on from there, which is where ip_vs looks. */
	for (i = 0; i < LVS_SH_PROBES && i <= mask; i++) {
		dest = table->bucket[(2 * bucket + i) & mask];
		if (view->eligible(ctx, dest))
			return dest;
	}
	/* Few are left: rather all dests than all buckets. */
	for (i = 0; i < table->num; i++) {
		dest = (bucket + i) % table->num;
		if (view->eligible(ctx, dest))
			return dest;
	}
	return LVS_NOBODY;
}

#endif /* LVS_CORE_SCHED_SH_H */
