// SPDX-License-Identifier: GPL-2.0-or-later
// The sentence for a kernel's refusal, by what was asked.
#pragma once

#include "ipvsadm/command.h"

namespace lvs {

// What was asked of the kernel, as far as its errors are worded differently.
enum class Asked {
    anything,
    add_service,
    edit_service,
    delete_service,
    zero_service,
    add_dest,
    edit_dest,
    delete_dest,
    add_local_address,
    delete_local_address,
    set_profile,
    delete_profile,
    start_daemon,
    stop_daemon,
    get_service,
    get_dests,
};

Asked asked_by(const Operation& operation);

// Goes before a sentence about one of many: "ADDRESS: " for a local address, of which a single option names thousands.
std::string which_one(const Operation& operation);

// The sentence for people and for scripts, the classic one wherever there is one. The kernel's
// explanation takes its place only for errors that the classic tool does not know.
std::string error_text(Asked asked, const Error& error);
// The same and, in brackets, the kernel's explanation, if it has one that the sentence lacks.
std::string detailed_error_text(Asked asked, const Error& error);

} // namespace lvs
