// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is set is said over again as a netlink message, and goes the way of those: the same checks
 * in the same order, the same transactions, the same errnos. Only what is read is read here.
 */
#include <linux/in.h>
#include <linux/ip_vs.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "est/est.h"
#include "netns.h"
#include "nl/ops.h"
#include "sched/sched.h"
#include "sockopt.h"

/* Clients have their own idea of these; it is this one. */
static_assert(sizeof(struct ip_vs_service_user) == 44);
static_assert(sizeof(struct ip_vs_dest_user) == 24);
static_assert(sizeof(struct ip_vs_timeout_user) == 12);
static_assert(sizeof(struct ip_vs_daemon_user) == 24);

/* ADDDEST, EDITDEST, DELDEST */
struct service_dest {
	struct ip_vs_service_user svc;
	struct ip_vs_dest_user dest;
};

/* What any option can be told. */
union argument {
	struct ip_vs_service_user svc;
	struct service_dest dest;
	struct ip_vs_timeout_user timeout;
	struct ip_vs_daemon_user daemon;
};

/* More than any option says as attributes. */
#define MESSAGE_SIZE	512

static bool protocol_known(u16 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* Clients with a fixed text in a field need not end it with a zero. */
static bool ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static bool put_service(struct sk_buff *skb, const struct ip_vs_service_user *svc, bool full)
{
	const struct ip_vs_flags flags = { .flags = svc->flags, .mask = ~0 };
	struct nlattr *nest = nla_nest_start(skb, IPVS_CMD_ATTR_SERVICE);

	if (!nest || nla_put_u16(skb, IPVS_SVC_ATTR_AF, AF_INET))
		return false;
	if (svc->fwmark) {
		if (nla_put_u32(skb, IPVS_SVC_ATTR_FWMARK, svc->fwmark))
			return false;
	} else if (nla_put_u16(skb, IPVS_SVC_ATTR_PROTOCOL, svc->protocol) ||
		   nla_put_in_addr(skb, IPVS_SVC_ATTR_ADDR, svc->addr) ||
		   nla_put_be16(skb, IPVS_SVC_ATTR_PORT, svc->port)) {
		return false;
	}
	if (full && (nla_put_string(skb, IPVS_SVC_ATTR_SCHED_NAME, svc->sched_name) ||
		     nla_put(skb, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags) ||
		     nla_put_u32(skb, IPVS_SVC_ATTR_TIMEOUT, svc->timeout) ||
		     nla_put_be32(skb, IPVS_SVC_ATTR_NETMASK, svc->netmask)))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

static bool put_dest(struct sk_buff *skb, const struct ip_vs_dest_user *dest)
{
	struct nlattr *nest = nla_nest_start(skb, IPVS_CMD_ATTR_DEST);

	if (!nest || nla_put_in_addr(skb, IPVS_DEST_ATTR_ADDR, dest->addr) ||
	    nla_put_be16(skb, IPVS_DEST_ATTR_PORT, dest->port) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_FWD_METHOD, dest->conn_flags) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_WEIGHT, dest->weight) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_U_THRESH, dest->u_threshold) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_L_THRESH, dest->l_threshold))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

static bool put_timeouts(struct sk_buff *skb, const struct ip_vs_timeout_user *t)
{
	return !nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP, t->tcp_timeout) &&
	       !nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, t->tcp_fin_timeout) &&
	       !nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_UDP, t->udp_timeout);
}

static bool put_daemon(struct sk_buff *skb, const struct ip_vs_daemon_user *daemon, bool full)
{
	struct nlattr *nest = nla_nest_start(skb, IPVS_CMD_ATTR_DAEMON);

	if (!nest || nla_put_u32(skb, IPVS_DAEMON_ATTR_STATE, daemon->state))
		return false;
	if (full && (nla_put_string(skb, IPVS_DAEMON_ATTR_MCAST_IFN, daemon->mcast_ifn) ||
		     nla_put_u32(skb, IPVS_DAEMON_ATTR_SYNC_ID, daemon->syncid)))
		return false;
	nla_nest_end(skb, nest);
	return true;
}

/* How an option is said in netlink. */
struct setter {
	unsigned int len;	/* of its argument, exactly */
	u8 cmd;			/* IPVS_CMD_*; 0: there is no such option */
};

static const struct setter setters[IP_VS_SO_SET_MAX - IP_VS_BASE_CTL + 1] = {
#define SETTER(name, command, argument)						\
	[IP_VS_SO_SET_##name - IP_VS_BASE_CTL] = { argument, IPVS_CMD_##command }
	SETTER(ADD, NEW_SERVICE, sizeof(struct ip_vs_service_user)),
	SETTER(EDIT, SET_SERVICE, sizeof(struct ip_vs_service_user)),
	SETTER(DEL, DEL_SERVICE, sizeof(struct ip_vs_service_user)),
	SETTER(FLUSH, FLUSH, 0),
	SETTER(ADDDEST, NEW_DEST, sizeof(struct service_dest)),
	SETTER(DELDEST, DEL_DEST, sizeof(struct service_dest)),
	SETTER(EDITDEST, SET_DEST, sizeof(struct service_dest)),
	SETTER(TIMEOUT, SET_CONFIG, sizeof(struct ip_vs_timeout_user)),
	SETTER(STARTDAEMON, NEW_DAEMON, sizeof(struct ip_vs_daemon_user)),
	SETTER(STOPDAEMON, DEL_DAEMON, sizeof(struct ip_vs_daemon_user)),
	SETTER(ZERO, ZERO, sizeof(struct ip_vs_service_user)),
#undef SETTER
};

static bool names_nothing(const struct ip_vs_service_user *svc)
{
	return !svc->fwmark && !svc->addr && !svc->port;
}

/*
 * Refuse what netlink has no words for, with the errnos that these options have had for it, and put
 * the rest into @skb. 0 or -errno.
 */
static int translate(struct sk_buff *skb, u8 cmd, const union argument *arg)
{
	bool full = cmd == IPVS_CMD_NEW_SERVICE || cmd == IPVS_CMD_SET_SERVICE;
	bool fits;

	switch (cmd) {
	case IPVS_CMD_FLUSH:
		return 0;
	case IPVS_CMD_SET_CONFIG:
		return put_timeouts(skb, &arg->timeout) ? 0 : -EMSGSIZE;
	case IPVS_CMD_NEW_DAEMON:
		if (!*arg->daemon.mcast_ifn ||
		    !ends(arg->daemon.mcast_ifn, sizeof(arg->daemon.mcast_ifn)))
			return -EINVAL;
		return put_daemon(skb, &arg->daemon, true) ? 0 : -EMSGSIZE;
	case IPVS_CMD_DEL_DAEMON:
		return put_daemon(skb, &arg->daemon, false) ? 0 : -EMSGSIZE;
	case IPVS_CMD_ZERO:
		if (names_nothing(&arg->svc))
			return 0;
		break;
	}
	if (full && !ends(arg->svc.sched_name, sizeof(arg->svc.sched_name)))
		return -EINVAL;
	if (!protocol_known(arg->svc.protocol))
		return -EFAULT;
	fits = put_service(skb, &arg->svc, full);
	if (cmd == IPVS_CMD_NEW_DEST || cmd == IPVS_CMD_SET_DEST || cmd == IPVS_CMD_DEL_DEST)
		fits = fits && put_dest(skb, &arg->dest.dest);
	return fits ? 0 : -EMSGSIZE;
}

static int apply(struct net *net, u8 cmd, struct nlattr **attrs)
{
	const struct lvs_nl_op op = {
		.cmd = cmd,
		.svc = attrs[IPVS_CMD_ATTR_SERVICE],
		.dest = attrs[IPVS_CMD_ATTR_DEST],
	};
	struct genl_info info = { .attrs = attrs };
	struct lvs_txn txn;

	genl_info_net_set(&info, net);
	switch (cmd) {
	case IPVS_CMD_SET_CONFIG:
		return lvs_nl_set_config(NULL, &info);
	case IPVS_CMD_NEW_DAEMON:
		return lvs_nl_new_daemon(NULL, &info);
	case IPVS_CMD_DEL_DAEMON:
		return lvs_nl_del_daemon(NULL, &info);
	}
	lvs_txn_begin(&txn, lvs_net(net));
	return lvs_txn_end(&txn, lvs_nl_apply(&txn, &op));
}

static int set(struct sock *sk, int option, sockptr_t from, unsigned int len)
{
	struct nlattr *attrs[IPVS_CMD_ATTR_MAX + 1];
	struct net *net = sock_net(sk);
	const struct setter *setter;
	union argument arg = {};
	struct sk_buff *skb;
	int err;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (option < IP_VS_BASE_CTL || option > IP_VS_SO_SET_MAX)
		return -EINVAL;
	setter = &setters[option - IP_VS_BASE_CTL];
	if (!setter->cmd || len != setter->len)
		return -EINVAL;
	if (copy_from_sockptr(&arg, from, len))
		return -EFAULT;

	skb = alloc_skb(MESSAGE_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	err = translate(skb, setter->cmd, &arg);
	if (!err)
		err = nla_parse_deprecated(attrs, IPVS_CMD_ATTR_MAX, (struct nlattr *)skb->data,
					   skb->len, lvs_nl_ipvs_policy, NULL);
	if (!err)
		err = apply(net, setter->cmd, attrs);
	kfree_skb(skb);
	return err;
}

/* 32-bit fields show the low half of what has outgrown them, as they always have. */
static void show_stats(struct ip_vs_stats_user *to, const struct lvs_counters *now,
		       const struct lvs_counters *zeroed, const struct lvs_rates *rates)
{
	struct lvs_counters c = *now, per_second;

	lvs_counters_sub(&c, zeroed);
	lvs_est_rates(rates, &per_second);
	to->conns = c.conns;
	to->inpkts = c.inpkts;
	to->outpkts = c.outpkts;
	to->inbytes = c.inbytes;
	to->outbytes = c.outbytes;
	to->cps = per_second.conns;
	to->inpps = per_second.inpkts;
	to->outpps = per_second.outpkts;
	to->inbps = per_second.inbytes;
	to->outbps = per_second.outbytes;
}

static void show_service(struct ip_vs_service_entry *to, struct lvs_svc *svc)
{
	struct lvs_counters now;

	to->protocol = svc->key.proto;
	to->addr = svc->key.addr.ip;
	to->port = svc->key.port;
	to->fwmark = svc->key.fwmark;
	strscpy(to->sched_name, lvs_sched_name(svc->cfg.sched), sizeof(to->sched_name));
	to->flags = svc->cfg.flags | IP_VS_SVC_F_HASHED;
	to->timeout = svc->cfg.timeout;
	to->netmask = svc->cfg.netmask;
	to->num_dests = svc->num_dests;
	lvs_svc_counters(svc, &now);
	show_stats(&to->stats, &now, &svc->zeroed, &svc->rates);
}

static void show_dest(struct ip_vs_dest_entry *to, const struct lvs_dest *dest)
{
	struct lvs_counters now;

	to->addr = dest->addr.ip;
	to->port = dest->port;
	to->conn_flags = lvs_nl_shown_method(dest);
	to->weight = dest->weight;
	to->u_threshold = dest->u_threshold;
	to->l_threshold = dest->l_threshold;
	to->activeconns = atomic_read(&dest->active);
	to->inactconns = lvs_dest_inactive(dest);
	to->persistconns = atomic_read(&dest->persist);
	lvs_stats_read(dest->stats, &now);
	show_stats(&to->stats, &now, &dest->zeroed, &dest->rates);
}

static struct lvs_svc *find(struct lvs_net *ln, u16 proto, __be32 addr, __be16 port, u32 fwmark)
{
	struct lvs_svc_key key = { .af = AF_INET, .fwmark = fwmark, .proto = IPPROTO_TCP };

	if (!fwmark) {
		if (proto > U8_MAX)
			return NULL;
		key.proto = proto;
		key.addr.ip = addr;
		key.port = port;
	}
	return lvs_svc_find(ln, &key);
}

static unsigned int count_services(struct lvs_net *ln)
{
	unsigned int count = 0;
	struct lvs_svc *svc;

	list_for_each_entry(svc, &ln->svcs.list, list)
		count += svc->key.af == AF_INET;
	return count;
}

/*
 * The readers. Each has at least its argument of the client's memory to read and to write; *len is
 * what there is of it. 0 or -errno.
 */
static int get_version(struct lvs_net *ln, void __user *user, int *len)
{
	char text[64];

	*len = snprintf(text, sizeof(text), "IP Virtual Server version %d.%d.%d (size=%u)",
			NVERSION(IP_VS_VERSION_CODE), lvs_conn_table_size(ln)) + 1;
	return copy_to_user(user, text, *len) ? -EFAULT : 0;
}

static int get_info(struct lvs_net *ln, void __user *user, int *len)
{
	struct ip_vs_getinfo info = {
		.version = IP_VS_VERSION_CODE,
		.size = lvs_conn_table_size(ln),
	};

	mutex_lock(&ln->ctl);
	info.num_services = count_services(ln);
	mutex_unlock(&ln->ctl);
	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

/*
 * A client that asks for more than there is, as one deleted since it asked for their number, learns
 * from the number how many it got.
 */
static int get_services(struct lvs_net *ln, void __user *user, int *len)
{
	struct ip_vs_get_services head;
	struct ip_vs_service_entry *entries;
	unsigned int room, count = 0;
	struct lvs_svc *svc;
	int err = 0;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (*len != struct_size(&head, entrytable, head.num_services))
		return -EINVAL;

	mutex_lock(&ln->ctl);
	room = min(head.num_services, ln->svcs.count);
	entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL);
	if (room && !entries) {
		mutex_unlock(&ln->ctl);
		return -ENOMEM;
	}
	list_for_each_entry(svc, &ln->svcs.list, list) {
		if (count == room)
			break;
		if (svc->key.af == AF_INET)
			show_service(&entries[count++], svc);
	}
	mutex_unlock(&ln->ctl);

	head.num_services = count;
	if (copy_to_user(user, &head, sizeof(head)) ||
	    copy_to_user(user + sizeof(head), entries, count * sizeof(*entries)))
		err = -EFAULT;
	kvfree(entries);
	return err;
}

static int get_service(struct lvs_net *ln, void __user *user, int *len)
{
	struct ip_vs_service_entry entry;
	struct lvs_svc *svc;

	if (copy_from_user(&entry, user, sizeof(entry)))
		return -EFAULT;
	mutex_lock(&ln->ctl);
	svc = find(ln, entry.protocol, entry.addr, entry.port, entry.fwmark);
	if (svc) {
		memset(&entry, 0, sizeof(entry));
		show_service(&entry, svc);
	}
	mutex_unlock(&ln->ctl);
	if (!svc)
		return -ESRCH;
	return copy_to_user(user, &entry, sizeof(entry)) ? -EFAULT : 0;
}

/* Dests of the other family have no place here. */
static int get_dests(struct lvs_net *ln, void __user *user, int *len)
{
	struct ip_vs_dest_entry *entries;
	struct ip_vs_get_dests head;
	unsigned int room, count = 0;
	struct lvs_dest *dest;
	struct lvs_svc *svc;
	int err = 0;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (*len != struct_size(&head, entrytable, head.num_dests))
		return -EINVAL;

	mutex_lock(&ln->ctl);
	svc = find(ln, head.protocol, head.addr, head.port, head.fwmark);
	if (!svc) {
		mutex_unlock(&ln->ctl);
		return -ESRCH;
	}
	room = min(head.num_dests, svc->num_dests);
	entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL);
	if (room && !entries) {
		mutex_unlock(&ln->ctl);
		return -ENOMEM;
	}
	list_for_each_entry(dest, &svc->dests, node) {
		if (count == room)
			break;
		if (dest->af == AF_INET)
			show_dest(&entries[count++], dest);
	}
	mutex_unlock(&ln->ctl);

	head.num_dests = count;
	if (copy_to_user(user, &head, sizeof(head)) ||
	    copy_to_user(user + sizeof(head), entries, count * sizeof(*entries)))
		err = -EFAULT;
	kvfree(entries);
	return err;
}

static int get_timeout(struct lvs_net *ln, void __user *user, int *len)
{
	const struct lvs_timeouts *t = &ln->timeouts;
	const struct ip_vs_timeout_user seconds = {
		.tcp_timeout = READ_ONCE(t->tcp[LVS_TCP_ESTABLISHED]) / HZ,
		.tcp_fin_timeout = READ_ONCE(t->tcp[LVS_TCP_FIN_WAIT]) / HZ,
		.udp_timeout = READ_ONCE(t->udp) / HZ,
	};

	return copy_to_user(user, &seconds, sizeof(seconds)) ? -EFAULT : 0;
}

/* Master, then backup, each empty while it does not run; and there is no daemon yet. */
static int get_daemon(struct lvs_net *ln, void __user *user, int *len)
{
	const struct ip_vs_daemon_user none[2] = {};

	return copy_to_user(user, none, sizeof(none)) ? -EFAULT : 0;
}

struct getter {
	int (*get)(struct lvs_net *ln, void __user *user, int *len);
	int len;	/* of the memory it needs, at least */
};

static const struct getter getters[IP_VS_SO_GET_MAX - IP_VS_BASE_CTL + 1] = {
#define GETTER(name, function, size)						\
	[IP_VS_SO_GET_##name - IP_VS_BASE_CTL] = { function, size }
	GETTER(VERSION, get_version, 64),
	GETTER(INFO, get_info, sizeof(struct ip_vs_getinfo)),
	GETTER(SERVICES, get_services, sizeof(struct ip_vs_get_services)),
	GETTER(SERVICE, get_service, sizeof(struct ip_vs_service_entry)),
	GETTER(DESTS, get_dests, sizeof(struct ip_vs_get_dests)),
	GETTER(TIMEOUT, get_timeout, sizeof(struct ip_vs_timeout_user)),
	GETTER(DAEMON, get_daemon, 2 * sizeof(struct ip_vs_daemon_user)),
#undef GETTER
};

static int get(struct sock *sk, int option, void __user *user, int *len)
{
	struct net *net = sock_net(sk);
	const struct getter *getter;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (option < IP_VS_BASE_CTL || option > IP_VS_SO_GET_MAX)
		return -EINVAL;
	getter = &getters[option - IP_VS_BASE_CTL];
	if (!getter->get || *len < getter->len)
		return -EINVAL;
	return getter->get(lvs_net(net), user, len);
}

static struct nf_sockopt_ops sockopts = {
	.pf		= PF_INET,
	.set_optmin	= IP_VS_BASE_CTL,
	.set_optmax	= IP_VS_SO_SET_MAX + 1,
	.set		= set,
	.get_optmin	= IP_VS_BASE_CTL,
	.get_optmax	= IP_VS_SO_GET_MAX + 1,
	.get		= get,
	.owner		= THIS_MODULE,
};

int __init lvs_sockopt_init(void)
{
	int err = nf_register_sockopt(&sockopts);

	if (err == -EBUSY)
		pr_err("lvs: socket options of IPVS are taken: another director is loaded\n");
	return err;
}

void lvs_sockopt_exit(void)
{
	nf_unregister_sockopt(&sockopts);
}
