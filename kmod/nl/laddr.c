// SPDX-License-Identifier: GPL-2.0-only
/* Local addresses in netlink messages. */
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/sock.h>

#include "lvs/abi.h"
#include "netns.h"
#include "nl/ops.h"
#include "svc/laddr.h"

/* A command about a local address: whose pool it is about, and the address. */
struct laddr_cmd {
	struct lvs_svc *svc;
	union nf_inet_addr addr;
	u8 af;
};

static int parse(struct lvs_net *ln, const struct lvs_nl_op *op, struct laddr_cmd *cmd)
{
	cmd->svc = lvs_nl_service_find(ln, op);
	if (IS_ERR(cmd->svc))
		return PTR_ERR(cmd->svc);
	if (!op->laddr)
		return LVS_NL_FAIL(op->extack, op->where, -EINVAL, "LADDR is missing");
	memset(&cmd->addr, 0, sizeof(cmd->addr));
	if (nla_len(op->laddr) == sizeof(cmd->addr.ip))
		cmd->af = AF_INET;
	else if (nla_len(op->laddr) == sizeof(cmd->addr.in6))
		cmd->af = AF_INET6;
	else
		return LVS_NL_FAIL(op->extack, op->laddr, -EINVAL,
				   "LADDR has neither 4 nor 16 bytes");
	if (!lvs_nl_af_valid(cmd->af))
		return LVS_NL_FAIL(op->extack, op->laddr, -EAFNOSUPPORT,
				   "LADDR: IPv6 is not enabled");
	memcpy(&cmd->addr, nla_data(op->laddr), nla_len(op->laddr));
	return 0;
}

static bool is_here_v6(struct net *net, const struct in6_addr *addr)
{
	struct flowi6 fl6 = { .daddr = *addr };
	struct dst_entry *dst;
	bool here;

	if (ipv6_addr_type(addr) & (IPV6_ADDR_LOOPBACK | IPV6_ADDR_LINKLOCAL))
		return false;
	dst = ip6_route_output(net, NULL, &fl6);
	here = !dst->error && container_of(dst, struct rt6_info, dst)->rt6i_flags & RTF_LOCAL;
	dst_release(dst);
	return here;
}

/* Is it this host's, so that answers to it come here? */
static bool is_here(struct net *net, const struct laddr_cmd *cmd)
{
	if (cmd->af == AF_INET6)
		return is_here_v6(net, &cmd->addr.in6);
	return inet_addr_type(net, cmd->addr.ip) == RTN_LOCAL && !ipv4_is_loopback(cmd->addr.ip);
}

int lvs_nl_laddr_add(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct laddr_cmd cmd;
	int err;

	err = parse(txn->ln, op, &cmd);
	if (err)
		return err;
	if (lvs_laddr_entry_find(cmd.svc, cmd.af, &cmd.addr))
		return LVS_NL_FAIL(op->extack, op->laddr, -EEXIST,
				   "LADDR is in the service's pool already");
	if (!is_here(txn->ln->net, &cmd))
		return LVS_NL_FAIL(op->extack, op->laddr, -EADDRNOTAVAIL,
				   "LADDR is not an address of this host");
	return lvs_ctl_laddr_add(txn, cmd.svc, cmd.af, &cmd.addr);
}

int lvs_nl_laddr_del(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_laddr_entry *entry;
	struct laddr_cmd cmd;
	int err;

	err = parse(txn->ln, op, &cmd);
	if (err)
		return err;
	entry = lvs_laddr_entry_find(cmd.svc, cmd.af, &cmd.addr);
	if (!entry)
		return LVS_NL_FAIL(op->extack, op->laddr, -ENOENT,
				   "LADDR is not in the service's pool");
	return lvs_ctl_laddr_del(txn, cmd.svc, entry);
}

static int dump_entry(struct sk_buff *skb, struct netlink_callback *cb, const struct lvs_svc *svc,
		      const struct lvs_laddr *laddr)
{
	size_t len = laddr->af == AF_INET ? sizeof(laddr->addr.ip) : sizeof(laddr->addr.in6);
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_LADDRS, &svc->key);
	struct nlattr *nest;

	if (!hdr)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, LVS_A_LADDR);
	if (!nest || nla_put(skb, LVS_LADDR_A_ADDR, len, &laddr->addr) ||
	    nla_put_u32(skb, LVS_LADDR_A_PORTS, atomic_read(&laddr->used)) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_CONFLICTS, atomic64_read(&laddr->conflicts),
			      LVS_LADDR_A_PAD) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_EXHAUSTED, atomic64_read(&laddr->exhausted),
			      LVS_LADDR_A_PAD) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_TOA_OMITTED, atomic64_read(&laddr->toa_omitted),
			      LVS_LADDR_A_PAD)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0]: the seq of the service at hand; [1]: how many of its addresses went out. */
static int dump_pool(struct sk_buff *skb, struct netlink_callback *cb, const struct lvs_svc *svc)
{
	const struct lvs_laddr_entry *entry;
	long n = 0;

	if ((unsigned long)cb->args[0] != svc->seq) {
		cb->args[0] = svc->seq;
		cb->args[1] = 0;
	}
	list_for_each_entry(entry, &svc->laddrs, node) {
		if (n++ < cb->args[1])
			continue;
		if (dump_entry(skb, cb, svc, entry->laddr))
			return -EMSGSIZE;
		cb->args[1] = n;
	}
	return 0;
}

int lvs_nl_dump_laddrs(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_net *ln = lvs_net(sock_net(skb->sk));
	struct lvs_nl_op op = { .extack = cb->extack };
	const struct lvs_svc *only = NULL, *svc;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	op.svc = nlmsg_find_attr(cb->nlh, GENL_HDRLEN, LVS_A_SERVICE);
	mutex_lock(&ln->ctl);
	if (op.svc) {
		only = lvs_nl_service_find(ln, &op);
		if (IS_ERR(only)) {
			mutex_unlock(&ln->ctl);
			return PTR_ERR(only);
		}
	}
	list_for_each_entry(svc, &ln->svcs.list, list) {
		if (svc->seq < (unsigned long)cb->args[0] || (only && svc != only))
			continue;
		if (dump_pool(skb, cb, svc))
			break;
	}
	mutex_unlock(&ln->ctl);
	return skb->len;
}
