// SPDX-License-Identifier: GPL-2.0-only
/*
 * Learning who the client is from the TCP options of what a director sends.
 *
 * tcp_child_process() gets each new connection together with the segment that completed its
 * handshake, whichever the family, with or without cookies, and with the child's lock held since
 * it was made: accept() waits for that lock before it can ask for the peer's name. If no address
 * is there yet, an entry without one marks the connection as accepted, not made by this host.
 *
 * tcp_parse_options() sees later segments, but only those that carry more than timestamps, so
 * plain traffic costs nothing. A child of TCP Fast Open, made by the SYN, is learned there too.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "compat/ftrace.h"
#include "toa/toa.h"

static char *kinds_text = "254/8,254/20,253/20,200/8";
module_param_named(kinds, kinds_text, charp, 0444);
MODULE_PARM_DESC(kinds, "TCP options with an address, kind/length (254/8,254/20,253/20,200/8)");

static struct toa_kinds kinds;

static enum toa_found read_segment(const struct sk_buff *skb, struct toa_endpoint *client)
{
	/* TCP has pulled its whole header. */
	const struct tcphdr *th = tcp_hdr(skb);

	if (th->syn || th->rst)
		return TOA_NONE;
	return toa_in_tcp(&kinds, (const u8 *)(th + 1), th->doff * 4 - sizeof(*th), client);
}

/*
 * The segment that makes a connection: its numbers are checked already. Without an address the
 * connection is kept in mind if its peer may tell one later.
 */
static void learn_first(const struct sock *sk, const struct sk_buff *skb)
{
	struct toa_endpoint client, peer;
	enum toa_found found = read_segment(skb, &client);

	toa_count(found == TOA_FOUND ? TOA_SYN_RECV_SOCK_TOA : TOA_SYN_RECV_SOCK_NO_TOA);
	if (found == TOA_BAD)
		toa_count(TOA_BAD_ADDRESS);
	toa_peer(sk, &peer);
	if (toa_trusted(peer.addr))
		toa_add(sk, &peer, found == TOA_FOUND ? &client : NULL);
	else if (found == TOA_FOUND)
		toa_count(TOA_UNTRUSTED);
}

/* Whether TCP will take the segment as this connection's: who only guesses its ports is refused. */
static bool in_window(const struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 ack = ntohl(tcp_hdr(skb)->ack_seq);

	return tcp_hdr(skb)->ack &&
	       !before(cb->end_seq, tp->rcv_wup) &&
	       !after(cb->seq, tp->rcv_nxt + tcp_receive_window(tp)) &&
	       !before(ack, tp->snd_una - tp->max_window) && !after(ack, tp->snd_nxt);
}

static void learn_later(const struct sock *sk, const struct sk_buff *skb)
{
	struct toa_endpoint client;
	enum toa_found found = read_segment(skb, &client);
	struct toa_entry *entry;

	if (found == TOA_NONE)
		return;
	/* On the way to it others' entries are met, which the lock of this socket does not keep. */
	rcu_read_lock();
	entry = toa_find(sk);
	rcu_read_unlock();
	if (sk->sk_state == TCP_SYN_RECV) {
		/* All others come here with the segment that learn_first() has seen. */
		if (!entry && rcu_access_pointer(tcp_sk(sk)->fastopen_rsk))
			learn_first(sk, skb);
		return;
	}
	if (!entry || entry->known)
		return;
	if (found == TOA_BAD) {
		toa_count(TOA_BAD_ADDRESS);
	} else if (!in_window(sk, skb)) {
		toa_count(TOA_OUT_OF_WINDOW);
	} else if (!toa_trusted(entry->peer.addr)) {
		/* It was trusted when the connection came. */
		toa_count(TOA_UNTRUSTED);
	} else {
		entry->client = client;
		/* Pairs with the acquire in toa_client(). */
		smp_store_release(&entry->known, true);
		toa_count(TOA_LATE);
	}
}

/* tcp_child_process(parent, child, skb) */
static void notrace on_child(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	const struct sock *child = (const struct sock *)lvs_ftrace_argument(fregs, 1);

	if (child->sk_protocol == IPPROTO_TCP)
		learn_first(child, (const struct sk_buff *)lvs_ftrace_argument(fregs, 2));
}

/*
 * tcp_parse_options(net, skb, options, established, cookie): established connections have their
 * segments parsed into their own socket, all others into a place on the stack.
 */
static void notrace on_options(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct tcp_options_received *options =
		(struct tcp_options_received *)lvs_ftrace_argument(fregs, 2);

	if ((int)lvs_ftrace_argument(fregs, 3) == 1)
		learn_later((struct sock *)container_of(options, struct tcp_sock, rx_opt),
			    (const struct sk_buff *)lvs_ftrace_argument(fregs, 1));
}

/* Permanent: the sysctl kernel.ftrace_enabled must not take them away. */
static struct ftrace_ops child_ops = { .func = on_child, .flags = FTRACE_OPS_FL_PERMANENT };
static struct ftrace_ops options_ops = { .func = on_options, .flags = FTRACE_OPS_FL_PERMANENT };

static struct toa_hook child_hook = { .name = "tcp_child_process", .ops = &child_ops };
static struct toa_hook options_hook = { .name = "tcp_parse_options", .ops = &options_ops };

int toa_learn_init(void)
{
	int error;

	if (!toa_read_kinds(kinds_text, &kinds)) {
		pr_err("kinds=\"%s\" is no list like 254/8,254/20\n", kinds_text);
		return -EINVAL;
	}
	error = toa_hook_add(&child_hook);
	if (!error)
		error = toa_hook_add(&options_hook);
	if (error)
		toa_learn_exit();
	return error;
}

void toa_learn_exit(void)
{
	toa_hook_remove(&options_hook);
	toa_hook_remove(&child_hook);
}
