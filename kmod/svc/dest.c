// SPDX-License-Identifier: GPL-2.0-only
/* Dests: their connections, their thresholds, and their way over the trash to the end. */
#include <linux/slab.h>

#include "compat/workqueue.h"
#include "fwd/route.h"
#include "netns.h"
#include "svc/internal.h"

/* Below how many connections an overloaded dest takes new ones again. */
static u32 lower_threshold(const struct lvs_dest *dest, u32 upper)
{
	u32 lower = READ_ONCE(dest->l_threshold);

	return lower ? lower : upper - upper / 4;
}

/*
 * The flag must not stay set when the last connection goes while another CPU sets it: whoever
 * sets it looks at the count again afterwards, whoever takes from the count looks at the flag
 * afterwards, so at least one of them sees the other.
 */
static void overload_check_set(struct lvs_dest *dest, int conns)
{
	u32 upper = READ_ONCE(dest->u_threshold);

	if (likely(!upper) || (u32)conns < upper || lvs_dest_overloaded(dest))
		return;
	set_bit(LVS_DEST_OVERLOAD_BIT, &dest->flags);
	smp_mb__after_atomic(); /* the flag before the count; see above */
	if ((u32)atomic_read(&dest->conns) < lower_threshold(dest, upper))
		clear_bit(LVS_DEST_OVERLOAD_BIT, &dest->flags);
}

/* After an atomic operation that orders, as those that return a value do. */
static void overload_check_clear(struct lvs_dest *dest, int conns)
{
	u32 upper;

	if (likely(!lvs_dest_overloaded(dest)))
		return;
	upper = READ_ONCE(dest->u_threshold);
	if (!upper || (u32)conns < lower_threshold(dest, upper))
		clear_bit(LVS_DEST_OVERLOAD_BIT, &dest->flags);
}

bool lvs_dest_bind(struct lvs_dest *dest)
{
	if (!refcount_inc_not_zero(&dest->ref))
		return false;
	overload_check_set(dest, atomic_inc_return(&dest->conns));
	return true;
}

void lvs_dest_set_active(struct lvs_dest *dest, bool active)
{
	if (active)
		atomic_inc(&dest->active);
	else
		atomic_dec(&dest->active);
}

static bool is_drained(const struct lvs_dest *dest)
{
	return !lvs_dest_available(dest) || READ_ONCE(dest->weight) <= 0;
}

void lvs_dest_drained(struct lvs_dest *dest)
{
	if (atomic_read(&dest->persist))
		queue_delayed_work(lvs_unbound_wq, &dest->ln->svcs.sweeper, HZ / 2);
}

void lvs_dest_unbind(struct lvs_dest *dest, bool was_active)
{
	int left;

	if (was_active)
		atomic_dec(&dest->active);
	left = atomic_dec_return(&dest->conns);
	overload_check_clear(dest, left);
	if (!left && is_drained(dest))
		lvs_dest_drained(dest);
	lvs_dest_put(dest);
}

bool lvs_dest_bind_template(struct lvs_dest *dest)
{
	if (!refcount_inc_not_zero(&dest->ref))
		return false;
	atomic_inc(&dest->persist);
	return true;
}

void lvs_dest_unbind_template(struct lvs_dest *dest)
{
	atomic_dec(&dest->persist);
	lvs_dest_put(dest);
}

/* No packet can see the dest any more, and none is counting in it. */
static void dest_released(struct rcu_head *rcu)
{
	struct lvs_dest *dest = container_of(rcu, struct lvs_dest, rcu);
	struct lvs_svc_table *table = &dest->ln->svcs;

	if (llist_add(&dest->reap, &table->reap))
		queue_work(lvs_unbound_wq, &table->reaper);
}

void lvs_dest_put(struct lvs_dest *dest)
{
	if (refcount_dec_and_test(&dest->ref))
		call_rcu(&dest->rcu, dest_released);
}

static void dest_free(struct lvs_dest *dest)
{
	struct lvs_svc *svc = lvs_dest_svc(dest);
	struct lvs_counters one;
	int cpu;

	lvs_route_reset(dest->ln, dest);
	list_del(&dest->node);
	for_each_possible_cpu(cpu) {
		lvs_stats_read_cpu(dest->stats, cpu, &one);
		lvs_counters_add(&dest->ln->svcs.gone[cpu], &one);
		lvs_counters_add(&svc->base, &one);
	}
	lvs_svc_free_unused(svc);
	free_percpu(dest->stats);
	kfree(dest);
}

void lvs_dest_reap(struct lvs_net *ln)
{
	struct lvs_dest *dest, *next;

	lockdep_assert_held(&ln->ctl);
	llist_for_each_entry_safe(dest, next, llist_del_all(&ln->svcs.reap), reap)
		dest_free(dest);
}

void lvs_dest_reaper(struct work_struct *work)
{
	struct lvs_net *ln = container_of(work, struct lvs_net, svcs.reaper);

	mutex_lock(&ln->ctl);
	lvs_dest_reap(ln);
	mutex_unlock(&ln->ctl);
}

struct lvs_dest *lvs_dest_alloc(struct lvs_svc *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest = kzalloc(sizeof(*dest), GFP_KERNEL);

	lockdep_assert_held(&svc->ln->ctl);
	if (!dest)
		return NULL;
	dest->stats = lvs_stats_alloc();
	if (!dest->stats) {
		kfree(dest);
		return NULL;
	}
	dest->addr = key->addr;
	dest->port = key->port;
	dest->af = key->af;
	dest->ln = svc->ln;
	refcount_set(&dest->ref, 1);
	spin_lock_init(&dest->templates_lock);
	RCU_INIT_POINTER(dest->svc, svc);
	list_add_tail(&dest->node, &svc->trash);
	return dest;
}

void lvs_dest_get_config(const struct lvs_dest *dest, struct lvs_dest_config *cfg)
{
	cfg->weight = dest->weight;
	cfg->u_threshold = dest->u_threshold;
	cfg->l_threshold = dest->l_threshold;
	cfg->tun_flags = dest->tun_flags;
	cfg->tun_port = dest->tun_port;
	cfg->tun_type = dest->tun_type;
	cfg->fwd = dest->fwd;
	cfg->draining = lvs_dest_draining(dest);
}

void lvs_dest_set_config(struct lvs_dest *dest, const struct lvs_dest_config *cfg)
{
	bool rerouted = cfg->fwd != dest->fwd || cfg->tun_type != dest->tun_type ||
			cfg->tun_port != dest->tun_port || cfg->tun_flags != dest->tun_flags;
	int conns;

	lockdep_assert_held(&dest->ln->ctl);
	WRITE_ONCE(dest->weight, cfg->weight);
	WRITE_ONCE(dest->fwd, cfg->fwd);
	WRITE_ONCE(dest->tun_flags, cfg->tun_flags);
	WRITE_ONCE(dest->tun_port, cfg->tun_port);
	WRITE_ONCE(dest->tun_type, cfg->tun_type);
	WRITE_ONCE(dest->u_threshold, cfg->u_threshold);
	WRITE_ONCE(dest->l_threshold, cfg->l_threshold);
	smp_mb(); /* the flag is settled for the new thresholds, here or by the next connection */
	conns = atomic_read(&dest->conns);
	overload_check_clear(dest, conns);
	overload_check_set(dest, conns);
	if (cfg->weight) {
		clear_bit(LVS_DEST_DRAINING_BIT, &dest->flags);
	} else {
		if (cfg->draining)
			set_bit(LVS_DEST_DRAINING_BIT, &dest->flags);
		lvs_dest_drained(dest);
	}
	if (rerouted)
		lvs_route_reset(dest->ln, dest);
}

void lvs_dest_list_after(struct lvs_dest *dest, struct list_head *prev)
{
	lockdep_assert_held(&dest->ln->ctl);
	list_move(&dest->node, prev);
	dest->listed = true;
	lvs_dest_svc(dest)->num_dests++;
}

void lvs_dest_list_last(struct lvs_dest *dest)
{
	dest->seq = ++dest->ln->svcs.last_seq;
	lvs_dest_list_after(dest, lvs_dest_svc(dest)->dests.prev);
}

void lvs_dest_unlist(struct lvs_dest *dest)
{
	struct lvs_svc *svc = lvs_dest_svc(dest);

	list_move_tail(&dest->node, &svc->trash);
	dest->listed = false;
	svc->num_dests--;
}

void lvs_dest_publish(struct lvs_dest *dest)
{
	if (dest->listed) {
		set_bit(LVS_DEST_AVAILABLE_BIT, &dest->flags);
		lvs_svc_table_add_dest(dest);
		return;
	}
	lvs_svc_table_del_dest(dest);
	clear_bit(LVS_DEST_AVAILABLE_BIT, &dest->flags);
	smp_mb__after_atomic(); /* the flag before the counts: or else the last to unbind sees it */
	lvs_dest_drained(dest);
	if (READ_ONCE(dest->ln->sysctls.expire_nodest_conn) && atomic_read(&dest->conns))
		lvs_svc_sweep_conns(dest->ln);
}

static bool key_matches(const struct lvs_dest *dest, const struct lvs_dest_key *key)
{
	return dest->port == key->port && dest->af == key->af &&
	       nf_inet_addr_cmp(&dest->addr, &key->addr);
}

struct lvs_dest *lvs_dest_find(struct lvs_svc *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest;

	lockdep_assert_held(&svc->ln->ctl);
	list_for_each_entry(dest, &svc->dests, node) {
		if (key_matches(dest, key))
			return dest;
	}
	return NULL;
}

static struct lvs_dest *trash_get(struct lvs_svc *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest;

	list_for_each_entry(dest, &svc->trash, node) {
		/* Without a reference it is on its way to the reaper. */
		if (key_matches(dest, key) && refcount_inc_not_zero(&dest->ref))
			return dest;
	}
	return NULL;
}

struct lvs_dest *lvs_dest_revive(struct lvs_svc *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest = trash_get(svc, key);
	struct lvs_svc *orphan;

	lockdep_assert_held(&svc->ln->ctl);
	if (dest)
		return dest;
	hlist_for_each_entry(orphan, lvs_svc_orphans(svc->ln, &svc->key), ctl_node) {
		if (!lvs_svc_key_equal(&orphan->key, &svc->key))
			continue;
		dest = trash_get(orphan, key);
		if (dest)
			return dest;
	}
	return NULL;
}

void lvs_dest_adopt(struct lvs_dest *dest, struct lvs_svc *to, const struct lvs_counters *counted)
{
	struct lvs_svc *from = lvs_dest_svc(dest);

	lockdep_assert_held(&dest->ln->ctl);
	lvs_counters_add(&from->base, counted);
	lvs_counters_sub(&to->base, counted);
	list_move_tail(&dest->node, &to->trash);
	rcu_assign_pointer(dest->svc, to);
}
