// SPDX-License-Identifier: GPL-2.0-only
/* Services in netlink messages. */
#include <linux/in.h>
#include <linux/string.h>
#include <net/sock.h>

#include "netns.h"
#include "nl/ops.h"
#include "sched/sched.h"
#include "svc/profile.h"

static const struct nla_policy service_policy[IPVS_SVC_ATTR_MAX + 1] = {
	[IPVS_SVC_ATTR_AF]		= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_PROTOCOL]	= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_ADDR]		= { .type = NLA_BINARY, .len = sizeof(union nf_inet_addr) },
	[IPVS_SVC_ATTR_PORT]		= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_FWMARK]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_SCHED_NAME]	= { .type = NLA_NUL_STRING,
					    .len = IP_VS_SCHEDNAME_MAXLEN - 1 },
	[IPVS_SVC_ATTR_FLAGS]		= NLA_POLICY_EXACT_LEN(sizeof(struct ip_vs_flags)),
	[IPVS_SVC_ATTR_TIMEOUT]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_NETMASK]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_STATS]		= { .type = NLA_NESTED },
	[IPVS_SVC_ATTR_PE_NAME]		= { .type = NLA_NUL_STRING, .len = IP_VS_PENAME_MAXLEN },
};

static int parse_key(const struct lvs_nl_op *op, struct nlattr **tb, struct lvs_svc_key *key)
{
	struct netlink_ext_ack *extack = op->extack;
	u16 af, proto;

	if (!op->svc)
		return LVS_NL_FAIL(extack, op->where, -EINVAL, "SERVICE is missing");
	if (nla_parse_nested_deprecated(tb, IPVS_SVC_ATTR_MAX, op->svc, service_policy, extack))
		return -EINVAL;
	if (!tb[IPVS_SVC_ATTR_AF])
		return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no AF");
	if (!tb[IPVS_SVC_ATTR_FWMARK]) {
		if (!tb[IPVS_SVC_ATTR_PROTOCOL])
			return LVS_NL_FAIL(extack, op->svc, -EINVAL,
					   "SERVICE has neither FWMARK nor PROTOCOL");
		if (!tb[IPVS_SVC_ATTR_ADDR])
			return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no ADDR");
		if (!tb[IPVS_SVC_ATTR_PORT])
			return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no PORT");
	}

	memset(key, 0, sizeof(*key));
	af = nla_get_u16(tb[IPVS_SVC_ATTR_AF]);
	if (!lvs_nl_af_valid(af))
		return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_AF], -EAFNOSUPPORT,
				   "AF is neither IPv4 nor an enabled IPv6");
	key->af = af;
	if (tb[IPVS_SVC_ATTR_FWMARK]) {
		key->proto = IPPROTO_TCP;
		key->fwmark = nla_get_u32(tb[IPVS_SVC_ATTR_FWMARK]);
		return 0;
	}
	proto = nla_get_u16(tb[IPVS_SVC_ATTR_PROTOCOL]);
	if (proto > U8_MAX)
		return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_PROTOCOL], -EINVAL,
				   "PROTOCOL is above 255");
	key->proto = proto;
	key->port = nla_get_be16(tb[IPVS_SVC_ATTR_PORT]);
	return lvs_nl_get_addr(tb[IPVS_SVC_ATTR_ADDR], key->af, &key->addr, extack);
}

/* What a service needs beyond its identity. @old has the flags that the mask leaves alone. */
static int parse_config(const struct lvs_nl_op *op, struct nlattr **tb, const struct lvs_svc *old,
			struct lvs_svc_config *cfg)
{
	struct netlink_ext_ack *extack = op->extack;
	struct ip_vs_flags flags;

	if (!tb[IPVS_SVC_ATTR_SCHED_NAME])
		return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no SCHED_NAME");
	if (!tb[IPVS_SVC_ATTR_FLAGS])
		return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no FLAGS");
	if (!tb[IPVS_SVC_ATTR_TIMEOUT])
		return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no TIMEOUT");
	if (!tb[IPVS_SVC_ATTR_NETMASK])
		return LVS_NL_FAIL(extack, op->svc, -EINVAL, "SERVICE has no NETMASK");

	nla_memcpy(&flags, tb[IPVS_SVC_ATTR_FLAGS], sizeof(flags));
	cfg->flags = old ? old->cfg.flags & ~flags.mask : 0;
	cfg->flags |= flags.flags & flags.mask;
	cfg->flags &= ~IP_VS_SVC_F_HASHED; /* ours to say, in replies */
	cfg->timeout = nla_get_u32(tb[IPVS_SVC_ATTR_TIMEOUT]);
	cfg->netmask = nla_get_be32(tb[IPVS_SVC_ATTR_NETMASK]);
	cfg->sched = NULL;
	cfg->pe = LVS_PE_NONE;
	return 0;
}

/* What this release does not know how to do. */
static int check_supported(const struct lvs_nl_op *op, struct nlattr **tb,
			   const struct lvs_svc_key *key)
{
	struct netlink_ext_ack *extack = op->extack;

	if (key->proto != IPPROTO_TCP && key->proto != IPPROTO_UDP && key->proto != IPPROTO_SCTP)
		return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_PROTOCOL], -EOPNOTSUPP,
				   "PROTOCOL is none of TCP, UDP and SCTP");
	return 0;
}

static int check_config(const struct lvs_nl_op *op, struct nlattr **tb,
			const struct lvs_svc_key *key, struct lvs_svc_config *cfg)
{
	const char *sched = nla_data(tb[IPVS_SVC_ATTR_SCHED_NAME]);
	struct netlink_ext_ack *extack = op->extack;
	const char *pe = "";

	if (strcmp(sched, LVS_SCHED_NONE)) {
		cfg->sched = lvs_sched_find(sched);
		if (!cfg->sched)
			return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_SCHED_NAME], -ENOENT,
					   "SCHED_NAME: there is no such scheduler");
	}
	if (tb[IPVS_SVC_ATTR_PE_NAME])
		pe = nla_data(tb[IPVS_SVC_ATTR_PE_NAME]);
	if (!strcmp(pe, LVS_PE_NAME_SIP))
		cfg->pe = LVS_PE_SIP;
	else if (*pe)
		return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_PE_NAME], -ENOENT,
				   "PE_NAME: there is no such persistence engine");
	if (key->af == AF_INET6) {
		u32 prefix = (__force u32)cfg->netmask;

		if (prefix < 1 || prefix > 128)
			return LVS_NL_FAIL(extack, tb[IPVS_SVC_ATTR_NETMASK], -EINVAL,
					   "NETMASK is not an IPv6 prefix length of 1 to 128");
	}
	return check_supported(op, tb, key);
}

int lvs_nl_service_new(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct nlattr *tb[IPVS_SVC_ATTR_MAX + 1];
	const struct lvs_profile *profile;
	struct lvs_svc_config cfg;
	struct lvs_svc_key key;
	struct lvs_svc *svc;
	int err;

	err = parse_key(op, tb, &key);
	if (err)
		return err;
	svc = lvs_svc_find(txn->ln, &key);
	err = parse_config(op, tb, svc, &cfg);
	if (err)
		return err;
	if (svc)
		return LVS_NL_FAIL(op->extack, op->svc, -EEXIST, "SERVICE exists already");
	err = check_config(op, tb, &key, &cfg);
	if (err)
		return err;
	profile = lvs_profile_for(txn->ln, &key);
	cfg.options = profile ? profile->options : (struct lvs_svc_options){};
	err = lvs_nl_get_options(op, &cfg.options);
	if (err)
		return err;
	err = lvs_ctl_svc_add(txn, &key, &cfg);
	if (err && err != -ENOMEM)
		NL_SET_ERR_MSG_ATTR(op->extack, op->svc, "cannot hook into the packet path");
	if (err || !profile)
		return err;
	return lvs_ctl_laddrs_of_profile(txn, lvs_svc_find(txn->ln, &key), profile);
}

int lvs_nl_service_set(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct nlattr *tb[IPVS_SVC_ATTR_MAX + 1];
	struct lvs_svc_config cfg;
	struct lvs_svc_key key;
	struct lvs_svc *svc;
	int err;

	err = parse_key(op, tb, &key);
	if (err)
		return err;
	svc = lvs_svc_find(txn->ln, &key);
	err = parse_config(op, tb, svc, &cfg);
	if (err)
		return err;
	if (!svc)
		return LVS_NL_FAIL(op->extack, op->svc, -ESRCH, "SERVICE does not exist");
	err = check_config(op, tb, &key, &cfg);
	if (err)
		return err;
	cfg.options = svc->cfg.options;
	err = lvs_nl_get_options(op, &cfg.options);
	if (err)
		return err;
	return lvs_ctl_svc_edit(txn, svc, &cfg);
}

int lvs_nl_service_key(const struct lvs_nl_op *op, struct lvs_svc_key *key)
{
	struct nlattr *tb[IPVS_SVC_ATTR_MAX + 1];

	return parse_key(op, tb, key);
}

struct lvs_svc *lvs_nl_service_find(struct lvs_net *ln, const struct lvs_nl_op *op)
{
	struct lvs_svc_key key;
	struct lvs_svc *svc;
	int err;

	err = lvs_nl_service_key(op, &key);
	if (err)
		return ERR_PTR(err);
	svc = lvs_svc_find(ln, &key);
	if (!svc) {
		NL_SET_ERR_MSG_ATTR(op->extack, op->svc, "SERVICE does not exist");
		return ERR_PTR(-ESRCH);
	}
	return svc;
}

int lvs_nl_service_del(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_svc *svc = lvs_nl_service_find(txn->ln, op);

	return IS_ERR(svc) ? PTR_ERR(svc) : lvs_ctl_svc_del(txn, svc);
}

int lvs_nl_service_zero(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_svc *svc = NULL;

	if (op->svc) {
		svc = lvs_nl_service_find(txn->ln, op);
		if (IS_ERR(svc))
			return PTR_ERR(svc);
	}
	return lvs_ctl_zero(txn, svc);
}

int lvs_nl_put_svc_key(struct sk_buff *skb, const struct lvs_svc_key *key)
{
	if (nla_put_u16(skb, IPVS_SVC_ATTR_AF, key->af))
		return -EMSGSIZE;
	if (key->fwmark)
		return nla_put_u32(skb, IPVS_SVC_ATTR_FWMARK, key->fwmark);
	if (nla_put_u16(skb, IPVS_SVC_ATTR_PROTOCOL, key->proto) ||
	    nla_put(skb, IPVS_SVC_ATTR_ADDR, sizeof(key->addr), &key->addr) ||
	    nla_put_be16(skb, IPVS_SVC_ATTR_PORT, key->port))
		return -EMSGSIZE;
	return 0;
}

static int put_service(struct sk_buff *skb, struct lvs_svc *svc)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, IPVS_CMD_ATTR_SERVICE);
	struct ip_vs_flags flags = {
		.flags = svc->cfg.flags | IP_VS_SVC_F_HASHED,
		.mask = ~0,
	};
	struct lvs_counters counters;

	if (!nest)
		return -EMSGSIZE;
	if (lvs_nl_put_svc_key(skb, &svc->key) ||
	    nla_put_string(skb, IPVS_SVC_ATTR_SCHED_NAME, lvs_sched_name(svc->cfg.sched)) ||
	    (svc->cfg.pe == LVS_PE_SIP &&
	     nla_put_string(skb, IPVS_SVC_ATTR_PE_NAME, LVS_PE_NAME_SIP)) ||
	    nla_put(skb, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags) ||
	    nla_put_u32(skb, IPVS_SVC_ATTR_TIMEOUT, svc->cfg.timeout) ||
	    nla_put_be32(skb, IPVS_SVC_ATTR_NETMASK, svc->cfg.netmask))
		return -EMSGSIZE;
	lvs_svc_counters(svc, &counters);
	lvs_counters_sub(&counters, &svc->zeroed);
	if (lvs_nl_put_stats(skb, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64, &counters,
			     &svc->rates))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int lvs_nl_get_service(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_net *ln = lvs_net(genl_info_net(info));
	const struct lvs_nl_op op = {
		.svc = info->attrs[IPVS_CMD_ATTR_SERVICE],
		.extack = info->extack,
	};
	struct sk_buff *msg;
	struct lvs_svc *svc;
	void *hdr;
	int err;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return LVS_NL_FAIL(info->extack, NULL, -ENOMEM, "out of memory");
	mutex_lock(&ln->ctl);
	svc = lvs_nl_service_find(ln, &op);
	if (IS_ERR(svc)) {
		err = PTR_ERR(svc);
		goto unlock;
	}
	err = -EMSGSIZE;
	hdr = genlmsg_put_reply(msg, info, &lvs_nl_ipvs_family, 0, IPVS_CMD_NEW_SERVICE);
	if (!hdr || put_service(msg, svc)) {
		NL_SET_ERR_MSG(info->extack, "the reply does not fit");
		goto unlock;
	}
	genlmsg_end(msg, hdr);
	mutex_unlock(&ln->ctl);
	return genlmsg_reply(msg, info);

unlock:
	mutex_unlock(&ln->ctl);
	nlmsg_free(msg);
	return err;
}

static int dump_service(struct sk_buff *skb, struct netlink_callback *cb, struct lvs_svc *svc)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&lvs_nl_ipvs_family, NLM_F_MULTI, IPVS_CMD_NEW_SERVICE);

	if (!hdr)
		return -EMSGSIZE;
	if (put_service(skb, svc)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the seq of the last service that went out, so that changes between two calls of
 * the same dump neither hide nor repeat any other service.
 */
int lvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct lvs_svc *svc;

	mutex_lock(&ln->ctl);
	for (svc = lvs_svc_from(ln, cb->args[0] + 1); svc; svc = lvs_svc_next(svc)) {
		if (dump_service(skb, cb, svc))
			break;
		cb->args[0] = svc->seq;
	}
	mutex_unlock(&ln->ctl);
	return skb->len;
}
