// SPDX-License-Identifier: GPL-2.0-only
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "core/math.h"
#include "core/sched_mh.h"
#include "core/sort.h"

#define FREE (~(u32)0)

bool lvs_mh_size_valid(u32 size)
{
	static const u32 sizes[] = { 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521,
				     131071, 0 };
	const u32 *valid = sizes;

	while (*valid && *valid != size)
		valid++;
	return *valid;
}

static u64 draw_of(const struct lvs_mh_dest *dest)
{
	return lvs_mh_hash(dest->af, &dest->addr, dest->port);
}

/* An order of the dests that all directors find, without regard to the numbers they have here. */
static bool drawn_before(const void *ctx, u32 a, u32 b)
{
	const struct lvs_mh_dest *x = (const struct lvs_mh_dest *)ctx + a;
	const struct lvs_mh_dest *y = (const struct lvs_mh_dest *)ctx + b;
	u64 x_draw = draw_of(x), y_draw = draw_of(y);
	int diff;

	if (x_draw != y_draw)
		return x_draw < y_draw;
	diff = memcmp(&x->addr, &y->addr, sizeof(x->addr));
	return diff ? diff < 0 : ntohs(x->port) < ntohs(y->port);
}

/*
 * What each dest shall get, the sum being @size: the whole part of its share, and one more for
 * those with the greatest fractions, of equals the first.
 */
static void set_quotas(struct lvs_mh_want *want, u32 size, const struct lvs_mh_dest *dests,
		       const u32 *order, u32 n)
{
	u64 whole = 0, low = 0, high;
	u32 left = size, more, i;

	for (i = 0; i < n; i++)
		whole += dests[i].weight;
	for (i = 0; i < n; i++) {
		want[i].quota = lvs_div64((u64)dests[order[i]].weight * size, whole,
					  &want[i].fraction);
		left -= want[i].quota;
	}
	/* The least bound with at most as many fractions above it as slots are left. */
	high = whole;
	while (low < high) {
		u64 middle = low + (high - low) / 2;

		for (i = 0, more = 0; i < n; i++)
			more += want[i].fraction > middle;
		if (more > left)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = 0, more = 0; i < n; i++)
		more += want[i].fraction > low;
	left -= more;
	for (i = 0; i < n; i++) {
		if (want[i].fraction > low) {
			want[i].quota++;
		} else if (want[i].fraction == low && left) {
			want[i].quota++;
			left--;
		}
	}
}

static u32 add_round(u32 a, u32 b, u32 size)
{
	return size - a > b ? a + b : a + b - size;
}

/* All slots in an order of no rule, the same everywhere. */
static void shuffle(u32 *slots, u32 size)
{
	u64 draw = size;
	u32 i;

	for (i = 0; i < size; i++) {
		u32 other;

		draw = lvs_mh_mix(draw + 1);
		other = lvs_mh_place(draw, i + 1);
		slots[i] = slots[other];
		slots[other] = i;
	}
}

/*
 * The next slot that the dest wants. The size being a prime, it comes to all of them. Without the
 * shuffling two dests' wishes might go side by side, and one take over from the other in a row.
 */
static u32 ask(struct lvs_mh_want *want, const u32 *shuffled, u32 size)
{
	u32 slot = add_round(shuffled[want->next], want->shift, size);

	want->next = add_round(want->next, want->skip, size);
	want->asked++;
	return slot;
}

/*
 * Does @a, who comes for the slot with its @a_rank-th wish, win it from @b? The ranks are compared
 * in proportion to the shares, each as the middle of its step.
 */
static bool wins(const struct lvs_mh_want *want, u32 a, u32 a_rank, u32 b, u32 b_rank)
{
	u64 a_when = (2 * (u64)a_rank + 1) * want[b].quota;
	u64 b_when = (2 * (u64)b_rank + 1) * want[a].quota;

	return a_when < b_when || (a_when == b_when && a < b);
}

/*
 * Somebody needs one slot more and asks for one after another, until one is free or its owner has
 * a lesser claim. That one then is in need. It ends at a free slot: there is one for each in need.
 */
static void settle(struct lvs_mh_table *table, const struct lvs_mh_scratch *tmp, u32 needy)
{
	struct lvs_mh_want *want = tmp->want;

	for (;;) {
		u32 slot = ask(&want[needy], tmp->shuffled, table->size);
		u32 claim = want[needy].asked - 1;
		u32 owner = table->slot[slot];
		u32 owners = tmp->rank[slot];

		if (owners != FREE && !wins(want, needy, claim, owner, owners))
			continue;
		table->slot[slot] = needy;
		tmp->rank[slot] = claim;
		if (owners == FREE)
			return;
		needy = owner;
	}
}

void lvs_mh_fill(struct lvs_mh_table *table, u32 size, const struct lvs_mh_dest *dests, u32 n,
		 const struct lvs_mh_scratch *tmp)
{
	struct lvs_mh_want *want = tmp->want;
	u32 *order = lvs_sort(n, tmp->order, drawn_before, dests);
	u32 i, k;

	table->size = size;
	table->num = n;
	set_quotas(want, size, dests, order, n);
	for (i = 0; i < n; i++) {
		u64 draw = draw_of(&dests[order[i]]);

		draw = lvs_mh_mix(draw + 1);
		want[i].next = lvs_mh_place(draw, size);
		draw = lvs_mh_mix(draw + 1);
		want[i].skip = lvs_mh_place(draw, size - 1) + 1;
		draw = lvs_mh_mix(draw + 1);
		want[i].shift = lvs_mh_place(draw, size);
		want[i].asked = 0;
	}
	shuffle(tmp->shuffled, size);
	for (k = 0; k < size; k++) {
		tmp->rank[k] = FREE;
		table->slot[k] = 0;
	}
	for (i = 0; i < n; i++) {
		for (k = 0; k < want[i].quota; k++)
			settle(table, tmp, i);
	}
	for (k = 0; k < size; k++)
		table->slot[k] = order[table->slot[k]];
}
