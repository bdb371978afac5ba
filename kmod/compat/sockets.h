/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking for sockets: from Linux 6.18 on without naming the table, which a namespace knows. */
#ifndef LVS_COMPAT_SOCKETS_H
#define LVS_COMPAT_SOCKETS_H

#include <linux/netfilter.h>
#include <linux/version.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/udp.h>

/* In a function whose namespace is called net. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define lvs_tcp_lookup(function, ...) \
	function(net, (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__, 0, 0)
#else
#define lvs_tcp_lookup(function, ...) \
	function(net, __VA_ARGS__, 0, 0)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define lvs_udp_lookup(function, ...) \
	function(net, __VA_ARGS__, 0, 0, &udp_table, NULL)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define lvs_udp_lookup(function, ...) \
	function(net, __VA_ARGS__, 0, 0, (net)->ipv4.udp_table, NULL)
#else
#define lvs_udp_lookup(function, ...) \
	function(net, __VA_ARGS__, 0, 0, NULL)
#endif

static inline bool lvs_tcp_socket_has(struct net *net, u8 af, const union nf_inet_addr *peer,
				      __be16 pport, const union nf_inet_addr *local, u16 lport)
{
	struct sock *sk;

	if (af == AF_INET)
		sk = lvs_tcp_lookup(__inet_lookup_established, peer->ip, pport, local->ip,
				    lport);
	else
		sk = lvs_tcp_lookup(__inet6_lookup_established, &peer->in6, pport,
				    &local->in6, lport);
	if (sk)
		sock_gen_put(sk);
	return sk;
}

static inline bool lvs_udp_socket_has(struct net *net, u8 af, const union nf_inet_addr *peer,
				      __be16 pport, const union nf_inet_addr *local, __be16 lport)
{
	/* Neither takes a reference that would have to be given back: UDP's sockets are RCU's. */
	if (af == AF_INET)
		return lvs_udp_lookup(__udp4_lib_lookup, peer->ip, pport, local->ip, lport);
	return lvs_udp_lookup(__udp6_lib_lookup, &peer->in6, pport, &local->in6, lport);
}

/*
 * Does a socket of this host speak from @local:@lport to the peer, or would it get what the peer
 * sends there? Under RCU, bottom halves off.
 */
static inline bool lvs_socket_has(struct net *net, u8 af, u8 proto,
				  const union nf_inet_addr *peer, __be16 pport,
				  const union nf_inet_addr *local, u16 lport)
{
	if (proto == IPPROTO_UDP)
		return lvs_udp_socket_has(net, af, peer, pport, local, htons(lport));
	return proto == IPPROTO_TCP && lvs_tcp_socket_has(net, af, peer, pport, local, lport);
}

#endif
