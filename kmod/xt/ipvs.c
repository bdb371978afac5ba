// SPDX-License-Identifier: GPL-2.0-only
/*
 * xt_lvs.ko: iptables -m ipvs. Mainline's xt_ipvs looks into ip_vs alone; this is the match of the
 * same name and arguments for lvs.ko. A module of its own, so that lvs.ko needs no x_tables.
 */
#include <linux/ip_vs.h>
#include <linux/module.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_ipvs.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>

#include "lvs/abi.h"
#include "match.h"

/* Is it as the rule says, where the rule says anything of @what? */
static bool agrees(const struct xt_ipvs_mtinfo *rule, u8 what, bool is)
{
	return !(rule->bitmask & what) || is != !!(rule->invert & what);
}

static bool vaddr_is(const struct lvs_match *match, u8 af, const struct xt_ipvs_mtinfo *rule)
{
	if (match->af != af)
		return false;
	if (af == AF_INET)
		return !((match->vaddr.ip ^ rule->vaddr.ip) & rule->vmask.ip);
	return !ipv6_masked_addr_cmp(&match->vaddr.in6, &rule->vmask.in6, &rule->vaddr.in6);
}

/* conntrack's word counts: an FTP server may have opened the connection. */
static bool is_original(const struct lvs_match *match, const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;

	if (nf_ct_get(skb, &ctinfo))
		return CTINFO2DIR(ctinfo) == IP_CT_DIR_ORIGINAL;
	return !match->reply;
}

static bool matches(const struct sk_buff *skb, struct xt_action_param *par)
{
	const struct xt_ipvs_mtinfo *rule = par->matchinfo;
	u8 af = xt_family(par);
	struct lvs_match match;

	if (rule->bitmask == XT_IPVS_IPVS_PROPERTY)
		return agrees(rule, XT_IPVS_IPVS_PROPERTY, skb->ipvs_property);
	return skb->ipvs_property && lvs_match_packet(xt_net(par), af, skb, &match) &&
	       agrees(rule, XT_IPVS_PROTO, match.proto == rule->l4proto) &&
	       agrees(rule, XT_IPVS_VADDR, vaddr_is(&match, af, rule)) &&
	       agrees(rule, XT_IPVS_VPORT, match.vport == rule->vport) &&
	       agrees(rule, XT_IPVS_METHOD, match.method == rule->fwd_method) &&
	       agrees(rule, XT_IPVS_VPORTCTL, match.control_vport == rule->vportctl) &&
	       agrees(rule, XT_IPVS_DIR, is_original(&match, skb));
}

static struct xt_match xt_lvs_matches[] __read_mostly = {
	{
		.name		= "ipvs",
		.family		= NFPROTO_IPV4,
		.match		= matches,
		.matchsize	= sizeof(struct xt_ipvs_mtinfo),
		.me		= THIS_MODULE,
	},
	{
		.name		= "ipvs",
		.family		= NFPROTO_IPV6,
		.match		= matches,
		.matchsize	= sizeof(struct xt_ipvs_mtinfo),
		.me		= THIS_MODULE,
	},
};

static int __init xt_lvs_init(void)
{
	return xt_register_matches(xt_lvs_matches, ARRAY_SIZE(xt_lvs_matches));
}

static void __exit xt_lvs_exit(void)
{
	xt_unregister_matches(xt_lvs_matches, ARRAY_SIZE(xt_lvs_matches));
}

module_init(xt_lvs_init);
module_exit(xt_lvs_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("iptables -m ipvs, for connections of lvs.ko");
MODULE_VERSION(LVS_VERSION);
MODULE_ALIAS("ipt_ipvs");
MODULE_ALIAS("ip6t_ipvs");
