// SPDX-License-Identifier: GPL-2.0-or-later
// The connections, from the text of /proc/net/ip_vs_conn (the contract's section 7).
#pragma once

#include "model/listing.h"

#include <optional>
#include <string>
#include <vector>

namespace lvs {

// Without its title. None if a line is not what it should be.
std::optional<std::vector<Connection>> read_connections(const std::string& proc_text);

} // namespace lvs
