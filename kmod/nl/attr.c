// SPDX-License-Identifier: GPL-2.0-only
/* Attributes that services and dests have in common. */
#include <linux/ipv6.h>
#include <linux/string.h>

#include "est/est.h"
#include "nl/ops.h"

bool lvs_nl_af_valid(u16 af)
{
	return af == AF_INET || (af == AF_INET6 && ipv6_mod_enabled());
}

int lvs_nl_get_addr(const struct nlattr *attr, u8 af, union nf_inet_addr *addr,
		    struct netlink_ext_ack *extack)
{
	int len = af == AF_INET ? sizeof(addr->in) : sizeof(addr->in6);

	memset(addr, 0, sizeof(*addr));
	if (nla_len(attr) < len)
		return LVS_NL_FAIL(extack, attr, -EINVAL, "ADDR is too short for its family");
	memcpy(addr, nla_data(attr), len);
	return 0;
}

static int put_stats(struct sk_buff *skb, int type, const struct lvs_counters *c,
		     const struct lvs_counters *rate)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, type);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, IPVS_STATS_ATTR_CONNS, c->conns) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INPKTS, c->inpkts) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTPKTS, c->outpkts) ||
	    nla_put_u64_64bit(skb, IPVS_STATS_ATTR_INBYTES, c->inbytes, IPVS_STATS_ATTR_PAD) ||
	    nla_put_u64_64bit(skb, IPVS_STATS_ATTR_OUTBYTES, c->outbytes, IPVS_STATS_ATTR_PAD) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_CPS, rate->conns) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INPPS, rate->inpkts) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTPPS, rate->outpkts) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INBPS, rate->inbytes) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTBPS, rate->outbytes))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_stats64(struct sk_buff *skb, int type, const struct lvs_counters *c,
		       const struct lvs_counters *rate)
{
	const struct { int type; u64 value; } attrs[] = {
		{ IPVS_STATS_ATTR_CONNS,	c->conns },
		{ IPVS_STATS_ATTR_INPKTS,	c->inpkts },
		{ IPVS_STATS_ATTR_OUTPKTS,	c->outpkts },
		{ IPVS_STATS_ATTR_INBYTES,	c->inbytes },
		{ IPVS_STATS_ATTR_OUTBYTES,	c->outbytes },
		{ IPVS_STATS_ATTR_CPS,		rate->conns },
		{ IPVS_STATS_ATTR_INPPS,	rate->inpkts },
		{ IPVS_STATS_ATTR_OUTPPS,	rate->outpkts },
		{ IPVS_STATS_ATTR_INBPS,	rate->inbytes },
		{ IPVS_STATS_ATTR_OUTBPS,	rate->outbytes },
	};
	struct nlattr *nest = nla_nest_start_noflag(skb, type);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		if (nla_put_u64_64bit(skb, attrs[i].type, attrs[i].value, IPVS_STATS_ATTR_PAD))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

int lvs_nl_put_stats(struct sk_buff *skb, int type, int type64,
		     const struct lvs_counters *since_zero, const struct lvs_rates *rates)
{
	struct lvs_counters per_second;

	lvs_est_rates(rates, &per_second);
	if (type && put_stats(skb, type, since_zero, &per_second))
		return -EMSGSIZE;
	return put_stats64(skb, type64, since_zero, &per_second);
}
