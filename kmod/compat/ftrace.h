/* SPDX-License-Identifier: GPL-2.0-only */
/* What an ftrace callback sees of the traced function's registers; Linux 6.2 and 6.3 named it. */
#ifndef LVS_COMPAT_FTRACE_H
#define LVS_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/ptrace.h>

/* The traced function's argument number @n, counted from 0. */
#ifdef ftrace_regs_get_argument
#define lvs_ftrace_argument(fregs, n) ftrace_regs_get_argument(fregs, n)
#else
#define lvs_ftrace_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

/* Continue at @ip instead of the traced function. */
#ifdef ftrace_regs_set_instruction_pointer
#define lvs_ftrace_divert(fregs, ip) ftrace_regs_set_instruction_pointer(fregs, ip)
#else
#define lvs_ftrace_divert(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif

#endif
