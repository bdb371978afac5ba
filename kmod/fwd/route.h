/* SPDX-License-Identifier: GPL-2.0-only */
/* The route to a dest, looked up once and kept with the dest until the kernel says it is stale. */
#ifndef LVS_FWD_ROUTE_H
#define LVS_FWD_ROUTE_H

#include <net/dst.h>
#include <linux/netfilter.h>

struct lvs_dest;
struct lvs_net;

struct lvs_route {
	struct dst_entry *dst;		/* counted */
	u32 cookie;			/* for dst->ops->check() */
	bool local;			/* the dest is this host */
	union nf_inet_addr saddr;	/* a tunnel's outer source */
	struct rcu_head rcu;
};

/*
 * Forget the dest's route; the next packet looks it up again. Any context; a reader under RCU may
 * still use the old one.
 */
void lvs_route_reset(struct lvs_net *ln, struct lvs_dest *dest);

#endif /* LVS_FWD_ROUTE_H */
