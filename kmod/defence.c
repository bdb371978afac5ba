// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/random.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "conn/template.h"
#include "defence.h"
#include "netns.h"

/* The table is gone through in so many seconds. */
#define PARTS		32
/* Connections that were used more recently are left alone. */
#define IDLE		(60 * HZ)

/* Pages that are missing to amemthresh; 0: memory is not short. */
static u32 shortage(const struct lvs_net *ln)
{
	u32 wanted = READ_ONCE(ln->sysctls.amemthresh);
	unsigned long available;
	struct sysinfo info;

	si_meminfo(&info);
	available = info.freeram + info.bufferram;
	return available < wanted ? wanted - available : 0;
}

/* Is the defence on? A mode that is automatic shows in its sysctl which way it went. */
static bool is_on(int *mode, bool is_short)
{
	int now = READ_ONCE(*mode);

	if (now == LVS_DEFENCE_AUTO_OFF && is_short)
		cmpxchg(mode, LVS_DEFENCE_AUTO_OFF, LVS_DEFENCE_AUTO_ON);
	else if (now == LVS_DEFENCE_AUTO_ON && !is_short)
		cmpxchg(mode, LVS_DEFENCE_AUTO_ON, LVS_DEFENCE_AUTO_OFF);
	return now == LVS_DEFENCE_ALWAYS || (now != LVS_DEFENCE_NEVER && is_short);
}

/* The shorter memory is, the more packets are dropped. */
static u32 drop_rate(struct lvs_net *ln, u32 missing)
{
	if (!is_on(&ln->sysctls.drop_packet, missing))
		return 0;
	if (READ_ONCE(ln->sysctls.drop_packet) == LVS_DEFENCE_ALWAYS)
		return READ_ONCE(ln->sysctls.am_droprate);
	return missing ? READ_ONCE(ln->sysctls.amemthresh) / missing : 0;
}

bool lvs_defence_drops(struct lvs_net *ln)
{
	u32 rate = READ_ONCE(ln->defence.drop_rate);

	return rate && (u32)atomic_inc_return(&ln->defence.turn) % rate == 0;
}

static bool is_half_open(const struct lvs_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	switch (conn->link[LVS_SIDE_CLIENT].proto) {
	case IPPROTO_TCP:
		return state == LVS_TCP_SYN_RECV || state == LVS_TCP_SYNACK;
	case IPPROTO_SCTP:
		return state >= LVS_SCTP_INIT1 && state < LVS_SCTP_ESTABLISHED;
	}
	return false;
}

/* Half-open ones go, and of those that have been idle for long one of two. */
static bool is_dispensable(const struct lvs_conn *conn)
{
	if (lvs_conn_is_template(conn))
		return false;
	if (is_half_open(conn))
		return true;
	return lvs_conn_idle(conn) >= IDLE && get_random_u32() & 1;
}

static bool kill_dispensable(struct lvs_conn *conn, const void *unused)
{
	if (!is_dispensable(conn))
		return false;
	lvs_conn_kill(conn);
	return true;
}

static void defence_work(struct work_struct *work)
{
	struct lvs_net *ln = container_of(work, struct lvs_net, defence.work.work);
	struct lvs_defence *d = &ln->defence;
	u32 missing = shortage(ln);

	WRITE_ONCE(d->drop_rate, drop_rate(ln, missing));
	WRITE_ONCE(d->secure_tcp, is_on(&ln->sysctls.secure_tcp, missing));
	if (is_on(&ln->sysctls.drop_entry, missing)) {
		lvs_conn_walk(ln, kill_dispensable, NULL, d->part, PARTS);
		d->part = (d->part + 1) % PARTS;
	}
	if (READ_ONCE(ln->svcs.count))
		queue_delayed_work(lvs_unbound_wq, &d->work, HZ);
}

void lvs_defence_now(struct lvs_net *ln)
{
	mod_delayed_work(lvs_unbound_wq, &ln->defence.work, 0);
	flush_delayed_work(&ln->defence.work);
}

void lvs_defence_run(struct lvs_net *ln)
{
	queue_delayed_work(lvs_unbound_wq, &ln->defence.work, HZ);
}

void lvs_defence_net_init(struct lvs_net *ln)
{
	INIT_DELAYED_WORK(&ln->defence.work, defence_work);
}

void lvs_defence_net_exit(struct lvs_net *ln)
{
	cancel_delayed_work_sync(&ln->defence.work);
}
