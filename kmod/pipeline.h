/* SPDX-License-Identifier: GPL-2.0-only */
/* The way that a packet takes through the director. */
#ifndef LVS_PIPELINE_H
#define LVS_PIPELINE_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

#include "core/parse.h"

struct lvs_conn;
struct nf_hook_state;

unsigned int lvs_hook_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);
unsigned int lvs_hook_forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/*
 * The ICMP error @pkt quotes @quoted, which belongs to no connection (its tuple has @hash): make
 * one as if the client had sent it. NULL if there is no service for it or nobody to serve it;
 * @verdict is set then. Under RCU, bottom halves off.
 */
struct lvs_conn *lvs_connect_quoted(struct lvs_packet *pkt, struct lvs_packet *quoted, u32 hash,
				    unsigned int *verdict);

#endif /* LVS_PIPELINE_H */
