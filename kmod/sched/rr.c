// SPDX-License-Identifier: GPL-2.0-only
/*
 * Round robin: the dests one after another in order of addition, whatever they weigh (except 0).
 * The cursor names the last one chosen (core/sched_rr.h). A choice looks for the next dest that is
 * not overloaded and moves the cursor there; if another CPU moved it meanwhile, it looks again, so
 * no dest is chosen twice in a round.
 */
#include "core/sched_rr.h"
#include "sched/sched.h"

static struct lvs_dest *rr_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	s64 cursor = atomic64_read(&set->cursor);
	u32 step, index;

again:
	for (step = 0; step < set->num; step++) {
		index = lvs_rr_index(cursor, set->num, step);
		if (lvs_dest_overloaded(set->entry[index].dest))
			continue;
		if (!atomic64_try_cmpxchg(&set->cursor, &cursor, lvs_rr_cursor(index)))
			goto again;
		return set->entry[index].dest;
	}
	return NULL;
}

static bool find(const struct lvs_sched_set *set, const struct lvs_dest *dest, u32 *index)
{
	for (*index = 0; *index < set->num; (*index)++) {
		if (set->entry[*index].dest == dest)
			return true;
	}
	return false;
}

/*
 * Go on after the dest that was chosen last or, if that has left, after the nearest one before it
 * that has not.
 */
static void rr_resume(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	u32 last = atomic64_read(&old->cursor);
	u32 index;

	for (; last > 0; last--) {
		if (find(set, old->entry[last - 1].dest, &index)) {
			atomic64_set(&set->cursor, lvs_rr_cursor(index));
			return;
		}
	}
}

const struct lvs_scheduler lvs_sched_rr = {
	.name	= "rr",
	.choose	= rr_choose,
	.resume	= rr_resume,
};
