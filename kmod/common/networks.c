// SPDX-License-Identifier: GPL-2.0-only
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/ipv6.h>

#include "common/networks.h"

bool lvs_networks_have(const struct lvs_networks *list, const struct in6_addr *addr)
{
	unsigned int i;

	for (i = 0; i < list->count; i++) {
		if (ipv6_prefix_equal(addr, &list->network[i].addr, list->network[i].prefix_len))
			return true;
	}
	return false;
}

/* Reads ADDRESS[/LENGTH], which is cut into two. */
static int read_network(char *text, struct in6_addr *addr, u8 *prefix_len)
{
	char *slash = strchr(text, '/');
	__be32 ipv4;
	u8 len;

	if (slash)
		*slash = '\0';
	if (in4_pton(text, -1, (u8 *)&ipv4, '\0', NULL)) {
		ipv6_addr_set_v4mapped(ipv4, addr);
		if (slash && (kstrtou8(slash + 1, 10, &len) || len > 32))
			return -EINVAL;
		*prefix_len = slash ? 96 + len : 128;
		return 0;
	}
	if (!in6_pton(text, -1, addr->s6_addr, '\0', NULL))
		return -EINVAL;
	if (slash && (kstrtou8(slash + 1, 10, &len) || len > 128))
		return -EINVAL;
	*prefix_len = slash ? len : 128;
	return 0;
}

struct lvs_networks *lvs_networks_read(const char *text)
{
	struct lvs_networks *list;
	char *words, *rest, *word;
	int error = 0;

	/* The shortest network takes two characters, and one to separate it. */
	list = kzalloc(struct_size(list, network, strlen(text) / 2 + 1), GFP_KERNEL);
	words = kstrdup(text, GFP_KERNEL);
	if (!list || !words)
		error = -ENOMEM;
	else if (strscpy(list->text, strim(words), sizeof(list->text)) < 0)
		error = -E2BIG;
	rest = error ? NULL : strim(words);
	while (!error && (word = strsep(&rest, ", \t\n"))) {
		if (!*word)
			continue;
		error = read_network(word, &list->network[list->count].addr,
				     &list->network[list->count].prefix_len);
		list->count++;
	}
	kfree(words);
	if (error) {
		kfree(list);
		return ERR_PTR(error);
	}
	return list;
}

static int replace(struct lvs_networks __rcu **where, struct mutex *mutex, const char *text)
{
	struct lvs_networks *list = lvs_networks_read(text);

	if (IS_ERR(list))
		return PTR_ERR(list);
	list = rcu_replace_pointer(*where, list, lockdep_is_held(mutex));
	if (list)
		kfree_rcu(list, rcu);
	return 0;
}

int lvs_networks_sysctl(struct lvs_networks __rcu **where, struct mutex *mutex, int write,
			void *buffer, size_t *len, loff_t *pos)
{
	struct ctl_table text = { .maxlen = LVS_NETWORKS_TEXT };
	const struct lvs_networks *list;
	int error;

	/* The end of it would be cut off, perhaps in the midst of a network. */
	if (write && *len >= LVS_NETWORKS_TEXT)
		return -EINVAL;
	text.data = kzalloc(LVS_NETWORKS_TEXT, GFP_KERNEL);
	if (!text.data)
		return -ENOMEM;
	mutex_lock(mutex);
	list = rcu_dereference_protected(*where, lockdep_is_held(mutex));
	if (list)
		strscpy(text.data, list->text, LVS_NETWORKS_TEXT);
	error = proc_dostring(&text, write, buffer, len, pos);
	if (write && !error)
		error = replace(where, mutex, text.data);
	mutex_unlock(mutex);
	kfree(text.data);
	return error;
}
