// SPDX-License-Identifier: GPL-2.0-only
#include "core/ports.h"

#define ALL (~(u64)0)
#define NONE 65536u

/* The bits from @bit on; none if it is 64. */
static u64 from(u32 bit)
{
	return bit < 64 ? ALL << bit : 0;
}

static u32 lowest(u64 bits)
{
	return (u32)__builtin_ctzll(bits);
}

/* The first free port that is not below @port, or NONE. */
static u32 first_free(const struct lvs_ports *ports, u32 port)
{
	u32 word = port / 64, group;
	u64 free = ~ports->taken[word] & from(port % 64);

	if (free)
		return word * 64 + lowest(free);
	group = word / 64;
	free = ~ports->full[group] & from(word % 64 + 1);
	if (!free) {
		free = ~(u64)ports->full_groups & from(group + 1) & ~from(LVS_PORTS_GROUPS);
		if (!free)
			return NONE;
		group = lowest(free);
		free = ~ports->full[group];
	}
	word = group * 64 + lowest(free);
	return word * 64 + lowest(~ports->taken[word]);
}

void lvs_ports_init(struct lvs_ports *ports, u16 first)
{
	ports->next = first;
}

int lvs_ports_take(struct lvs_ports *ports, u16 low, u16 high)
{
	u32 begin = ports->next >= low && ports->next <= high ? ports->next : low;
	u32 port = first_free(ports, begin);
	u32 word;

	if (port > high) {
		port = first_free(ports, low);
		if (port >= begin)
			return -1;
	}
	word = port / 64;
	ports->taken[word] |= (u64)1 << (port % 64);
	if (ports->taken[word] == ALL) {
		ports->full[word / 64] |= (u64)1 << (word % 64);
		if (ports->full[word / 64] == ALL)
			ports->full_groups |= 1u << (word / 64);
	}
	ports->num++;
	ports->next = port + 1;
	return (int)port;
}

void lvs_ports_give(struct lvs_ports *ports, u16 port)
{
	u32 word = port / 64;

	ports->taken[word] &= ~((u64)1 << (port % 64));
	ports->full[word / 64] &= ~((u64)1 << (word % 64));
	ports->full_groups &= ~(1u << (word / 64));
	ports->num--;
}
