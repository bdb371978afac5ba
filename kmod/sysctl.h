/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings under net.ipv4.vs, each namespace's own.
 *
 * To add one: a field here, its default in lvs_sysctls_init(), its name and range in the table in
 * sysctl.c. Who reads one does so with READ_ONCE(); it may change at any time.
 */
#ifndef LVS_SYSCTL_H
#define LVS_SYSCTL_H

struct lvs_sysctls {
	int lblc_expiration;	/* seconds */
	int lblcr_expiration;	/* seconds */
	int expire_nodest_conn;		/* bool: a deleted dest's connections end */
	int expire_quiescent_template;	/* bool: templates do not lead to a dest of weight 0 */
	int sloppy_sctp;		/* bool: any chunk but ABORT opens an association */
	int fullnat_lport_min;		/* ports of local addresses, from ... */
	int fullnat_lport_max;		/* ... to */
	int fullnat_lport_tries;	/* ports of this host's own sockets that are passed over */
};

/* Set the defaults. */
void lvs_sysctls_init(struct lvs_sysctls *s);

/* Show them under /proc/sys, in all namespaces. */
int lvs_sysctl_init(void);
void lvs_sysctl_exit(void);

#endif /* LVS_SYSCTL_H */
