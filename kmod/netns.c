// SPDX-License-Identifier: GPL-2.0-only
/* The life of a namespace's director. */
#include <linux/netdevice.h>
#include <net/addrconf.h>

#include "conn/conn.h"
#include "conn/expiry.h"
#include "fwd/conntrack.h"
#include "fwd/route.h"
#include "hook.h"
#include "netns.h"

unsigned int lvs_net_id __read_mostly;

static void timeouts_init(struct lvs_timeouts *t)
{
	u8 state;

	for (state = 0; state < LVS_TCP_STATES; state++)
		t->tcp[state] = lvs_tcp_state_timeout(state) * HZ;
	t->udp = 300 * HZ;
	for (state = 0; state < LVS_SCTP_STATES; state++)
		t->sctp[state] = lvs_sctp_state_timeout(state) * HZ;
}

static int __net_init netns_init(struct net *net)
{
	struct lvs_net *ln = lvs_net(net);
	int err;

	ln->net = net;
	mutex_init(&ln->ctl);
	spin_lock_init(&ln->route_lock);
	INIT_LIST_HEAD(&ln->routes);
	timeouts_init(&ln->timeouts);
	lvs_sysctls_init(&ln->sysctls);
	lvs_hooks_net_init(ln);
	lvs_conn_table_init(ln);
	lvs_laddr_net_init(ln);
	lvs_limits_net_init(&ln->limits);
	lvs_ftp_net_init(&ln->ftp);
	lvs_est_net_init(ln);
	lvs_defence_net_init(ln);

	ln->drops = alloc_percpu(struct lvs_drops);
	if (!ln->drops)
		return -ENOMEM;
	err = lvs_svc_net_init(ln);
	if (err)
		goto free_drops;
	return 0;

free_drops:
	free_percpu(ln->drops);
	return err;
}

static void __net_exit netns_exit(struct net *net)
{
	struct lvs_net *ln = lvs_net(net);

	/* Never used, as most namespaces: spare their end the grace periods. */
	if (!rcu_access_pointer(ln->svcs.buckets)) {
		lvs_est_net_exit(ln);
		lvs_defence_net_exit(ln);
		cancel_work_sync(&ln->hooks_work);
		lvs_svc_net_exit(ln);
		free_percpu(ln->drops);
		lvs_upstream_net_exit(ln);
		return;
	}
	lvs_hooks_net_exit(ln);
	lvs_est_net_exit(ln);
	lvs_defence_net_exit(ln);
	/* From here on only the sweeper kills connections, too, which lvs_svc_net_exit() awaits. */
	lvs_expiry_halt(&ln->conns);
	lvs_conn_kill_all(ln);
	lvs_svc_net_exit(ln);
	lvs_conn_table_exit(ln);
	/* The expirer, the last to ask for it, has ended. */
	cancel_work_sync(&ln->hooks_work);
	/* The last dests, services and routes refer to this namespace until they are freed. */
	rcu_barrier();
	lvs_laddr_net_exit(ln);
	lvs_limits_net_exit(&ln->limits);
	free_percpu(ln->drops);
	lvs_upstream_net_exit(ln);
}

static void __net_exit netns_pre_exit(struct net *net)
{
	lvs_conntrack_net_pre_exit(lvs_net(net));
}

static struct pernet_operations lvs_net_ops = {
	.init	= netns_init,
	.pre_exit = netns_pre_exit,
	.exit	= netns_exit,
	.id	= &lvs_net_id,
	.size	= sizeof(struct lvs_net),
};

/* A device goes away or changes: no cached route may hold on to it. */
static int device_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_DOWN || event == NETDEV_UNREGISTER || event == NETDEV_CHANGEMTU)
		lvs_route_reset_all(lvs_net(dev_net(dev)));
	return NOTIFY_DONE;
}

/*
 * Before IPv6's own: that one gives the dsts of the device to another one, by which we would no
 * longer know them, while they hold on to the device through the FIB entry they came from.
 */
static struct notifier_block device_notifier = {
	.notifier_call	= device_event,
	.priority	= ADDRCONF_NOTIFY_PRIORITY + 1,
};

int __init lvs_netns_init(void)
{
	int err = register_pernet_subsys(&lvs_net_ops);

	if (err)
		return err;
	err = register_netdevice_notifier(&device_notifier);
	if (err)
		unregister_pernet_subsys(&lvs_net_ops);
	return err;
}

void lvs_netns_exit(void)
{
	unregister_netdevice_notifier(&device_notifier);
	unregister_pernet_subsys(&lvs_net_ops);
}
