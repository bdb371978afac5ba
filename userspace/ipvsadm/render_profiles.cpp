// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

namespace lvs {

std::string profile_table(const std::vector<Profile>& profiles, bool numeric, const Resolver& names) {
    std::string out = "Prot LocalAddress:Port Profile\n  -> LADDR\n";
    for (const Profile& profile : profiles) {
        out += service_title(profile.service, numeric, names) + options_text(profile.options) + "\n";
        for (const Address& address : profile.local_addresses)
            out += "  -> " + address.text() + "\n";
    }
    return out;
}

} // namespace lvs
