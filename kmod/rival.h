/* SPDX-License-Identifier: GPL-2.0-only */
/* Mainline's ip_vs has the names that we have; only one of us can be loaded. */
#ifndef LVS_RIVAL_H
#define LVS_RIVAL_H

/* Refuse ip_vs from now on. Process context. 0 or -errno. */
int lvs_rival_init(void);
void lvs_rival_exit(void);

#endif /* LVS_RIVAL_H */
