// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process can ask a socket by getsockopt(): its client, the true peer, the client of a UDP
 * flow. Netfilter keeps the module while a call is inside.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/net_namespace.h>
#include <net/tcp_states.h>

#include "lvs/toa.h"
#include "toa/toa.h"

static int answer(void __user *user, int *len, const void *reply, int size)
{
	if (*len < size)
		return -EINVAL;
	*len = size;
	return copy_to_user(user, reply, size) ? -EFAULT : 0;
}

/* Writes family and address of an endpoint; returns the family. */
static u16 put_address(u8 addr[16], const struct toa_endpoint *endpoint)
{
	if (toa_is_ipv4(endpoint->addr)) {
		memset(addr, 0, 16);
		memcpy(addr, endpoint->addr + 12, 4);
		return AF_INET;
	}
	memcpy(addr, endpoint->addr, 16);
	return AF_INET6;
}

static int get_tcp(struct sock *sk, int name, void __user *user, int *len)
{
	const struct toa_endpoint *known = NULL;
	struct lvs_toa_address reply = {};
	struct lvs_toa_nat64 nat64 = {};
	struct toa_endpoint peer, client;

	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (!inet_sk(sk)->inet_dport || (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return -ENOTCONN;
	toa_peer(sk, &peer);
	if (name == LVS_TOA_SO_PEER) {
		reply.family = put_address(reply.addr, &peer);
		reply.port = peer.port;
		return answer(user, len, &reply, sizeof(reply));
	}
	rcu_read_lock();
	known = toa_client(toa_find(sk), &peer);
	if (known)
		client = *known;
	rcu_read_unlock();
	if (!known)
		return -ENOENT;
	if (name == LVS_TOA_SO_NAT64) {
		if (toa_is_ipv4(client.addr))
			return -ENOENT;
		memcpy(nat64.addr, client.addr, sizeof(nat64.addr));
		nat64.port = client.port;
		return answer(user, len, &nat64, sizeof(nat64));
	}
	reply.family = put_address(reply.addr, &client);
	reply.port = client.port;
	return answer(user, len, &reply, sizeof(reply));
}

static int get_udp_ipv4(struct toa_flow *flow, void __user *user, int *len)
{
	struct lvs_uoa_lookup_ipv4 lookup;
	struct toa_endpoint client;

	if (copy_from_user(&lookup, user, sizeof(lookup)))
		return -EFAULT;
	toa_map_ipv4(flow->saddr, lookup.saddr);
	toa_map_ipv4(flow->daddr, lookup.daddr);
	flow->sport = lookup.sport;
	flow->dport = lookup.dport;
	if (!toa_flow_client(flow, &client) || !toa_is_ipv4(client.addr))
		return -ENOENT;
	memcpy(lookup.client_addr, client.addr + 12, sizeof(lookup.client_addr));
	lookup.client_port = client.port;
	return answer(user, len, &lookup, sizeof(lookup));
}

static int get_udp(struct sock *sk, int name, void __user *user, int *len)
{
	struct toa_flow flow = { .net = sock_net(sk)->net_cookie };
	struct lvs_uoa_lookup lookup;
	struct toa_endpoint client;

	if (*len == sizeof(struct lvs_uoa_lookup_ipv4))
		return get_udp_ipv4(&flow, user, len);
	if (*len < sizeof(lookup))
		return -EINVAL;
	if (copy_from_user(&lookup, user, sizeof(lookup)))
		return -EFAULT;
	if (lookup.family == AF_INET) {
		toa_map_ipv4(flow.saddr, lookup.saddr);
		toa_map_ipv4(flow.daddr, lookup.daddr);
	} else if (lookup.family == AF_INET6) {
		memcpy(flow.saddr, lookup.saddr, sizeof(flow.saddr));
		memcpy(flow.daddr, lookup.daddr, sizeof(flow.daddr));
	} else {
		return -EAFNOSUPPORT;
	}
	flow.sport = lookup.sport;
	flow.dport = lookup.dport;
	if (!toa_flow_client(&flow, &client))
		return -ENOENT;
	lookup.client_family = put_address(lookup.client_addr, &client);
	lookup.client_port = client.port;
	return answer(user, len, &lookup, sizeof(lookup));
}

static struct nf_sockopt_ops tcp_sockopts = {
	.pf = PF_INET,
	.get_optmin = LVS_TOA_SO_NAT64,
	.get_optmax = LVS_TOA_SO_PEER + 1,
	.get = get_tcp,
	.owner = THIS_MODULE,
};

static struct nf_sockopt_ops udp_sockopts = {
	.pf = PF_INET,
	.get_optmin = LVS_UOA_SO_LOOKUP,
	.get_optmax = LVS_UOA_SO_LOOKUP + 1,
	.get = get_udp,
	.owner = THIS_MODULE,
};

int toa_sockopt_init(void)
{
	int error = nf_register_sockopt(&tcp_sockopts);

	if (error)
		return error;
	error = nf_register_sockopt(&udp_sockopts);
	if (error)
		nf_unregister_sockopt(&tcp_sockopts);
	return error;
}

void toa_sockopt_exit(void)
{
	nf_unregister_sockopt(&udp_sockopts);
	nf_unregister_sockopt(&tcp_sockopts);
}
