/* SPDX-License-Identifier: GPL-2.0-only */
/* The route to a dest, looked up once and kept with the dest until the kernel says it is stale. */
#ifndef LVS_FWD_ROUTE_H
#define LVS_FWD_ROUTE_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/netfilter.h>
#include <net/dst.h>
#include <net/route.h>

#include "drop.h"
#include "fwd/encap.h"
#include "netns.h"
#include "svc/svc.h"

struct lvs_route {
	struct dst_entry *dst;		/* counted */
	u32 cookie;			/* IPv6: for dst->ops->check() */
	int genid;			/* IPv4: of the namespace's routing when it was looked up */
	u32 mtu;			/* of then; what lowers it makes the route stale */
	u32 pmtu;			/* what the path was known to take then; 0: unknown */
	u8 af;
	bool local;			/* the dest is this host */
	struct lvs_tunnel tun;		/* as the dest had it configured */
	union nf_inet_addr saddr;	/* a tunnel's outer source */
	struct lvs_dest *dest;		/* whose dest->route this is; ln->route_lock */
	struct list_head node;		/* in ln->routes; ln->route_lock */
	struct rcu_head rcu;
	/* Of a tunnel's next outer IPv4 header that may be fragmented. */
	atomic_t ident ____cacheline_aligned_in_smp;
};

/*
 * Look up the route to any address: dst, cookie, mtu, pmtu, af, local and saddr of @route. The
 * caller releases the dst. Softirq or process.
 */
int lvs_route_to(struct lvs_net *ln, u8 af, const union nf_inet_addr *addr,
		 struct lvs_route *route);

/* Look the route up and keep it with the dest; as lvs_route_get(). */
struct lvs_route *lvs_route_lookup(struct lvs_net *ln, struct lvs_dest *dest);

/* Does the kernel still stand by it? What dst_check() asks, without its indirect call for IPv4. */
static inline bool lvs_route_valid(const struct lvs_net *ln, const struct lvs_route *route)
{
	if (likely(route->af == AF_INET)) {
		const struct rtable *rt = container_of(route->dst, struct rtable, dst);

		return rt->dst.obsolete == DST_OBSOLETE_FORCE_CHK && rt->rt_pmtu == route->pmtu &&
		       route->genid == rt_genid_ipv4(ln->net);
	}
	return dst_check(route->dst, route->cookie) &&
	       dst_metric_raw(route->dst, RTAX_MTU) == route->pmtu;
}

/*
 * The route to @dest, looked up if none is kept or the kernel has called it stale; an ERR_PTR()
 * if there is none or no memory. Under RCU, which keeps the route and its dst. Softirq or process.
 */
static inline struct lvs_route *lvs_route_get(struct lvs_net *ln, struct lvs_dest *dest)
{
	struct lvs_route *route = rcu_dereference(dest->route);

	if (likely(route && lvs_route_valid(ln, route)))
		return route;
	return lvs_route_lookup(ln, dest);
}

/* Why a packet is dropped that got this error for a route. */
static inline enum lvs_drop_reason lvs_route_drop_reason(const struct lvs_route *route)
{
	return PTR_ERR(route) == -ENOMEM || PTR_ERR(route) == -ENOBUFS ? LVS_DROP_NO_MEMORY :
									 LVS_DROP_NO_ROUTE;
}

/*
 * Forget the dest's route; the next packet looks it up again. Any context; a reader under RCU may
 * still use the old one. Before a dest is freed: after its last reader.
 */
void lvs_route_reset(struct lvs_net *ln, struct lvs_dest *dest);

/*
 * Forget every route. Any context. Called when a device goes away or changes: which routes hold on
 * to it cannot be told from outside (an IPv6 route to a local address has the loopback device, and
 * yet holds the device that has the address).
 */
void lvs_route_reset_all(struct lvs_net *ln);

#endif /* LVS_FWD_ROUTE_H */
