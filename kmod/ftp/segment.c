// SPDX-License-Identifier: GPL-2.0-only
/* The segments of a control connection: what they say, and what is changed in them; ftp/ftp.h. */
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "conn/expiry.h"
#include "core/ftp.h"
#include "ftp/internal.h"
#include "fwd/fwd.h"
#include "fwd/tcp_header.h"
#include "netns.h"
#include "packet.h"
#include "pipeline.h"

/* As much of a segment as is read: no line that matters is longer. */
#define LINE_MAX	256

/*
 * The line that the segment's data begins with, if it tells of a data connection. @at is where in
 * the packet the data is. A packet whose checksum is wrong tells nothing.
 */
static enum lvs_ftp_kind read_line(const struct lvs_packet *pkt, bool reply,
				   struct lvs_ftp_line *line, u32 *at)
{
	struct sk_buff *skb = pkt->skb;
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(skb, pkt->l4_off, sizeof(buf), &buf);
	u8 text[LINE_MAX];
	u32 len;

	if (!th)
		return LVS_FTP_NONE;
	*at = pkt->l4_off + th->doff * 4;
	if (th->doff * 4 < sizeof(*th) || *at >= skb->len)
		return LVS_FTP_NONE;
	len = min_t(u32, skb->len - *at, sizeof(text));
	if (skb_copy_bits(skb, *at, text, len) || !lvs_ftp_parse(text, len, reply, line) ||
	    nf_checksum(skb, pkt->hook, pkt->l4_off, IPPROTO_TCP, pkt->af))
		return LVS_FTP_NONE;
	return line->kind;
}

static bool is_addr(const struct lvs_packet *pkt, const struct lvs_ftp_line *line,
		    const union nf_inet_addr *addr)
{
	return line->af == pkt->af && lvs_addr_equal(pkt->af, &line->addr, addr);
}

static void expect(struct lvs_ftp *ftp, struct lvs_ftp_wait *wait, __be16 port)
{
	spin_lock(&ftp->lock);
	lvs_ftp_expect(ftp, wait, port);
	spin_unlock(&ftp->lock);
}

static void sum_again(struct lvs_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	struct tcphdr *th = lvs_tcp_header(pkt);
	u32 len = skb->len - pkt->l4_off;
	__wsum sum = 0;

	th->check = 0;
	if (skb->ip_summed != CHECKSUM_PARTIAL) {
		sum = csum_partial(th, len, 0);
		skb->ip_summed = CHECKSUM_NONE;
	}
	if (pkt->af == AF_INET)
		th->check = csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, len,
					      IPPROTO_TCP, sum);
	else
		th->check = csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, len,
					    IPPROTO_TCP, sum);
	/* Whoever sums up the rest begins with the pseudo header's sum. */
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		th->check = ~th->check;
}

/* @len bytes at @at become @new_len others. False without memory. */
static bool replace_text(struct lvs_packet *pkt, u32 at, u32 len, const u8 *text, u32 new_len)
{
	struct sk_buff *skb = pkt->skb;
	u32 behind = skb->len - at - len;
	int more = new_len - len;

	if (!lvs_fwd_writable(skb, skb->len, 0))
		return false;
	if (more > skb_tailroom(skb) &&
	    pskb_expand_head(skb, 0, more - skb_tailroom(skb), GFP_ATOMIC))
		return false;
	if (more > 0)
		skb_put(skb, more);
	memmove(skb->data + at + new_len, skb->data + at + len, behind);
	memcpy(skb->data + at, text, new_len);
	if (more < 0)
		skb_trim(skb, skb->len + more);
	lvs_ip_length_changed(pkt, more);
	sum_again(pkt);
	return true;
}

/*
 * The sequence number of the text in the line. False for segments that the kernel put together:
 * these are none that say a line and wait for an answer.
 */
static bool number_of(const struct lvs_packet *pkt, const struct lvs_ftp_line *line, u32 *seq)
{
	struct tcphdr buf;
	const struct tcphdr *th = skb_header_pointer(pkt->skb, pkt->l4_off, sizeof(buf), &buf);

	if (!th || skb_is_gso(pkt->skb))
		return false;
	*seq = ntohl(th->seq) + line->at;
	return true;
}

/* The client, which knows the virtual service alone, shall come there. */
static bool tell_virtual_address(struct lvs_packet *pkt, struct lvs_conn *conn,
				 const struct lvs_ftp_line *line, u32 at)
{
	struct lvs_ftp_line shown = *line;
	u8 text[LVS_FTP_TEXT_MAX];
	bool replace;
	u32 len, seq;

	if (!number_of(pkt, line, &seq))
		return true;
	shown.addr = conn->vaddr;
	len = lvs_ftp_format(&shown, text);
	spin_lock(&conn->ftp->lock);
	replace = lvs_seq_adjust_replace(&conn->ftp->replaced[LVS_SIDE_SERVER], seq, line->len,
					 len);
	spin_unlock(&conn->ftp->lock);
	return !replace || replace_text(pkt, at + line->at, line->len, text, len);
}

/*
 * A new text of the client's: listen for the dest. Without a port the text goes as it is, this
 * time and whenever it is repeated.
 */
static void listen_for_dest(struct lvs_ftp *ftp, __be16 cport)
{
	bool listens = lvs_ftp_listen(ftp);

	ftp->told_port = listens ? ftp->listener->source.port : 0;
	lvs_ftp_expect(ftp, &ftp->client, listens ? cport : 0);
}

/* By FULLNAT the dest, which has no way to the client, shall come to where we listen. */
static bool tell_local_address(struct lvs_packet *pkt, struct lvs_conn *conn,
			       const struct lvs_ftp_line *line, u32 at)
{
	struct lvs_ftp_line shown = *line;
	struct lvs_ftp *ftp = conn->ftp;
	u8 text[LVS_FTP_TEXT_MAX];
	u32 seq, len = line->len;
	enum lvs_seq_text which;

	if (!number_of(pkt, line, &seq))
		return true;
	shown.addr = lvs_fullnat_of(conn)->laddr;
	spin_lock(&ftp->lock);
	which = lvs_seq_adjust_text(&ftp->replaced[LVS_SIDE_CLIENT], seq, line->len);
	if (which == LVS_SEQ_TEXT_NEW)
		listen_for_dest(ftp, line->port);
	else if (which == LVS_SEQ_TEXT_AGAIN && ftp->listener)
		lvs_ftp_expect(ftp, &ftp->client, ftp->client.port);
	shown.port = ftp->told_port;
	if (shown.port)
		len = lvs_ftp_format(&shown, text);
	if (!lvs_seq_adjust_replace(&ftp->replaced[LVS_SIDE_CLIENT], seq, line->len, len))
		shown.port = 0;
	spin_unlock(&ftp->lock);
	/* A port of ours is in use: that is looked after. */
	if (which == LVS_SEQ_TEXT_NEW && shown.port)
		lvs_expiry_hasten(&conn->ln->conns, conn);
	return !shown.port || replace_text(pkt, at + line->at, line->len, text, len);
}

/* What was replaced of what @side says. */
static struct lvs_seq_adjust adjust_of(struct lvs_ftp *ftp, enum lvs_side side)
{
	struct lvs_seq_adjust adjust;

	spin_lock(&ftp->lock);
	adjust = ftp->replaced[side];
	spin_unlock(&ftp->lock);
	return adjust;
}

static bool is_adjusted(const struct lvs_seq_adjust *adjust)
{
	return adjust->before || adjust->after;
}

/* What one end acknowledges are bytes that the other one, which sent them, numbers otherwise. */
static bool adjust_ack(struct lvs_packet *pkt, const struct lvs_seq_adjust *adjust)
{
	struct tcphdr *th;
	__wsum before;

	if (!is_adjusted(adjust))
		return true;
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0) || !lvs_tcp_whole_header(pkt) ||
	    !lvs_tcp_one_header(pkt))
		return false;
	th = lvs_tcp_header(pkt);
	before = lvs_tcp_header_sum(th);
	if (lvs_seq_adjust_sack(adjust, lvs_tcp_options_of(th), lvs_tcp_options_len(th)))
		lvs_tcp_header_changed(pkt->skb, th, before);
	if (th->ack)
		lvs_tcp_set_number(pkt->skb, th, &th->ack_seq,
				   lvs_seq_adjust_ack(adjust, ntohl(th->ack_seq)));
	return true;
}

static bool adjust_seq(struct lvs_packet *pkt, const struct lvs_seq_adjust *adjust)
{
	struct tcphdr *th;

	if (!is_adjusted(adjust))
		return true;
	if (!lvs_fwd_writable(pkt->skb, lvs_fwd_rewritten(pkt), 0) || !lvs_tcp_one_header(pkt))
		return false;
	th = lvs_tcp_header(pkt);
	lvs_tcp_set_number(pkt->skb, th, &th->seq, lvs_seq_adjust_seq(adjust, ntohl(th->seq)));
	return true;
}

bool lvs_ftp_request(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_seq_adjust said, heard;
	struct lvs_ftp *ftp = conn->ftp;
	struct lvs_ftp_line line;
	u32 at;

	/* Others' addresses are not for the client to give. */
	if (read_line(pkt, false, &line, &at) && is_addr(pkt, &line, &conn->caddr)) {
		if (lvs_conn_is_fullnat(conn)) {
			if (!tell_local_address(pkt, conn, &line, at))
				return false;
		} else {
			expect(ftp, &ftp->client, line.port);
		}
	}
	said = adjust_of(ftp, LVS_SIDE_CLIENT);
	heard = adjust_of(ftp, LVS_SIDE_SERVER);
	return adjust_seq(pkt, &said) && adjust_ack(pkt, &heard);
}

bool lvs_ftp_reply(struct lvs_packet *pkt, struct lvs_conn *conn)
{
	struct lvs_seq_adjust said, heard;
	struct lvs_ftp *ftp = conn->ftp;
	struct lvs_ftp_line line;
	u32 at;

	switch (read_line(pkt, true, &line, &at)) {
	case LVS_FTP_PASV:
		/* Nor are they for the dest. */
		if (!is_addr(pkt, &line, &conn->daddr))
			break;
		expect(ftp, &ftp->dest, line.port);
		if (!tell_virtual_address(pkt, conn, &line, at))
			return false;
		break;
	case LVS_FTP_EPSV:
		expect(ftp, &ftp->dest, line.port);
		break;
	default:
		break;
	}
	said = adjust_of(ftp, LVS_SIDE_SERVER);
	heard = adjust_of(ftp, LVS_SIDE_CLIENT);
	/* FULLNAT has shifted what left here, and takes that back only after us. */
	if (lvs_conn_is_fullnat(conn))
		lvs_seq_adjust_shift(&heard, lvs_fullnat_of(conn)->seq_delta);
	return adjust_seq(pkt, &said) && adjust_ack(pkt, &heard);
}
