/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trusted upstreams: directors and the like in front of this one, whose packets may tell real
 * servers who the client is (TOA, UOA). Of everybody else that is forged, and blanked by FULLNAT.
 */
#ifndef LVS_UPSTREAM_H
#define LVS_UPSTREAM_H

#include <linux/types.h>

#include "compat/sysctl.h"

struct lvs_net;
struct lvs_packet;

/* May the packet's sender tell? Under RCU. */
bool lvs_upstream_trusted(const struct lvs_packet *pkt);

/*
 * Is the packet one of protocol 248 that a trusted upstream sends to this host, with UDP behind the
 * header? Then it is a flow's from here on: pkt has its ports, and in uoa the header, which is
 * still in the packet before pkt->l4_off. Under RCU.
 */
bool lvs_upstream_tells(struct lvs_packet *pkt);

/* The handler of the sysctl toa_trusted_upstreams; table->extra1 is the namespace. */
int lvs_upstream_sysctl(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos);

/* Neither packets nor the sysctl are left. */
void lvs_upstream_net_exit(struct lvs_net *ln);

#endif /* LVS_UPSTREAM_H */
