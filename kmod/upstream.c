// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>

#include "common/networks.h"
#include "core/parse.h"
#include "core/toa_write.h"
#include "lvs/toa.h"
#include "netns.h"
#include "upstream.h"

bool lvs_upstream_trusted(const struct lvs_packet *pkt)
{
	const struct lvs_networks *list = rcu_dereference(pkt->ln->upstreams);
	struct in6_addr mapped;

	if (likely(!list))
		return false;
	if (pkt->af == AF_INET6)
		return lvs_networks_have(list, &pkt->saddr.in6);
	ipv6_addr_set_v4mapped(pkt->saddr.ip, &mapped);
	return lvs_networks_have(list, &mapped);
}

/* Where what follows the IP header stands, and in @proto what it is; -1 if it is not whole. */
static int behind_ip(const struct lvs_packet *pkt, u8 *proto)
{
	const struct sk_buff *skb = pkt->skb;
	bool first;
	int off;

	if (pkt->af == AF_INET) {
		*proto = ip_hdr(skb)->protocol;
		return lvs_parse_is_fragment(ip_hdr(skb)) ? -1 : ip_hdr(skb)->ihl * 4;
	}
	*proto = ipv6_hdr(skb)->nexthdr;
	off = lvs_parse_extensions(skb, sizeof(struct ipv6hdr), proto, &first, true);
	return first ? -1 : off;
}

static noinline bool read_header(struct lvs_packet *pkt)
{
	const u8 *option = pkt->uoa + sizeof(struct lvs_uoa_header);
	int off, len;
	u8 proto;

	off = behind_ip(pkt, &proto);
	if (off < 0 || off > U16_MAX - LVS_UOA_MAX || proto != LVS_UOA_PROTOCOL ||
	    !lvs_upstream_trusted(pkt))
		return false;
	if (skb_copy_bits(pkt->skb, off, pkt->uoa, sizeof(struct lvs_uoa_header)))
		return false;
	len = lvs_uoa_len(pkt->uoa);
	if (!len || skb_copy_bits(pkt->skb, off, pkt->uoa, len) ||
	    option[0] != LVS_UOA_IPOPT ||
	    option[1] != len - sizeof(struct lvs_uoa_header) ||
	    !lvs_parse_ports(pkt->skb, off + len, &pkt->sport, &pkt->dport))
		return false;
	pkt->proto = IPPROTO_UDP;
	pkt->l4_off = off + len;
	pkt->uoa_len = len;
	/* What conntrack has of it is no flow of UDP's. */
	nf_reset_ct(pkt->skb);
	nf_ct_set(pkt->skb, NULL, IP_CT_UNTRACKED);
	return true;
}

bool lvs_upstream_tells(struct lvs_packet *pkt)
{
	return unlikely(rcu_access_pointer(pkt->ln->upstreams)) &&
	       pkt->hook == NF_INET_LOCAL_IN && read_header(pkt);
}

int lvs_upstream_sysctl(lvs_ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct lvs_net *ln = table->extra1;

	return lvs_networks_sysctl(&ln->upstreams, &ln->ctl, write, buffer, lenp, ppos);
}

void lvs_upstream_net_exit(struct lvs_net *ln)
{
	kfree(rcu_replace_pointer(ln->upstreams, NULL, true));
}
