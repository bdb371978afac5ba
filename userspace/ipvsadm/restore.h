// SPDX-License-Identifier: GPL-2.0-or-later
// Rules from a file, applied whole or not at all.
#pragma once

#include "ipvsadm/run.h"

namespace lvs {

int restore_table(const Restore& restore, Kernel& kernel, const std::string& program, World& world);

} // namespace lvs
