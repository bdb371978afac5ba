/* SPDX-License-Identifier: GPL-2.0-only */
/* The netfilter hooks: there while a service or a connection exists. */
#ifndef LVS_HOOK_H
#define LVS_HOOK_H

#include <linux/types.h>

struct lvs_net;

/*
 * Put the hooks in place for a service of @af (AF_INET or AF_INET6; the latter also turns on IPv6
 * defragmentation). Idempotent. Process context, under ln->ctl; may sleep. Returns 0 or -errno.
 */
int lvs_hooks_up(struct lvs_net *ln, u8 af);

/*
 * Take the hooks down soon if neither a service nor a connection is left. Any context, no locks
 * needed; the work that this schedules takes ln->ctl.
 */
void lvs_hooks_idle(struct lvs_net *ln);

void lvs_hooks_net_init(struct lvs_net *ln);
/* Hooks are off and no packet is inside when this returns. Process context. */
void lvs_hooks_net_exit(struct lvs_net *ln);

#endif /* LVS_HOOK_H */
