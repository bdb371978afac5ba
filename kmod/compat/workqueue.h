/* SPDX-License-Identifier: GPL-2.0-only */
/* The system's unbound work queue, whose name changed with Linux 6.17. */
#ifndef LVS_COMPAT_WORKQUEUE_H
#define LVS_COMPAT_WORKQUEUE_H

#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define lvs_unbound_wq system_dfl_wq
#else
#define lvs_unbound_wq system_unbound_wq
#endif

#endif
