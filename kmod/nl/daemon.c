// SPDX-License-Identifier: GPL-2.0-only
/* The sync daemon's messages. There is none yet: its wishes are checked, then declined. */
#include <linux/inet.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>

#include "nl/ops.h"

static const struct nla_policy daemon_policy[IPVS_DAEMON_ATTR_MAX + 1] = {
	[IPVS_DAEMON_ATTR_STATE]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_IFN]	= { .type = NLA_NUL_STRING,
					    .len = IP_VS_IFNAME_MAXLEN - 1 },
	[IPVS_DAEMON_ATTR_SYNC_ID]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_SYNC_MAXLEN]	= { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP6]	= { .len = sizeof(struct in6_addr) },
	[IPVS_DAEMON_ATTR_MCAST_PORT]	= { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_TTL]	= { .type = NLA_U8 },
};

/* 0 or -EINVAL. */
static int parse(struct genl_info *info, struct nlattr **tb)
{
	const struct nlattr *nest = info->attrs[IPVS_CMD_ATTR_DAEMON];
	struct netlink_ext_ack *extack = info->extack;

	if (!nest)
		return LVS_NL_FAIL(extack, NULL, -EINVAL, "DAEMON is missing");
	if (nla_parse_nested_deprecated(tb, IPVS_DAEMON_ATTR_MAX, nest, daemon_policy, extack))
		return -EINVAL;
	if (!tb[IPVS_DAEMON_ATTR_STATE])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DAEMON has no STATE");
	return 0;
}

static int check_group(struct genl_info *info, struct nlattr **tb)
{
	const struct nlattr *group = tb[IPVS_DAEMON_ATTR_MCAST_GROUP];
	struct in6_addr group6;

	if (group) {
		if (!ipv4_is_multicast(nla_get_in_addr(group)))
			return LVS_NL_FAIL(info->extack, group, -EINVAL,
					   "MCAST_GROUP is not a multicast address");
		return 0;
	}
	group = tb[IPVS_DAEMON_ATTR_MCAST_GROUP6];
	if (group) {
		group6 = nla_get_in6_addr(group);
		if (!ipv6_addr_is_multicast(&group6))
			return LVS_NL_FAIL(info->extack, group, -EINVAL,
					   "MCAST_GROUP6 is not a multicast address");
	}
	return 0;
}

static int check_state(struct genl_info *info, struct nlattr **tb)
{
	u32 state = nla_get_u32(tb[IPVS_DAEMON_ATTR_STATE]);

	if (state != IP_VS_STATE_MASTER && state != IP_VS_STATE_BACKUP)
		return LVS_NL_FAIL(info->extack, tb[IPVS_DAEMON_ATTR_STATE], -EINVAL,
				   "STATE is neither master nor backup");
	return 0;
}

static bool device_exists(struct net *net, const char *name)
{
	bool found;

	rcu_read_lock();
	found = dev_get_by_name_rcu(net, name);
	rcu_read_unlock();
	return found;
}

int lvs_nl_new_daemon(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[IPVS_CMD_ATTR_DAEMON];
	struct nlattr *tb[IPVS_DAEMON_ATTR_MAX + 1];
	struct netlink_ext_ack *extack = info->extack;
	const struct nlattr *name;
	int err;

	err = parse(info, tb);
	if (err)
		return err;
	name = tb[IPVS_DAEMON_ATTR_MCAST_IFN];
	if (!name)
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DAEMON has no MCAST_IFN");
	if (!tb[IPVS_DAEMON_ATTR_SYNC_ID])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DAEMON has no SYNC_ID");
	err = check_group(info, tb);
	if (err)
		return err;
	if (!device_exists(genl_info_net(info), nla_data(name)))
		return LVS_NL_FAIL(extack, name, -ENODEV, "MCAST_IFN: there is no such interface");
	err = check_state(info, tb);
	if (err)
		return err;
	return LVS_NL_FAIL(extack, nest, -EOPNOTSUPP,
			   "DAEMON: connection synchronisation is not supported yet");
}

int lvs_nl_del_daemon(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[IPVS_DAEMON_ATTR_MAX + 1];
	int err;

	err = parse(info, tb);
	if (err)
		return err;
	err = check_state(info, tb);
	if (err)
		return err;
	return LVS_NL_FAIL(info->extack, info->attrs[IPVS_CMD_ATTR_DAEMON], -EOPNOTSUPP,
			   "DAEMON: connection synchronisation is not supported yet");
}

int lvs_nl_dump_daemons(struct sk_buff *skb, struct netlink_callback *cb)
{
	return skb->len;
}
