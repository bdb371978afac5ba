// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"
#include "ipvsadm/render.h"

#include <algorithm>

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
    // A column more, where there is something to show in it.
    const bool local = std::any_of(connections.begin(), connections.end(),
                                   [](const Connection& connection) { return connection.local.has_value(); });
    struct Widths {
        int dest, engine;
    };
    // 1.31 has other widths in its rows than in their title.
    constexpr Widths of_title{18, 16};
    const Widths of_rows = local ? of_title : Widths{16, 18};
    const auto finish = [&](const Widths& widths, const std::string& dest, const std::string& source,
                            const std::string& engine, const std::string& data) {
        out += local || !engine.empty() ? text("%-*s", widths.dest, dest.c_str()) : dest;
        if (local)
            out += engine.empty() ? " " + source : text(" %-18s", source.c_str());
        if (!engine.empty())
            out += text(" %-*s %s", widths.engine, engine.c_str(), data.c_str());
        out += '\n';
    };
    out += text("pro expire %-11s %-18s %-18s ", "state", "source", "virtual");
    finish(of_title, "destination", "local", format.persistent ? "pe name" : "", "pe_data");

    for (const Connection& connection : connections) {
        const Protocol protocol = protocol_of(connection.protocol);
        const auto name = [&](const Endpoint& endpoint) {
            return endpoint_text(endpoint, protocol, format.numeric, names);
        };
        const std::string expiry = text("%02u:%02u", connection.expires / 60, connection.expires % 60);
        out += text("%-3s %-6s %-11s %-18s %-18s ", connection.protocol.c_str(), expiry.c_str(),
                    connection.state.c_str(), name(connection.client).c_str(), name(connection.service).c_str());
        finish(of_rows, name(connection.dest), connection.local ? name(*connection.local) : "-",
               format.persistent ? connection.engine : "", connection.engine_data);
    }
    return out;
}

} // namespace lvs
