// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following functions of the kernel by ftrace. Unlike a kretprobe that has no instances to run out
 * of, and unlike a kprobe it misses no call that interrupts another probe.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>

#include "compat/ftrace.h"
#include "toa/toa.h"

/* A probe that never gets to run finds the function, whether it is exported or not. */
static unsigned long address_of(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	unsigned long address;

	if (register_kprobe(&probe))
		return 0;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return address;
}

int toa_hook_add(struct toa_hook *hook)
{
	unsigned long address = address_of(hook->name);
	int error = address ? ftrace_set_filter_ip(hook->ops, address, 0, 0) : -ENOENT;

	if (!error) {
		error = register_ftrace_function(hook->ops);
		if (error)
			ftrace_free_filter(hook->ops);
	}
	if (error) {
		pr_err("the kernel's function %s cannot be followed: error %d\n",
		       hook->name, error);
		return error;
	}
	hook->address = address;
	return 0;
}

void toa_hook_remove(struct toa_hook *hook)
{
	if (!hook->address)
		return;
	unregister_ftrace_function(hook->ops);
	ftrace_free_filter(hook->ops);
	hook->address = 0;
}
