// SPDX-License-Identifier: GPL-2.0-only
/* Family "LVS": what IPVS never had. include/lvs/abi.h draws its messages. */
#include <linux/module.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "lvs/abi.h"
#include "netns.h"
#include "nl/nl.h"
#include "nl/ops.h"

static struct genl_family family;

static const struct nla_policy batch_policy[LVS_A_MAX + 1] = {
	[LVS_A_OP]		= { .type = NLA_NESTED },
};

static const struct nla_policy op_policy[LVS_OP_A_MAX + 1] = {
	[LVS_OP_A_CMD]		= { .type = NLA_U32 },
	[LVS_OP_A_SERVICE]	= { .type = NLA_NESTED },
	[LVS_OP_A_DEST]		= { .type = NLA_NESTED },
	[LVS_OP_A_LADDR]	= { .type = NLA_BINARY, .len = sizeof(union nf_inet_addr) },
	[LVS_OP_A_OPTIONS]	= { .type = NLA_NESTED },
	[LVS_OP_A_LADDRS]	= { .type = NLA_NESTED },
};

int lvs_nl_lvs_check_version(const struct genlmsghdr *hdr, struct netlink_ext_ack *extack)
{
	if (hdr->version > LVS_GENL_VERSION)
		return LVS_NL_FAIL(extack, NULL, -EPROTONOSUPPORT,
				   "the client is newer than the module lvs: upgrade the module");
	return 0;
}

static int get_info(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return LVS_NL_FAIL(info->extack, NULL, -ENOMEM, "out of memory");
	hdr = genlmsg_put_reply(msg, info, &family, 0, LVS_CMD_GET_INFO);
	if (!hdr || nla_put_string(msg, LVS_A_VERSION, LVS_VERSION) ||
	    nla_put_u32(msg, LVS_A_ABI_MIN, LVS_ABI_MIN_VERSION) ||
	    nla_put_u32(msg, LVS_A_ABI_MAX, LVS_GENL_VERSION)) {
		nlmsg_free(msg);
		return LVS_NL_FAIL(info->extack, NULL, -EMSGSIZE, "the reply does not fit");
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int apply(struct lvs_txn *txn, const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[LVS_OP_A_MAX + 1];
	struct lvs_nl_op op = {
		.where = nest,
		.extack = extack,
	};

	if (nla_parse_nested_deprecated(tb, LVS_OP_A_MAX, nest, op_policy, extack))
		return -EINVAL;
	if (!tb[LVS_OP_A_CMD])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "OP has no CMD");
	op.cmd = nla_get_u32(tb[LVS_OP_A_CMD]);
	op.svc = tb[LVS_OP_A_SERVICE];
	op.dest = tb[LVS_OP_A_DEST];
	op.laddr = tb[LVS_OP_A_LADDR];
	op.options = tb[LVS_OP_A_OPTIONS];
	op.laddrs = tb[LVS_OP_A_LADDRS];
	return lvs_nl_apply(txn, &op);
}

static int apply_all(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *attr;
	struct lvs_txn txn;
	int err, rem;

	err = lvs_nl_lvs_check_version(info->genlhdr, info->extack);
	if (err)
		return err;
	lvs_txn_begin(&txn, lvs_net(genl_info_net(info)));
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != LVS_A_OP) {
			err = LVS_NL_FAIL(info->extack, attr, -EINVAL, "a batch has only OPs");
			break;
		}
		err = apply(&txn, attr, info->extack);
		if (err)
			break;
		cond_resched();
	}
	return lvs_nl_txn_end(&txn, err, info->extack);
}

static int put_drops(struct sk_buff *skb, struct lvs_drops __percpu *drops)
{
	enum lvs_drop_reason reason;

	for (reason = 0; reason < LVS_DROP_MAX; reason++) {
		struct nlattr *nest = nla_nest_start(skb, LVS_A_DROP);

		if (!nest || nla_put_u32(skb, LVS_DROP_A_REASON, reason) ||
		    nla_put_string(skb, LVS_DROP_A_NAME, lvs_drop_name(reason)) ||
		    nla_put_u64_64bit(skb, LVS_DROP_A_COUNT, lvs_drops_sum(drops, reason),
				      LVS_DROP_A_PAD))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

static int put_key(struct sk_buff *skb, const struct lvs_svc_key *key)
{
	struct nlattr *nest = nla_nest_start(skb, LVS_A_SERVICE);

	if (!nest || lvs_nl_put_svc_key(skb, key))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

void *lvs_nl_lvs_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		     const struct lvs_svc_key *key)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &family,
				NLM_F_MULTI, cmd);

	if (hdr && key && put_key(skb, key)) {
		genlmsg_cancel(skb, hdr);
		return NULL;
	}
	return hdr;
}

/* The drops of one service, or of the namespace if @svc is NULL. */
static int dump_one(struct sk_buff *skb, struct netlink_callback *cb, struct lvs_net *ln,
		    const struct lvs_svc *svc)
{
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_DROPS, svc ? &svc->key : NULL);

	if (!hdr)
		return -EMSGSIZE;
	if (put_drops(skb, svc ? svc->drops : ln->drops)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the totals went out; [1]: the seq of the last service that did. */
static int dump_drops(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct lvs_svc *svc;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	mutex_lock(&ln->ctl);
	if (!cb->args[0]) {
		if (dump_one(skb, cb, ln, NULL))
			goto unlock;
		cb->args[0] = 1;
	}
	for (svc = lvs_svc_from(ln, cb->args[1] + 1); svc; svc = lvs_svc_next(svc)) {
		if (dump_one(skb, cb, ln, svc))
			break;
		cb->args[1] = svc->seq;
	}
unlock:
	mutex_unlock(&ln->ctl);
	return skb->len;
}

static const struct genl_ops ops[] = {
	{
		.cmd		= LVS_CMD_GET_INFO,
		/* A newer client learns the version from this, whatever else it sends. */
		.validate	= GENL_DONT_VALIDATE_STRICT,
		.flags		= GENL_ADMIN_PERM,
		.doit		= get_info,
	}, {
		.cmd		= LVS_CMD_BATCH,
		/* Clients' libraries differ in flagging nests. */
		.validate	= GENL_DONT_VALIDATE_STRICT,
		.flags		= GENL_ADMIN_PERM,
		.policy		= batch_policy,
		.maxattr	= LVS_A_MAX,
		.doit		= apply_all,
	}, {
		.cmd		= LVS_CMD_GET_DROPS,
		/* Checks the version itself, and takes no attributes. */
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= dump_drops,
	}, {
		.cmd		= LVS_CMD_GET_LADDRS,
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= lvs_nl_dump_laddrs,
	}, {
		.cmd		= LVS_CMD_GET_DESTS,
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= lvs_nl_dump_all_dests,
	}, {
		.cmd		= LVS_CMD_GET_CONNS,
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= lvs_nl_dump_conns,
	}, {
		.cmd		= LVS_CMD_GET_OPTIONS,
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= lvs_nl_dump_options,
	}, {
		.cmd		= LVS_CMD_GET_PROFILES,
		.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
		.flags		= GENL_ADMIN_PERM,
		.dumpit		= lvs_nl_dump_profiles,
	},
};

static struct genl_family family __ro_after_init = {
	.name		= LVS_GENL_NAME,
	.version	= LVS_GENL_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,		/* ln->ctl serialises */
	.module		= THIS_MODULE,
	.ops		= ops,
	.n_ops		= ARRAY_SIZE(ops),
	.resv_start_op	= LVS_CMD_END,
};

int __init lvs_nl_lvs_register(void)
{
	return genl_register_family(&family);
}

void lvs_nl_lvs_unregister(void)
{
	genl_unregister_family(&family);
}
