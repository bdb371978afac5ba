/* SPDX-License-Identifier: GPL-2.0-only */
/* Before Linux 6.5 segmentation was declared with the socket buffers. */
#ifndef LVS_COMPAT_NET_GSO_H
#define LVS_COMPAT_NET_GSO_H

#include <linux/skbuff.h>

#endif
