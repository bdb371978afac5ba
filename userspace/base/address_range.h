// SPDX-License-Identifier: GPL-2.0-or-later
// Several addresses in one word: 10.0.0.1, 10.0.0.1-10.0.0.9, 10.0.0.0/28, or some of these with commas between them;
// IPv6 likewise.
#pragma once

#include "base/address.h"
#include "base/result.h"

#include <string>
#include <vector>

namespace lvs {

// The addresses that `words` names, at most `most` of them, those of each part in ascending order. A network stands for
// all of its addresses, but of an IPv4 one with more than two not for the first and the last, which are the network's
// own and its broadcast. The error says what is wrong.
Result<std::vector<Address>, std::string> parse_addresses(const std::string& words, std::size_t most);

} // namespace lvs
