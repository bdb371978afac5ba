/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of a service: how many connections it has at once, and how many new ones a second, of all
 * its clients and of each client's address. What they are held against is counted only for services
 * that have limits, for connections that were made since.
 *
 * A count is known by the identity of its service, so that it goes on when a client of IPVS deletes
 * the service and adds it again.
 */
#ifndef LVS_SVC_LIMIT_H
#define LVS_SVC_LIMIT_H

#include <linux/netfilter.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>

#include "drop.h"

struct lvs_packet;
struct lvs_svc;

struct lvs_limits {
	struct rhashtable *table;	/* of struct load; NULL before the first limit; ctl */
	struct rhashtable own;
	struct delayed_work sweeper;
};

/* Make room for counts. Process context, under ctl. 0 or -ENOMEM. */
int lvs_limits_up(struct lvs_limits *limits);

/*
 * A connection of the packet's client is about to be made: count it and set *@flags to the
 * LVS_CONN_F_* that tell so, which lvs_limit_release() takes back; or say why it must not be. Under
 * RCU, bottom halves off.
 */
enum lvs_drop_reason lvs_limit_admit(struct lvs_svc *svc, const struct lvs_packet *pkt, u32 *flags);

/* It has ended, or was not made after all. Under RCU, any context but hard interrupts. */
void lvs_limit_release(const struct lvs_svc *svc, const union nf_inet_addr *client, u32 flags);

void lvs_limits_net_init(struct lvs_limits *limits);
/* No connection is left. Process context. */
void lvs_limits_net_exit(struct lvs_limits *limits);

#endif /* LVS_SVC_LIMIT_H */
