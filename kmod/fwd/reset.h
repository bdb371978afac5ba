/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LVS_FWD_RESET_H
#define LVS_FWD_RESET_H

struct lvs_conn;

/*
 * Send a RST to both ends of a TCP connection that has a dest and whose numbers are known, each as
 * if the other end had sent it: to the dest by the connection's method, to the client from the
 * virtual service. What cannot be sent is lost. Process context, under RCU.
 */
void lvs_fwd_reset(struct lvs_conn *conn);

#endif /* LVS_FWD_RESET_H */
