// SPDX-License-Identifier: GPL-2.0-or-later
// A command line to a Command, or the text and exit code it deserves.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"

#include <string>
#include <vector>

namespace lvs {

// `words` are the arguments without the program's name.
Result<Command, Failure> parse_command(const std::vector<std::string>& words, const Resolver& names);

} // namespace lvs
