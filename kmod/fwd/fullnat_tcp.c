// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/ktime.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "core/tcp_options.h"
#include "core/toa_write.h"
#include "fwd/fullnat_tcp.h"
#include "fwd/fwd.h"
#include "fwd/tcp_header.h"
#include "lvs/toa.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"
#include "svc/svc.h"
#include "upstream.h"

static const struct lvs_svc *svc_of(const struct lvs_conn *conn)
{
	return rcu_dereference(conn->dest->svc);
}

void lvs_fullnat_tcp_begin(struct lvs_fullnat_conn *fc, const struct lvs_packet *pkt,
			   bool dest_opens)
{
	const struct lvs_sysctls *s = &pkt->ln->sysctls;
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);

	fc->seq_delta = 0;
	fc->server_first = 0;
	fc->toa = LVS_FULLNAT_TOA_NONE;
	if (pkt->proto != IPPROTO_TCP || !th || dest_opens)
		return;
	if (READ_ONCE(s->fullnat_toa_entry) &&
	    !(READ_ONCE(svc_of(&fc->conn)->manner) & LVS_SVC_NO_TOA))
		fc->toa = LVS_FULLNAT_TOA_SEND;
	/* 64 ns a step, as the kernel's own. */
	if (pkt->tcp_flags & LVS_TCP_F_SYN && READ_ONCE(s->fullnat_conn_reused_entry))
		fc->seq_delta = fc->conn.link[LVS_SIDE_SERVER].hash + (u32)(ktime_get_ns() >> 6) -
				ntohl(th->seq);
}

/* Nothing but a timestamp, as in nearly every segment that has options at all. */
static bool is_only_timestamp(const struct lvs_packet *pkt)
{
	__be32 first, *at;

	if (lvs_tcp_options_len(lvs_tcp_header(pkt)) != TCPOLEN_TSTAMP_ALIGNED)
		return false;
	at = skb_header_pointer(pkt->skb, pkt->l4_off + sizeof(struct tcphdr), sizeof(first),
				&first);
	return at && *at == htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 |
				  TCPOLEN_TIMESTAMP);
}

/* Does the option tell a client's address? @own is the service's own kind of it, or 0. */
static bool is_toa(const struct lvs_tcp_option *option, u32 own)
{
	u8 kind = option->kind;

	if (option->len == LVS_TOA_LEN_IPV4)
		return kind == LVS_TOA_KIND || kind == LVS_TOA_KIND_FIRST || kind == own;
	return option->len == LVS_TOA_LEN_IPV6 &&
	       (kind == LVS_TOA_KIND || kind == LVS_TOA_KIND_IPV6 || kind == own);
}

/*
 * Blank what only we may say, or a trusted upstream, who then tells the real server in our stead;
 * and what the real server had better not hear.
 */
static void clean_options(const struct lvs_packet *pkt, struct lvs_fullnat_conn *fc,
			  struct tcphdr *th)
{
	u32 own = READ_ONCE(svc_of(&fc->conn)->toa_kind);
	u8 *options = lvs_tcp_options_of(th);
	u32 len = lvs_tcp_options_len(th), offset = 0;
	struct lvs_tcp_option option;

	while (lvs_tcp_option_next(options, len, &offset, &option)) {
		if (!is_toa(&option, own))
			continue;
		if (lvs_upstream_trusted(pkt))
			WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
		else
			lvs_tcp_option_blank(&option);
	}
	/* Whose SYN it answers has said already that it has timestamps. */
	if (th->syn && !th->ack && READ_ONCE(pkt->ln->sysctls.fullnat_timestamp_remove_entry))
		lvs_tcp_options_blank(options, len, LVS_TCPOPT_TIMESTAMP, 0);
}

/* Would the packet, or each one that it is going to be cut into, still fit? */
static bool has_room(const struct lvs_packet *pkt, u32 more, u32 mtu)
{
	const struct sk_buff *skb = pkt->skb;
	u32 headers = pkt->l4_off + lvs_tcp_header(pkt)->doff * 4;

	if (lvs_tcp_header(pkt)->doff * 4 + more > 60)
		return false;
	if (skb_is_gso(skb))
		return headers + skb_shinfo(skb)->gso_size + more <= mtu &&
		       skb->len + more <= IP_MAX_MTU;
	return skb->len + more <= mtu;
}

/*
 * Put the option behind the first 20 bytes of the TCP header: what stands before that moves into
 * the headroom. False without memory.
 */
static bool insert_toa(struct lvs_packet *pkt, const struct lvs_conn *conn)
{
	u32 before = pkt->l4_off + sizeof(struct tcphdr), l4_len = pkt->skb->len - pkt->l4_off;
	struct sk_buff *skb = pkt->skb;
	u8 toa[LVS_TOA_LEN_IPV6];
	struct tcphdr *th;
	__wsum sum;
	u32 len;

	len = lvs_toa_write(toa, READ_ONCE(svc_of(conn)->toa_kind) ?: LVS_TOA_KIND,
			    conn->link[LVS_SIDE_CLIENT].af, &conn->caddr, conn->cport);
	if (!lvs_fwd_writable(skb, pkt->l4_off + lvs_tcp_header(pkt)->doff * 4, len))
		return false;
	sum = lvs_tcp_header_sum(lvs_tcp_header(pkt));
	skb_push(skb, len);
	memmove(skb->data, skb->data + len, before);
	skb_reset_network_header(skb);
	/* To a socket of this host, IPv6 has yet to read what extension headers begin there. */
	skb->transport_header -= len;
	memcpy(skb->data + before, toa, len);
	th = lvs_tcp_header(pkt);
	th->doff += len / 4;
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		skb->csum_start -= len;
	} else {
		lvs_tcp_header_changed(skb, th, sum);
		/* The sum that the card may have made of the whole packet is of what it was. */
		if (skb->ip_summed == CHECKSUM_COMPLETE)
			skb->ip_summed = CHECKSUM_NONE;
	}
	/* The pseudo header has the length. */
	inet_proto_csum_replace2(&th->check, skb, htons(l4_len), htons(l4_len + len), true);
	lvs_ip_length_changed(pkt, len);
	return true;
}

/* Has the client acknowledged data? Then the dest has seen segments of the client's. */
static bool heard_out(const struct lvs_fullnat_conn *fc, const struct tcphdr *th)
{
	u32 first = READ_ONCE(fc->server_first);

	return first && th->ack && (s32)(ntohl(th->ack_seq) - first) > 0;
}

static bool tell_client(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc, u32 mtu)
{
	struct tcphdr *th = lvs_tcp_header(pkt);

	if (th->syn || th->rst || th->fin || !th->ack)
		return true;
	if (heard_out(fc, th)) {
		WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
		return true;
	}
	if (!has_room(pkt, lvs_toa_len(fc->conn.link[LVS_SIDE_CLIENT].af), mtu)) {
		atomic64_inc(&fc->source.map->laddr->toa_omitted);
		return true;
	}
	return insert_toa(pkt, &fc->conn);
}

bool lvs_fullnat_tcp_request(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc, u32 mtu)
{
	struct tcphdr *th;
	__wsum before;

	if (unlikely(!lvs_tcp_one_header(pkt)))
		return false;
	th = lvs_tcp_header(pkt);
	if (unlikely(lvs_tcp_options_len(th) && (th->syn || !is_only_timestamp(pkt)))) {
		if (!lvs_tcp_whole_header(pkt))
			return false;
		th = lvs_tcp_header(pkt);
		before = lvs_tcp_header_sum(th);
		clean_options(pkt, fc, th);
		lvs_tcp_header_changed(pkt->skb, th, before);
	}
	lvs_tcp_set_number(pkt->skb, th, &th->seq, ntohl(th->seq) + fc->seq_delta);
	if (READ_ONCE(fc->toa) != LVS_FULLNAT_TOA_SEND)
		return true;
	return tell_client(pkt, fc, mtu);
}

u32 lvs_fullnat_tcp_room(const struct lvs_fullnat_conn *fc)
{
	if (READ_ONCE(fc->toa) != LVS_FULLNAT_TOA_SEND)
		return 0;
	return lvs_toa_len(fc->conn.link[LVS_SIDE_CLIENT].af);
}

void lvs_fullnat_tcp_no_room(struct lvs_fullnat_conn *fc)
{
	WRITE_ONCE(fc->toa, LVS_FULLNAT_TOA_DONE);
	atomic64_inc(&fc->source.map->laddr->toa_omitted);
}

static void note_handshake(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc, struct tcphdr *th)
{
	u32 room = lvs_fullnat_tcp_room(fc);

	/* If it is 0, which stands for unknown, the option is sent for longer. */
	WRITE_ONCE(fc->server_first, ntohl(th->seq) + 1);
	if (room && READ_ONCE(pkt->ln->sysctls.fullnat_mss_adjust_entry))
		lvs_tcp_options_lower_mss(lvs_tcp_options_of(th), lvs_tcp_options_len(th), room);
}

bool lvs_fullnat_tcp_reply(struct lvs_packet *pkt, struct lvs_fullnat_conn *fc)
{
	struct tcphdr *th;
	__wsum before;

	if (unlikely(!lvs_tcp_one_header(pkt)))
		return false;
	th = lvs_tcp_header(pkt);
	if (unlikely(th->syn || (lvs_tcp_options_len(th) && !is_only_timestamp(pkt)))) {
		if (!lvs_tcp_whole_header(pkt))
			return false;
		th = lvs_tcp_header(pkt);
		before = lvs_tcp_header_sum(th);
		if (th->syn)
			note_handshake(pkt, fc, th);
		lvs_tcp_options_shift_sack(lvs_tcp_options_of(th), lvs_tcp_options_len(th),
					   fc->seq_delta);
		lvs_tcp_header_changed(pkt->skb, th, before);
	}
	if (th->ack)
		lvs_tcp_set_number(pkt->skb, th, &th->ack_seq,
				   ntohl(th->ack_seq) - fc->seq_delta);
	return true;
}

bool lvs_fullnat_tcp_limit_mss(struct lvs_packet *pkt, const struct lvs_fullnat_conn *fc, u32 mtu)
{
	u32 taken = sizeof(struct ipv6hdr) + sizeof(struct tcphdr);
	struct tcphdr *th;
	__wsum before;

	if (!READ_ONCE(pkt->ln->sysctls.fullnat_mss_adjust_entry))
		return true;
	/* It is the client's segments that carry the option: those that a SYN+ACK is about. */
	if (pkt->tcp_flags & LVS_TCP_F_ACK)
		taken += lvs_fullnat_tcp_room(fc);
	if (!lvs_tcp_whole_header(pkt))
		return false;
	th = lvs_tcp_header(pkt);
	before = lvs_tcp_header_sum(th);
	lvs_tcp_options_cap_mss(lvs_tcp_options_of(th), lvs_tcp_options_len(th),
				mtu - min(mtu, taken));
	lvs_tcp_header_changed(pkt->skb, th, before);
	return true;
}
