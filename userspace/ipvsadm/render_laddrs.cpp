// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

namespace lvs {

std::string local_address_table(const std::vector<ListedLocalAddress>& listed, bool numeric, const Resolver& names) {
    std::string out = text("%-33s\n  -> %-39s %10s %10s %10s %10s %10s\n", "Prot LocalAddress:Port", "LADDR", "Ports",
                           "Conflicts", "Exhausted", "UOA", "NoTOA");
    const ServiceId* service = nullptr;
    for (const ListedLocalAddress& one : listed) {
        if (!service || *service != one.service)
            out += service_title(one.service, numeric, names) + "\n";
        service = &one.service;
        out += text("  -> %-39s %10u %10llu %10llu %10llu %10llu\n", one.address.text().c_str(), one.ports,
                    static_cast<unsigned long long>(one.conflicts), static_cast<unsigned long long>(one.exhausted),
                    static_cast<unsigned long long>(one.told_by_uoa), static_cast<unsigned long long>(one.untold));
    }
    return out;
}

} // namespace lvs
