// SPDX-License-Identifier: GPL-2.0-only
/* Connections in netlink messages. */
#include <linux/jiffies.h>
#include <net/sock.h>

#include "conn/conn.h"
#include "conn/table.h"
#include "conn/template.h"
#include "lvs/abi.h"
#include "netns.h"
#include "nl/ops.h"
#include "proto/proto.h"
#include "svc/svc.h"

static int put_endpoint(struct sk_buff *skb, int type, u8 af, const union nf_inet_addr *addr,
			__be16 port)
{
	int len = af == AF_INET ? sizeof(addr->ip) : sizeof(addr->in6);

	/* The port's attribute follows the address's. */
	return nla_put(skb, type, len, addr) || nla_put_be16(skb, type + 1, port) ? -EMSGSIZE : 0;
}

static int put_engine(struct sk_buff *skb, const struct lvs_template *t)
{
	if (!t->data_len)
		return 0;
	return nla_put_string(skb, LVS_CONN_A_PE_NAME, LVS_PE_NAME_SIP) ||
	       nla_put(skb, LVS_CONN_A_PE_DATA, t->data_len, t->data) ? -EMSGSIZE : 0;
}

static int put_conn(struct sk_buff *skb, struct lvs_conn *conn)
{
	u8 af = lvs_conn_client_af(conn), dest_af = conn->link[LVS_SIDE_SERVER].af;

	if (nla_put_u16(skb, LVS_CONN_A_PROTOCOL, conn->link[LVS_SIDE_CLIENT].proto) ||
	    nla_put_string(skb, LVS_CONN_A_STATE, lvs_proto_state_name(conn)) ||
	    nla_put_u32(skb, LVS_CONN_A_EXPIRES, lvs_conn_remaining(conn) / HZ) ||
	    put_endpoint(skb, LVS_CONN_A_CLIENT, af, &conn->caddr, conn->cport) ||
	    put_endpoint(skb, LVS_CONN_A_VIRTUAL, af, &conn->vaddr, conn->vport) ||
	    put_endpoint(skb, LVS_CONN_A_DEST, dest_af, &conn->daddr, conn->dport))
		return -EMSGSIZE;
	if (lvs_conn_is_template(conn))
		return put_engine(skb, lvs_template_of(conn));
	if (!lvs_conn_is_fullnat(conn))
		return 0;
	return put_endpoint(skb, LVS_CONN_A_LOCAL, dest_af, &lvs_fullnat_of(conn)->laddr,
			    lvs_fullnat_of(conn)->source.port);
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb, struct lvs_conn *conn)
{
	void *hdr = lvs_nl_lvs_put(skb, cb, LVS_CMD_GET_CONNS, NULL);
	struct nlattr *nest;

	if (!hdr)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, LVS_A_CONN);
	if (!nest || put_conn(skb, conn)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0] and [1]: where the walk over the table goes on. */
int lvs_nl_dump_conns(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_conn_table *table = &lvs_net(sock_net(skb->sk))->conns;
	struct lvs_conn_iter iter = { .bucket = cb->args[0], .skip = cb->args[1] };
	struct lvs_conn *conn;
	int err;

	err = lvs_nl_lvs_check_version(nlmsg_data(cb->nlh), cb->extack);
	if (err)
		return err;
	mutex_lock(&table->resize_lock);
	rcu_read_lock();
	for (; (conn = lvs_conn_iterate(table, &iter)); iter.skip++) {
		if (!lvs_conn_is_over(conn) && dump_one(skb, cb, conn))
			break;
	}
	rcu_read_unlock();
	mutex_unlock(&table->resize_lock);
	cb->args[0] = iter.bucket;
	cb->args[1] = iter.skip;
	return skb->len;
}
