// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining a dest: it gets no new connections and ends those that it has. Whoever drains it may set
 * an end to that; for this the director begins to note what the ends of its TCP connections await,
 * without which no RST would be believed.
 */
#include "conn/conn.h"
#include "conn/template.h"
#include "netns.h"
#include "proto/proto.h"
#include "svc/internal.h"

static bool is_of(const struct lvs_conn *conn, const struct lvs_dest *dest)
{
	return conn->dest == dest && !lvs_conn_is_template(conn);
}

/* With another timeout than the general one its segments take the way that notes their numbers. */
static bool begin_noting(struct lvs_conn *conn, const void *dest)
{
	if (is_of(conn, dest) && conn->link[LVS_SIDE_CLIENT].proto == IPPROTO_TCP) {
		local_bh_disable();
		lvs_conn_set_timeout(conn, READ_ONCE(conn->timeout) + 1);
		local_bh_enable();
	}
	return false;
}

void lvs_dest_drain(struct lvs_dest *dest)
{
	lockdep_assert_held(&dest->ln->ctl);
	set_bit(LVS_DEST_DRAINING_BIT, &dest->flags);
	smp_mb__after_atomic(); /* the flag before the timeouts, which make segments look at it */
	lvs_conn_walk(dest->ln, begin_noting, dest, 0, 1);
	lvs_dest_drained(dest);
}

static bool end(struct lvs_conn *conn, const void *dest)
{
	if (!is_of(conn, dest))
		return false;
	lvs_conn_end(conn);
	return true;
}

void lvs_dest_reset_conns(struct lvs_dest *dest)
{
	lockdep_assert_held(&dest->ln->ctl);
	lvs_conn_walk(dest->ln, end, dest, 0, 1);
}
