// SPDX-License-Identifier: GPL-2.0-only
#include "core/parse.h"
#include "core/sctp_state.h"

/* Every extension header begins with the next one's type, and its own length or nothing. */
struct extension {
	u8 next;
	u8 len;
	__be16 place;	/* of a fragment header */
};

struct chunk {
	u8 type;
	u8 flags;
	__be16 len;	/* with this header, without the padding to four bytes */
};

static const struct chunk *chunk_at(const struct lvs_packet *pkt, u32 off, struct chunk *buf)
{
	return (const struct chunk *)lvs_bytes(pkt->skb, off, sizeof(*buf), buf);
}

/* An ABORT may share its packet only with chunks that stand before it. */
static bool aborts_behind(const struct lvs_packet *pkt, u32 off, u16 len)
{
	const struct chunk *chunk;
	struct chunk buf;

	if (len < sizeof(buf))
		return false;
	chunk = chunk_at(pkt, off + (len + 3u) / 4 * 4, &buf);
	return chunk && chunk->type == LVS_SCTP_CHUNK_ABORT;
}

enum lvs_parsed lvs_parse_sctp(struct lvs_packet *pkt)
{
	u32 off = pkt->l4_off + sizeof(struct lvs_sctphdr);
	const struct chunk *chunk;
	struct chunk buf;

	if (!lvs_parse_ports(pkt->skb, pkt->l4_off, &pkt->sport, &pkt->dport))
		return LVS_PARSED_BAD;
	chunk = chunk_at(pkt, off, &buf);
	if (!chunk)
		return LVS_PARSED_BAD;
	pkt->sctp_event = lvs_sctp_event_of(chunk->type);
	if ((pkt->sctp_event == LVS_SCTP_EV_COOKIE_ECHO ||
	     pkt->sctp_event == LVS_SCTP_EV_COOKIE_ACK) &&
	    aborts_behind(pkt, off, ntohs(chunk->len)))
		pkt->sctp_event = LVS_SCTP_EV_ABORT;
	return LVS_PARSED_FLOW;
}

static bool is_extension(u8 proto, bool behind_ah)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS || (behind_ah && proto == IPPROTO_AH);
}

int lvs_parse_extensions(const struct sk_buff *skb, u32 off, u8 *proto, bool *first,
			 bool behind_ah)
{
	*first = false;
	while (is_extension(*proto, behind_ah)) {
		const struct extension *ext;
		struct extension buf;
		u32 len;

		ext = (const struct extension *)lvs_bytes(skb, off, sizeof(buf), &buf);
		if (!ext)
			return -1;
		if (*proto == IPPROTO_FRAGMENT) {
			if (ext->place & htons(LVS_IP6_OFFSET)) {
				*proto = ext->next;
				return -1;
			}
			if (ext->place & htons(LVS_IP6_MORE))
				*first = true;
			len = 8;
		} else if (*proto == IPPROTO_AH) {
			len = (ext->len + 2) * 4;
		} else {
			len = (ext->len + 1) * 8;
		}
		*proto = ext->next;
		off += len;
	}
	return *proto == IPPROTO_NONE ? -1 : (int)off;
}

static __always_inline enum lvs_parsed parse_v6(struct lvs_packet *pkt, const struct ipv6hdr *iph,
						bool behind_ah)
{
	bool first = false;
	int off = sizeof(*iph);

	pkt->saddr.in6 = iph->saddr;
	pkt->daddr.in6 = iph->daddr;
	pkt->proto = iph->nexthdr;
	if (is_extension(pkt->proto, behind_ah)) {
		off = lvs_parse_extensions(pkt->skb, off, &pkt->proto, &first, behind_ah);
		/*
		 * IPv6 has its own answers to what is cut short or has no transport header. A
		 * first fragment is one of those that nf_defrag_ipv6 leaves to the stack. And in
		 * the greatest packets extension headers may end where no offset reaches.
		 */
		if (off < 0 || first || off > U16_MAX)
			return LVS_PARSED_OTHER;
	}
	pkt->l4_off = off;
	return lvs_parse_l4(pkt);
}

enum lvs_parsed lvs_parse_v6(struct lvs_packet *pkt, const struct ipv6hdr *iph)
{
	return parse_v6(pkt, iph, false);
}

enum lvs_parsed lvs_parse_v6_behind_ah(struct lvs_packet *pkt, const struct ipv6hdr *iph)
{
	return parse_v6(pkt, iph, true);
}
