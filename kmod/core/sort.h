/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LVS_CORE_SORT_H
#define LVS_CORE_SORT_H

#include "core/types.h"

/* Does @a stand before @b, so that @b must not stand before @a? */
typedef bool (*lvs_before)(const void *ctx, u32 a, u32 b);

/*
 * The numbers from 0 to @n - 1 in order, equals as they were. @scratch has room for 2 * @n
 * numbers; the answer is in one half of it, whose address is returned.
 */
u32 *lvs_sort(u32 n, u32 *scratch, lvs_before before, const void *ctx);

#endif /* LVS_CORE_SORT_H */
