// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/ip_vs_conn, which `ipvsadm -Lc` parses, and ip_vs_conn_sync, the same with where each
 * connection comes from (the contract's section 7).
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "conn/conn.h"
#include "conn/proc.h"
#include "conn/table.h"
#include "conn/template.h"
#include "netns.h"
#include "proto/proto.h"
#include "svc/svc.h"

/* seq_file opens the private part zeroed, which is the table's beginning. */
struct listing {
	struct seq_net_private net;
	struct lvs_conn_iter iter;
	loff_t pos;		/* what iter stands at; 0 is the title */
};

static struct lvs_conn_table *table_of(struct seq_file *seq)
{
	return &lvs_net(seq_file_net(seq))->conns;
}

static void *at(struct seq_file *seq, loff_t pos)
{
	struct listing *l = seq->private;
	struct lvs_conn *conn;

	/* Reads go on where they stopped; only a seek has to walk. */
	if (pos < l->pos) {
		memset(&l->iter, 0, sizeof(l->iter));
		l->pos = 1;
	}
	for (;;) {
		conn = lvs_conn_iterate(table_of(seq), &l->iter);
		if (!conn)
			return NULL;
		if (!lvs_conn_is_over(conn) && l->pos++ == pos) {
			l->pos = pos;
			return conn;
		}
		l->iter.skip++;
	}
}

static void *conn_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	struct listing *l = seq->private;

	mutex_lock(&table_of(seq)->resize_lock);
	rcu_read_lock();
	if (*pos == 0) {
		memset(&l->iter, 0, sizeof(l->iter));
		l->pos = 1;
		return SEQ_START_TOKEN;
	}
	return at(seq, *pos);
}

static void *conn_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct listing *l = seq->private;

	++*pos;
	if (v != SEQ_START_TOKEN) {
		l->iter.skip++;
		l->pos = *pos;
	}
	return at(seq, *pos);
}

static void conn_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
	mutex_unlock(&table_of(seq)->resize_lock);
}

static void show_addr(struct seq_file *seq, u8 af, const union nf_inet_addr *addr, __be16 port)
{
	if (af == AF_INET)
		seq_printf(seq, " %08X %04X", ntohl(addr->ip), ntohs(port));
	else
		seq_printf(seq, " %pI6 %04X", &addr->in6, ntohs(port));
}

/* The persistence engine and what it knows the client by. */
static void show_engine(struct seq_file *seq, const struct lvs_template *t)
{
	if (t->data_len)
		seq_printf(seq, " %s %.*s", LVS_PE_NAME_SIP, t->data_len, t->data);
}

/* What both files tell first. */
static void show_tuple(struct seq_file *seq, const struct lvs_conn *conn)
{
	u8 af = lvs_conn_client_af(conn);

	seq_printf(seq, "%-3s", lvs_proto_name(conn->link[LVS_SIDE_CLIENT].proto));
	show_addr(seq, af, &conn->caddr, conn->cport);
	show_addr(seq, af, &conn->vaddr, conn->vport);
	show_addr(seq, conn->link[LVS_SIDE_SERVER].af, &conn->daddr, conn->dport);
	seq_printf(seq, " %-11s", lvs_proto_state_name(conn));
}

static int conn_show(struct seq_file *seq, void *v)
{
	const struct lvs_conn *conn = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n");
		return 0;
	}
	show_tuple(seq, conn);
	seq_printf(seq, " %7u", lvs_conn_remaining(conn) / HZ);
	if (lvs_conn_is_template(conn))
		show_engine(seq, lvs_template_of(v));
	seq_putc(seq, '\n');
	return 0;
}

static int conn_sync_show(struct seq_file *seq, void *v)
{
	const struct lvs_conn *conn = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n");
		return 0;
	}
	show_tuple(seq, conn);
	/* No connection comes from another director yet. */
	seq_printf(seq, " %-6s %7u\n", "LOCAL", lvs_conn_remaining(conn) / HZ);
	return 0;
}

static const struct seq_operations conn_seq_ops = {
	.start	= conn_start,
	.next	= conn_next,
	.stop	= conn_stop,
	.show	= conn_show,
};

static const struct seq_operations conn_sync_seq_ops = {
	.start	= conn_start,
	.next	= conn_next,
	.stop	= conn_stop,
	.show	= conn_sync_show,
};

int lvs_conn_proc_init(struct net *net)
{
	if (!proc_create_net("ip_vs_conn", 0, net->proc_net, &conn_seq_ops,
			     sizeof(struct listing)))
		return -ENOMEM;
	if (!proc_create_net("ip_vs_conn_sync", 0, net->proc_net, &conn_sync_seq_ops,
			     sizeof(struct listing))) {
		remove_proc_entry("ip_vs_conn", net->proc_net);
		return -ENOMEM;
	}
	return 0;
}

void lvs_conn_proc_exit(struct net *net)
{
	remove_proc_entry("ip_vs_conn_sync", net->proc_net);
	remove_proc_entry("ip_vs_conn", net->proc_net);
}
