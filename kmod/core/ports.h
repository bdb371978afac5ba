/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which ports of one local address are taken towards one peer, and which is next.
 *
 * A bit a port, and two levels of bits above that tell where all are taken, so that the next free
 * one is found in a few steps however many are taken. The search goes on where the last one ended
 * and comes round: a port that was given back rests as long as it can.
 */
#ifndef LVS_CORE_PORTS_H
#define LVS_CORE_PORTS_H

#include "core/types.h"

#define LVS_PORTS_WORDS	1024	/* of 64 ports */
#define LVS_PORTS_GROUPS 16	/* of 64 words */

/* All of it is the owner's, whose lock it needs. */
struct lvs_ports {
	u64 taken[LVS_PORTS_WORDS];	/* a bit a port */
	u64 full[LVS_PORTS_GROUPS];	/* a bit a word: all its ports are taken */
	u32 full_groups;		/* a bit a group: all its words are full */
	u32 num;			/* ports taken */
	u32 next;			/* where the next search begins */
};

/* @ports is zeroed; the first search begins at @first. */
void lvs_ports_init(struct lvs_ports *ports, u16 first);

/* Take a free port from @low to @high, which may be equal. The port, or -1 if none is free. */
int lvs_ports_take(struct lvs_ports *ports, u16 low, u16 high);

/* Give a port back that was taken. */
void lvs_ports_give(struct lvs_ports *ports, u16 port);

static inline bool lvs_ports_taken(const struct lvs_ports *ports, u16 port)
{
	return ports->taken[port / 64] >> (port % 64) & 1;
}

#endif /* LVS_CORE_PORTS_H */
