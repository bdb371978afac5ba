// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC32C as arithmetic: polynomials over GF(2) modulo the Castagnoli polynomial, the coefficient of
 * x^0 in the highest bit, as the checksum has it. A byte that follows multiplies by x^8.
 */
#include "core/crc32c.h"

#define CASTAGNOLI 0x82f63b78u

/* x^(8 * 2^k): what 2^k bytes multiply by. A packet has less than 2^16. */
#define POWERS 16
static const u32 power[POWERS] = {
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c,
	0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
	0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
	0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
};

static u32 times_x(u32 a)
{
	return a >> 1 ^ (a & 1 ? CASTAGNOLI : 0);
}

static u32 multiply(u32 a, u32 b)
{
	u32 product = 0;

	for (; a; a <<= 1) {
		if (a & 0x80000000u)
			product ^= b;
		b = times_x(b);
	}
	return product;
}

u32 lvs_crc32c_change(const u8 change[4], u32 after)
{
	u32 crc = change[0] | change[1] << 8 | change[2] << 16 | (u32)change[3] << 24;
	unsigned int i;

	for (i = 0; i < 32; i++)
		crc = times_x(crc);
	for (i = 0; after && i < POWERS; i++, after >>= 1) {
		if (after & 1)
			crc = multiply(power[i], crc);
	}
	return crc;
}
