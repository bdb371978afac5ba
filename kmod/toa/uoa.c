// SPDX-License-Identifier: GPL-2.0-only
/*
 * Learning the clients of UDP flows, from IP option 31 or from a header of IP protocol 248.
 *
 * Options are seen where the kernel reads a packet's IP options, which plain packets have not. The
 * header is a protocol of its own to the kernel. On IPv4 it is taken out, on IPv6 it is stepped
 * over as an extension header is; UDP then sees its datagram behind the IP header.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/route.h>

#include "compat/ftrace.h"
#include "core/toa_write.h"
#include "lvs/toa.h"
#include "toa/toa.h"

/* An address was told for this flow: found says whether a good one. */
static void learn(const struct toa_flow *flow, enum toa_found found,
		  const struct toa_endpoint *client)
{
	if (found == TOA_NONE)
		return;
	toa_count(TOA_UOA_GOT);
	if (found == TOA_BAD)
		toa_count(TOA_BAD_ADDRESS);
	else if (!toa_trusted(flow->saddr))
		toa_count(TOA_UNTRUSTED);
	else
		toa_flow_save(flow, client);
}

/* The flow of a UDP datagram over IPv4, whose ports are at @ports. */
static struct toa_flow flow_ipv4(const struct net *net, const struct iphdr *iph,
				 const __be16 *ports)
{
	struct toa_flow flow = {
		.net = net->net_cookie, .sport = ports[0], .dport = ports[1],
	};

	toa_map_ipv4(flow.saddr, &iph->saddr);
	toa_map_ipv4(flow.daddr, &iph->daddr);
	return flow;
}

/* --- IP option 31: ip_options_compile(net, options, skb) */

static void notrace on_ip_options(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct net *net = (struct net *)lvs_ftrace_argument(fregs, 0);
	struct sk_buff *skb = (struct sk_buff *)lvs_ftrace_argument(fregs, 2);
	struct toa_endpoint client;
	const struct iphdr *iph;
	enum toa_found found;
	struct toa_flow flow;
	const __be16 *ports;
	__be16 buffer[2];
	u32 len;

	/* Sockets have their options read without a packet. */
	if (!skb)
		return;
	/* IP input has pulled the whole header. Only the first fragment has ports. */
	iph = ip_hdr(skb);
	if (iph->protocol != IPPROTO_UDP || iph->frag_off & htons(IP_OFFSET))
		return;
	len = iph->ihl * 4;
	found = toa_in_ip((const u8 *)(iph + 1), len - sizeof(*iph), &client);
	if (found == TOA_NONE)
		return;
	ports = skb_header_pointer(skb, skb_network_offset(skb) + len, sizeof(buffer), buffer);
	/* A packet that only passes through this host is no business of its sockets. */
	if (!ports || inet_addr_type(net, iph->daddr) != RTN_LOCAL)
		return;
	flow = flow_ipv4(net, iph, ports);
	learn(&flow, found, &client);
}

static struct ftrace_ops options_ops = {
	.func = on_ip_options, .flags = FTRACE_OPS_FL_PERMANENT,
};

static struct toa_hook options_hook = { .name = "ip_options_compile", .ops = &options_ops };

/* --- IP protocol 248 */

/*
 * Pull the header of protocol 248 at @off and the UDP ports behind it. Returns its length, or 0 if
 * it is none, which is counted.
 */
static u32 pull_header(struct sk_buff *skb, u32 off)
{
	u32 len = 0;

	if (pskb_may_pull(skb, off + sizeof(struct lvs_uoa_header)))
		len = lvs_uoa_len(skb->data + off);
	if (len && pskb_may_pull(skb, off + len + 2 * sizeof(__be16)))
		return len;
	toa_count(TOA_UOA_INVALID);
	return 0;
}

/* Called for a whole datagram, its data begins behind the IP header. */
static int receive_ipv4(struct sk_buff *skb)
{
	u32 header_len = skb_network_header_len(skb), len = pull_header(skb, 0);
	struct toa_endpoint client;
	enum toa_found found;
	struct toa_flow flow;
	struct iphdr *iph;

	/* Taking it out moves the IP header, which others may be looking at. */
	if (!len || skb_cow_head(skb, 0))
		goto drop;
	flow = flow_ipv4(dev_net(skb->dev), ip_hdr(skb), (const __be16 *)(skb->data + len));
	found = toa_in_uoa(skb->data, len, &client);
	learn(&flow, found, &client);

	/* As long as it is there: the sum of the packet is to be without it. */
	skb_pull_rcsum(skb, len);
	memmove(skb_network_header(skb) + len, skb_network_header(skb), header_len);
	skb->network_header += len;
	skb_reset_transport_header(skb);
	iph = ip_hdr(skb);
	iph->protocol = IPPROTO_UDP;
	iph->tot_len = htons(ntohs(iph->tot_len) - len);
	ip_send_check(iph);
	return -IPPROTO_UDP;
drop:
	kfree_skb(skb);
	return 0;
}

static const struct net_protocol protocol_ipv4 = { .handler = receive_ipv4, .no_policy = 1 };

#if IS_ENABLED(CONFIG_IPV6)
static int receive_ipv6(struct sk_buff *skb)
{
	u32 off = skb_transport_offset(skb), len = pull_header(skb, off);
	struct toa_endpoint client;
	enum toa_found found;
	struct toa_flow flow;
	const __be16 *ports;

	if (!len) {
		kfree_skb(skb);
		return -1;
	}
	ports = (const __be16 *)(skb->data + off + len);
	flow = (struct toa_flow) {
		.net = dev_net(skb->dev)->net_cookie, .sport = ports[0], .dport = ports[1],
	};
	memcpy(flow.saddr, &ipv6_hdr(skb)->saddr, sizeof(flow.saddr));
	memcpy(flow.daddr, &ipv6_hdr(skb)->daddr, sizeof(flow.daddr));
	found = toa_in_uoa(skb->data + off, len, &client);
	learn(&flow, found, &client);

	/* The kernel reads the next protocol there, and goes on behind the header. */
	IP6CB(skb)->nhoff = skb_transport_header(skb) - skb_network_header(skb) +
			    offsetof(struct lvs_uoa_header, next);
	skb->transport_header += len;
	return 1;
}

static const struct inet6_protocol protocol_ipv6 = {
	.handler = receive_ipv6, .flags = INET6_PROTO_NOPOLICY,
};
#endif

int toa_uoa_init(void)
{
	int error = toa_hook_add(&options_hook);

	if (error)
		return error;
	error = inet_add_protocol(&protocol_ipv4, LVS_UOA_PROTOCOL);
	if (error)
		goto unhook;
#if IS_ENABLED(CONFIG_IPV6)
	error = inet6_add_protocol(&protocol_ipv6, LVS_UOA_PROTOCOL);
	if (error) {
		inet_del_protocol(&protocol_ipv4, LVS_UOA_PROTOCOL);
		goto unhook;
	}
#endif
	return 0;
unhook:
	pr_err("IP protocol %u is taken: error %d\n", LVS_UOA_PROTOCOL, error);
	toa_hook_remove(&options_hook);
	return error;
}

void toa_uoa_exit(void)
{
	/* They wait until no packet is in there. */
#if IS_ENABLED(CONFIG_IPV6)
	inet6_del_protocol(&protocol_ipv6, LVS_UOA_PROTOCOL);
#endif
	inet_del_protocol(&protocol_ipv4, LVS_UOA_PROTOCOL);
	toa_hook_remove(&options_hook);
}
