// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "base/result.h"

namespace lvs {

// Loads the director: lvs.ko if it is installed, else whatever `ip_vs` stands for.
Result<void> load_director_module();

} // namespace lvs
