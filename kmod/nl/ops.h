/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files in nl/ share: one control operation as a netlink message states it, whether it is
 * a message of family "IPVS" or a part of a batch of family "LVS".
 *
 * All handlers run in process context. Each failure leaves a message in the extack, and the
 * attribute that is to blame, where there is one.
 */
#ifndef LVS_NL_OPS_H
#define LVS_NL_OPS_H

#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "stats.h"
#include "svc/control.h"

struct lvs_laddr_key;
struct lvs_net;

struct lvs_nl_op {
	u32 cmd;			/* IPVS_CMD_* or LVS_OP_* */
	const struct nlattr *svc;	/* nest of IPVS_SVC_ATTR_*, or NULL */
	const struct nlattr *dest;	/* nest of IPVS_DEST_ATTR_*, or NULL */
	const struct nlattr *laddr;	/* an address, or NULL */
	const struct nlattr *laddrs;	/* nest of addresses, or NULL */
	const struct nlattr *options;	/* nest of lvs_option_attr, or NULL */
	const struct nlattr *where;	/* what lacks a nest that is missing; NULL: the message */
	struct netlink_ext_ack *extack;
};

/* Leave a message about @attr (may be NULL) and evaluate to @err. */
#define LVS_NL_FAIL(extack, attr, err, msg)				\
({									\
	NL_SET_ERR_MSG_ATTR(extack, attr, msg);				\
	(err);								\
})

/* Apply one of NEW/SET/DEL_SERVICE, NEW/SET/DEL_DEST, ZERO, FLUSH. 0 or -errno. */
int lvs_nl_apply(struct lvs_txn *txn, const struct lvs_nl_op *op);

/* lvs_txn_end() with a message if it fails for lack of memory. */
int lvs_nl_txn_end(struct lvs_txn *txn, int err, struct netlink_ext_ack *extack);

/* family_ipvs.c */
extern struct genl_family lvs_nl_ipvs_family;
extern const struct nla_policy lvs_nl_ipvs_policy[IPVS_CMD_ATTR_MAX + 1];

/* service.c; txn and lookups under ctl */
int lvs_nl_service_new(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_service_set(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_service_del(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_service_zero(struct lvs_txn *txn, const struct lvs_nl_op *op);
/* Which service op->svc identifies, whether there is one or not. 0 or -errno. */
int lvs_nl_service_key(const struct lvs_nl_op *op, struct lvs_svc_key *key);
/* The listed service that op->svc identifies; or ERR_PTR, -ESRCH if there is none. */
struct lvs_svc *lvs_nl_service_find(struct lvs_net *ln, const struct lvs_nl_op *op);
/* AF and FWMARK, or AF PROTOCOL ADDR PORT. 0 or -EMSGSIZE. */
int lvs_nl_put_svc_key(struct sk_buff *skb, const struct lvs_svc_key *key);
int lvs_nl_get_service(struct sk_buff *skb, struct genl_info *info);
int lvs_nl_dump_services(struct sk_buff *skb, struct netlink_callback *cb);

/* dest.c */
int lvs_nl_dest_new(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dest_set(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dest_del(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dest_drain(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dest_reset(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dump_dests(struct sk_buff *skb, struct netlink_callback *cb);
/* Clients of IPVS have no name for FULLNAT; in what they see of it, it is NAT. */
u32 lvs_nl_shown_method(const struct lvs_dest *dest);
/* For family "LVS": the dests of all services, or of one. */
int lvs_nl_dump_all_dests(struct sk_buff *skb, struct netlink_callback *cb);

/* options.c */
/* What op->options says, if there are any; else @options stays as it is. 0 or -EINVAL. */
int lvs_nl_get_options(const struct lvs_nl_op *op, struct lvs_svc_options *options);
/* All of them, into the nest that was begun; NULL: -EMSGSIZE. */
int lvs_nl_put_options(struct sk_buff *skb, struct nlattr *nest,
		       const struct lvs_svc_options *options);
int lvs_nl_dump_options(struct sk_buff *skb, struct netlink_callback *cb);

/* laddr.c */
int lvs_nl_laddr_add(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_laddr_del(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dump_laddrs(struct sk_buff *skb, struct netlink_callback *cb);
/* The address in @attr, which must be one of this host's. 0 or -errno. */
int lvs_nl_get_laddr(struct net *net, const struct nlattr *attr, struct lvs_laddr_key *key,
		     struct netlink_ext_ack *extack);
int lvs_nl_put_laddr(struct sk_buff *skb, int type, const union nf_inet_addr *addr, u8 af);

/* profile.c */
int lvs_nl_profile_set(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_profile_del(struct lvs_txn *txn, const struct lvs_nl_op *op);
int lvs_nl_dump_profiles(struct sk_buff *skb, struct netlink_callback *cb);

/* conn.c */
int lvs_nl_dump_conns(struct sk_buff *skb, struct netlink_callback *cb);

/* family_lvs.c: begin a dump's message of family "LVS", with the service's identity if @key. */
void *lvs_nl_lvs_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		     const struct lvs_svc_key *key);
/* A client that speaks a newer version than we do would be misunderstood: -EPROTONOSUPPORT. */
int lvs_nl_lvs_check_version(const struct genlmsghdr *hdr, struct netlink_ext_ack *extack);

/* config.c */
int lvs_nl_set_config(struct sk_buff *skb, struct genl_info *info);
int lvs_nl_get_config(struct sk_buff *skb, struct genl_info *info);
int lvs_nl_get_info(struct sk_buff *skb, struct genl_info *info);

/* daemon.c */
int lvs_nl_new_daemon(struct sk_buff *skb, struct genl_info *info);
int lvs_nl_del_daemon(struct sk_buff *skb, struct genl_info *info);
int lvs_nl_dump_daemons(struct sk_buff *skb, struct netlink_callback *cb);

/* attr.c */

/* Can addresses of this family be used here? */
bool lvs_nl_af_valid(u16 af);
/* The address in @attr, unused bytes zero. 0 or -EINVAL. */
int lvs_nl_get_addr(const struct nlattr *attr, u8 af, union nf_inet_addr *addr,
		    struct netlink_ext_ack *extack);
/*
 * Two nests: @type with 32-bit numbers where mainline has them, @type64 with 64-bit ones. With
 * @type 0 the second alone.
 */
int lvs_nl_put_stats(struct sk_buff *skb, int type, int type64,
		     const struct lvs_counters *since_zero, const struct lvs_rates *rates);

#endif /* LVS_NL_OPS_H */
