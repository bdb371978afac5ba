/* SPDX-License-Identifier: GPL-2.0-only */
/* The route to a dest, looked up once and kept with the dest until the kernel says it is stale. */
#ifndef LVS_FWD_ROUTE_H
#define LVS_FWD_ROUTE_H

#include <linux/list.h>
#include <linux/netfilter.h>
#include <net/dst.h>

struct lvs_dest;
struct lvs_net;
struct net_device;

struct lvs_route {
	struct dst_entry *dst;		/* counted */
	u32 cookie;			/* for dst->ops->check() */
	bool local;			/* the dest is this host */
	union nf_inet_addr saddr;	/* a tunnel's outer source */
	struct lvs_dest *dest;		/* whose dest->route this is; ln->route_lock */
	struct list_head node;		/* in ln->routes; ln->route_lock */
	struct rcu_head rcu;
};

/*
 * The route to @dest, looked up if there is none or the kernel has called it stale; NULL if there
 * is none or no memory. Under RCU, which keeps the route and its dst. Softirq or process.
 */
struct lvs_route *lvs_route_get(struct lvs_net *ln, struct lvs_dest *dest);

/*
 * Forget the dest's route; the next packet looks it up again. Any context; a reader under RCU may
 * still use the old one. Before a dest is freed: after its last reader.
 */
void lvs_route_reset(struct lvs_net *ln, struct lvs_dest *dest);

/* Forget every route through @dev, or every route if it is NULL. Any context. */
void lvs_route_reset_device(struct lvs_net *ln, const struct net_device *dev);

#endif /* LVS_FWD_ROUTE_H */
