/* SPDX-License-Identifier: GPL-2.0-only */
/* Flags of IPv4 sockets: bit fields up to Linux 6.5, then atomic bits. */
#ifndef LVS_COMPAT_INET_SOCK_H
#define LVS_COMPAT_INET_SOCK_H

#include <net/inet_sock.h>

/* Whether the IPv4 socket asked (IP_NODEFRAG) for its fragments to be left alone. */
static inline bool lvs_inet_nodefrag(const struct sock *sk)
{
#ifdef inet_test_bit
	return inet_test_bit(NODEFRAG, sk);
#else
	return inet_sk(sk)->nodefrag;
#endif
}

#endif
