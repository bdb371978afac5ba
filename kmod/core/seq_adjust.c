// SPDX-License-Identifier: GPL-2.0-only
/* Sequence numbers around a replaced text; core/seq_adjust.h. */
#include "core/seq_adjust.h"
#include "core/tcp_options.h"

/* Sequence numbers go round. */
static bool is_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

enum lvs_seq_text lvs_seq_adjust_text(const struct lvs_seq_adjust *adjust, u32 seq, u32 len)
{
	if (adjust->start == adjust->end)
		return LVS_SEQ_TEXT_NEW;
	if (seq == adjust->start && seq + len == adjust->end)
		return LVS_SEQ_TEXT_AGAIN;
	return is_before(seq, adjust->end) ? LVS_SEQ_TEXT_OLD : LVS_SEQ_TEXT_NEW;
}

bool lvs_seq_adjust_replace(struct lvs_seq_adjust *adjust, u32 seq, u32 len, u32 new_len)
{
	switch (lvs_seq_adjust_text(adjust, seq, len)) {
	case LVS_SEQ_TEXT_AGAIN:
		return adjust->after - adjust->before == new_len - len;
	case LVS_SEQ_TEXT_OLD:
		return false;
	case LVS_SEQ_TEXT_NEW:
		break;
	}
	adjust->start = seq;
	adjust->end = seq + len;
	adjust->before = adjust->after;
	adjust->after += new_len - len;
	return true;
}

u32 lvs_seq_adjust_seq(const struct lvs_seq_adjust *adjust, u32 seq)
{
	return seq + (is_before(seq, adjust->end) ? adjust->before : adjust->after);
}

/* Is the receiver's @seq behind the first byte of the text and before the one that follows it? */
static bool is_inside(const struct lvs_seq_adjust *adjust, u32 seq)
{
	u32 first = adjust->start + adjust->before, last = adjust->end + adjust->after;
	u32 offset = seq - first;

	return offset && offset < last - first;
}

/* What is not inside. */
static u32 map_back(const struct lvs_seq_adjust *adjust, u32 seq)
{
	if (is_before(seq, adjust->end + adjust->after))
		return seq - adjust->before;
	return seq - adjust->after;
}

u32 lvs_seq_adjust_ack(const struct lvs_seq_adjust *adjust, u32 ack)
{
	return is_inside(adjust, ack) ? adjust->start : map_back(adjust, ack);
}

static u32 get32(const u8 *at)
{
	return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static void put32(u8 *at, u32 value)
{
	at[0] = value >> 24;
	at[1] = value >> 16;
	at[2] = value >> 8;
	at[3] = value;
}

static void map_block(const struct lvs_seq_adjust *adjust, u8 *block)
{
	u32 left = get32(block), right = get32(block + 4);

	left = is_inside(adjust, left) ? adjust->end : map_back(adjust, left);
	right = lvs_seq_adjust_ack(adjust, right);
	if (is_before(right, left))
		right = left;
	put32(block, left);
	put32(block + 4, right);
}

bool lvs_seq_adjust_sack(const struct lvs_seq_adjust *adjust, u8 *options, u32 len)
{
	struct lvs_tcp_option option;
	bool any = false;
	u32 offset = 0;
	u32 at;

	while (lvs_tcp_option_next(options, len, &offset, &option)) {
		if (option.kind != LVS_TCPOPT_SACK)
			continue;
		for (at = 2; at + 8 <= option.len; at += 8) {
			map_block(adjust, option.at + at);
			any = true;
		}
	}
	return any;
}

void lvs_seq_adjust_shift(struct lvs_seq_adjust *adjust, u32 delta)
{
	adjust->start += delta;
	adjust->end += delta;
}
