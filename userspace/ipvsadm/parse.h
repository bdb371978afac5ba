// SPDX-License-Identifier: GPL-2.0-or-later
// A command line to a Command, or the text and exit code it deserves.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"

#include <string>
#include <vector>

namespace lvs {

// `program` is what the tool was called as, `words` are its arguments.
Result<Command, Failure> parse_command(const std::string& program, const std::vector<std::string>& words,
                                       const Resolver& names);

} // namespace lvs
