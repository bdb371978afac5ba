// SPDX-License-Identifier: GPL-2.0-only
#include <linux/in.h>
#include <linux/ip_vs.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "conn/proc.h"
#include "est/est.h"
#include "ftp/ftp.h"
#include "netns.h"
#include "proc.h"
#include "sched/sched.h"

static const char *proto_name(u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	default:
		return "IP";
	}
}

static const char *fwd_name(u8 fwd)
{
	switch (fwd) {
	case IP_VS_CONN_F_LOCALNODE:
		return "Local";
	case IP_VS_CONN_F_TUNNEL:
		return "Tunnel";
	case IP_VS_CONN_F_DROUTE:
		return "Route";
	default:
		return "Masq";
	}
}

static void *services_start(struct seq_file *seq, loff_t *pos)
{
	struct lvs_net *ln = lvs_net(seq_file_net(seq));

	mutex_lock(&ln->ctl);
	return seq_list_start_head(&ln->svcs.list, *pos);
}

static void *services_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_list_next(v, &lvs_net(seq_file_net(seq))->svcs.list, pos);
}

static void services_stop(struct seq_file *seq, void *v)
{
	mutex_unlock(&lvs_net(seq_file_net(seq))->ctl);
}

/* Spaces before the end of a line are where mainline has them. */
static void show_service(struct seq_file *seq, const struct lvs_svc *svc)
{
	const struct lvs_svc_key *key = &svc->key;
	const char *sched = lvs_sched_name(svc->cfg.sched);
	const char *ops = svc->cfg.flags & IP_VS_SVC_F_ONEPACKET ? "ops " : "";

	if (key->fwmark)
		seq_printf(seq, "FWM  %08X %s %s", key->fwmark, sched, ops);
	else if (key->af == AF_INET6)
		seq_printf(seq, "%s  [%pI6]:%04X %s ", proto_name(key->proto), &key->addr.in6,
			   ntohs(key->port), sched);
	else
		seq_printf(seq, "%s  %08X:%04X %s %s ", proto_name(key->proto),
			   ntohl(key->addr.ip), ntohs(key->port), sched, ops);
	if (svc->cfg.flags & IP_VS_SVC_F_PERSISTENT)
		seq_printf(seq, "persistent %d %08X", svc->cfg.timeout * HZ,
			   ntohl(svc->cfg.netmask));
	seq_putc(seq, '\n');
}

static void show_dest(struct seq_file *seq, const struct lvs_dest *dest)
{
	if (dest->af == AF_INET6)
		seq_printf(seq, "  -> [%pI6]:%04X", &dest->addr.in6, ntohs(dest->port));
	else
		seq_printf(seq, "  -> %08X:%04X", ntohl(dest->addr.ip), ntohs(dest->port));
	seq_printf(seq, "      %-7s %-6d %-10d %-10d\n", fwd_name(dest->fwd), dest->weight,
		   atomic_read(&dest->active), lvs_dest_inactive(dest));
}

static int services_show(struct seq_file *seq, void *v)
{
	struct lvs_net *ln = lvs_net(seq_file_net(seq));
	const struct lvs_dest *dest;
	const struct lvs_svc *svc;

	if (v == &ln->svcs.list) {
		seq_printf(seq, "IP Virtual Server version %d.%d.%d (size=%u)\n",
			   NVERSION(IP_VS_VERSION_CODE), lvs_conn_table_size(ln));
		seq_puts(seq, "Prot LocalAddress:Port Scheduler Flags\n");
		seq_puts(seq, "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n");
		return 0;
	}
	svc = list_entry(v, struct lvs_svc, list);
	show_service(seq, svc);
	list_for_each_entry(dest, &svc->dests, node)
		show_dest(seq, dest);
	return 0;
}

static const struct seq_operations services_ops = {
	.start	= services_start,
	.next	= services_next,
	.stop	= services_stop,
	.show	= services_show,
};

static void show_counters(struct seq_file *seq, const struct lvs_counters *c)
{
	seq_printf(seq, "%8llX %8llX %8llX %16llX %16llX\n", c->conns, c->inpkts, c->outpkts,
		   c->inbytes, c->outbytes);
}

/* The totals since the last ZERO, and the rates. */
static void read_totals(struct lvs_net *ln, struct lvs_counters *total,
			struct lvs_counters *per_second)
{
	lvs_net_counters(ln, -1, total);
	lvs_counters_sub(total, &ln->zeroed);
	lvs_est_rates(&ln->rates, per_second);
}

static int stats_show(struct seq_file *seq, void *v)
{
	struct lvs_net *ln = lvs_net(seq_file_single_net(seq));
	struct lvs_counters total, per_second;

	mutex_lock(&ln->ctl);
	read_totals(ln, &total, &per_second);
	mutex_unlock(&ln->ctl);

	seq_puts(seq, "   Total Incoming Outgoing         Incoming         Outgoing\n");
	seq_puts(seq, "   Conns  Packets  Packets            Bytes            Bytes\n");
	show_counters(seq, &total);
	seq_puts(seq, "\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
	show_counters(seq, &per_second);
	return 0;
}

static int stats_percpu_show(struct seq_file *seq, void *v)
{
	struct lvs_net *ln = lvs_net(seq_file_single_net(seq));
	struct lvs_counters total, per_second;
	int cpu;

	seq_puts(seq, "       Total Incoming Outgoing         Incoming         Outgoing\n");
	seq_puts(seq, "CPU    Conns  Packets  Packets            Bytes            Bytes\n");
	mutex_lock(&ln->ctl);
	for_each_possible_cpu(cpu) {
		lvs_net_counters(ln, cpu, &total);
		seq_printf(seq, "%3X ", cpu);
		show_counters(seq, &total);
	}
	read_totals(ln, &total, &per_second);
	mutex_unlock(&ln->ctl);
	seq_puts(seq, "  ~ ");
	show_counters(seq, &total);

	seq_puts(seq, "\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
	seq_puts(seq, "    ");
	show_counters(seq, &per_second);
	return 0;
}

/* What mainline has as a module of its own, ip_vs_ftp. */
static int app_show(struct seq_file *seq, void *v)
{
	struct lvs_net *ln = lvs_net(seq_file_single_net(seq));
	unsigned int i;

	seq_puts(seq, "prot port    usecnt name\n");
	for (i = 0; lvs_ftp_port(i); i++)
		seq_printf(seq, "%-3s  %-7u %-6d %-17s\n", "TCP", lvs_ftp_port(i),
			   atomic_read(&ln->ftp.users[i]), "ftp");
	return 0;
}

/* Of @what there are so many buckets; @counts tells how long the chains in them are. */
static void show_chains(struct seq_file *seq, const char *what,
			const u32 counts[LVS_CHAIN_LENGTHS])
{
	u32 all = 0, used;
	int i;

	for (i = 0; i < LVS_CHAIN_LENGTHS; i++)
		all += counts[i];
	used = all - counts[0];
	seq_printf(seq, "%s buckets empty:\t%u (%llu%%)\n", what, counts[0],
		   div_u64(counts[0] * 100ULL, max(all, 1U)));
	for (i = 1; i < LVS_CHAIN_LENGTHS; i++) {
		if (counts[i])
			seq_printf(seq, "%s buckets len-%d:\t%u (%llu%%)\n", what, i, counts[i],
				   div_u64(counts[i] * 100ULL, used));
	}
}

static void show_table(struct seq_file *seq, const char *what, u32 size, int load_factor)
{
	seq_printf(seq, "%s buckets:\t%u (%d bits, lfactor %d)\n", what, size, ilog2(size),
		   load_factor);
}

/* Sizes of the tables, and how even their chains are. One thread estimates all rates. */
static int status_show(struct seq_file *seq, void *v)
{
	struct lvs_net *ln = lvs_net(seq_file_single_net(seq));
	u32 counts[LVS_CHAIN_LENGTHS];
	int conns = atomic_read(&ln->conns.count);

	seq_printf(seq, "Conns:\t%d\n", conns);
	show_table(seq, "Conn", lvs_conn_table_size(ln), READ_ONCE(ln->sysctls.conn_lfactor));
	if (conns) {
		lvs_conn_table_chains(ln, counts);
		show_chains(seq, "Conn", counts);
	}
	mutex_lock(&ln->ctl);
	seq_printf(seq, "Services:\t%u\n", ln->svcs.count);
	show_table(seq, "Service", lvs_svc_table_size(ln), READ_ONCE(ln->sysctls.svc_lfactor));
	if (ln->svcs.count) {
		lvs_svc_table_chains(ln, counts);
		show_chains(seq, "Service", counts);
	}
	seq_printf(seq, "Stats thread slots:\t%d (max %d)\n", ln->est.on, 1);
	mutex_unlock(&ln->ctl);
	return 0;
}

static int __net_init proc_net_init(struct net *net)
{
	if (!proc_create_net("ip_vs", 0, net->proc_net, &services_ops,
			     sizeof(struct seq_net_private)))
		return -ENOMEM;
	if (!proc_create_net_single("ip_vs_stats", 0, net->proc_net, stats_show, NULL))
		goto remove_services;
	if (!proc_create_net_single("ip_vs_stats_percpu", 0, net->proc_net, stats_percpu_show,
				    NULL))
		goto remove_stats;
	if (!proc_create_net_single("ip_vs_app", 0, net->proc_net, app_show, NULL))
		goto remove_percpu;
	if (!proc_create_net_single("ip_vs_status", 0, net->proc_net, status_show, NULL))
		goto remove_app;
	if (lvs_conn_proc_init(net))
		goto remove_status;
	return 0;

remove_status:
	remove_proc_entry("ip_vs_status", net->proc_net);
remove_app:
	remove_proc_entry("ip_vs_app", net->proc_net);
remove_percpu:
	remove_proc_entry("ip_vs_stats_percpu", net->proc_net);
remove_stats:
	remove_proc_entry("ip_vs_stats", net->proc_net);
remove_services:
	remove_proc_entry("ip_vs", net->proc_net);
	return -ENOMEM;
}

static void __net_exit proc_net_exit(struct net *net)
{
	lvs_conn_proc_exit(net);
	remove_proc_entry("ip_vs_status", net->proc_net);
	remove_proc_entry("ip_vs_app", net->proc_net);
	remove_proc_entry("ip_vs_stats_percpu", net->proc_net);
	remove_proc_entry("ip_vs_stats", net->proc_net);
	remove_proc_entry("ip_vs", net->proc_net);
}

static struct pernet_operations proc_net_ops = {
	.init	= proc_net_init,
	.exit	= proc_net_exit,
};

int __init lvs_proc_init(void)
{
	return register_pernet_subsys(&proc_net_ops);
}

void lvs_proc_exit(void)
{
	unregister_pernet_subsys(&proc_net_ops);
}
