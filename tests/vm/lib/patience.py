# SPDX-License-Identifier: GPL-2.0-or-later
"""Deadlines are for kernels at full speed; on one that is emulated and instrumented, LVS_TEST_PATIENCE multiplies them."""
import os

FACTOR = float(os.environ.get("LVS_TEST_PATIENCE", "1"))


def seconds(deadline):
    """A deadline on the kernel at hand, in whole seconds if it was: that is what alarm() takes."""
    return type(deadline)(deadline * FACTOR)
