/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a client's address from what a director put into a packet; include/lvs/toa.h draws it. */
#ifndef LVS_CORE_TOA_H
#define LVS_CORE_TOA_H

#include "core/types.h"

/* An IPv4 address is held as the IPv6 address ::ffff:a.b.c.d, so there is one way for both. */
struct toa_endpoint {
	u8 addr[16];
	__be16 port;
};

/* Which option kinds carry an address, one bit a kind. */
struct toa_kinds {
	u8 ipv4[32];
	u8 ipv6[32];
};

enum toa_found {
	TOA_NONE,	/* no such option */
	TOA_FOUND,
	TOA_BAD,	/* one with an address or port that no client can have */
};

/*
 * Read "254/8,253/20", kind and length of each option to heed. Refused, with false, are other
 * lengths, kinds that TCP itself uses, and an empty list.
 */
bool toa_read_kinds(const char *text, struct toa_kinds *kinds);

/* Make ::ffff:a.b.c.d of the IPv4 address at @ipv4. */
void toa_map_ipv4(u8 addr[16], const void *ipv4);
bool toa_is_ipv4(const u8 addr[16]);

/* Look for a client's address among the @len bytes of TCP options at @options; the first counts. */
enum toa_found toa_in_tcp(const struct toa_kinds *kinds, const u8 *options, u32 len,
			  struct toa_endpoint *client);

/* The same among the @len bytes of IPv4 options at @options. */
enum toa_found toa_in_ip(const u8 *options, u32 len, struct toa_endpoint *client);

/* Read a whole header of protocol 248, @len bytes as lvs_uoa_len() said (core/toa_write.h). */
enum toa_found toa_in_uoa(const u8 *header, u32 len, struct toa_endpoint *client);

#endif /* LVS_CORE_TOA_H */
