/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * How a director tells a real server who the client is, and how a process there asks for it.
 *
 * TCP: an option in segments without SYN, RST and FIN, until the client has acknowledged data.
 *
 *   kind 254 or 200, length 8           kind 254 or 253, length 20
 *   +------+------+-------------+       +------+------+-------------+
 *   | kind |   8  |    port     |       | kind |  20  |    port     |
 *   +------+------+-------------+       +------+------+-------------+
 *   |       IPv4 address        |       |   IPv6 address, 16 bytes  |
 *   +---------------------------+       +---------------------------+
 *
 * UDP: the same layout as an IP option of kind 31 (IPv4 packets only), or behind a header of IP
 * protocol 248 that stands between the IP and the UDP header:
 *
 *   +---------+------+-------------+
 *   | V | 0   | next |   length    |   V 1: IPv4 address, 2: IPv6; the other four bits are 0
 *   +---------+------+-------------+   next: 17; length: of this header and the option
 *   |  31  | 8 or 20 |    port     |
 *   +------+---------+-------------+
 *   |           address            |
 *   +------------------------------+
 *
 * Ports and addresses are in network byte order.
 */
#ifndef LVS_TOA_H
#define LVS_TOA_H

#include <linux/types.h>

#define LVS_TOA_KIND		254	/* either family; the IPv6 form of DPVS and of NAT64 */
#define LVS_TOA_KIND_IPV6	253	/* IPv6, Alibaba */
#define LVS_TOA_KIND_FIRST	200	/* IPv4, the first public LVS with FULLNAT */
#define LVS_TOA_LEN_IPV4	8
#define LVS_TOA_LEN_IPV6	20

#define LVS_UOA_IPOPT		31
#define LVS_UOA_PROTOCOL	248
#define LVS_UOA_IPV4		1	/* versions of the header of protocol 248 */
#define LVS_UOA_IPV6		2

/* Has TCP itself a use for options of that kind (IANA, "TCP Option Kind Numbers")? */
static inline int lvs_toa_kind_is_taken(__u8 kind)
{
	switch (kind) {
	case 0:		/* end */
	case 1:		/* padding */
	case 2:		/* MSS */
	case 3:		/* window scale */
	case 4:		/* SACK permitted */
	case 5:		/* SACK */
	case 8:		/* timestamps */
	case 19:	/* MD5 */
	case 28:	/* user timeout */
	case 29:	/* TCP-AO */
	case 30:	/* multipath TCP */
	case 34:	/* fast open */
		return 1;
	}
	return 0;
}

struct lvs_toa_ipv4 {
	__u8	kind;
	__u8	len;		/* LVS_TOA_LEN_IPV4 */
	__be16	port;
	__be32	addr;
};

struct lvs_toa_ipv6 {
	__u8	kind;
	__u8	len;		/* LVS_TOA_LEN_IPV6 */
	__be16	port;
	__be32	addr[4];
};

/* Header of IP protocol 248; one of the above follows, of kind LVS_UOA_IPOPT. */
struct lvs_uoa_header {
	__u8	version;	/* in the upper four bits */
	__u8	next;		/* protocol behind this header and its option */
	__be16	len;		/* bytes of both */
};

/* getsockopt(fd, IPPROTO_IP, ...) on a real server with toa.ko. */

#define LVS_UOA_SO_LOOKUP	2048	/* struct lvs_uoa_lookup, lvs_uoa_lookup_ipv4 */
#define LVS_TOA_SO_NAT64	4096	/* struct lvs_toa_nat64: an IPv6 client, else ENOENT */
#define LVS_TOA_SO_CLIENT	4097	/* struct lvs_toa_address: the client, else ENOENT */
#define LVS_TOA_SO_PEER		4098	/* struct lvs_toa_address: the true peer */

/* An address of either family: family is AF_INET (the first 4 bytes of addr) or AF_INET6. */
struct lvs_toa_address {
	__u16	family;
	__be16	port;
	__u8	addr[16];
};

/* The layout of DPVS for NAT64. */
struct lvs_toa_nat64 {
	__u8	addr[16];
	__be16	port;
	__u16	pad;
};

/* The layouts of DPVS for UDP: as received goes in, the client comes out; else ENOENT. */
struct lvs_uoa_lookup {
	__u16	family;
	__u8	saddr[16];
	__u8	daddr[16];
	__be16	sport;
	__be16	dport;
	__u16	client_family;
	__u8	client_addr[16];
	__be16	client_port;
};

struct lvs_uoa_lookup_ipv4 {
	__u8	saddr[4];
	__u8	daddr[4];
	__be16	sport;
	__be16	dport;
	__u8	client_addr[4];
	__be16	client_port;
};

#ifdef __cplusplus
#define LVS_TOA_ASSERT(condition) static_assert(condition, #condition)
#else
#define LVS_TOA_ASSERT(condition) _Static_assert(condition, #condition)
#endif
LVS_TOA_ASSERT(sizeof(struct lvs_toa_ipv4) == LVS_TOA_LEN_IPV4);
LVS_TOA_ASSERT(sizeof(struct lvs_toa_ipv6) == LVS_TOA_LEN_IPV6);
LVS_TOA_ASSERT(sizeof(struct lvs_uoa_header) == 4);
LVS_TOA_ASSERT(sizeof(struct lvs_toa_address) == 20);
LVS_TOA_ASSERT(sizeof(struct lvs_toa_nat64) == 20);
LVS_TOA_ASSERT(sizeof(struct lvs_uoa_lookup) == 58);
LVS_TOA_ASSERT(sizeof(struct lvs_uoa_lookup_ipv4) == 18);
#undef LVS_TOA_ASSERT

#endif /* LVS_TOA_H */
