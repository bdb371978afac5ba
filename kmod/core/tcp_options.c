// SPDX-License-Identifier: GPL-2.0-only
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "core/tcp_options.h"

/* Every host takes segments of that size (RFC 879). */
#define LEAST_MSS 536u

bool lvs_tcp_option_next(u8 *options, u32 len, u32 *offset, struct lvs_tcp_option *option)
{
	u32 at = *offset;

	while (at < len && options[at] == LVS_TCPOPT_NOP)
		at++;
	if (at + 2 > len || options[at] == LVS_TCPOPT_EOL)
		return false;
	option->kind = options[at];
	option->len = options[at + 1];
	option->at = options + at;
	if (option->len < 2 || option->len > len - at)
		return false;
	*offset = at + option->len;
	return true;
}

void lvs_tcp_option_blank(const struct lvs_tcp_option *option)
{
	memset(option->at, LVS_TCPOPT_NOP, option->len);
}

bool lvs_tcp_options_blank(u8 *options, u32 len, u8 kind, u8 option_len)
{
	struct lvs_tcp_option option;
	bool found = false;
	u32 offset = 0;

	while (lvs_tcp_option_next(options, len, &offset, &option)) {
		if (option.kind != kind || (option_len && option.len != option_len))
			continue;
		lvs_tcp_option_blank(&option);
		found = true;
	}
	return found;
}

static bool find_mss(u8 *options, u32 len, struct lvs_tcp_option *option)
{
	u32 offset = 0;

	while (lvs_tcp_option_next(options, len, &offset, option)) {
		if (option->kind == LVS_TCPOPT_MSS && option->len == 4)
			return true;
	}
	return false;
}

static u32 read_mss(const struct lvs_tcp_option *option)
{
	return option->at[2] << 8 | option->at[3];
}

static void write_mss(struct lvs_tcp_option *option, u32 mss)
{
	option->at[2] = (u8)(mss >> 8);
	option->at[3] = (u8)mss;
}

bool lvs_tcp_options_lower_mss(u8 *options, u32 len, u16 room)
{
	struct lvs_tcp_option option;

	if (!find_mss(options, len, &option) || read_mss(&option) < LEAST_MSS + room)
		return false;
	write_mss(&option, read_mss(&option) - room);
	return true;
}

bool lvs_tcp_options_cap_mss(u8 *options, u32 len, u32 most)
{
	struct lvs_tcp_option option;

	if (!find_mss(options, len, &option) || read_mss(&option) <= most)
		return false;
	write_mss(&option, most);
	return true;
}

/* Sequence numbers stand at any address in there. */
static void shift(u8 *at, u32 delta)
{
	u32 seq = (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];

	seq -= delta;
	at[0] = seq >> 24;
	at[1] = (u8)(seq >> 16);
	at[2] = (u8)(seq >> 8);
	at[3] = (u8)seq;
}

bool lvs_tcp_options_shift_sack(u8 *options, u32 len, u32 delta)
{
	struct lvs_tcp_option option;
	bool found = false;
	u32 offset = 0, i;

	while (lvs_tcp_option_next(options, len, &offset, &option)) {
		if (option.kind != LVS_TCPOPT_SACK || (option.len - 2) % 8)
			continue;
		for (i = 2; i < option.len; i += 4) {
			shift(option.at + i, delta);
			found = true;
		}
	}
	return found;
}
