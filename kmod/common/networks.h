/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of networks of both families that a sysctl holds: whom to believe what it says of clients.
 * In each of the modules.
 */
#ifndef LVS_NETWORKS_H
#define LVS_NETWORKS_H

#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#define LVS_NETWORKS_TEXT 1024

/* Immutable once published. */
struct lvs_networks {
	struct rcu_head rcu;
	unsigned int count;
	char text[LVS_NETWORKS_TEXT];	/* as it was written */
	struct {
		struct in6_addr addr;	/* IPv4 as ::ffff:a.b.c.d */
		u8 prefix_len;		/* of the IPv6 form */
	} network[];
};

/*
 * Read "10.0.0.0/24,fd00::/64", separated by commas or white space. An address without a length is
 * one host. ERR_PTR: EINVAL, E2BIG if the text is too long, ENOMEM. Process context.
 */
struct lvs_networks *lvs_networks_read(const char *text);

/* Is the address in one of them? */
bool lvs_networks_have(const struct lvs_networks *list, const struct in6_addr *addr);

/*
 * A sysctl's handler for the list at @where, which is replaced under @mutex and freed after a grace
 * period; what is refused leaves it alone. NULL there stands for an empty one.
 */
int lvs_networks_sysctl(struct lvs_networks __rcu **where, struct mutex *mutex, int write,
			void *buffer, size_t *len, loff_t *pos);

#endif /* LVS_NETWORKS_H */
