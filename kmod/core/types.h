/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The basic types of the pure logic in core/: the kernel's own inside the module, the UAPI's in
 * host tests and fuzzers.
 */
#ifndef LVS_CORE_TYPES_H
#define LVS_CORE_TYPES_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/stddef.h>
#include <linux/netfilter.h>
#include <asm/byteorder.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <linux/types.h>
#include <linux/netfilter.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define U16_MAX 0xffff
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

#endif /* LVS_CORE_TYPES_H */
