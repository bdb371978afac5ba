// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps ip_vs out while we are loaded: its names under /proc would clash with ours, which the
 * kernel answers with a warning and a half-working module.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include "rival.h"

static int module_event(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;

	if (state != MODULE_STATE_COMING || strcmp(mod->name, "ip_vs"))
		return NOTIFY_DONE;
	pr_err("lvs: ip_vs refused: lvs is loaded and serves the same interfaces; rmmod lvs first\n");
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block module_notifier = {
	.notifier_call = module_event,
};

int __init lvs_rival_init(void)
{
	return register_module_notifier(&module_notifier);
}

void lvs_rival_exit(void)
{
	unregister_module_notifier(&module_notifier);
}
