// SPDX-License-Identifier: GPL-2.0-only
/* The expiry wheels and the worker that turns them; conn/expiry.h tells how they work. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat/workqueue.h"
#include "conn/conn.h"
#include "conn/expiry.h"
#include "conn/table.h"
#include "conn/template.h"
#include "ftp/ftp.h"
#include "hook.h"
#include "netns.h"

#define LVS_TICK		(HZ / 4)
#define LVS_WHEEL_SLOTS		2048	/* 512 s; what waits longer is looked at in between */
#define LVS_WHEEL_MAX_SHARDS	8
#define LVS_REAP_BATCH		32

struct lvs_wheel {
	spinlock_t lock;	/* slots, reaped; lvs_conn.wheel and due of those in them */
	struct hlist_head reaped;	/* the slot that the expirer has in hand */
	struct hlist_head slot[LVS_WHEEL_SLOTS];
};

static u32 tick_of(unsigned long time)
{
	return time / LVS_TICK;
}

/* The first tick at which @conn has expired if no packet comes. */
static u32 due_tick(const struct lvs_conn *conn)
{
	u32 remaining = lvs_conn_remaining(conn);
	unsigned long now = jiffies;

	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_FTP))
		remaining = lvs_ftp_look_within(conn, remaining);
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_LIMITED))
		remaining = clamp_t(s32, conn->until - (u32)now, 0, remaining);
	return tick_of(now + remaining) + 1;
}

/* Its time is over, or it has had as much of it as a busy one may have. */
static bool is_due(const struct lvs_conn *conn)
{
	if (unlikely(READ_ONCE(conn->flags) & LVS_CONN_F_LIMITED) &&
	    (s32)((u32)jiffies - conn->until) >= 0)
		return true;
	return lvs_conn_expired(conn);
}

static struct hlist_head *slot_of(struct lvs_wheel *wheel, u32 due, u32 now)
{
	/* The slot of now may be done already. */
	s32 ahead = clamp_t(s32, due - now, 1, LVS_WHEEL_SLOTS - 1);

	due = now + ahead;
	return &wheel->slot[due % LVS_WHEEL_SLOTS];
}

/* Under the wheel's lock, which also settles the race with lvs_conn_kill(). */
static void wheel_put(struct lvs_wheel *wheel, struct lvs_conn *conn, u32 due)
{
	lockdep_assert_held(&wheel->lock);
	if (READ_ONCE(conn->flags) & LVS_CONN_F_DEAD)
		return;
	conn->due = due;
	hlist_add_head(&conn->wheel, slot_of(wheel, due, tick_of(jiffies)));
}

void lvs_expiry_start(struct lvs_conn_table *ct, struct lvs_conn *conn)
{
	struct lvs_wheel *wheel = &ct->wheels[conn->shard];

	spin_lock_bh(&wheel->lock);
	wheel_put(wheel, conn, due_tick(conn));
	spin_unlock_bh(&wheel->lock);
}

void lvs_expiry_hasten(struct lvs_conn_table *ct, struct lvs_conn *conn)
{
	struct lvs_wheel *wheel = &ct->wheels[conn->shard];
	u32 due = due_tick(conn);

	spin_lock_bh(&wheel->lock);
	/*
	 * Dead: the node is not a node any more. Off the wheel: the expirer has it in hand and
	 * will read the new timeout.
	 */
	if (!(READ_ONCE(conn->flags) & LVS_CONN_F_DEAD) && !hlist_unhashed(&conn->wheel) &&
	    (s32)(due - conn->due) < 0) {
		hlist_del_init(&conn->wheel);
		wheel_put(wheel, conn, due);
	}
	spin_unlock_bh(&wheel->lock);
}

void lvs_expiry_stop(struct lvs_conn_table *ct, struct lvs_conn *conn)
{
	struct lvs_wheel *wheel = &ct->wheels[conn->shard];

	spin_lock_bh(&wheel->lock);
	if (!hlist_unhashed(&conn->wheel))
		hlist_del_init(&conn->wheel);
	spin_unlock_bh(&wheel->lock);
}

/* Take up to LVS_REAP_BATCH connections out of the slot in hand. They stay alive under RCU. */
static unsigned int take_batch(struct lvs_wheel *wheel, struct lvs_conn **batch)
{
	unsigned int n = 0;

	spin_lock_bh(&wheel->lock);
	while (n < LVS_REAP_BATCH && !hlist_empty(&wheel->reaped)) {
		batch[n] = hlist_entry(wheel->reaped.first, struct lvs_conn, wheel);
		hlist_del_init(&batch[n++]->wheel);
	}
	spin_unlock_bh(&wheel->lock);
	return n;
}

/* A template that still has connections gets more time. */
static bool holds_on(struct lvs_conn *conn)
{
	if (!lvs_conn_is_template(conn) || lvs_template_expired(lvs_template_of(conn)))
		return false;
	lvs_template_renew(lvs_template_of(conn));
	return true;
}

/*
 * The whole slot is taken in hand first: one that is still to wait may come back into this very
 * slot, if the expirer is late, and must not be met twice.
 */
static void reap_slot(struct lvs_wheel *wheel, u32 tick)
{
	struct lvs_conn *batch[LVS_REAP_BATCH];
	unsigned int n, i;

	spin_lock_bh(&wheel->lock);
	hlist_move_list(&wheel->slot[tick % LVS_WHEEL_SLOTS], &wheel->reaped);
	spin_unlock_bh(&wheel->lock);
	do {
		rcu_read_lock();
		n = take_batch(wheel, batch);
		for (i = 0; i < n; i++) {
			if (unlikely(READ_ONCE(batch[i]->flags) & LVS_CONN_F_FTP))
				lvs_ftp_look(batch[i]);
			if (is_due(batch[i]) && !holds_on(batch[i])) {
				lvs_conn_end(batch[i]);
				continue;
			}
			spin_lock_bh(&wheel->lock);
			wheel_put(wheel, batch[i], due_tick(batch[i]));
			spin_unlock_bh(&wheel->lock);
		}
		rcu_read_unlock();
		cond_resched();
	} while (n == LVS_REAP_BATCH);
}

static void expirer_work(struct work_struct *work)
{
	struct lvs_conn_table *ct = container_of(to_delayed_work(work), struct lvs_conn_table,
						 expirer);
	struct lvs_net *ln = container_of(ct, struct lvs_net, conns);
	u32 now = tick_of(jiffies);
	u32 shard;

	/* After a long stall one turn of the wheel has met every slot. */
	if (now - ct->wheel_tick > LVS_WHEEL_SLOTS)
		ct->wheel_tick = now - LVS_WHEEL_SLOTS;
	while (ct->wheel_tick != now) {
		ct->wheel_tick++;
		for (shard = 0; shard <= ct->wheel_mask; shard++)
			reap_slot(&ct->wheels[shard], ct->wheel_tick);
	}
	if (atomic_read(&ct->count) < READ_ONCE(ct->shrink_at))
		queue_work(lvs_unbound_wq, &ct->resize);
	/* A table that could not shrink for want of memory is asked again. */
	if (atomic_read(&ct->count) || READ_ONCE(ct->shrink_at))
		lvs_expiry_run(ct);
	else
		lvs_hooks_idle(ln);
}

void lvs_expiry_run(struct lvs_conn_table *ct)
{
	queue_delayed_work(lvs_unbound_wq, &ct->expirer, LVS_TICK);
}

void lvs_expiry_init(struct lvs_conn_table *ct)
{
	INIT_DELAYED_WORK(&ct->expirer, expirer_work);
}

int lvs_expiry_up(struct lvs_conn_table *ct)
{
	u32 shards = min_t(u32, roundup_pow_of_two(num_possible_cpus()), LVS_WHEEL_MAX_SHARDS);
	u32 i;

	ct->wheels = kvcalloc(shards, sizeof(*ct->wheels), GFP_KERNEL_ACCOUNT);
	if (!ct->wheels)
		return -ENOMEM;
	for (i = 0; i < shards; i++)
		spin_lock_init(&ct->wheels[i].lock);
	ct->wheel_mask = shards - 1;
	ct->wheel_tick = tick_of(jiffies);
	return 0;
}

void lvs_expiry_halt(struct lvs_conn_table *ct)
{
	cancel_delayed_work_sync(&ct->expirer);
}

void lvs_expiry_exit(struct lvs_conn_table *ct)
{
	kvfree(ct->wheels);
	ct->wheels = NULL;
}
