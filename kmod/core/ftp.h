/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control connection of FTP says about data connections to come: PORT and the reply 227
 * of RFC 959, EPRT and the reply 229 of RFC 2428.
 */
#ifndef LVS_CORE_FTP_H
#define LVS_CORE_FTP_H

#include "core/types.h"

enum lvs_ftp_kind {
	LVS_FTP_NONE,
	LVS_FTP_PORT,	/* "PORT h1,h2,h3,h4,p1,p2": the client listens there */
	LVS_FTP_EPRT,	/* "EPRT |2|address|port|": the same */
	LVS_FTP_PASV,	/* "227 ... h1,h2,h3,h4,p1,p2 ...": the server listens there */
	LVS_FTP_EPSV,	/* "229 ... (|||port|)": the same, at the address it is spoken to */
};

struct lvs_ftp_line {
	enum lvs_ftp_kind kind;
	u8 af;				/* AF_INET or AF_INET6; EPSV: AF_UNSPEC */
	union nf_inet_addr addr;	/* unused bytes are zero; EPSV: none */
	__be16 port;			/* not 0 */
	u32 at;				/* where in the text the address begins, */
	u32 len;			/* and its length, port and delimiters included */
};

/* The longest text of an address: EPRT's, whose IPv6 address has eight groups of four digits. */
#define LVS_FTP_TEXT_MAX	49

/*
 * Read the line that the @len bytes at @text begin with: a command of the client or, with @reply,
 * the server's. Returns its kind; LVS_FTP_NONE for all others, for one that does not end within
 * @len, and for one that is not exactly as the RFCs have it.
 */
enum lvs_ftp_kind lvs_ftp_parse(const u8 *text, u32 len, bool reply, struct lvs_ftp_line *line);

/*
 * Write the text that takes the place of line->len bytes at line->at if the data connection goes
 * to line->addr and line->port: at most LVS_FTP_TEXT_MAX bytes at @text. Returns how many.
 */
u32 lvs_ftp_format(const struct lvs_ftp_line *line, u8 *text);

#endif /* LVS_CORE_FTP_H */
