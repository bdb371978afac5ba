// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

namespace lvs {

namespace {

Protocol protocol_of(const std::string& name) {
    if (name == "UDP")
        return Protocol::udp;
    if (name == "SCTP")
        return Protocol::sctp;
    return Protocol::tcp;
}

} // namespace

std::string connection_rows(const std::vector<Connection>& connections, const ListFormat& format,
                            const Resolver& names) {
    std::string out = "IPVS connection entries\n";
    if (format.persistent)
        out += text("pro expire %-11s %-18s %-18s %-18s %-16s %s\n", "state", "source", "virtual", "destination",
                    "pe name", "pe_data");
    else
        out += text("pro expire %-11s %-18s %-18s %s\n", "state", "source", "virtual", "destination");

    for (const Connection& connection : connections) {
        const Protocol protocol = protocol_of(connection.protocol);
        const auto name = [&](const Endpoint& endpoint) {
            return endpoint_text(endpoint, protocol, format.numeric, names);
        };
        const std::string expiry = text("%02u:%02u", connection.expires / 60, connection.expires % 60);
        out += text("%-3s %-6s %-11s %-18s %-18s ", connection.protocol.c_str(), expiry.c_str(),
                    connection.state.c_str(), name(connection.client).c_str(), name(connection.service).c_str());
        if (format.persistent && !connection.engine.empty())
            out += text("%-18s %-16s %s\n", name(connection.dest).c_str(), connection.engine.c_str(),
                        connection.engine_data.c_str());
        else
            out += name(connection.dest) + "\n";
    }
    return out;
}

} // namespace lvs
