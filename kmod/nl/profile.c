// SPDX-License-Identifier: GPL-2.0-only
/* Profiles in netlink messages. */
#include <linux/err.h>
#include <net/sock.h>

#include "lvs/abi.h"
#include "netns.h"
#include "nl/ops.h"
#include "svc/profile.h"

static int count_laddrs(const struct lvs_nl_op *op, u32 *num)
{
	const struct nlattr *attr;
	int rem;

	*num = 0;
	if (!op->laddrs)
		return 0;
	nla_for_each_nested(attr, op->laddrs, rem) {
		if (nla_type(attr) != LVS_OP_A_LADDR)
			return LVS_NL_FAIL(op->extack, attr, -EINVAL, "LADDRS has only LADDRs");
		if (++*num > LVS_PROFILE_LADDRS_MAX)
			return LVS_NL_FAIL(op->extack, op->laddrs, -EINVAL,
					   "LADDRS has more than 2048");
	}
	return 0;
}

static int get_laddrs(struct net *net, const struct lvs_nl_op *op, struct lvs_profile *profile)
{
	const struct nlattr *attr;
	u32 i, n = 0;
	int rem, err;

	if (!op->laddrs)
		return 0;
	nla_for_each_nested(attr, op->laddrs, rem) {
		err = lvs_nl_get_laddr(net, attr, &profile->laddrs[n], op->extack);
		if (err)
			return err;
		for (i = 0; i < n; i++) {
			if (!memcmp(&profile->laddrs[i], &profile->laddrs[n],
				    sizeof(profile->laddrs[n])))
				return LVS_NL_FAIL(op->extack, attr, -EEXIST,
						   "LADDRS has an address twice");
		}
		n++;
	}
	return 0;
}

static struct lvs_profile *parse(struct lvs_net *ln, const struct lvs_nl_op *op)
{
	struct lvs_profile *profile;
	u32 num_laddrs;
	int err;

	err = count_laddrs(op, &num_laddrs);
	if (err)
		return ERR_PTR(err);
	profile = lvs_profile_alloc(num_laddrs);
	if (!profile)
		return ERR_PTR(-ENOMEM);
	err = lvs_nl_service_key(op, &profile->key);
	if (!err)
		err = lvs_nl_get_options(op, &profile->options);
	if (!err)
		err = get_laddrs(ln->net, op, profile);
	if (err) {
		lvs_profile_free(profile);
		return ERR_PTR(err);
	}
	return profile;
}

int lvs_nl_profile_set(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_profile *profile = parse(txn->ln, op);

	return IS_ERR(profile) ? PTR_ERR(profile) : lvs_ctl_profile_set(txn, profile);
}

int lvs_nl_profile_del(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_profile *profile;
	struct lvs_svc_key key;
	int err;

	err = lvs_nl_service_key(op, &key);
	if (err)
		return err;
	profile = lvs_profile_find(txn->ln, &key);
	if (!profile)
		return LVS_NL_FAIL(op->extack, op->svc, -ESRCH, "SERVICE has no profile");
	return lvs_ctl_profile_del(txn, profile);
}

/* Part 0 has the options, part N the Nth local address. */
static int dump_part(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct lvs_profile *profile, u32 part)
{
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_PROFILES, &profile->key);
	const struct lvs_laddr_key *laddr;
	struct nlattr *nest;
	int err;

	if (!hdr)
		return -EMSGSIZE;
	if (!part) {
		nest = nla_nest_start(skb, LVS_A_OPTIONS);
		err = lvs_nl_put_options(skb, nest, &profile->options);
	} else {
		laddr = &profile->laddrs[part - 1];
		nest = nla_nest_start(skb, LVS_A_LADDR);
		err = nest ? lvs_nl_put_laddr(skb, LVS_LADDR_A_ADDR, &laddr->addr, laddr->af) :
			     -EMSGSIZE;
		if (!err)
			nla_nest_end(skb, nest);
	}
	if (err) {
		genlmsg_cancel(skb, hdr);
		return err;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the seq of the profile at hand; [1]: how many of its parts went out. */
static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct lvs_profile *profile)
{
	if ((unsigned long)cb->args[0] != profile->seq) {
		cb->args[0] = profile->seq;
		cb->args[1] = 0;
	}
	while (cb->args[1] <= profile->num_laddrs) {
		if (dump_part(skb, cb, profile, cb->args[1]))
			return -EMSGSIZE;
		cb->args[1]++;
	}
	return 0;
}

int lvs_nl_dump_profiles(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	const struct lvs_profile *profile;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	mutex_lock(&ln->ctl);
	list_for_each_entry(profile, &ln->svcs.profile_list, list) {
		if (profile->seq < (unsigned long)cb->args[0])
			continue;
		if (dump_one(skb, cb, profile))
			break;
	}
	mutex_unlock(&ln->ctl);
	return skb->len;
}
