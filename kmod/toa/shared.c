// SPDX-License-Identifier: GPL-2.0-only
/* What lvs.ko has as well. An object file belongs to one module, so each compiles its own. */
#include "common/networks.c"
#include "core/toa_write.c"
