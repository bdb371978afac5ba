// SPDX-License-Identifier: GPL-2.0-only
/*
 * Showing the client to whoever asks for a socket's peer, by accept() or getpeername().
 *
 * Calls of inet_getname() and inet6_getname() are diverted to functions here, which call them and
 * look at what they returned. They sleep, by any number of threads, so nothing is allotted to a
 * call; there is only a count of those inside, for unloading.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <net/inet_common.h>
#include <net/ipv6.h>

#include "compat/ftrace.h"
#include "toa/toa.h"

static DEFINE_PER_CPU(long, inside);

/* The client in the place of @peer, which the kernel has just told, or NULL. */
static const struct toa_endpoint *client_of(struct socket *sock, int how,
					    const struct toa_endpoint *peer)
{
	const struct toa_endpoint *client;
	const struct toa_entry *entry;

	entry = toa_find(sock->sk);
	client = toa_client(entry, peer);
	if (client)
		return client;
	toa_count(entry && entry->known ? TOA_GETNAME_MISMATCH : TOA_GETNAME_EMPTY);
	return NULL;
}

/* Whether there can be an entry at all. */
static bool may_be_known(const struct socket *sock, int how)
{
	if (how && sock->sk->sk_protocol == IPPROTO_TCP)
		return true;
	toa_count(TOA_GETNAME_BYPASS);
	return false;
}

static int show_ipv4(struct socket *sock, struct sockaddr *name, int how)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)name;
	const struct toa_endpoint *client;
	struct toa_endpoint peer;
	int len;

	this_cpu_inc(inside);
	len = inet_getname(sock, name, how);
	if (len > 0 && may_be_known(sock, how)) {
		toa_map_ipv4(peer.addr, &sin->sin_addr);
		peer.port = sin->sin_port;
		rcu_read_lock();
		client = client_of(sock, how, &peer);
		/* This kind of socket has no room for an IPv6 client: see LVS_TOA_SO_NAT64. */
		if (client && toa_is_ipv4(client->addr)) {
			memcpy(&sin->sin_addr, client->addr + 12, sizeof(sin->sin_addr));
			sin->sin_port = client->port;
			toa_count(TOA_GETNAME_OK);
		} else if (client) {
			toa_count(TOA_GETNAME_MISMATCH);
		}
		rcu_read_unlock();
	}
	this_cpu_dec(inside);
	return len;
}

#if IS_ENABLED(CONFIG_IPV6)
static int show_ipv6(struct socket *sock, struct sockaddr *name, int how)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)name;
	const struct toa_endpoint *client;
	struct toa_endpoint peer;
	int len;

	this_cpu_inc(inside);
	len = inet6_getname(sock, name, how);
	if (len > 0 && may_be_known(sock, how)) {
		memcpy(peer.addr, &sin6->sin6_addr, sizeof(peer.addr));
		peer.port = sin6->sin6_port;
		rcu_read_lock();
		client = client_of(sock, how, &peer);
		if (client) {
			memcpy(&sin6->sin6_addr, client->addr, sizeof(sin6->sin6_addr));
			sin6->sin6_port = client->port;
			sin6->sin6_flowinfo = 0;
			sin6->sin6_scope_id = ipv6_iface_scope_id(&sin6->sin6_addr,
								  sock->sk->sk_bound_dev_if);
			toa_count(TOA_GETNAME_OK);
		}
		rcu_read_unlock();
	}
	this_cpu_dec(inside);
	return len;
}
#endif

/* The functions above call the kernel's own, and these calls go through. */
static void notrace divert(unsigned long parent_ip, struct ftrace_regs *fregs, void *to)
{
	if (!within_module(parent_ip, THIS_MODULE))
		lvs_ftrace_divert(fregs, (unsigned long)to);
}

#define SHOW_FLAGS (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

static void notrace on_ipv4(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *fregs)
{
	divert(parent_ip, fregs, show_ipv4);
}

static struct ftrace_ops ipv4_ops = { .func = on_ipv4, .flags = SHOW_FLAGS };
static struct toa_hook ipv4_hook = { .name = "inet_getname", .ops = &ipv4_ops };

#if IS_ENABLED(CONFIG_IPV6)
static void notrace on_ipv6(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *fregs)
{
	divert(parent_ip, fregs, show_ipv6);
}

static struct ftrace_ops ipv6_ops = { .func = on_ipv6, .flags = SHOW_FLAGS };
static struct toa_hook ipv6_hook = { .name = "inet6_getname", .ops = &ipv6_ops };
#endif

int toa_show_init(void)
{
	int error = toa_hook_add(&ipv4_hook);

#if IS_ENABLED(CONFIG_IPV6)
	if (!error)
		error = toa_hook_add(&ipv6_hook);
#endif
	if (error)
		toa_show_exit();
	return error;
}

static bool anybody_inside(void)
{
	long sum = 0;
	int cpu;

	/* Nobody enters any more, so calls only end and the sum is never too small. */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(inside, cpu));
	return sum;
}

void toa_show_exit(void)
{
	/*
	 * Removing waits until each task has once been off the processor by its own will: those
	 * that were diverted are counted by then.
	 */
#if IS_ENABLED(CONFIG_IPV6)
	toa_hook_remove(&ipv6_hook);
#endif
	toa_hook_remove(&ipv4_hook);
	while (anybody_inside())
		msleep(20);
	/* Those that are not counted any more may still be at their last instructions. */
	synchronize_rcu_tasks();
}
