/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP options (RFC 9293, section 3.1): looking at them one by one, and changing them in place. */
#ifndef LVS_CORE_TCP_OPTIONS_H
#define LVS_CORE_TCP_OPTIONS_H

#include "core/types.h"

#define LVS_TCPOPT_EOL		0
#define LVS_TCPOPT_NOP		1
#define LVS_TCPOPT_MSS		2	/* length 4 */
#define LVS_TCPOPT_SACK		5	/* blocks of two sequence numbers */
#define LVS_TCPOPT_TIMESTAMP	8	/* length 10 */

#define LVS_TCP_MAX_OPTIONS	40

struct lvs_tcp_option {
	u8 kind;
	u8 len;		/* kind and length byte included; all of it is there */
	u8 *at;		/* the kind byte */
};

/*
 * The option at or behind @*offset among the @len bytes at @options, NOPs skipped; @*offset is
 * behind it then. False at the end, which is also where a length lies.
 */
bool lvs_tcp_option_next(u8 *options, u32 len, u32 *offset, struct lvs_tcp_option *option);

/* Overwrite the option with NOPs. */
void lvs_tcp_option_blank(const struct lvs_tcp_option *option);

/* Blank every option of @kind and, unless it is 0, @option_len. True if there was one. */
bool lvs_tcp_options_blank(u8 *options, u32 len, u8 kind, u8 option_len);

/* Lower the MSS that a SYN states by @room, if it states one and that leaves a usable one. */
bool lvs_tcp_options_lower_mss(u8 *options, u32 len, u16 room);

/* Lower the MSS that a SYN states to @most, if it states a larger one. */
bool lvs_tcp_options_cap_mss(u8 *options, u32 len, u32 most);

/* Take @delta from each sequence number of the SACK blocks. True if there were any. */
bool lvs_tcp_options_shift_sack(u8 *options, u32 len, u32 delta);

#endif /* LVS_CORE_TCP_OPTIONS_H */
