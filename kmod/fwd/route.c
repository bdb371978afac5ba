// SPDX-License-Identifier: GPL-2.0-only
/* The route cache of dests; fwd/route.h. */
#include <linux/random.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "fwd/route.h"
#include "netns.h"
#include "svc/svc.h"

static void route_free(struct rcu_head *head)
{
	struct lvs_route *route = container_of(head, struct lvs_route, rcu);

	dst_release(route->dst);
	kfree(route);
}

static void route_forget(struct lvs_net *ln, struct lvs_route *route)
{
	lockdep_assert_held(&ln->route_lock);
	RCU_INIT_POINTER(route->dest->route, NULL);
	list_del(&route->node);
	call_rcu(&route->rcu, route_free);
}

void lvs_route_reset(struct lvs_net *ln, struct lvs_dest *dest)
{
	struct lvs_route *route;

	spin_lock_bh(&ln->route_lock);
	route = rcu_dereference_protected(dest->route, lockdep_is_held(&ln->route_lock));
	if (route)
		route_forget(ln, route);
	spin_unlock_bh(&ln->route_lock);
}

void lvs_route_reset_all(struct lvs_net *ln)
{
	struct lvs_route *route, *next;

	spin_lock_bh(&ln->route_lock);
	list_for_each_entry_safe(route, next, &ln->routes, node)
		route_forget(ln, route);
	spin_unlock_bh(&ln->route_lock);
}

/*
 * The packet's own destination need not be the dest's (DR keeps the VIP), so the route must name
 * its next hop even if that is the dest itself: FLOWI_FLAG_KNOWN_NH.
 */
static int lookup_v4(struct net *net, const union nf_inet_addr *addr, struct lvs_route *route)
{
	struct flowi4 fl4 = {
		.daddr = addr->ip,
		.flowi4_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return PTR_ERR(rt);
	route->dst = &rt->dst;
	route->pmtu = rt->rt_pmtu;
	route->local = rt->rt_flags & RTCF_LOCAL;
	route->saddr.ip = fl4.saddr;
	return 0;
}

static int lookup_v6(struct net *net, const union nf_inet_addr *addr, struct lvs_route *route)
{
	struct flowi6 fl6 = {
		.daddr = addr->in6,
		.flowi6_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);
	struct rt6_info *rt = container_of(dst, struct rt6_info, dst);
	int err;

	if (dst->error) {
		err = dst->error;
		dst_release(dst);
		return err;
	}
	route->dst = dst;
	route->cookie = rt6_get_cookie(rt);
	route->pmtu = dst_metric_raw(dst, RTAX_MTU);
	route->local = rt->rt6i_flags & RTF_LOCAL;
	route->saddr.in6 = fl6.saddr;
	if (!route->local && ipv6_addr_any(&fl6.saddr))
		ipv6_dev_get_saddr(net, ip6_dst_idev(dst)->dev, &fl6.daddr, 0,
				   &route->saddr.in6);
	return 0;
}

int lvs_route_to(struct lvs_net *ln, u8 af, const union nf_inet_addr *addr,
		 struct lvs_route *route)
{
	int err = (af == AF_INET ? lookup_v4 : lookup_v6)(ln->net, addr, route);

	if (err)
		return err;
	route->af = af;
	route->mtu = dst_mtu(route->dst);
	return 0;
}

struct lvs_route *lvs_route_lookup(struct lvs_net *ln, struct lvs_dest *dest)
{
	struct lvs_route *route = kzalloc(sizeof(*route), GFP_ATOMIC | __GFP_NOWARN);
	/* Before the look-up: what changes during it makes the route stale at once. */
	int genid = rt_genid_ipv4(ln->net);
	struct lvs_route *old;
	int err;

	if (!route)
		return ERR_PTR(-ENOMEM);
	err = lvs_route_to(ln, dest->af, &dest->addr, route);
	if (err) {
		kfree(route);
		return ERR_PTR(err);
	}
	route->dest = dest;
	lvs_tunnel_of(dest, &route->tun);
	route->genid = genid;
	atomic_set(&route->ident, get_random_u32());
	spin_lock_bh(&ln->route_lock);
	old = rcu_dereference_protected(dest->route, lockdep_is_held(&ln->route_lock));
	if (old)
		route_forget(ln, old);
	list_add(&route->node, &ln->routes);
	rcu_assign_pointer(dest->route, route);
	spin_unlock_bh(&ln->route_lock);
	return route;
}
