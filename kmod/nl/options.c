// SPDX-License-Identifier: GPL-2.0-only
/* What a service may have beyond IPVS, in netlink messages. */
#include <linux/string.h>
#include <net/sock.h>

#include "lvs/abi.h"
#include "lvs/toa.h"
#include "netns.h"
#include "nl/ops.h"

static const struct nla_policy options_policy[LVS_OPTION_A_MAX + 1] = {
	[LVS_OPTION_A_EST_TIMEOUT]	= { .type = NLA_U32 },
	[LVS_OPTION_A_UDP_LIMIT]	= { .type = NLA_U32 },
	[LVS_OPTION_A_FLAGS]		= { .type = NLA_U32 },
	[LVS_OPTION_A_MAX_CONNS]	= { .type = NLA_U32 },
	[LVS_OPTION_A_MAX_RATE]		= { .type = NLA_U32 },
	[LVS_OPTION_A_CLIENT_CONNS]	= { .type = NLA_U32 },
	[LVS_OPTION_A_CLIENT_RATE]	= { .type = NLA_U32 },
	[LVS_OPTION_A_TOA_KIND]		= { .type = NLA_U32 },
	[LVS_OPTION_A_UOA]		= { .type = NLA_U32 },
};

static u32 get_u32(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

int lvs_nl_get_options(const struct lvs_nl_op *op, struct lvs_svc_options *options)
{
	struct nlattr *tb[LVS_OPTION_A_MAX + 1];
	u32 kind;

	if (!op->options)
		return 0;
	if (nla_parse_nested_deprecated(tb, LVS_OPTION_A_MAX, op->options, options_policy,
					op->extack))
		return -EINVAL;
	if (get_u32(tb[LVS_OPTION_A_EST_TIMEOUT]) > LVS_OPTION_SECONDS_MAX)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_EST_TIMEOUT], -EINVAL,
				   "EST_TIMEOUT is above 1000000 seconds");
	if (get_u32(tb[LVS_OPTION_A_UDP_LIMIT]) > LVS_OPTION_SECONDS_MAX)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_UDP_LIMIT], -EINVAL,
				   "UDP_LIMIT is above 1000000 seconds");
	if (get_u32(tb[LVS_OPTION_A_FLAGS]) & ~LVS_OPTION_F_ALL)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_FLAGS], -EINVAL,
				   "FLAGS has one that there is not");
	if (get_u32(tb[LVS_OPTION_A_MAX_RATE]) > LVS_OPTION_RATE_MAX)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_MAX_RATE], -EINVAL,
				   "MAX_RATE is above 1000000 a second");
	if (get_u32(tb[LVS_OPTION_A_CLIENT_RATE]) > LVS_OPTION_RATE_MAX)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_CLIENT_RATE], -EINVAL,
				   "CLIENT_RATE is above 1000000 a second");
	kind = get_u32(tb[LVS_OPTION_A_TOA_KIND]);
	if (kind > U8_MAX || (kind && lvs_toa_kind_is_taken(kind)))
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_TOA_KIND], -EINVAL,
				   "TOA_KIND is no kind of option that TCP leaves free");
	if (get_u32(tb[LVS_OPTION_A_UOA]) > LVS_OPTION_UOA_HEADER)
		return LVS_NL_FAIL(op->extack, tb[LVS_OPTION_A_UOA], -EINVAL,
				   "UOA is no way to tell the client that there is");
	options->est_timeout = get_u32(tb[LVS_OPTION_A_EST_TIMEOUT]);
	options->udp_limit = get_u32(tb[LVS_OPTION_A_UDP_LIMIT]);
	options->flags = get_u32(tb[LVS_OPTION_A_FLAGS]);
	options->max_conns = get_u32(tb[LVS_OPTION_A_MAX_CONNS]);
	options->max_rate = get_u32(tb[LVS_OPTION_A_MAX_RATE]);
	options->client_conns = get_u32(tb[LVS_OPTION_A_CLIENT_CONNS]);
	options->client_rate = get_u32(tb[LVS_OPTION_A_CLIENT_RATE]);
	options->toa_kind = kind;
	options->uoa = get_u32(tb[LVS_OPTION_A_UOA]);
	return 0;
}

static bool has_any(const struct lvs_svc_options *options)
{
	return memchr_inv(options, 0, sizeof(*options));
}

int lvs_nl_put_options(struct sk_buff *skb, struct nlattr *nest,
		       const struct lvs_svc_options *options)
{
	if (!nest || nla_put_u32(skb, LVS_OPTION_A_EST_TIMEOUT, options->est_timeout) ||
	    nla_put_u32(skb, LVS_OPTION_A_UDP_LIMIT, options->udp_limit) ||
	    nla_put_u32(skb, LVS_OPTION_A_FLAGS, options->flags) ||
	    nla_put_u32(skb, LVS_OPTION_A_MAX_CONNS, options->max_conns) ||
	    nla_put_u32(skb, LVS_OPTION_A_MAX_RATE, options->max_rate) ||
	    nla_put_u32(skb, LVS_OPTION_A_CLIENT_CONNS, options->client_conns) ||
	    nla_put_u32(skb, LVS_OPTION_A_CLIENT_RATE, options->client_rate) ||
	    nla_put_u32(skb, LVS_OPTION_A_TOA_KIND, options->toa_kind) ||
	    nla_put_u32(skb, LVS_OPTION_A_UOA, options->uoa))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb, const struct lvs_svc *svc)
{
	const struct lvs_svc_options *options = &svc->cfg.options;
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_OPTIONS, &svc->key);

	if (!hdr)
		return -EMSGSIZE;
	if (lvs_nl_put_options(skb, nla_nest_start(skb, LVS_A_OPTIONS), options)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the seq of the last service that went out. */
int lvs_nl_dump_options(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct lvs_svc *svc;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	mutex_lock(&ln->ctl);
	for (svc = lvs_svc_from(ln, cb->args[0] + 1); svc; svc = lvs_svc_next(svc)) {
		if (has_any(&svc->cfg.options) && dump_one(skb, cb, svc))
			break;
		cb->args[0] = svc->seq;
	}
	mutex_unlock(&ln->ctl);
	return skb->len;
}
