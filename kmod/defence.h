/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the director does when memory runs short, or always if it is told to: drop one of some
 * packets that would open connections (drop_packet), end connections that are of little use
 * (drop_entry), and hold half-open TCP connections in a state that ends sooner (secure_tcp).
 *
 * Each has a mode, a sysctl: 0 never, 3 always, 1 and 2 by itself: 1 while there is memory enough,
 * 2 while there is not. Memory is short when less than amemthresh pages are free.
 */
#ifndef LVS_DEFENCE_H
#define LVS_DEFENCE_H

#include <linux/atomic.h>
#include <linux/workqueue.h>

struct lvs_net;

/* A defence's mode. */
enum {
	LVS_DEFENCE_NEVER,
	LVS_DEFENCE_AUTO_OFF,
	LVS_DEFENCE_AUTO_ON,
	LVS_DEFENCE_ALWAYS,
};

struct lvs_defence {
	u32 drop_rate;		/* of so many new connections one is dropped; 0: none; READ_ONCE */
	bool secure_tcp;	/* READ_ONCE */
	atomic_t turn;		/* new connections, while drop_rate is not 0 */
	u32 part;		/* of the table, whose entries are dropped next; the worker's */
	struct delayed_work work;
};

/* Is this packet, which would open a connection, one of those to drop? Softirq or process. */
bool lvs_defence_drops(struct lvs_net *ln);

/* A mode was changed: let it take effect. Process context, may sleep. */
void lvs_defence_now(struct lvs_net *ln);

/* Look after memory while there are services: under ctl. */
void lvs_defence_run(struct lvs_net *ln);

void lvs_defence_net_init(struct lvs_net *ln);
void lvs_defence_net_exit(struct lvs_net *ln);

#endif /* LVS_DEFENCE_H */
