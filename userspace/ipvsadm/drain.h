// SPDX-License-Identifier: GPL-2.0-or-later
// Takes a real server out of a service without cutting its connections before their time.
#pragma once

#include "ipvsadm/run.h"

namespace lvs {

// Gives the real server weight 0, shows how its connections end, deletes it once it has none. At the deadline, if there
// is one, those that are left are reset. Returns the exit code.
int drain_server(const Drain& drain, Kernel& kernel, World& world);

} // namespace lvs
