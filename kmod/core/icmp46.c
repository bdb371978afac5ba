// SPDX-License-Identifier: GPL-2.0-only
#include "core/icmp46.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ipv6.h>

/* How much longer a header of IPv6 is. */
#define LONGER	20u

/* Every link of IPv6 takes packets of that size. */
#define LEAST_MTU_V6	1280u

/* The bytes of a header's field, and where it begins in a header of IPv4. */
struct field {
	u8 first;
	u8 last;
	u8 v4;
};

static const struct field fields[] = {
	{ 0, 0, 0 },	/* version */
	{ 1, 1, 1 },	/* traffic class, type of service */
	{ 4, 5, 2 },	/* length */
	{ 6, 6, 9 },	/* next header, protocol */
	{ 7, 7, 8 },	/* hop limit, time to live */
	{ 8, 23, 12 },	/* source */
	{ 24, 39, 16 },	/* destination */
};

static bool pointer_to_v4(u32 *pointer)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (*pointer >= fields[i].first && *pointer <= fields[i].last) {
			*pointer = fields[i].v4;
			return true;
		}
	}
	return false;
}

/* Old routers do not say what fits; then it is the next of the usual sizes (RFC 1191). */
static u32 usual_below(u32 len)
{
	static const u16 usual[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(usual); i++) {
		if (usual[i] < len)
			return usual[i];
	}
	return 68;
}

static bool set(struct lvs_icmp_head *head, u8 type, u8 code, u32 rest)
{
	head->type = type;
	head->code = code;
	head->rest = rest;
	return true;
}

static bool unreachable_to_v6(struct lvs_icmp_head *head, u32 len)
{
	u32 mtu = head->rest & 0xffff;

	switch (head->code) {
	case ICMP_NET_UNREACH:
	case ICMP_HOST_UNREACH:
	case ICMP_SR_FAILED:
	case ICMP_NET_UNKNOWN:
	case ICMP_HOST_UNKNOWN:
	case ICMP_HOST_ISOLATED:
	case ICMP_NET_UNR_TOS:
	case ICMP_HOST_UNR_TOS:
		return set(head, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
	case ICMP_PROT_UNREACH:
		return set(head, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR,
			   offsetof(struct ipv6hdr, nexthdr));
	case ICMP_PORT_UNREACH:
		return set(head, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
	case ICMP_FRAG_NEEDED:
		if (!mtu)
			mtu = usual_below(len);
		mtu += LONGER;
		return set(head, ICMPV6_PKT_TOOBIG, 0, mtu < LEAST_MTU_V6 ? LEAST_MTU_V6 : mtu);
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
	case ICMP_PREC_CUTOFF:
		return set(head, ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, 0);
	}
	return false;
}

bool lvs_icmp_to_v6(struct lvs_icmp_head *head, u32 len)
{
	switch (head->type) {
	case ICMP_DEST_UNREACH:
		return unreachable_to_v6(head, len);
	case ICMP_TIME_EXCEEDED:
		return set(head, ICMPV6_TIME_EXCEED, head->code, 0);
	}
	return false;
}

static bool unreachable_to_v4(struct lvs_icmp_head *head)
{
	switch (head->code) {
	case ICMPV6_NOROUTE:
	case ICMPV6_NOT_NEIGHBOUR:	/* beyond the scope of the source, by now */
	case ICMPV6_ADDR_UNREACH:
		return set(head, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	case ICMPV6_ADM_PROHIBITED:
		return set(head, ICMP_DEST_UNREACH, ICMP_HOST_ANO, 0);
	case ICMPV6_PORT_UNREACH:
		return set(head, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
	}
	return false;
}

static bool too_big_to_v4(struct lvs_icmp_head *head)
{
	u32 mtu = head->rest;

	if (mtu < LEAST_MTU_V6)
		mtu = LEAST_MTU_V6;
	mtu -= LONGER;
	return set(head, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu > 0xffff ? 0xffff : mtu);
}

static bool problem_to_v4(struct lvs_icmp_head *head)
{
	u32 pointer = head->rest;

	switch (head->code) {
	case ICMPV6_HDR_FIELD:
		return pointer_to_v4(&pointer) &&
		       set(head, ICMP_PARAMETERPROB, 0, pointer << 24);
	case ICMPV6_UNK_NEXTHDR:
		return set(head, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
	}
	return false;
}

bool lvs_icmp_to_v4(struct lvs_icmp_head *head)
{
	switch (head->type) {
	case ICMPV6_DEST_UNREACH:
		return unreachable_to_v4(head);
	case ICMPV6_PKT_TOOBIG:
		return too_big_to_v4(head);
	case ICMPV6_TIME_EXCEED:
		return set(head, ICMP_TIME_EXCEEDED, head->code, 0);
	case ICMPV6_PARAMPROB:
		return problem_to_v4(head);
	}
	return false;
}

u32 lvs_icmp_v4_quoted(const struct lvs_icmp_head *head)
{
	return (head->rest >> 16 & 0xff) * 4;
}

u32 lvs_icmp_v6_quoted(const struct lvs_icmp_head *head)
{
	if (head->type != ICMPV6_DEST_UNREACH && head->type != ICMPV6_TIME_EXCEED)
		return 0;
	return (head->rest >> 24) * 8;
}
