/* SPDX-License-Identifier: GPL-2.0-only */
/* The way that a packet takes through the director. */
#ifndef LVS_PIPELINE_H
#define LVS_PIPELINE_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

#include "core/parse.h"

struct nf_hook_state;

unsigned int lvs_hook_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);
unsigned int lvs_hook_forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

#endif /* LVS_PIPELINE_H */
