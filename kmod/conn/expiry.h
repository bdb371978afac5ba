/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lazy expiry. Each connection waits in one slot of a wheel, the slot of the tick at which it
 * expires unless packets come. Packets do not touch the wheel; when the slot's tick comes, the
 * expirer reads the connection's time and either reaps it or puts it into a later slot. So it
 * visits a busy connection once in its timeout, and never scans the table.
 */
#ifndef LVS_CONN_EXPIRY_H
#define LVS_CONN_EXPIRY_H

#include <linux/list.h>
#include <linux/spinlock.h>

struct lvs_conn;
struct lvs_conn_table;

/* A new connection begins to wait. Under RCU, bottom halves off. */
void lvs_expiry_start(struct lvs_conn_table *ct, struct lvs_conn *conn);

/* Its timeout became shorter: look at it earlier. Under RCU, bottom halves off. */
void lvs_expiry_hasten(struct lvs_conn_table *ct, struct lvs_conn *conn);

/* A dead connection leaves the wheel. Under RCU. */
void lvs_expiry_stop(struct lvs_conn_table *ct, struct lvs_conn *conn);

/* Let the expirer run, until no connection is left and the table is small again. Any context. */
void lvs_expiry_run(struct lvs_conn_table *ct);

void lvs_expiry_init(struct lvs_conn_table *ct);
/* Make the wheels. Process context. 0 or -ENOMEM. */
int lvs_expiry_up(struct lvs_conn_table *ct);
/* The expirer has ended when this returns. No packet is inside any more. Process context. */
void lvs_expiry_halt(struct lvs_conn_table *ct);
/* Free the wheels; the expirer is halted, no connection is left. Process context. */
void lvs_expiry_exit(struct lvs_conn_table *ct);

#endif /* LVS_CONN_EXPIRY_H */
