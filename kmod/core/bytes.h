/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a packet's bytes, wherever they lie. What follows the header of an skb may be in one
 * piece with it or in pages of their own; on the host a packet is modelled the same way.
 */
#ifndef LVS_CORE_BYTES_H
#define LVS_CORE_BYTES_H

#include "core/types.h"

#ifdef __KERNEL__
#include <linux/skbuff.h>

/*
 * The @len bytes at @off: where they are, or copied to @buf if they are not in one piece; NULL if
 * the packet has not that many.
 */
static __always_inline const void *lvs_bytes(const struct sk_buff *skb, u32 off, u32 len, void *buf)
{
	return skb_header_pointer(skb, off, len, buf);
}
#else
#include <string.h>

struct sk_buff {
	const u8 *data;		/* the first bytes, in one piece */
	u32 head_len;
	const u8 *pages;	/* all others */
	u32 len;		/* of the whole packet */
};

static inline const void *lvs_bytes(const struct sk_buff *skb, u32 off, u32 len, void *buf)
{
	u32 i;

	if (off > skb->len || skb->len - off < len)
		return NULL;
	if (off + len <= skb->head_len)
		return skb->data + off;
	for (i = 0; i < len; i++, off++)
		((u8 *)buf)[i] = off < skb->head_len ? skb->data[off] :
						       skb->pages[off - skb->head_len];
	return buf;
}
#endif

#endif /* LVS_CORE_BYTES_H */
