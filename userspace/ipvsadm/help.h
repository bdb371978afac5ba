// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace lvs {

extern const char* const help_text;
extern const char* const version_text;
extern const char* const save_usage;
extern const char* const restore_usage;

} // namespace lvs
