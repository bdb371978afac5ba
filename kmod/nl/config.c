// SPDX-License-Identifier: GPL-2.0-only
/* The timeouts of a namespace, and what clients ask of the director as a whole. */
#include <linux/jiffies.h>

#include "netns.h"
#include "nl/ops.h"

/* The timeout in @attr, in jiffies, to @to; 0 if it is to stay. 0 or -EINVAL. */
static int get_timeout(const struct nlattr *attr, u32 *to, struct netlink_ext_ack *extack)
{
	u32 seconds = attr ? nla_get_u32(attr) : 0;

	if (seconds > INT_MAX / HZ)
		return LVS_NL_FAIL(extack, attr, -EINVAL, "TIMEOUT is out of range");
	*to = seconds * HZ;
	return 0;
}

int lvs_nl_set_config(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_net *ln = lvs_net(genl_info_net(info));
	struct lvs_timeouts *t = &ln->timeouts;
	u32 tcp, fin, udp;
	int err;

	err = get_timeout(info->attrs[IPVS_CMD_ATTR_TIMEOUT_TCP], &tcp, info->extack);
	if (err)
		return err;
	err = get_timeout(info->attrs[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN], &fin, info->extack);
	if (err)
		return err;
	err = get_timeout(info->attrs[IPVS_CMD_ATTR_TIMEOUT_UDP], &udp, info->extack);
	if (err)
		return err;

	mutex_lock(&ln->ctl);
	if (tcp)
		WRITE_ONCE(t->tcp[LVS_TCP_ESTABLISHED], tcp);
	if (fin)
		WRITE_ONCE(t->tcp[LVS_TCP_FIN_WAIT], fin);
	if (udp)
		WRITE_ONCE(t->udp, udp);
	mutex_unlock(&ln->ctl);
	return 0;
}

static int put_config(struct sk_buff *skb, struct lvs_net *ln)
{
	const struct lvs_timeouts *t = &ln->timeouts;

	if (nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP,
			READ_ONCE(t->tcp[LVS_TCP_ESTABLISHED]) / HZ) ||
	    nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
			READ_ONCE(t->tcp[LVS_TCP_FIN_WAIT]) / HZ) ||
	    nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_UDP, READ_ONCE(t->udp) / HZ))
		return -EMSGSIZE;
	return 0;
}

static int put_info(struct sk_buff *skb, struct lvs_net *ln)
{
	if (nla_put_u32(skb, IPVS_INFO_ATTR_VERSION, IP_VS_VERSION_CODE) ||
	    nla_put_u32(skb, IPVS_INFO_ATTR_CONN_TAB_SIZE, lvs_conn_table_size(ln)))
		return -EMSGSIZE;
	return 0;
}

static int send_reply(struct genl_info *info, u8 cmd,
		      int (*put)(struct sk_buff *skb, struct lvs_net *ln))
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return LVS_NL_FAIL(info->extack, NULL, -ENOMEM, "out of memory");
	hdr = genlmsg_put_reply(msg, info, &lvs_nl_ipvs_family, 0, cmd);
	if (!hdr || put(msg, lvs_net(genl_info_net(info)))) {
		nlmsg_free(msg);
		return LVS_NL_FAIL(info->extack, NULL, -EMSGSIZE, "the reply does not fit");
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int lvs_nl_get_config(struct sk_buff *skb, struct genl_info *info)
{
	return send_reply(info, IPVS_CMD_SET_CONFIG, put_config);
}

int lvs_nl_get_info(struct sk_buff *skb, struct genl_info *info)
{
	return send_reply(info, IPVS_CMD_SET_INFO, put_info);
}
