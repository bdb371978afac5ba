// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directors' networks: only packets from there may tell a client's address. An empty list
 * stands for every network.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "common/networks.h"
#include "compat/sysctl.h"
#include "toa/toa.h"

static char *directors = "";
module_param(directors, charp, 0444);
MODULE_PARM_DESC(directors, "networks of the directors, \"10.0.0.0/24,fd00::/64\"; none: everybody is believed (see sysctl net.toa.directors)");

static DEFINE_MUTEX(trust_mutex);
/* Replaced under trust_mutex; NULL before toa_trust_init(). */
static struct lvs_networks __rcu *trust;

bool toa_trusted(const u8 addr[16])
{
	const struct lvs_networks *list;
	bool found;

	rcu_read_lock();
	list = rcu_dereference(trust);
	found = !list->count || lvs_networks_have(list, (const struct in6_addr *)addr);
	rcu_read_unlock();
	return found;
}

static int directors_sysctl(lvs_ctl_table *table, int write, void *buffer, size_t *len,
			    loff_t *pos)
{
	return lvs_networks_sysctl(&trust, &trust_mutex, write, buffer, len, pos);
}

static struct ctl_table sysctls[] = {
	{ .procname = "directors", .mode = 0644, .proc_handler = directors_sysctl },
	{ }
};

static struct ctl_table_header *sysctl_header;

int toa_trust_init(void)
{
	struct lvs_networks *list = lvs_networks_read(directors);

	if (IS_ERR(list)) {
		pr_err("directors=\"%s\" is no list of networks\n", directors);
		return PTR_ERR(list);
	}
	rcu_assign_pointer(trust, list);
	sysctl_header = lvs_register_sysctls(&init_net, "net/toa", sysctls,
					     ARRAY_SIZE(sysctls) - 1);
	if (!sysctl_header) {
		toa_trust_exit();
		return -ENOMEM;
	}
	return 0;
}

void toa_trust_exit(void)
{
	struct lvs_networks *list;

	if (sysctl_header)
		unregister_net_sysctl_table(sysctl_header);
	sysctl_header = NULL;
	/* Whoever could ask is gone. */
	list = rcu_replace_pointer(trust, NULL, true);
	kfree(list);
}
