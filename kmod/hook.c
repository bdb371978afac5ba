// SPDX-License-Identifier: GPL-2.0-only
/* Where the director stands in the packet's way through the kernel. */
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#include "conn/conn.h"
#include "hook.h"
#include "netns.h"
#include "pipeline.h"

/*
 * The places and priorities of mainline, so that firewalls that work beside it work beside us.
 * Requests and replies are told apart by one lookup, so one hook serves both.
 */
#define LVS_HOOK(family, where, function, at)				\
	{								\
		.hook		= function,				\
		.pf		= family,				\
		.hooknum	= where,				\
		.priority	= at,					\
	}

static const struct nf_hook_ops hooks[] = {
	LVS_HOOK(NFPROTO_IPV4, NF_INET_LOCAL_IN, lvs_hook_in, NF_IP_PRI_NAT_SRC - 2),
	LVS_HOOK(NFPROTO_IPV4, NF_INET_LOCAL_OUT, lvs_hook_in, NF_IP_PRI_NAT_DST + 1),
	LVS_HOOK(NFPROTO_IPV4, NF_INET_FORWARD, lvs_hook_forward, NF_IP_PRI_NAT_SRC - 1),
	LVS_HOOK(NFPROTO_IPV6, NF_INET_LOCAL_IN, lvs_hook_in, NF_IP6_PRI_NAT_SRC - 2),
	LVS_HOOK(NFPROTO_IPV6, NF_INET_LOCAL_OUT, lvs_hook_in, NF_IP6_PRI_NAT_DST + 1),
	LVS_HOOK(NFPROTO_IPV6, NF_INET_FORWARD, lvs_hook_forward, NF_IP6_PRI_NAT_SRC - 1),
};

/*
 * IPv6 reassembly is a module of its own. It is asked for by name when the first IPv6 service
 * comes, rather than linked against, so that a plain insmod needs nothing else loaded before.
 */
static int defrag6_enable(struct net *net)
{
	typeof(nf_defrag_ipv6_enable) *enable = symbol_request(nf_defrag_ipv6_enable);
	int err;

	if (!enable) {
		pr_err("lvs: IPv6 services need the module nf_defrag_ipv6, which cannot be loaded\n");
		return -EOPNOTSUPP;
	}
	err = enable(net);
	if (err)
		symbol_put(nf_defrag_ipv6_enable);
	return err;
}

/* The symbol that is held since defrag6_enable() keeps the module in place. */
static void defrag6_disable(struct net *net)
{
	typeof(nf_defrag_ipv6_disable) *disable = symbol_get(nf_defrag_ipv6_disable);

	if (disable) {
		disable(net);
		symbol_put(nf_defrag_ipv6_disable);
	}
	symbol_put(nf_defrag_ipv6_enable);
}

static bool idle(const struct lvs_net *ln)
{
	return !READ_ONCE(ln->svcs.count) && !atomic_read(&ln->conns.count);
}

static void hooks_down(struct lvs_net *ln)
{
	lockdep_assert_held(&ln->ctl);
	if (ln->hooked6)
		defrag6_disable(ln->net);
	ln->hooked6 = false;
	if (ln->hooked)
		nf_unregister_net_hooks(ln->net, hooks, ARRAY_SIZE(hooks));
	ln->hooked = false;
}

static void hooks_work(struct work_struct *work)
{
	struct lvs_net *ln = container_of(work, struct lvs_net, hooks_work);

	mutex_lock(&ln->ctl);
	if (idle(ln))
		hooks_down(ln);
	mutex_unlock(&ln->ctl);
}

int lvs_hooks_up(struct lvs_net *ln, u8 af)
{
	int err;

	lockdep_assert_held(&ln->ctl);
	err = lvs_conn_table_up(ln);
	if (err)
		return err;
	if (!ln->hooked) {
		err = nf_register_net_hooks(ln->net, hooks, ARRAY_SIZE(hooks));
		if (err)
			return err;
		ln->hooked = true;
	}
	if (af == AF_INET6 && !ln->hooked6) {
		err = defrag6_enable(ln->net);
		if (err) {
			lvs_hooks_idle(ln);
			return err;
		}
		ln->hooked6 = true;
	}
	return 0;
}

void lvs_hooks_idle(struct lvs_net *ln)
{
	if (idle(ln))
		schedule_work(&ln->hooks_work);
}

void lvs_hooks_net_init(struct lvs_net *ln)
{
	INIT_WORK(&ln->hooks_work, hooks_work);
}

void lvs_hooks_net_exit(struct lvs_net *ln)
{
	mutex_lock(&ln->ctl);
	hooks_down(ln);
	mutex_unlock(&ln->ctl);
	synchronize_net();
}
