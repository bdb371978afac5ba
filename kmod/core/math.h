/* SPDX-License-Identifier: GPL-2.0-only */
/* Divisions that 32-bit kernels cannot write with an operator. */
#ifndef LVS_CORE_MATH_H
#define LVS_CORE_MATH_H

#include "core/types.h"

#ifdef __KERNEL__
#include <linux/math64.h>

static inline u64 lvs_div(u64 what, u32 by, u32 *rest)
{
	return div_u64_rem(what, by, rest);
}

static inline u64 lvs_div64(u64 what, u64 by, u64 *rest)
{
	return div64_u64_rem(what, by, rest);
}
#else
static inline u64 lvs_div(u64 what, u32 by, u32 *rest)
{
	*rest = (u32)(what % by);
	return what / by;
}

static inline u64 lvs_div64(u64 what, u64 by, u64 *rest)
{
	*rest = what % by;
	return what / by;
}
#endif

#endif /* LVS_CORE_MATH_H */
