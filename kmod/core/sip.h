/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the Call-ID of a SIP message (RFC 3261), which tells calls apart. */
#ifndef LVS_CORE_SIP_H
#define LVS_CORE_SIP_H

#include "core/types.h"

/* The longest Call-ID that is of use. */
#define LVS_SIP_CALL_ID_MAX 255

/*
 * Find the Call-ID in the head of a message, @len bytes at @text: in the first header field of
 * that name, long or compact, in whatever case. Returns its length, 1 to LVS_SIP_CALL_ID_MAX, and
 * where it begins in @at; or 0 if there is none that can be used: no such field before the end of
 * the head, one that is empty, too long or not of printable characters, or one whose line does not
 * end within @len.
 */
u32 lvs_sip_call_id(const u8 *text, u32 len, u32 *at);

#endif /* LVS_CORE_SIP_H */
