// SPDX-License-Identifier: GPL-2.0-only
#include "core/sort.h"

/* Merge sort, which leaves equals as they are. */
u32 *lvs_sort(u32 n, u32 *scratch, lvs_before before, const void *ctx)
{
	u32 *from = scratch, *to = scratch + n;
	u32 width, i;

	for (i = 0; i < n; i++)
		from[i] = i;
	for (width = 1; width < n; width *= 2) {
		u32 begin = 0;
		u32 *tmp;

		while (begin < n) {
			u32 middle = n - begin > width ? begin + width : n;
			u32 end = n - middle > width ? middle + width : n;
			u32 left = begin, right = middle;

			for (i = begin; i < end; i++) {
				bool take_left = left < middle &&
						 (right == end ||
						  !before(ctx, from[right], from[left]));

				to[i] = from[take_left ? left++ : right++];
			}
			begin = end;
		}
		tmp = from;
		from = to;
		to = tmp;
	}
	return from;
}
