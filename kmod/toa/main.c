// SPDX-License-Identifier: GPL-2.0-only
/* toa.ko, for real servers behind a director that does FULLNAT: the order of coming and going. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>

#include "lvs/abi.h"
#include "toa/toa.h"

/* Each part needs those before it; the last ones make the module do something. */
static const struct part {
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ toa_trust_init, toa_trust_exit },
	{ toa_stats_init, toa_stats_exit },
	{ toa_table_init, toa_table_exit },
	{ toa_flows_init, toa_flows_exit },
	{ toa_watch_sockets, toa_unwatch_sockets },
	{ toa_learn_init, toa_learn_exit },
	{ toa_show_init, toa_show_exit },
	{ toa_uoa_init, toa_uoa_exit },
	{ toa_sockopt_init, toa_sockopt_exit },
};

static void leave(int part)
{
	while (--part >= 0)
		parts[part].exit();
}

static int __init toa_init(void)
{
	int part, error;

	for (part = 0; part < ARRAY_SIZE(parts); part++) {
		error = parts[part].init();
		if (error) {
			leave(part);
			return error;
		}
	}
	pr_info("version %s loaded\n", LVS_VERSION);
	return 0;
}

static void __exit toa_exit(void)
{
	leave(ARRAY_SIZE(parts));
	pr_info("unloaded\n");
}

module_init(toa_init);
module_exit(toa_exit);

MODULE_DESCRIPTION("Shows real servers the clients behind an LVS director with FULLNAT (TOA, UOA)");
MODULE_VERSION(LVS_VERSION);
MODULE_LICENSE("GPL");
