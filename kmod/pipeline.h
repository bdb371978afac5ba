/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet as the director sees it, and the way it takes. */
#ifndef LVS_PIPELINE_H
#define LVS_PIPELINE_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

struct lvs_net;
struct nf_hook_state;

/* A parsed packet. Lives on the stack of one hook call. */
struct lvs_packet {
	struct sk_buff *skb;
	struct lvs_net *ln;
	union nf_inet_addr saddr;
	union nf_inet_addr daddr;
	__be16 sport;
	__be16 dport;
	u16 l4_off;		/* of the transport header, from skb->data */
	u8 af;
	u8 proto;
	u8 hook;		/* NF_INET_* */
	u8 tcp_flags;		/* LVS_TCP_F_* */
};

unsigned int lvs_hook_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);
unsigned int lvs_hook_forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

#endif /* LVS_PIPELINE_H */
