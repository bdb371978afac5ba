/* SPDX-License-Identifier: GPL-2.0-only */
/* Every packet that the director drops is counted here by its reason. */
#ifndef LVS_DROP_H
#define LVS_DROP_H

#include <linux/percpu.h>

/* Numbers and names are ABI (LVS_DROP_A_REASON, LVS_DROP_A_NAME): append only. */
#define LVS_DROP_REASONS(X)						\
	X(MALFORMED,	"malformed")	/* a header lies about lengths */ \
	X(NO_DEST,	"no-dest")	/* no dest eligible, client told */ \
	X(DEST_GONE,	"dest-gone")	/* the connection's dest was removed */ \
	X(NO_MEMORY,	"no-memory")	/* a connection or a header could not be allocated */ \
	X(NO_ROUTE,	"no-route")	/* no route to the dest */ \
	X(TOO_BIG,	"too-big")	/* over the path MTU with DF, sender told */ \
	X(TTL,		"ttl-exceeded")	/* TTL or hop limit at 1, sender told */ \
	X(LOCAL_ROUTE,	"local-route")	/* a dest is local where that cannot work */ \
	X(ICMP,		"icmp")		/* an ICMP error of a connection could not be relayed */ \
	X(NO_CALL_ID,	"no-call-id")	/* a SIP service's datagram names no call */ \
	X(NO_LADDR,	"no-local-address")	/* no local address for the dest */ \
	X(NO_PORT,	"no-local-port")	/* no free port, client told */ \
	X(DROP_PACKET,	"drop-packet")	/* one of some new connections, to spare memory */ \
	X(CONN_MAX,	"conn-max")	/* as many connections as there may be */ \
	X(NO_CONN,	"no-connection") /* a NAT dest's reply of no connection, dest told */ \
	X(CONNTRACK,	"conntrack")	/* the kernel's connection tracking refused it */ \
	X(LIMIT,	"limit")	/* the service's limit of connections, or of new ones */ \
	X(CLIENT_LIMIT,	"client-limit")	/* the same for each client */	\
	X(IPSEC,	"ipsec-by-fullnat") /* AH or ESP, which FULLNAT cannot carry */

enum lvs_drop_reason {
#define LVS_DROP_ENUM(id, name) LVS_DROP_##id,
	LVS_DROP_REASONS(LVS_DROP_ENUM)
#undef LVS_DROP_ENUM
	LVS_DROP_MAX,
	LVS_DROP_NONE = LVS_DROP_MAX,
};

struct lvs_drops {
	u64 count[LVS_DROP_MAX];
};

struct lvs_net;
struct lvs_svc;

const char *lvs_drop_name(enum lvs_drop_reason reason);

/*
 * Count one packet dropped for @reason in the namespace's totals and, where @svc is not NULL, for
 * that service. Softirq or any context with bottom halves off; no locks, no references.
 */
void lvs_drop_count(struct lvs_net *ln, struct lvs_svc *svc, enum lvs_drop_reason reason);

/* Sum over the CPUs. Any context. */
u64 lvs_drops_sum(struct lvs_drops __percpu *drops, enum lvs_drop_reason reason);

#endif /* LVS_DROP_H */
