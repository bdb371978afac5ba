// SPDX-License-Identifier: GPL-2.0-only
/* Dests in netlink messages. */
#include <linux/inetdevice.h>
#include <linux/string.h>
#include <net/addrconf.h>
#include <net/ip_fib.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/sock.h>

#include "lvs/abi.h"
#include "netns.h"
#include "nl/ops.h"

static const struct nla_policy dest_policy[IPVS_DEST_ATTR_MAX + 1] = {
	[IPVS_DEST_ATTR_ADDR]		= { .type = NLA_BINARY, .len = sizeof(union nf_inet_addr) },
	[IPVS_DEST_ATTR_PORT]		= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_FWD_METHOD]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_WEIGHT]		= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_U_THRESH]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_L_THRESH]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_ACTIVE_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_INACT_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_PERSIST_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_STATS]		= { .type = NLA_NESTED },
	[IPVS_DEST_ATTR_ADDR_FAMILY]	= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_TYPE]	= { .type = NLA_U8 },
	[IPVS_DEST_ATTR_TUN_PORT]	= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_FLAGS]	= { .type = NLA_U16 },
};

/* A dest command: the service it is about, and what it says of the dest. */
struct dest_cmd {
	const struct lvs_nl_op *op;
	struct nlattr *tb[IPVS_DEST_ATTR_MAX + 1];
	struct lvs_svc *svc;
	struct lvs_dest_key key;
	struct lvs_dest_config cfg;
};

static int parse_config(struct dest_cmd *cmd)
{
	struct netlink_ext_ack *extack = cmd->op->extack;
	const struct nlattr *nest = cmd->op->dest;
	struct lvs_dest_config *cfg = &cmd->cfg;
	struct nlattr **tb = cmd->tb;

	if (!tb[IPVS_DEST_ATTR_FWD_METHOD])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no FWD_METHOD");
	if (!tb[IPVS_DEST_ATTR_WEIGHT])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no WEIGHT");
	if (!tb[IPVS_DEST_ATTR_U_THRESH])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no U_THRESH");
	if (!tb[IPVS_DEST_ATTR_L_THRESH])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no L_THRESH");

	cfg->fwd = nla_get_u32(tb[IPVS_DEST_ATTR_FWD_METHOD]) & IP_VS_CONN_F_FWD_MASK;
	if (cfg->fwd == IP_VS_CONN_F_MASQ &&
	    cmd->svc->cfg.options.flags & LVS_OPTION_F_MASQ_FULLNAT)
		cfg->fwd = LVS_FWD_FULLNAT;
	cfg->weight = nla_get_u32(tb[IPVS_DEST_ATTR_WEIGHT]);
	cfg->u_threshold = nla_get_u32(tb[IPVS_DEST_ATTR_U_THRESH]);
	cfg->l_threshold = nla_get_u32(tb[IPVS_DEST_ATTR_L_THRESH]);
	if (tb[IPVS_DEST_ATTR_TUN_TYPE])
		cfg->tun_type = nla_get_u8(tb[IPVS_DEST_ATTR_TUN_TYPE]);
	if (tb[IPVS_DEST_ATTR_TUN_PORT])
		cfg->tun_port = nla_get_be16(tb[IPVS_DEST_ATTR_TUN_PORT]);
	if (tb[IPVS_DEST_ATTR_TUN_FLAGS])
		cfg->tun_flags = nla_get_u16(tb[IPVS_DEST_ATTR_TUN_FLAGS]);
	return 0;
}

/* Find the service, parse the dest; its configuration too if it is to be added or edited. */
static int parse(struct lvs_net *ln, struct dest_cmd *cmd)
{
	struct netlink_ext_ack *extack = cmd->op->extack;
	const struct nlattr *nest = cmd->op->dest;
	bool full = cmd->op->cmd == IPVS_CMD_NEW_DEST || cmd->op->cmd == IPVS_CMD_SET_DEST;
	struct nlattr **tb = cmd->tb;
	u16 af = 0;
	int err;

	cmd->svc = lvs_nl_service_find(ln, cmd->op);
	if (IS_ERR(cmd->svc))
		return PTR_ERR(cmd->svc);
	if (!nest)
		return LVS_NL_FAIL(extack, cmd->op->where, -EINVAL, "DEST is missing");
	if (nla_parse_nested_deprecated(tb, IPVS_DEST_ATTR_MAX, nest, dest_policy, extack))
		return -EINVAL;
	if (!tb[IPVS_DEST_ATTR_ADDR])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no ADDR");
	if (!tb[IPVS_DEST_ATTR_PORT])
		return LVS_NL_FAIL(extack, nest, -EINVAL, "DEST has no PORT");
	if (full) {
		err = parse_config(cmd);
		if (err)
			return err;
	}

	if (tb[IPVS_DEST_ATTR_ADDR_FAMILY])
		af = nla_get_u16(tb[IPVS_DEST_ATTR_ADDR_FAMILY]);
	if (!af)
		af = cmd->svc->key.af;
	if (!lvs_nl_af_valid(af))
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_ADDR_FAMILY], -EAFNOSUPPORT,
				   "ADDR_FAMILY is neither IPv4 nor an enabled IPv6");
	if (full && af != cmd->svc->key.af && cmd->cfg.fwd != IP_VS_CONN_F_TUNNEL &&
	    cmd->cfg.fwd != LVS_FWD_FULLNAT)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_ADDR_FAMILY], -EINVAL,
				   "ADDR_FAMILY differs from the service's, which takes a tunnel or FULLNAT");
	cmd->key.af = af;
	cmd->key.port = nla_get_be16(tb[IPVS_DEST_ATTR_PORT]);
	return lvs_nl_get_addr(tb[IPVS_DEST_ATTR_ADDR], af, &cmd->key.addr, extack);
}

static int check_config(const struct dest_cmd *cmd)
{
	struct netlink_ext_ack *extack = cmd->op->extack;
	const struct lvs_dest_config *cfg = &cmd->cfg;
	struct nlattr *const *tb = cmd->tb;

	if (cfg->weight < 0)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_WEIGHT], -ERANGE,
				   "WEIGHT is below 0");
	if (cfg->l_threshold > cfg->u_threshold)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_L_THRESH], -ERANGE,
				   "L_THRESH is above U_THRESH");
	if (cfg->u_threshold > INT_MAX)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_U_THRESH], -EINVAL,
				   "U_THRESH is above 2147483647");
	if (cfg->tun_type == IP_VS_CONN_F_TUNNEL_TYPE_GUE && !cfg->tun_port)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_TUN_TYPE], -EINVAL,
				   "TUN_TYPE is GUE, which needs a TUN_PORT");
	return 0;
}

/* What this release does not know how to do. */
static int check_supported(const struct dest_cmd *cmd)
{
	struct netlink_ext_ack *extack = cmd->op->extack;
	struct nlattr *const *tb = cmd->tb;

	switch (cmd->cfg.fwd) {
	case IP_VS_CONN_F_MASQ:
	case IP_VS_CONN_F_LOCALNODE:
	case IP_VS_CONN_F_TUNNEL:
	case IP_VS_CONN_F_DROUTE:
	case LVS_FWD_FULLNAT:
		break;
	default:
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_FWD_METHOD], -EINVAL,
				   "FWD_METHOD is unknown");
	}
	if (cmd->cfg.tun_type >= IP_VS_CONN_F_TUNNEL_TYPE_MAX)
		return LVS_NL_FAIL(extack, tb[IPVS_DEST_ATTR_TUN_TYPE], -EINVAL,
				   "TUN_TYPE is unknown");
	return 0;
}

static bool usable_ipv6(struct net *net, const struct in6_addr *addr)
{
	int type = ipv6_addr_type(addr);

	if ((type & IPV6_ADDR_UNICAST) && !(type & IPV6_ADDR_LINKLOCAL))
		return true;
	return ipv6_chk_addr(net, addr, NULL, 0);
}

/* Can connections be sent there: to another host, or to this one? */
static bool usable(struct net *net, const struct lvs_dest_key *key)
{
	unsigned int type;

	if (key->af == AF_INET6)
		return usable_ipv6(net, &key->addr.in6);
	type = inet_addr_type(net, key->addr.ip);
	return type == RTN_UNICAST || type == RTN_LOCAL;
}

int lvs_nl_dest_new(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct dest_cmd cmd = { .op = op };
	int err;

	err = parse(txn->ln, &cmd);
	if (err)
		return err;
	err = check_config(&cmd);
	if (err)
		return err;
	if (lvs_dest_find(cmd.svc, &cmd.key))
		return LVS_NL_FAIL(op->extack, op->dest, -EEXIST, "DEST exists already");
	if (!usable(txn->ln->net, &cmd.key))
		return LVS_NL_FAIL(op->extack, cmd.tb[IPVS_DEST_ATTR_ADDR], -EINVAL,
				   "ADDR is not the address of one host");
	err = check_supported(&cmd);
	if (err)
		return err;
	return lvs_ctl_dest_add(txn, cmd.svc, &cmd.key, &cmd.cfg);
}

int lvs_nl_dest_set(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct dest_cmd cmd = { .op = op };
	struct lvs_dest *dest;
	int err;

	err = parse(txn->ln, &cmd);
	if (err)
		return err;
	err = check_config(&cmd);
	if (err)
		return err;
	dest = lvs_dest_find(cmd.svc, &cmd.key);
	if (!dest)
		return LVS_NL_FAIL(op->extack, op->dest, -ENOENT, "DEST does not exist");
	err = check_supported(&cmd);
	if (err)
		return err;
	return lvs_ctl_dest_edit(txn, dest, &cmd.cfg);
}

/* The listed dest that op->svc and op->dest identify, or ERR_PTR. */
static struct lvs_dest *find(struct lvs_net *ln, const struct lvs_nl_op *op)
{
	struct dest_cmd cmd = { .op = op };
	struct lvs_dest *dest;
	int err;

	err = parse(ln, &cmd);
	if (err)
		return ERR_PTR(err);
	dest = lvs_dest_find(cmd.svc, &cmd.key);
	if (!dest)
		return ERR_PTR(LVS_NL_FAIL(op->extack, op->dest, -ENOENT, "DEST does not exist"));
	return dest;
}

int lvs_nl_dest_del(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_dest *dest = find(txn->ln, op);

	return IS_ERR(dest) ? PTR_ERR(dest) : lvs_ctl_dest_del(txn, dest);
}

int lvs_nl_dest_drain(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_dest *dest = find(txn->ln, op);

	return IS_ERR(dest) ? PTR_ERR(dest) : lvs_ctl_dest_drain(txn, dest);
}

int lvs_nl_dest_reset(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_dest *dest = find(txn->ln, op);

	return IS_ERR(dest) ? PTR_ERR(dest) : lvs_ctl_dest_reset(txn, dest);
}

u32 lvs_nl_shown_method(const struct lvs_dest *dest)
{
	return dest->fwd == LVS_FWD_FULLNAT ? IP_VS_CONN_F_MASQ : dest->fwd;
}

/* What there is to tell of a dest, into the nest that was begun; @stats 0: as 64 bits only. */
static int put_dest(struct sk_buff *skb, struct nlattr *nest, const struct lvs_dest *dest,
		    u32 method, int stats)
{
	struct lvs_counters counters;

	if (!nest)
		return -EMSGSIZE;
	if (nla_put(skb, IPVS_DEST_ATTR_ADDR, sizeof(dest->addr), &dest->addr) ||
	    nla_put_be16(skb, IPVS_DEST_ATTR_PORT, dest->port) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_FWD_METHOD, method) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_WEIGHT, dest->weight) ||
	    nla_put_u8(skb, IPVS_DEST_ATTR_TUN_TYPE, dest->tun_type) ||
	    nla_put_be16(skb, IPVS_DEST_ATTR_TUN_PORT, dest->tun_port) ||
	    nla_put_u16(skb, IPVS_DEST_ATTR_TUN_FLAGS, dest->tun_flags) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_U_THRESH, dest->u_threshold) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_L_THRESH, dest->l_threshold) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_ACTIVE_CONNS, atomic_read(&dest->active)) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_INACT_CONNS, lvs_dest_inactive(dest)) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_PERSIST_CONNS, atomic_read(&dest->persist)) ||
	    nla_put_u16(skb, IPVS_DEST_ATTR_ADDR_FAMILY, dest->af))
		return -EMSGSIZE;
	lvs_stats_read(dest->stats, &counters);
	lvs_counters_sub(&counters, &dest->zeroed);
	if (lvs_nl_put_stats(skb, stats, IPVS_DEST_ATTR_STATS64, &counters,
			     &dest->rates))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int dump_dest(struct sk_buff *skb, struct netlink_callback *cb, const struct lvs_dest *dest)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&lvs_nl_ipvs_family, NLM_F_MULTI, IPVS_CMD_NEW_DEST);

	if (!hdr)
		return -EMSGSIZE;
	if (put_dest(skb, nla_nest_start_noflag(skb, IPVS_CMD_ATTR_DEST), dest,
		     lvs_nl_shown_method(dest), IPVS_DEST_ATTR_STATS)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/*
 * Clients take an error here for a fatal one, so a request that names no service, or one that has
 * just gone, gets an empty answer. cb->args[0]: the seq of the last dest that went out.
 */
int lvs_nl_dump_dests(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct nlattr *tb[IPVS_CMD_ATTR_MAX + 1];
	struct lvs_nl_op op = {};
	struct lvs_dest *dest;
	struct lvs_svc *svc;

	if (nlmsg_parse_deprecated(cb->nlh, GENL_HDRLEN, tb, IPVS_CMD_ATTR_MAX,
				   lvs_nl_ipvs_policy, NULL))
		return skb->len;
	op.svc = tb[IPVS_CMD_ATTR_SERVICE];
	mutex_lock(&ln->ctl);
	svc = lvs_nl_service_find(ln, &op);
	if (IS_ERR(svc))
		goto unlock;
	list_for_each_entry(dest, &svc->dests, node) {
		if (dest->seq <= (unsigned long)cb->args[0])
			continue;
		if (dump_dest(skb, cb, dest))
			break;
		cb->args[0] = dest->seq;
	}
unlock:
	mutex_unlock(&ln->ctl);
	return skb->len;
}

static int dump_whole(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct lvs_svc_key *key, const struct lvs_dest *dest)
{
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_DESTS, key);

	if (!hdr)
		return -EMSGSIZE;
	if (put_dest(skb, nla_nest_start(skb, LVS_A_DEST), dest, dest->fwd, 0)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the seq of the service at hand; [1]: that of its last dest that went out. */
static int dump_dests_of(struct sk_buff *skb, struct netlink_callback *cb,
			 const struct lvs_svc *svc)
{
	const struct lvs_dest *dest;

	if ((unsigned long)cb->args[0] != svc->seq) {
		cb->args[0] = svc->seq;
		cb->args[1] = 0;
	}
	list_for_each_entry(dest, &svc->dests, node) {
		if (dest->seq <= (unsigned long)cb->args[1])
			continue;
		if (dump_whole(skb, cb, &svc->key, dest))
			return -EMSGSIZE;
		cb->args[1] = dest->seq;
	}
	return 0;
}

int lvs_nl_dump_all_dests(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct lvs_nl_op op = { .extack = cb->extack };
	struct lvs_svc *svc;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	op.svc = nlmsg_find_attr(cb->nlh, GENL_HDRLEN, LVS_A_SERVICE);
	mutex_lock(&ln->ctl);
	if (op.svc) {
		svc = lvs_nl_service_find(ln, &op);
		if (IS_ERR(svc))
			err = PTR_ERR(svc);
		else
			dump_dests_of(skb, cb, svc);
		goto unlock;
	}
	for (svc = lvs_svc_from(ln, cb->args[0]); svc; svc = lvs_svc_next(svc)) {
		if (dump_dests_of(skb, cb, svc))
			break;
	}
unlock:
	mutex_unlock(&ln->ctl);
	return err ? err : skb->len;
}
