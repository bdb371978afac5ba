/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink families of the module.
 *
 * Order of things when the module loads: a family is live from the moment it is registered, so the
 * per-namespace state must be there before (lvs_netns_init()). Family "IPVS" is claimed first of
 * all names that ip_vs and other directors have too: that fails without noise where such a module
 * is loaded. /proc/net/ip_vs* come after it (lvs_proc_init()), since a name clash there would warn.
 */
#ifndef LVS_NL_H
#define LVS_NL_H

/* Family "IPVS"; -EEXIST where another module has it. Process context. 0 or -errno. */
int lvs_nl_ipvs_register(void);
void lvs_nl_ipvs_unregister(void);

/* Family "LVS". Process context. 0 or -errno. */
int lvs_nl_lvs_register(void);
void lvs_nl_lvs_unregister(void);

#endif /* LVS_NL_H */
