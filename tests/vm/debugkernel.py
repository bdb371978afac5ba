# SPDX-License-Identifier: GPL-2.0-or-later
"""That a debug kernel is one: what it was built for is in it. Stock kernels have no tests here."""
import gzip
import os

from lib.harness import test

RELEASE = os.uname().release
VARIANT = RELEASE.split("-lvs-")[1] if "-lvs-" in RELEASE else None

# What each debug kernel of scripts/kernel must have, or its silence would mean nothing.
COMMON = ("PROVE_LOCKING", "PROVE_RCU", "DEBUG_ATOMIC_SLEEP", "DEBUG_OBJECTS", "DEBUG_OBJECTS_TIMERS", "DEBUG_OBJECTS_WORK",
          "DEBUG_OBJECTS_RCU_HEAD", "DEBUG_KMEMLEAK", "UBSAN", "FAILSLAB", "FAIL_PAGE_ALLOC", "KASAN", "KASAN_GENERIC")
OPTIONS = {"uml": COMMON, "kasan": COMMON, "kcsan": ("KCSAN",)}  # native debugs nothing

if VARIANT in OPTIONS:
    @test(lab=False, option=OPTIONS[VARIANT] + ("SMP",))
    def has(t, option):
        with gzip.open("/proc/config.gz", "rt") as config:
            t.equal(f"CONFIG_{option}=y\n" in config, True, f"CONFIG_{option} in the running kernel")

    if VARIANT == "kcsan":
        @test(lab=False)
        def kcsan_is_on(t):
            with open("/sys/kernel/debug/kcsan") as file:
                t.equal(file.readline(), "enabled: 1\n", "its state")

    @test(lab=False)
    def two_cpus(t):
        t.equal(os.cpu_count(), 2, "CPUs")
