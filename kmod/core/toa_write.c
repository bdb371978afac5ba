// SPDX-License-Identifier: GPL-2.0-only
#include "core/toa_write.h"

#include "lvs/toa.h"

#ifdef __KERNEL__
#include <linux/in.h>
#include <linux/socket.h>
#include <linux/string.h>
#else
#include <string.h>
#include <sys/socket.h>
#endif

u32 lvs_toa_len(u8 af)
{
	return af == AF_INET ? LVS_TOA_LEN_IPV4 : LVS_TOA_LEN_IPV6;
}

u32 lvs_toa_write(u8 *to, u8 kind, u8 af, const union nf_inet_addr *addr, __be16 port)
{
	u32 len = lvs_toa_len(af);

	to[0] = kind;
	to[1] = (u8)len;
	memcpy(to + 2, &port, sizeof(port));
	memcpy(to + 4, addr, len - 4);
	return len;
}

u32 lvs_uoa_write(u8 *to, u8 af, const union nf_inet_addr *addr, __be16 port)
{
	struct lvs_uoa_header header = {
		.version = (af == AF_INET ? LVS_UOA_IPV4 : LVS_UOA_IPV6) << 4,
		.next = IPPROTO_UDP,
		.len = htons((u16)(sizeof(header) + lvs_toa_len(af))),
	};

	memcpy(to, &header, sizeof(header));
	return (u32)sizeof(header) +
	       lvs_toa_write(to + sizeof(header), LVS_UOA_IPOPT, af, addr, port);
}

u32 lvs_uoa_len(const u8 *header)
{
	u32 len = (u32)header[2] << 8 | header[3];

	switch (header[0]) {
	case LVS_UOA_IPV4 << 4:
		if (len != sizeof(struct lvs_uoa_header) + LVS_TOA_LEN_IPV4)
			return 0;
		break;
	case LVS_UOA_IPV6 << 4:
		if (len != sizeof(struct lvs_uoa_header) + LVS_TOA_LEN_IPV6)
			return 0;
		break;
	default:
		return 0;
	}
	return header[1] == IPPROTO_UDP ? len : 0;
}
