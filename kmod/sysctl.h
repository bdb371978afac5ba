/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings under net.ipv4.vs, each namespace's own.
 *
 * To add one: a field here, its default in lvs_sysctls_init(), its name and range in the table in
 * sysctl.c. Who reads one does so with READ_ONCE(); it may change at any time.
 */
#ifndef LVS_SYSCTL_H
#define LVS_SYSCTL_H

/* sync_threshold: a packet's number in its period, and the period. */
#define LVS_SYNC_THRESHOLDS	2

/* conn_reuse_mode: a SYN begins a new connection also in FIN_WAIT where replies are not seen. */
#define LVS_REUSE_FIN_WAIT	2

struct lvs_sysctls {
	/* new connections */
	int conn_max;			/* as many there may be, templates included */
	int conn_reuse_mode;		/* 0: a SYN never begins a new one; LVS_REUSE_* */
	int sloppy_tcp;			/* bool: any segment but RST opens a connection */
	int sloppy_sctp;		/* bool: any chunk but ABORT opens an association */
	int expire_nodest_conn;		/* bool: a deleted dest's connections end */
	int expire_quiescent_template;	/* bool: templates do not lead to a dest of weight 0 */
	int conn_expire_tcp_rst;	/* bool: the ends of a connection hear of its expiry */
	int lblc_expiration;		/* seconds */
	int lblcr_expiration;		/* seconds */
	int cache_bypass;		/* bool: without a dest a mark's packets go on unchanged */
	int schedule_icmp;		/* bool: an ICMP error may open the connection it quotes */
	int nat_icmp_send;		/* bool: a NAT dest hears that a connection is no more */
	int ignore_tunneled;		/* bool: what comes out of a tunnel opens no connections */

	/* forwarding */
	int pmtu_disc;			/* bool: tunnels have DF as the packet inside, IPv4 */
	int conntrack;			/* bool: conntrack has the connections; ctl, acquire */
	int snat_reroute;		/* bool: replies of NAT are routed by their new source */

	/* memory running short: defence.h */
	int amemthresh;			/* pages that shall be free */
	int am_droprate;		/* of so many packets drop_packet always drops one */
	int drop_entry;
	int drop_packet;
	int secure_tcp;

	/* FULLNAT */
	int fullnat_lport_min;		/* ports of local addresses, from ... */
	int fullnat_lport_max;		/* ... to */
	int fullnat_lport_tries;	/* ports of this host's own sockets that are passed over */
	int fullnat_toa_entry;		/* bool: real servers are told the client's address */
	int fullnat_mss_adjust_entry;	/* bool: the client's MSS makes room for that */
	int fullnat_timestamp_remove_entry;	/* bool: no TCP timestamps */
	int fullnat_conn_reused_entry;	/* bool: initial sequence numbers of our own */

	/* the table and the estimator */
	int run_estimation;		/* bool: rates are estimated */
	int est_nice;			/* of the estimator; its CPUs: lvs_estimator.cpus */
	int conn_lfactor;		/* logarithms: connections and services to a bucket */
	int svc_lfactor;

	/* connection sync */
	int sync_version;
	int sync_ports;
	int sync_persist_mode;
	int sync_qlen_max;
	int sync_sock_size;
	int sync_threshold[LVS_SYNC_THRESHOLDS];
	int sync_refresh_period;	/* seconds */
	int sync_retries;
	int backup_only;		/* bool: a backup forwards nothing */
};

/* Set the defaults. */
void lvs_sysctls_init(struct lvs_sysctls *s);

/* Show them under /proc/sys, in all namespaces. */
int lvs_sysctl_init(void);
void lvs_sysctl_exit(void);

#endif /* LVS_SYSCTL_H */
