// SPDX-License-Identifier: GPL-2.0-only
/* The module's beginning and end, in order. */
#include <linux/module.h>
#include <net/genetlink.h>

#include "conn/conn.h"
#include "ftp/ftp.h"
#include "fwd/conntrack.h"
#include "lvs/abi.h"
#include "netns.h"
#include "nl/nl.h"
#include "proc.h"
#include "rival.h"
#include "sockopt.h"
#include "sysctl.h"

static int __init lvs_init(void)
{
	int err;

	err = lvs_ftp_init();
	if (err)
		return err;
	err = lvs_conn_init();
	if (err)
		return err;
	err = lvs_netns_init();
	if (err)
		goto exit_conn;
	/* Before any name under /proc or /proc/sys: if ip_vs has the family, it has those too. */
	err = lvs_nl_ipvs_register();
	if (err) {
		if (err == -EEXIST)
			pr_err("lvs: netlink family IPVS is taken: ip_vs is loaded; rmmod it first\n");
		goto exit_netns;
	}
	err = lvs_rival_init();
	if (err)
		goto exit_ipvs;
	err = lvs_sockopt_init();
	if (err)
		goto exit_rival;
	err = lvs_proc_init();
	if (err)
		goto exit_sockopt;
	err = lvs_sysctl_init();
	if (err)
		goto exit_proc;
	err = lvs_nl_lvs_register();
	if (err)
		goto exit_sysctl;
	pr_info("lvs: director " LVS_VERSION " loaded\n");
	return 0;

exit_sysctl:
	lvs_sysctl_exit();
exit_proc:
	lvs_proc_exit();
exit_sockopt:
	lvs_sockopt_exit();
exit_rival:
	lvs_rival_exit();
exit_ipvs:
	lvs_nl_ipvs_unregister();
exit_netns:
	lvs_netns_exit();
exit_conn:
	lvs_conn_exit();
	lvs_conntrack_exit();
	return err;
}

static void __exit lvs_exit(void)
{
	lvs_nl_lvs_unregister();
	lvs_sysctl_exit();
	lvs_proc_exit();
	lvs_sockopt_exit();
	lvs_rival_exit();
	lvs_nl_ipvs_unregister();
	lvs_netns_exit();
	lvs_conn_exit();
	lvs_conntrack_exit();
	pr_info("lvs: director unloaded\n");
}

module_init(lvs_init);
module_exit(lvs_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Linux Virtual Server: layer-4 load balancing director");
MODULE_VERSION(LVS_VERSION);
MODULE_ALIAS_GENL_FAMILY("IPVS");
MODULE_ALIAS_GENL_FAMILY("LVS");
