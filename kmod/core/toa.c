// SPDX-License-Identifier: GPL-2.0-only
#include "core/toa.h"

#include "lvs/toa.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

/* Of TCP and of IP. */
#define OPTION_END	0
#define OPTION_PAD	1

static bool has_bit(const u8 *bits, u8 at)
{
	return bits[at / 8] & 1 << at % 8;
}

/* Reads a number of up to three digits; returns what follows, or NULL if there is none. */
static const char *read_number(const char *text, u32 *number)
{
	u32 digits;

	*number = 0;
	for (digits = 0; digits < 3 && *text >= '0' && *text <= '9'; digits++)
		*number = *number * 10 + (u32)(*text++ - '0');
	return digits ? text : NULL;
}

bool toa_read_kinds(const char *text, struct toa_kinds *kinds)
{
	u32 kind, len;
	u8 *bits;

	memset(kinds, 0, sizeof(*kinds));
	for (;;) {
		text = read_number(text, &kind);
		if (!text || *text != '/' || kind > 255)
			return false;
		text = read_number(text + 1, &len);
		if (!text || (len != LVS_TOA_LEN_IPV4 && len != LVS_TOA_LEN_IPV6))
			return false;
		if (lvs_toa_kind_is_taken((u8)kind))
			return false;
		bits = len == LVS_TOA_LEN_IPV4 ? kinds->ipv4 : kinds->ipv6;
		bits[kind / 8] |= (u8)(1 << kind % 8);
		if (!*text || *text == '\n')
			return true;
		if (*text++ != ',')
			return false;
	}
}

void toa_map_ipv4(u8 addr[16], const void *ipv4)
{
	memset(addr, 0, 10);
	memset(addr + 10, 0xff, 2);
	memcpy(addr + 12, ipv4, 4);
}

bool toa_is_ipv4(const u8 addr[16])
{
	static const u8 prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return !memcmp(addr, prefix, sizeof(prefix));
}

/* Whether a client can have that address: not the unspecified one, multicast or broadcast. */
static bool possible(const struct toa_endpoint *client)
{
	static const u8 zero[16];

	if (!client->port)
		return false;
	if (toa_is_ipv4(client->addr))
		return client->addr[12] && client->addr[12] < 224;
	return client->addr[0] != 0xff && memcmp(client->addr, zero, sizeof(zero));
}

/* The option of @len bytes, 8 or 20, at @option. */
static enum toa_found read_option(const u8 *option, u32 len, struct toa_endpoint *client)
{
	memcpy(&client->port, option + 2, sizeof(client->port));
	if (len == LVS_TOA_LEN_IPV4)
		toa_map_ipv4(client->addr, option + 4);
	else
		memcpy(client->addr, option + 4, sizeof(client->addr));
	return possible(client) ? TOA_FOUND : TOA_BAD;
}

static enum toa_found find(const struct toa_kinds *kinds, const u8 *options, u32 len,
			   struct toa_endpoint *client)
{
	u32 at = 0, this_len;

	while (at < len && options[at] != OPTION_END) {
		if (options[at] == OPTION_PAD) {
			at++;
			continue;
		}
		if (len - at < 2)
			break;
		this_len = options[at + 1];
		if (this_len < 2 || this_len > len - at)
			break;
		if ((this_len == LVS_TOA_LEN_IPV4 && has_bit(kinds->ipv4, options[at])) ||
		    (this_len == LVS_TOA_LEN_IPV6 && has_bit(kinds->ipv6, options[at])))
			return read_option(options + at, this_len, client);
		at += this_len;
	}
	return TOA_NONE;
}

enum toa_found toa_in_tcp(const struct toa_kinds *kinds, const u8 *options, u32 len,
			  struct toa_endpoint *client)
{
	return find(kinds, options, len, client);
}

enum toa_found toa_in_ip(const u8 *options, u32 len, struct toa_endpoint *client)
{
	static const struct toa_kinds kinds = {
		.ipv4[LVS_UOA_IPOPT / 8] = 1 << LVS_UOA_IPOPT % 8,
		.ipv6[LVS_UOA_IPOPT / 8] = 1 << LVS_UOA_IPOPT % 8,
	};

	return find(&kinds, options, len, client);
}

enum toa_found toa_in_uoa(const u8 *header, u32 len, struct toa_endpoint *client)
{
	const u8 *option = header + sizeof(struct lvs_uoa_header);

	len -= (u32)sizeof(struct lvs_uoa_header);
	if (option[0] != LVS_UOA_IPOPT || option[1] != len)
		return TOA_BAD;
	return read_option(option, len, client);
}
