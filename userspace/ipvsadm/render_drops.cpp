// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

#include <algorithm>

namespace lvs {

std::string drop_tables(const std::vector<DropTable>& tables, bool numeric, const Resolver& names) {
    std::string out;
    for (const DropTable& table : tables) {
        std::string rows;
        for (const DropCounter& counter : table.counters)
            if (counter.packets)
                rows +=
                    text("  %-30s %12llu\n", counter.name.c_str(), static_cast<unsigned long long>(counter.packets));
        if (rows.empty())
            continue;
        out += (table.service ? service_title(*table.service, numeric, names) : "Total") + "\n" + rows;
    }
    if (out.empty())
        return "No packet was dropped.\n";
    return text("%-32s %12s\n", "Dropped packets by reason", "Packets") + out;
}

} // namespace lvs
