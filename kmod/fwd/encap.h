/* SPDX-License-Identifier: GPL-2.0-only */
/* What a tunnel puts between the outer and the inner IP header: GUE over UDP, or GRE. */
#ifndef LVS_FWD_ENCAP_H
#define LVS_FWD_ENCAP_H

#include <linux/types.h>

struct lvs_dest;
struct lvs_route;
struct sk_buff;

/* What a tunnel to a dest is like. */
struct lvs_tunnel {
	u8 type;	/* IP_VS_CONN_F_TUNNEL_TYPE_* */
	u8 overhead;	/* bytes around the packet, outer IP header included, at most */
	__be16 port;	/* GUE: the dest's */
	u16 flags;	/* IP_VS_TUNNEL_ENCAP_FLAG_* */
};

/* The tunnel that the dest's configuration of now asks for. Any context. */
void lvs_tunnel_of(const struct lvs_dest *dest, struct lvs_tunnel *tun);

/*
 * Put the header of @route's tunnel, which is GUE or GRE, before the IP packet @skb, whose headers
 * become inner ones. *@proto is the packet's type, and becomes what the outer IP header announces.
 * There is headroom, and the headers are writable. False if offloading could not be prepared for
 * want of memory. Softirq or process.
 */
bool lvs_encap_push(struct sk_buff *skb, const struct lvs_route *route, u8 *proto);

#endif /* LVS_FWD_ENCAP_H */
