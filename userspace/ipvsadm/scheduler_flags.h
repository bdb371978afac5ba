// SPDX-License-Identifier: GPL-2.0-or-later
// The names of a scheduler's flags: sh-port means a flag of scheduler sh.
#pragma once

#include "ipvsadm/command.h"

namespace lvs {

// From a list such as `sh-fallback,sh-port`.
Result<std::uint32_t, Failure> parse_scheduler_flags(const std::string& scheduler, const std::string& list);
// To such a list; empty if no flag is set.
std::string scheduler_flags_text(const std::string& scheduler, std::uint32_t flags);

} // namespace lvs
