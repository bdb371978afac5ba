// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directors' networks: only packets from there may tell a client's address. An empty list
 * stands for every network.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "compat/sysctl.h"
#include "toa/toa.h"

#define MAX_TEXT 1024

struct network {
	struct in6_addr addr;
	u8 prefix_len;		/* of the IPv6 form */
};

struct trust {
	struct rcu_head rcu;
	unsigned int count;
	char text[MAX_TEXT];	/* as it was written */
	struct network networks[];
};

static char *directors = "";
module_param(directors, charp, 0444);
MODULE_PARM_DESC(directors, "networks of the directors, \"10.0.0.0/24,fd00::/64\"; none: everybody is believed (see sysctl net.toa.directors)");

static DEFINE_MUTEX(trust_mutex);
/* Replaced under trust_mutex; NULL before toa_trust_init(). */
static struct trust __rcu *trust;

bool toa_trusted(const u8 addr[16])
{
	const struct in6_addr *in6 = (const struct in6_addr *)addr;
	const struct trust *list;
	unsigned int i;
	bool found;

	rcu_read_lock();
	list = rcu_dereference(trust);
	found = !list->count;
	for (i = 0; !found && i < list->count; i++)
		found = ipv6_prefix_equal(in6, &list->networks[i].addr,
					  list->networks[i].prefix_len);
	rcu_read_unlock();
	return found;
}

/* Reads ADDRESS[/LENGTH], which is cut into two. */
static int read_network(char *text, struct network *network)
{
	char *slash = strchr(text, '/');
	u8 len = 128, ipv4[4];

	if (slash)
		*slash = '\0';
	if (in4_pton(text, -1, ipv4, '\0', NULL)) {
		toa_map_ipv4(network->addr.s6_addr, ipv4);
		if (slash && (kstrtou8(slash + 1, 10, &len) || len > 32))
			return -EINVAL;
		network->prefix_len = slash ? 96 + len : 128;
		return 0;
	}
	if (!in6_pton(text, -1, network->addr.s6_addr, '\0', NULL))
		return -EINVAL;
	if (slash && (kstrtou8(slash + 1, 10, &len) || len > 128))
		return -EINVAL;
	network->prefix_len = len;
	return 0;
}

/* Networks are separated by commas or white space. */
static struct trust *read_networks(const char *text)
{
	char *words, *rest, *word;
	struct trust *list;
	int error = 0;

	/* The shortest network takes two characters, and one to separate it. */
	list = kzalloc(struct_size(list, networks, strlen(text) / 2 + 1), GFP_KERNEL);
	words = kstrdup(text, GFP_KERNEL);
	if (!list || !words)
		error = -ENOMEM;
	else if (strscpy(list->text, strim(words), sizeof(list->text)) < 0)
		error = -E2BIG;
	rest = error ? NULL : strim(words);
	while (!error && (word = strsep(&rest, ", \t\n"))) {
		if (*word)
			error = read_network(word, &list->networks[list->count++]);
	}
	kfree(words);
	if (error) {
		kfree(list);
		return ERR_PTR(error);
	}
	return list;
}

static int set_trust(const char *text)
{
	struct trust *list = read_networks(text);

	lockdep_assert_held(&trust_mutex);
	if (IS_ERR(list))
		return PTR_ERR(list);
	list = rcu_replace_pointer(trust, list, lockdep_is_held(&trust_mutex));
	if (list)
		kfree_rcu(list, rcu);
	return 0;
}

static int directors_sysctl(lvs_ctl_table *table, int write, void *buffer, size_t *len,
			    loff_t *pos)
{
	struct ctl_table text = { .maxlen = MAX_TEXT };
	int error;

	text.data = kmalloc(MAX_TEXT, GFP_KERNEL);
	if (!text.data)
		return -ENOMEM;
	mutex_lock(&trust_mutex);
	strscpy(text.data, rcu_dereference_protected(trust, lockdep_is_held(&trust_mutex))->text,
		MAX_TEXT);
	error = proc_dostring(&text, write, buffer, len, pos);
	if (write && !error)
		error = set_trust(text.data);
	mutex_unlock(&trust_mutex);
	kfree(text.data);
	return error;
}

static struct ctl_table sysctls[] = {
	{ .procname = "directors", .maxlen = MAX_TEXT, .mode = 0644,
	  .proc_handler = directors_sysctl },
	{ }
};

static struct ctl_table_header *sysctl_header;

int toa_trust_init(void)
{
	int error;

	mutex_lock(&trust_mutex);
	error = set_trust(directors);
	mutex_unlock(&trust_mutex);
	if (error) {
		pr_err("directors=\"%s\" is no list of networks\n", directors);
		return error;
	}
	sysctl_header = lvs_register_sysctls(&init_net, "net/toa", sysctls,
					     ARRAY_SIZE(sysctls) - 1);
	if (!sysctl_header) {
		toa_trust_exit();
		return -ENOMEM;
	}
	return 0;
}

void toa_trust_exit(void)
{
	struct trust *list;

	if (sysctl_header)
		unregister_net_sysctl_table(sysctl_header);
	sysctl_header = NULL;
	/* Whoever could ask is gone. */
	list = rcu_replace_pointer(trust, NULL, true);
	kfree(list);
}
