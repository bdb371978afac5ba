// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/toa_stats: a line for each counter, a column for each processor. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

#include "toa/toa.h"

DEFINE_PER_CPU(struct toa_counters, toa_counters);

static const char *const names[TOA_COUNTER_MAX] = {
#define TOA_COUNTER(id, name) \
	[TOA_##id] = #name,
	TOA_COUNTERS(TOA_COUNTER)
#undef TOA_COUNTER
};

static int show(struct seq_file *seq, void *unused)
{
	int i, cpu;

	seq_printf(seq, "%22s", "");
	for_each_online_cpu(cpu)
		seq_printf(seq, " %9s%-3d", "CPU", cpu);
	for (i = 0; i < TOA_COUNTER_MAX; i++) {
		seq_printf(seq, "\n%-22s", names[i]);
		for_each_online_cpu(cpu)
			seq_printf(seq, " %12llu", per_cpu(toa_counters, cpu).value[i]);
	}
	seq_putc(seq, '\n');
	return 0;
}

int toa_stats_init(void)
{
	return proc_create_single("toa_stats", 0444, init_net.proc_net, show) ? 0 : -ENOMEM;
}

void toa_stats_exit(void)
{
	remove_proc_entry("toa_stats", init_net.proc_net);
}
