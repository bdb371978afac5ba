/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Generic netlink family "LVS": what lvs.ko offers beyond the family "IPVS".
 *
 * The message trees (-> request, <- reply, * repeated, ? optional):
 *
 *   GET_INFO   do
 *     -> (nothing)
 *     <- VERSION string, ABI_MIN u32, ABI_MAX u32
 *
 *   BATCH      do, whole or not at all
 *     -> OP*  { CMD u32, SERVICE? {IPVS_SVC_ATTR_*}, DEST? {IPVS_DEST_ATTR_*},
 *               OPTIONS? {LVS_OPTION_A_*}, LADDR? 4 or 16 bytes, LADDRS? { LADDR* } }
 *     <- (ack); an error's NLMSGERR_ATTR_OFFS lies inside the OP that failed
 *     Allowed: NEW/SET/DEL_SERVICE, NEW/SET/DEL_DEST, ZERO, FLUSH, each with the attributes
 *     and the errors that the command has in family "IPVS". NEW_SERVICE and SET_SERVICE take
 *     OPTIONS, for what IPVS has no attributes: EST_TIMEOUT? u32, UDP_LIMIT? u32 (seconds, up to
 *     LVS_OPTION_SECONDS_MAX; 0: none), MAX_CONNS? u32, MAX_RATE? u32, CLIENT_CONNS? u32,
 *     CLIENT_RATE? u32 (connections at once, and new ones a second, of all clients or of each; 0:
 *     no limit; rates up to LVS_OPTION_RATE_MAX), TOA_KIND? u32 (of the TCP option by which FULLNAT
 *     tells the client, none that TCP has itself; 0: LVS_TOA_KIND), UOA? u32
 *     (LVS_OPTION_UOA_*), FLAGS? u32 (LVS_OPTION_F_*). What is not named there is off; without
 *     OPTIONS, SET_SERVICE leaves them as they are, and NEW_SERVICE takes those of the service's
 *     profile. EINVAL for other values. And
 *     LVS_OP_ADD_LADDR, LVS_OP_DEL_LADDR (SERVICE, LADDR): a local address of the service's pool.
 *     EEXIST (not for one that its profile brought), ENOENT; EADDRNOTAVAIL for one that is not
 *     this host's. And
 *     LVS_OP_SET_PROFILE (SERVICE's identity, OPTIONS?, LADDRS?), LVS_OP_DEL_PROFILE (SERVICE):
 *     what a service of that identity gets when it is added, by whichever client. A port of 0
 *     stands for all ports of that address and protocol that have no profile of their own. SET
 *     makes or replaces it; services that exist keep what they have. EINVAL, EEXIST (an address
 *     twice), EADDRNOTAVAIL; ESRCH when there is none to delete.
 *     And LVS_OP_DRAIN_DEST (SERVICE, DEST identity): its weight becomes 0, persistent clients are
 *     sent elsewhere, and of its TCP connections the director notes what their ends await. And
 *     LVS_OP_RESET_DEST: the connections of the dest end at once; both ends of an established TCP
 *     connection whose client spoke since DRAIN_DEST get a RST. ESRCH, ENOENT.
 *
 *   GET_DROPS  dump
 *     -> (nothing)
 *     <- one message for the namespace's totals, then one for each service:
 *        SERVICE? {IPVS_SVC_ATTR_* identity: AF and FWMARK, or AF PROTOCOL ADDR PORT},
 *        DROP* { REASON u32, NAME string, COUNT u64 }     (every reason, zero counts too)
 *
 *   GET_LADDRS  dump
 *     -> SERVICE?                                           (all services without)
 *     <- one message for each local address of each service's pool:
 *        SERVICE {identity}, LADDR { ADDR 4 or 16 bytes, PORTS u32, CONFLICTS u64, EXHAUSTED u64,
 *        TOA_OMITTED u64, UOA_TOLD u64 }
 *        PORTS are taken by connections, towards all real servers; CONFLICTS are ports passed over
 *        because a socket of the director has them; EXHAUSTED are connections that found no port,
 *        TOA_OMITTED packets without room for the client's address, UOA_TOLD datagrams that had it.
 *
 *   GET_OPTIONS  dump
 *     -> (nothing)
 *     <- one message for each service that has any: SERVICE {identity}, OPTIONS, all of them
 *
 *   GET_PROFILES  dump
 *     -> (nothing)
 *     <- for each profile one message with SERVICE {identity}, OPTIONS, all of them; then one
 *        with SERVICE, LADDR { ADDR } for each of its local addresses
 *
 *   GET_DESTS  dump
 *     -> SERVICE?                                           (all services without)
 *     <- one message for each dest of each service, in the order of family "IPVS":
 *        SERVICE {identity}, DEST {IPVS_DEST_ATTR_* as in a reply of family "IPVS", but
 *        FWD_METHOD is the method that it really has, and of the counters only STATS64}
 *
 *   GET_CONNS  dump
 *     -> (nothing)
 *     <- one message for each connection and persistence template, as in /proc/net/ip_vs_conn:
 *        CONN { PROTOCOL u16 (0: a template of a service by mark), STATE string,
 *        EXPIRES u32 (seconds), CLIENT, CLIENT_PORT, VIRTUAL, VIRTUAL_PORT, DEST, DEST_PORT,
 *        LOCAL?, LOCAL_PORT? (FULLNAT), PE_NAME? string, PE_DATA? bytes }
 *        Addresses have 4 or 16 bytes, ports are be16.
 *
 * OPs stand at the top level, not in a list of their own: a nest's length is 16 bits and
 * would bound a batch to 64 KiB.
 *
 * Every request carries LVS_GENL_VERSION in genlmsghdr.version. A module refuses a version
 * newer than its LVS_A_ABI_MAX with EPROTONOSUPPORT and an extack message, GET_INFO excepted.
 * Every command needs CAP_NET_ADMIN.
 */
#ifndef LVS_ABI_H
#define LVS_ABI_H

#define LVS_GENL_NAME		"LVS"
#define LVS_GENL_VERSION	1
#define LVS_ABI_MIN_VERSION	1
#define LVS_VERSION		"0.1.0"

/* A dest's FWD_METHOD beside IP_VS_CONN_F_MASQ and the others: the number it has in its lineage. */
#define LVS_FWD_FULLNAT		5

enum lvs_genl_cmd {
	LVS_CMD_UNSPEC,
	LVS_CMD_GET_INFO,
	LVS_CMD_BATCH,
	LVS_CMD_GET_DROPS,
	LVS_CMD_GET_LADDRS,
	LVS_CMD_GET_DESTS,
	LVS_CMD_GET_CONNS,
	LVS_CMD_GET_OPTIONS,
	LVS_CMD_GET_PROFILES,
	LVS_CMD_END,
};

#define LVS_CMD_MAX (LVS_CMD_END - 1)

enum lvs_genl_attr {
	LVS_A_UNSPEC,
	LVS_A_VERSION,		/* string */
	LVS_A_ABI_MIN,		/* u32 */
	LVS_A_ABI_MAX,		/* u32 */
	LVS_A_OP,		/* nest of lvs_op_attr, repeated */
	LVS_A_SERVICE,		/* nest of IPVS_SVC_ATTR_* */
	LVS_A_DROP,		/* nest of lvs_drop_attr, repeated */
	LVS_A_PAD,
	LVS_A_LADDR,		/* nest of lvs_laddr_attr */
	LVS_A_DEST,		/* nest of IPVS_DEST_ATTR_* */
	LVS_A_CONN,		/* nest of lvs_conn_attr */
	LVS_A_OPTIONS,		/* nest of lvs_option_attr */
	LVS_A_END,
};

#define LVS_A_MAX (LVS_A_END - 1)

enum lvs_op_attr {
	LVS_OP_A_UNSPEC,
	LVS_OP_A_CMD,		/* u32, an IPVS_CMD_* or enum lvs_op_cmd */
	LVS_OP_A_SERVICE,	/* nest of IPVS_SVC_ATTR_* */
	LVS_OP_A_DEST,		/* nest of IPVS_DEST_ATTR_* */
	LVS_OP_A_LADDR,		/* 4 or 16 bytes, network order */
	LVS_OP_A_OPTIONS,	/* nest of lvs_option_attr */
	LVS_OP_A_LADDRS,	/* nest of LVS_OP_A_LADDR, repeated */
	LVS_OP_A_END,
};

#define LVS_OP_A_MAX (LVS_OP_A_END - 1)

/* What a batch can do beside IPVS_CMD_*. */
enum lvs_op_cmd {
	LVS_OP_ADD_LADDR = 256,
	LVS_OP_DEL_LADDR,
	LVS_OP_SET_PROFILE,
	LVS_OP_DEL_PROFILE,
	LVS_OP_DRAIN_DEST,
	LVS_OP_RESET_DEST,
};

enum lvs_option_attr {
	LVS_OPTION_A_UNSPEC,
	LVS_OPTION_A_EST_TIMEOUT, /* u32, seconds: of established TCP connections */
	LVS_OPTION_A_UDP_LIMIT,	/* u32, seconds: how long a UDP flow stays with its dest */
	LVS_OPTION_A_FLAGS,	/* u32, LVS_OPTION_F_* */
	LVS_OPTION_A_MAX_CONNS,	/* u32: connections at once */
	LVS_OPTION_A_MAX_RATE,	/* u32: new ones a second */
	LVS_OPTION_A_CLIENT_CONNS, /* u32: the same of each client's address */
	LVS_OPTION_A_CLIENT_RATE, /* u32 */
	LVS_OPTION_A_TOA_KIND,	/* u32 */
	LVS_OPTION_A_UOA,	/* u32, LVS_OPTION_UOA_* */
	LVS_OPTION_A_END,
};

#define LVS_OPTION_A_MAX (LVS_OPTION_A_END - 1)

/* Seconds: in a kernel's clock ticks they still fit its 32 bits with room to compare. */
#define LVS_OPTION_SECONDS_MAX	1000000

#define LVS_OPTION_RATE_MAX	1000000

#define LVS_OPTION_F_EXPIRE_RST	1	/* both ends hear that their TCP connection has expired */
#define LVS_OPTION_F_CLAMP_MSS	2	/* a SYN through a tunnel states no more than fits there */
#define LVS_OPTION_F_MASQ_FULLNAT 4	/* dests that are set to NAT get FULLNAT */
#define LVS_OPTION_F_NO_TOA	8	/* FULLNAT does not tell real servers the client */
#define LVS_OPTION_F_ALL	15

/* How FULLNAT tells real servers the client of a UDP flow (lvs/toa.h). */
#define LVS_OPTION_UOA_NONE	0
#define LVS_OPTION_UOA_OPTION	1	/* by an option of the IPv4 header */
#define LVS_OPTION_UOA_HEADER	2	/* by a header of protocol 248 */

/* Local addresses of one profile. */
#define LVS_PROFILE_LADDRS_MAX	2048

enum lvs_laddr_attr {
	LVS_LADDR_A_UNSPEC,
	LVS_LADDR_A_ADDR,	/* 4 or 16 bytes, network order */
	LVS_LADDR_A_PORTS,	/* u32 */
	LVS_LADDR_A_CONFLICTS,	/* u64 */
	LVS_LADDR_A_EXHAUSTED,	/* u64 */
	LVS_LADDR_A_PAD,
	LVS_LADDR_A_TOA_OMITTED, /* u64 */
	LVS_LADDR_A_UOA_TOLD,	/* u64 */
	LVS_LADDR_A_END,
};

#define LVS_LADDR_A_MAX (LVS_LADDR_A_END - 1)

enum lvs_conn_attr {
	LVS_CONN_A_UNSPEC,
	LVS_CONN_A_PROTOCOL,	/* u16 */
	LVS_CONN_A_STATE,	/* string */
	LVS_CONN_A_EXPIRES,	/* u32, seconds */
	LVS_CONN_A_CLIENT,	/* 4 or 16 bytes, network order; as the other addresses */
	LVS_CONN_A_CLIENT_PORT,	/* be16; as the other ports */
	LVS_CONN_A_VIRTUAL,
	LVS_CONN_A_VIRTUAL_PORT,
	LVS_CONN_A_DEST,
	LVS_CONN_A_DEST_PORT,
	LVS_CONN_A_LOCAL,
	LVS_CONN_A_LOCAL_PORT,
	LVS_CONN_A_PE_NAME,	/* string */
	LVS_CONN_A_PE_DATA,	/* bytes */
	LVS_CONN_A_END,
};

#define LVS_CONN_A_MAX (LVS_CONN_A_END - 1)

enum lvs_drop_attr {
	LVS_DROP_A_UNSPEC,
	LVS_DROP_A_REASON,	/* u32, stable number of the reason */
	LVS_DROP_A_NAME,	/* string, e.g. "no-dest" */
	LVS_DROP_A_COUNT,	/* u64, packets */
	LVS_DROP_A_PAD,
	LVS_DROP_A_END,
};

#define LVS_DROP_A_MAX (LVS_DROP_A_END - 1)

#endif /* LVS_ABI_H */
