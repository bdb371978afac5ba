// SPDX-License-Identifier: GPL-2.0-only
/*
 * Defects on purpose, in a build of lvs.ko that only tests make (LVS_PLANTED=y): writing a defect's name to the module
 * parameter "planted" commits it, and the debug kernel under test has to say so. A debug kernel that stays silent here
 * would prove nothing elsewhere.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

struct thing {
	int values[24];
};

static noinline void use_after_free(void)
{
	struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);

	if (!thing)
		return;
	kfree(thing);
	pr_info("lvs: planted: read %d\n", READ_ONCE(thing->values[3]));
}

static noinline void leak(void)
{
	int i;

	/* Several, since a stale copy of a pointer on some stack may hide one. */
	for (i = 0; i < 8; i++) {
		struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(thing);
	}
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static noinline void lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static int shared;

static void race_work(struct work_struct *work)
{
	unsigned long end = jiffies + 3 * HZ;

	while (time_before(jiffies, end)) {
		int i;

		for (i = 0; i < 1000; i++) {
			shared++;
			barrier();
		}
		cond_resched();
	}
}

static DECLARE_WORK(race_one, race_work);
static DECLARE_WORK(race_two, race_work);

static noinline void race(void)
{
	schedule_work_on(0, &race_one);
	schedule_work_on(num_online_cpus() - 1, &race_two);
	flush_work(&race_one);
	flush_work(&race_two);
}

static noinline void sleep_in_atomic(void)
{
	local_bh_disable();
	mutex_lock(&first);
	mutex_unlock(&first);
	local_bh_enable();
}

static const struct {
	const char *name;
	void (*commit)(void);
} defects[] = {
	{ "use-after-free", use_after_free },
	{ "leak", leak },
	{ "lock-inversion", lock_inversion },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "data-race", race },
};

static int planted_set(const char *value, const struct kernel_param *param)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(defects); i++) {
		if (sysfs_streq(value, defects[i].name)) {
			defects[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops planted_ops = {
	.set = planted_set,
};

module_param_cb(planted, &planted_ops, NULL, 0200);
MODULE_PARM_DESC(planted, "a defect to commit: use-after-free, leak, lock-inversion, sleep-in-atomic, data-race");
