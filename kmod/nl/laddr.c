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
static bool is_here(struct net *net, const struct lvs_laddr_key *key)
{
	if (key->af == AF_INET6)
		return is_here_v6(net, &key->addr.in6);
	return inet_addr_type(net, key->addr.ip) == RTN_LOCAL && !ipv4_is_loopback(key->addr.ip);
}

static int get_addr(const struct nlattr *attr, struct lvs_laddr_key *key,
		    struct netlink_ext_ack *extack)
{
	memset(key, 0, sizeof(*key));
	if (nla_len(attr) == sizeof(key->addr.ip))
		key->af = AF_INET;
	else if (nla_len(attr) == sizeof(key->addr.in6))
		key->af = AF_INET6;
	else
		return LVS_NL_FAIL(extack, attr, -EINVAL, "LADDR has neither 4 nor 16 bytes");
	if (!lvs_nl_af_valid(key->af))
		return LVS_NL_FAIL(extack, attr, -EAFNOSUPPORT, "LADDR: IPv6 is not enabled");
	memcpy(&key->addr, nla_data(attr), nla_len(attr));
	return 0;
}

int lvs_nl_get_laddr(struct net *net, const struct nlattr *attr, struct lvs_laddr_key *key,
		     struct netlink_ext_ack *extack)
{
	int err = get_addr(attr, key, extack);

	if (!err && !is_here(net, key))
		return LVS_NL_FAIL(extack, attr, -EADDRNOTAVAIL,
				   "LADDR is not an address of this host");
	return err;
}

/* The service whose pool the command is about; ERR_PTR if it names none, or no address. */
static struct lvs_svc *pool_owner(struct lvs_net *ln, const struct lvs_nl_op *op)
{
	struct lvs_svc *svc = lvs_nl_service_find(ln, op);

	if (!IS_ERR(svc) && !op->laddr)
		return ERR_PTR(LVS_NL_FAIL(op->extack, op->where, -EINVAL, "LADDR is missing"));
	return svc;
}

int lvs_nl_laddr_add(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_svc *svc = pool_owner(txn->ln, op);
	struct lvs_laddr_entry *entry;
	struct lvs_laddr_key key;
	int err;

	if (IS_ERR(svc))
		return PTR_ERR(svc);
	err = get_addr(op->laddr, &key, op->extack);
	if (err)
		return err;
	entry = lvs_laddr_entry_find(svc, &key);
	/* Rules that were saved from a service with a profile name what the profile brings. */
	if (entry && entry->of_profile)
		return 0;
	if (entry)
		return LVS_NL_FAIL(op->extack, op->laddr, -EEXIST,
				   "LADDR is in the service's pool already");
	err = lvs_nl_get_laddr(txn->ln->net, op->laddr, &key, op->extack);
	return err ? err : lvs_ctl_laddr_add(txn, svc, &key);
}

int lvs_nl_laddr_del(struct lvs_txn *txn, const struct lvs_nl_op *op)
{
	struct lvs_svc *svc = pool_owner(txn->ln, op);
	struct lvs_laddr_entry *entry;
	struct lvs_laddr_key key;
	int err;

	if (IS_ERR(svc))
		return PTR_ERR(svc);
	err = get_addr(op->laddr, &key, op->extack);
	if (err)
		return err;
	entry = lvs_laddr_entry_find(svc, &key);
	if (!entry)
		return LVS_NL_FAIL(op->extack, op->laddr, -ENOENT,
				   "LADDR is not in the service's pool");
	return lvs_ctl_laddr_del(txn, svc, entry);
}

int lvs_nl_put_laddr(struct sk_buff *skb, int type, const union nf_inet_addr *addr, u8 af)
{
	return nla_put(skb, type, af == AF_INET ? sizeof(addr->ip) : sizeof(addr->in6), addr);
}

static int dump_entry(struct sk_buff *skb, struct netlink_callback *cb, const struct lvs_svc *svc,
		      const struct lvs_laddr *laddr)
{
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_LADDRS, &svc->key);
	struct nlattr *nest;

	if (!hdr)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, LVS_A_LADDR);
	if (!nest || lvs_nl_put_laddr(skb, LVS_LADDR_A_ADDR, &laddr->addr, laddr->af) ||
	    nla_put_u32(skb, LVS_LADDR_A_PORTS, atomic_read(&laddr->used)) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_CONFLICTS, atomic64_read(&laddr->conflicts),
			      LVS_LADDR_A_PAD) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_EXHAUSTED, atomic64_read(&laddr->exhausted),
			      LVS_LADDR_A_PAD) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_TOA_OMITTED, atomic64_read(&laddr->toa_omitted),
			      LVS_LADDR_A_PAD) ||
	    nla_put_u64_64bit(skb, LVS_LADDR_A_UOA_TOLD, atomic64_read(&laddr->uoa_told),
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
