// SPDX-License-Identifier: GPL-2.0-only
/* Family "IPVS": what ipvsadm, keepalived and everything else that drives IPVS speak. */
#include "netns.h"
#include "nl/nl.h"
#include "nl/ops.h"

const struct nla_policy lvs_nl_ipvs_policy[IPVS_CMD_ATTR_MAX + 1] = {
	[IPVS_CMD_ATTR_SERVICE]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DEST]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DAEMON]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_TIMEOUT_TCP]	= { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN]	= { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_UDP]	= { .type = NLA_U32 },
};

/* A message that changes something is a transaction of one operation. */
static int change(struct sk_buff *skb, struct genl_info *info)
{
	const struct lvs_nl_op op = {
		.cmd = info->genlhdr->cmd,
		.svc = info->attrs[IPVS_CMD_ATTR_SERVICE],
		.dest = info->attrs[IPVS_CMD_ATTR_DEST],
		.extack = info->extack,
	};
	struct lvs_txn txn;

	lvs_txn_begin(&txn, lvs_net(genl_info_net(info)));
	return lvs_nl_txn_end(&txn, lvs_nl_apply(&txn, &op), info->extack);
}

/*
 * Lenient validation, as clients are used to: unknown attributes are ignored, dumps take whatever
 * the request carries. Reading needs the privilege too.
 */
#define IPVS_OP(command, do_it, dump_it)					\
	{									\
		.cmd		= IPVS_CMD_##command,				\
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP, \
		.flags		= GENL_ADMIN_PERM,				\
		.doit		= do_it,					\
		.dumpit		= dump_it,					\
	}

static const struct genl_small_ops ops[] = {
	IPVS_OP(NEW_SERVICE, change, NULL),
	IPVS_OP(SET_SERVICE, change, NULL),
	IPVS_OP(DEL_SERVICE, change, NULL),
	IPVS_OP(GET_SERVICE, lvs_nl_get_service, lvs_nl_dump_services),
	IPVS_OP(NEW_DEST, change, NULL),
	IPVS_OP(SET_DEST, change, NULL),
	IPVS_OP(DEL_DEST, change, NULL),
	IPVS_OP(GET_DEST, NULL, lvs_nl_dump_dests),
	IPVS_OP(NEW_DAEMON, lvs_nl_new_daemon, NULL),
	IPVS_OP(DEL_DAEMON, lvs_nl_del_daemon, NULL),
	IPVS_OP(GET_DAEMON, NULL, lvs_nl_dump_daemons),
	IPVS_OP(SET_CONFIG, lvs_nl_set_config, NULL),
	IPVS_OP(GET_CONFIG, lvs_nl_get_config, NULL),
	IPVS_OP(GET_INFO, lvs_nl_get_info, NULL),
	IPVS_OP(ZERO, change, NULL),
	IPVS_OP(FLUSH, change, NULL),
};

struct genl_family lvs_nl_ipvs_family __ro_after_init = {
	.name		= IPVS_GENL_NAME,
	.version	= IPVS_GENL_VERSION,
	.maxattr	= IPVS_CMD_ATTR_MAX,
	.policy		= lvs_nl_ipvs_policy,
	.netnsok	= true,
	.parallel_ops	= true,		/* ln->ctl serialises */
	.module		= THIS_MODULE,
	.small_ops	= ops,
	.n_small_ops	= ARRAY_SIZE(ops),
	.resv_start_op	= IPVS_CMD_FLUSH + 1,
};

int __init lvs_nl_ipvs_register(void)
{
	return genl_register_family(&lvs_nl_ipvs_family);
}

void lvs_nl_ipvs_unregister(void)
{
	genl_unregister_family(&lvs_nl_ipvs_family);
}
