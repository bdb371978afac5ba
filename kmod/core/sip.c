// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message is a first line and header fields, one a line, up to an empty line. Lines end with CR,
 * LF or both. A field is NAME, spaces, a colon, spaces, VALUE, spaces; a line that begins with a
 * space goes on with the field before it, which a Call-ID does not.
 */
#include "core/sip.h"

static bool is_end(u8 c)
{
	return c == '\r' || c == '\n';
}

static bool is_blank(u8 c)
{
	return c == ' ' || c == '\t';
}

static u8 lower(u8 c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Where the line that @at is in ends: at its CR or LF, or at @len. */
static u32 line_end(const u8 *text, u32 len, u32 at)
{
	while (at < len && !is_end(text[at]))
		at++;
	return at;
}

/* Where the line after the end of a line at @end begins. */
static u32 next_line(const u8 *text, u32 len, u32 end)
{
	if (end + 1 < len && text[end] == '\r' && text[end + 1] == '\n')
		return end + 2;
	return end < len ? end + 1 : len;
}

static u32 skip_blanks(const u8 *text, u32 end, u32 at)
{
	while (at < end && is_blank(text[at]))
		at++;
	return at;
}

/* Behind the name, if the line at @at begins with it and a colon follows; else 0. */
static u32 after_name(const u8 *text, u32 end, u32 at, const char *name)
{
	for (; *name; name++, at++) {
		if (at >= end || lower(text[at]) != (u8)*name)
			return 0;
	}
	at = skip_blanks(text, end, at);
	return at < end && text[at] == ':' ? at + 1 : 0;
}

static bool is_printable(const u8 *text, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return true;
}

static u32 usable(const u8 *id, u32 len)
{
	return len <= LVS_SIP_CALL_ID_MAX && is_printable(id, len) ? len : 0;
}

u32 lvs_sip_call_id(const u8 *text, u32 len, u32 *at)
{
	u32 begin = next_line(text, len, line_end(text, len, 0));
	u32 end, value;

	*at = 0;
	for (; begin < len; begin = next_line(text, len, end)) {
		end = line_end(text, len, begin);
		if (end == begin)
			return 0;
		value = after_name(text, end, begin, "call-id");
		if (!value)
			value = after_name(text, end, begin, "i");
		if (!value)
			continue;
		if (end == len)
			return 0;
		value = skip_blanks(text, end, value);
		while (end > value && is_blank(text[end - 1]))
			end--;
		*at = value;
		return usable(text + value, end - value);
	}
	return 0;
}
