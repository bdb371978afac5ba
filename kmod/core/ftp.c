// SPDX-License-Identifier: GPL-2.0-only
/* Reading and writing the addresses on an FTP control connection; core/ftp.h. */
#include "core/ftp.h"

#ifdef __KERNEL__
#include <linux/socket.h>
#include <linux/string.h>
#else
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#endif

/* What is left to read of a line. */
struct cursor {
	const u8 *at;
	const u8 *end;
};

static bool is_digit(u8 c)
{
	return c >= '0' && c <= '9';
}

static u8 upper(u8 c)
{
	return c >= 'a' && c <= 'z' ? c - 0x20 : c;
}

static bool take(struct cursor *c, u8 wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* A word in whatever case; @word is in upper case. */
static bool take_word(struct cursor *c, const char *word)
{
	for (; *word; word++, c->at++) {
		if (c->at == c->end || upper(*c->at) != (u8)*word)
			return false;
	}
	return true;
}

/* A decimal number of at most five digits, up to @max. */
static bool take_number(struct cursor *c, u32 max, u32 *number)
{
	const u8 *begin = c->at;

	*number = 0;
	while (c->at < c->end && is_digit(*c->at) && c->at - begin < 5)
		*number = *number * 10 + *c->at++ - '0';
	return c->at != begin && *number <= max && (c->at == c->end || !is_digit(*c->at));
}

static bool take_port(struct cursor *c, struct lvs_ftp_line *line)
{
	u32 port;

	if (!take_number(c, U16_MAX, &port) || !port)
		return false;
	line->port = htons(port);
	return true;
}

/* Four numbers with @between between them. */
static bool take_v4(struct cursor *c, u8 between, struct lvs_ftp_line *line)
{
	u8 *bytes = (u8 *)&line->addr;
	u32 number, i;

	line->af = AF_INET;
	for (i = 0; i < 4; i++) {
		if ((i && !take(c, between)) || !take_number(c, 255, &number))
			return false;
		bytes[i] = number;
	}
	return true;
}

static int hex_digit(u8 c)
{
	if (is_digit(c))
		return c - '0';
	c = upper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to four hexadecimal digits. */
static bool take_group(struct cursor *c, u8 *bytes)
{
	const u8 *begin = c->at;
	u32 group = 0;

	while (c->at < c->end && c->at - begin < 4 && hex_digit(*c->at) >= 0)
		group = group << 4 | (u32)hex_digit(*c->at++);
	bytes[0] = group >> 8;
	bytes[1] = group & 0xff;
	return c->at != begin;
}

static bool take_pair(struct cursor *c)
{
	if (c->end - c->at < 2 || c->at[0] != ':' || c->at[1] != ':')
		return false;
	c->at += 2;
	return true;
}

/* Eight groups, or fewer and "::" for one or more groups of zeros. */
static bool take_v6(struct cursor *c, struct lvs_ftp_line *line)
{
	u8 *bytes = (u8 *)&line->addr;
	u32 groups = 0, gap = 8;

	line->af = AF_INET6;
	if (take_pair(c))
		gap = 0;
	while (groups < 8 && c->at < c->end && hex_digit(*c->at) >= 0) {
		if (!take_group(c, bytes + groups * 2))
			return false;
		groups++;
		if (groups < 8 && gap == 8 && take_pair(c))
			gap = groups;
		else if (!take(c, ':'))
			break;
		else if (c->at == c->end || hex_digit(*c->at) < 0)
			return false;
	}
	if (groups == 8)
		return gap == 8;
	if (gap == 8)
		return false;
	/* What stands behind the gap goes to the end. */
	memmove(bytes + (8 - (groups - gap)) * 2, bytes + gap * 2, (groups - gap) * 2);
	memset(bytes + gap * 2, 0, (8 - groups) * 2);
	return true;
}

/* h1,h2,h3,h4,p1,p2 */
static bool take_six(struct cursor *c, struct lvs_ftp_line *line)
{
	u32 high, low;

	if (!take_v4(c, ',', line) || !take(c, ',') || !take_number(c, 255, &high) ||
	    !take(c, ',') || !take_number(c, 255, &low))
		return false;
	line->port = htons(high << 8 | low);
	return line->port;
}

/* DnDaddressDportD, where D is any printable character that is in none of the three. */
static bool take_extended(struct cursor *c, struct lvs_ftp_line *line)
{
	u32 net;
	u8 d;

	if (c->at == c->end)
		return false;
	d = *c->at++;
	if (d < '!' || d > '~' || is_digit(d) || d == '.' || d == ':' || hex_digit(d) >= 0)
		return false;
	if (!take_number(c, 2, &net) || !net || !take(c, d))
		return false;
	if (net == 1 ? !take_v4(c, '.', line) : !take_v6(c, line))
		return false;
	return take(c, d) && take_port(c, line) && take(c, d);
}

/* DDDportD, where D is as above. */
static bool take_extended_port(struct cursor *c, struct lvs_ftp_line *line)
{
	u8 d;

	if (c->at == c->end)
		return false;
	d = *c->at;
	if (d < '!' || d > '~' || is_digit(d))
		return false;
	return take(c, d) && take(c, d) && take(c, d) && take_port(c, line) && take(c, d);
}

static bool read_command(struct cursor *c, struct lvs_ftp_line *line, const u8 **begin)
{
	struct cursor other = *c;

	if (take_word(c, "PORT "))
		line->kind = LVS_FTP_PORT;
	else if (take_word(&other, "EPRT "))
		line->kind = LVS_FTP_EPRT;
	else
		return false;
	if (line->kind == LVS_FTP_EPRT)
		*c = other;
	*begin = c->at;
	if (line->kind == LVS_FTP_PORT ? !take_six(c, line) : !take_extended(c, line))
		return false;
	return c->at == c->end;
}

/* The text around an address is the server's to choose; the first digit begins it (RFC 1123). */
static bool read_reply(struct cursor *c, struct lvs_ftp_line *line, const u8 **begin)
{
	struct cursor other = *c;

	if (take_word(c, "227 ")) {
		line->kind = LVS_FTP_PASV;
		while (c->at < c->end && !is_digit(*c->at))
			c->at++;
		*begin = c->at;
		return take_six(c, line);
	}
	if (!take_word(&other, "229 "))
		return false;
	*c = other;
	line->kind = LVS_FTP_EPSV;
	while (c->at < c->end && *c->at != '(')
		c->at++;
	if (!take(c, '('))
		return false;
	*begin = c->at;
	if (!take_extended_port(c, line))
		return false;
	other = *c;
	return take(&other, ')');
}

enum lvs_ftp_kind lvs_ftp_parse(const u8 *text, u32 len, bool reply, struct lvs_ftp_line *line)
{
	struct cursor c = { text, text };
	const u8 *begin;

	memset(line, 0, sizeof(*line));
	while (c.end < text + len && *c.end != '\r' && *c.end != '\n')
		c.end++;
	if (text + len - c.end < 2 || c.end[0] != '\r' || c.end[1] != '\n')
		return LVS_FTP_NONE;
	if (reply ? !read_reply(&c, line, &begin) : !read_command(&c, line, &begin)) {
		memset(line, 0, sizeof(*line));
		return LVS_FTP_NONE;
	}
	line->at = begin - text;
	line->len = c.at - begin;
	return line->kind;
}

static u8 *put_number(u8 *to, u32 number)
{
	u32 unit = 10000;

	while (unit > 1 && number < unit)
		unit /= 10;
	for (; unit; unit /= 10)
		*to++ = '0' + number / unit % 10;
	return to;
}

static u8 *put_v4(u8 *to, const u8 *bytes, u8 between)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		if (i)
			*to++ = between;
		to = put_number(to, bytes[i]);
	}
	return to;
}

static u8 *put_v6(u8 *to, const u8 *bytes)
{
	static const char digits[] = "0123456789abcdef";
	u32 i;

	for (i = 0; i < 8; i++, bytes += 2) {
		u32 group = bytes[0] << 8 | bytes[1];
		int shift = 12;

		if (i)
			*to++ = ':';
		while (shift && !(group >> shift))
			shift -= 4;
		for (; shift >= 0; shift -= 4)
			*to++ = digits[group >> shift & 0xf];
	}
	return to;
}

u32 lvs_ftp_format(const struct lvs_ftp_line *line, u8 *text)
{
	const u8 *bytes = (const u8 *)&line->addr;
	u32 port = ntohs(line->port);
	u8 *to = text;

	switch (line->kind) {
	case LVS_FTP_PORT:
	case LVS_FTP_PASV:
		to = put_v4(to, bytes, ',');
		*to++ = ',';
		to = put_number(to, port >> 8);
		*to++ = ',';
		return put_number(to, port & 0xff) - text;
	case LVS_FTP_EPRT:
		*to++ = '|';
		*to++ = line->af == AF_INET ? '1' : '2';
		*to++ = '|';
		to = line->af == AF_INET ? put_v4(to, bytes, '.') : put_v6(to, bytes);
		break;
	case LVS_FTP_EPSV:
		*to++ = '|';
		*to++ = '|';
		break;
	case LVS_FTP_NONE:
		return 0;
	}
	*to++ = '|';
	to = put_number(to, port);
	*to++ = '|';
	return to - text;
}
