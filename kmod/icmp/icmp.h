/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors that belong to connections. */
#ifndef LVS_ICMP_H
#define LVS_ICMP_H

#include <linux/types.h>

struct lvs_packet;

/*
 * If the ICMP packet is an error about a packet of a connection, translate and relay it and set
 * @verdict. Otherwise false: it is none of ours. Under RCU, bottom halves off.
 */
bool lvs_icmp_related(struct lvs_packet *pkt, unsigned int *verdict);

/* The errors of routers inside a tunnel to a dest (icmp/tunnel.c); as above. */
bool lvs_icmp_from_tunnel(struct lvs_packet *pkt, unsigned int *verdict);

#endif /* LVS_ICMP_H */
