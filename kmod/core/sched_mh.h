/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maglev hashing: a table of slots that changes little when a dest comes or goes, and that is the
 * same on every director which has the same dests, whatever the order they came in.
 *
 * Each dest has an order in which it wants the slots, drawn by its address and port. A slot that
 * several want goes to the one for whom it comes first in proportion to its share. Every dest gets
 * exactly as many slots as its weight says; remainders go to the greatest fractions. This is a
 * matching in which no dest and no slot would rather have each other, and there is only one such,
 * in whatever order the dests take part. The original method lets the dests pick in turns; done
 * like this the table is as even, and a third to a half less of it moves needlessly.
 *
 * When one of N dests goes, its 1/N of the table moves, and of the rest, which has to stay even, at
 * most 1 % up to 50 dests with 16381 slots, and up to 1000 dests with 65521.
 */
#ifndef LVS_CORE_SCHED_MH_H
#define LVS_CORE_SCHED_MH_H

#include "core/sched.h"

/* A dest's identity, which decides what it wants, and its weight. */
struct lvs_mh_dest {
	union nf_inet_addr addr;	/* unused bytes are zero */
	__be16 port;
	u8 af;
	u32 weight;			/* at least 1 */
};

struct lvs_mh_table {
	u32 size;	/* slots, a prime */
	u32 num;	/* dests, at least one */
	u16 slot[];	/* numbers of dests */
};

#define LVS_MH_MAX_DESTS U16_MAX

/* What a dest wants, and what it has got; for the making only. */
struct lvs_mh_want {
	u64 fraction;	/* of a slot, that the quota leaves out */
	u32 quota;	/* slots that it shall get */
	u32 next;	/* where in lvs_mh_scratch.shuffled the slot is that it wants next, ... */
	u32 skip;	/* ... and how far from there the one after it, going round */
	u32 shift;	/* the slot is so many further than it stands there */
	u32 asked;	/* slots it has asked for */
};

/* Space for the making of a table for so many dests and slots. */
struct lvs_mh_scratch {
	struct lvs_mh_want *want;	/* for each dest */
	u32 *order;			/* two for each dest */
	u32 *rank;			/* for each slot: its rank among its owner's wishes */
	u32 *shuffled;			/* the slots, shuffled */
};

/* Sizes that a table can have: the prime next below each power of two from 2^8 to 2^17. */
bool lvs_mh_size_valid(u32 size);

static inline size_t lvs_mh_bytes(u32 size)
{
	return sizeof(struct lvs_mh_table) + (size_t)size * sizeof(u16);
}

/*
 * Make the table in @table, which has lvs_mh_bytes(@size) bytes, for @n dests (at least one, at
 * most LVS_MH_MAX_DESTS, no identity twice).
 */
void lvs_mh_fill(struct lvs_mh_table *table, u32 size, const struct lvs_mh_dest *dests, u32 n,
		 const struct lvs_mh_scratch *tmp);

/*
 * No secret, for all directors shall agree. Each step is a bijection, so that addresses that
 * differ in one word only cannot collide.
 */
static inline u64 lvs_mh_mix(u64 x)
{
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	return x ^ (x >> 32);
}

/* The hash of a client, or of a dest; @port 0 if it shall not matter. */
static inline u64 lvs_mh_hash(u8 af, const union nf_inet_addr *addr, __be16 port)
{
	u64 tail = (u64)af << 16 | ntohs(port);

	if (af != AF_INET) {
		tail = lvs_mh_mix(tail ^ ((u64)ntohl(addr->ip6[0]) << 32 | ntohl(addr->ip6[1])));
		return lvs_mh_mix(tail ^ ((u64)ntohl(addr->ip6[2]) << 32 | ntohl(addr->ip6[3])));
	}
	return lvs_mh_mix((u64)ntohl(addr->ip) << 32 | tail);
}

/* One of @size places. */
static inline u32 lvs_mh_place(u64 hash, u32 size)
{
	return ((hash >> 32) * size) >> 32;
}

/* Slots that are tried before the search goes from dest to dest. */
#define LVS_MH_PROBES 64

/*
 * The dest of a client's @hash. If it is overloaded the client goes to another one only with
 * @fallback: the same clients to the same ones as long as the same dests are out. LVS_NOBODY if
 * nobody may be chosen.
 */
static __always_inline u32 lvs_mh_choose(const struct lvs_mh_table *table, u64 hash, bool fallback,
					 lvs_eligible eligible, const void *ctx)
{
	u32 dest = table->slot[lvs_mh_place(hash, table->size)];
	u32 i;

	if (eligible(ctx, dest))
		return dest;
	if (!fallback)
		return LVS_NOBODY;
	for (i = 0; i < LVS_MH_PROBES; i++) {
		hash = lvs_mh_mix(hash + 1);
		dest = table->slot[lvs_mh_place(hash, table->size)];
		if (eligible(ctx, dest))
			return dest;
	}
	/* Few are left: rather all dests than all slots. */
	dest = lvs_mh_place(hash, table->num);
	for (i = 0; i < table->num; i++) {
		if (eligible(ctx, dest))
			return dest;
		dest = dest + 1 < table->num ? dest + 1 : 0;
	}
	return LVS_NOBODY;
}

#endif /* LVS_CORE_SCHED_MH_H */
