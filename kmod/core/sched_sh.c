// SPDX-License-Identifier: GPL-2.0-only
#include "core/math.h"
#include "core/sched_sh.h"

static u32 length(const u32 *weights, u32 dest)
{
	return weights && weights[dest] ? weights[dest] : 1;
}

/* Lay the whole line once, from @bucket on. */
static u32 *lay(u32 *bucket, const u32 *weights, u32 n)
{
	u32 dest, i;

	for (dest = n; dest-- > 0;) {
		for (i = length(weights, dest); i > 0; i--)
			*bucket++ = dest;
	}
	return bucket;
}

/* @num samples of the line, which is @whole long: the i-th is at i * @whole / @num. */
static void sample(u32 *bucket, u32 num, const u32 *weights, u32 n, u64 whole)
{
	u32 dest = n - 1, parts = 0, rest, i;
	u64 step = lvs_div(whole, num, &rest);
	u64 end = length(weights, dest);
	u64 at = 0;

	for (i = 0; i < num; i++) {
		while (at >= end)
			end += length(weights, --dest);
		bucket[i] = dest;
		at += step;
		parts += rest;
		if (parts >= num) {
			parts -= num;
			at++;
		}
	}
}

void lvs_sh_fill(struct lvs_sh_table *table, u32 bits, const u32 *weights, u32 n)
{
	u32 *bucket = table->bucket, *end = bucket + (1u << bits);
	u64 whole = 0;
	u32 i;

	table->bits = bits;
	table->num = n;
	for (i = 0; i < n; i++)
		whole += length(weights, i);
	while ((u64)(end - bucket) >= whole)
		bucket = lay(bucket, weights, n);
	if (bucket < end)
		sample(bucket, end - bucket, weights, n, whole);
}
