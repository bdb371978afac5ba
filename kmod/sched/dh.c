// SPDX-License-Identifier: GPL-2.0-only
/*
 * Destination hashing: connections to one address go to one dest, whatever the dests weigh. It is
 * for services that have many addresses, by firewall mark, in front of caches. When the dest is
 * overloaded the client is refused; a drained one (weight 0) keeps its place in the table and its
 * addresses go to others (core/sched_sh.h).
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "core/parse.h"
#include "sched/sh.h"

#define DH_BITS 8

static struct lvs_dest *dh_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	u32 key = lvs_sh_key(pkt->af, &pkt->daddr);

	return lvs_set_dest(set, lvs_sh_choose(set->plan, key, false, &lvs_sh_view, set));
}

static int dh_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	set->plan = kvmalloc(lvs_sh_size(DH_BITS), GFP_KERNEL);
	if (!set->plan)
		return -ENOMEM;
	lvs_sh_fill(set->plan, DH_BITS, NULL, set->num);
	return 0;
}

const struct lvs_scheduler lvs_sched_dh = {
	.name		= "dh",
	.choose		= dh_choose,
	.prepare	= dh_prepare,
	.wants_drained	= true,
};
