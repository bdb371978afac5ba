// SPDX-License-Identifier: GPL-2.0-only
/*
 * Never queue: a dest without active connections if there is one, the first that was added; else
 * the shortest expected delay, as sed. So no dest is idle while another one has two to serve.
 */
#include "core/sched_least.h"
#include "sched/sched.h"
#include "sched/view.h"

static struct lvs_dest *nq_choose(struct lvs_sched_set *set, const struct lvs_packet *pkt)
{
	return lvs_set_dest(set, lvs_nq_choose(&lvs_set_view, set, set->num));
}

const struct lvs_scheduler lvs_sched_nq = {
	.name	= "nq",
	.choose	= nq_choose,
};
