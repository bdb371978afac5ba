/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The socket options of IPVS, older than its netlink family, for the clients that know nothing else
 * (the contract's section 1, end). IPv4 only.
 *
 * They are there once family "IPVS" was claimed (nl/nl.h), and taken away before it is given up.
 * The kernel keeps the module while one of them is being answered.
 */
#ifndef LVS_SOCKOPT_H
#define LVS_SOCKOPT_H

/* Process context. 0 or -errno: -EBUSY where another module has one of the numbers. */
int lvs_sockopt_init(void);
void lvs_sockopt_exit(void);

#endif /* LVS_SOCKOPT_H */
