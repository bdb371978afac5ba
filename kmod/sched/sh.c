// SPDX-License-Identifier: GPL-2.0-only
/*
 * Source hashing: a client's connections go to one dest, in proportion to the dests' weights. With
 * the flag sh-port each of a client's ports counts as a client of its own. When the dest is
 * overloaded the client is refused or, with the flag sh-fallback, goes to another one; a drained
 * one (weight 0) keeps its place in the table and its clients go to others (core/sched_sh.h).
 */
#include <linux/ip_vs.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "core/parse.h"
#include "sched/sh.h"

static unsigned int sh_tab_bits = 8;

static int set_tab_bits(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, LVS_SH_MIN_BITS, LVS_SH_MAX_BITS);
}

static const struct kernel_param_ops tab_bits_ops = {
	.set	= set_tab_bits,
	.get	= param_get_uint,
};

module_param_cb(sh_tab_bits, &tab_bits_ops, &sh_tab_bits, 0444);
MODULE_PARM_DESC(sh_tab_bits, "source hashing: 2 to the power of this buckets a service (4 to 20)");

static struct lvs_dest *sh_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	u32 key = lvs_sh_key(pkt->af, &pkt->saddr);

	if (set->flags & IP_VS_SVC_F_SCHED_SH_PORT)
		key += ntohs(pkt->sport);
	return lvs_set_dest(set, lvs_sh_choose(set->plan, key,
					       set->flags & IP_VS_SVC_F_SCHED_SH_FALLBACK,
					       &lvs_sh_view, set));
}

static int sh_prepare(struct lvs_sched_set *set, const struct lvs_sched_set *old)
{
	u32 *weights = lvs_sched_weights(set, 1);

	if (!weights)
		return -ENOMEM;
	set->plan = kvmalloc(lvs_sh_size(sh_tab_bits), GFP_KERNEL);
	if (set->plan)
		lvs_sh_fill(set->plan, sh_tab_bits, weights, set->num);
	kvfree(weights);
	return set->plan ? 0 : -ENOMEM;
}

const struct lvs_scheduler lvs_sched_sh = {
	.name		= "sh",
	.choose		= sh_choose,
	.prepare	= sh_prepare,
	.wants_drained	= true,
};
