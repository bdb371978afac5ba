// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams from the kernel, whatever is in them, read as the client reads them, printed as ipvsadm prints them. What
// could be decoded comes back the same when it is encoded and decoded again.
#include "codec.h"
#include "values.h"

#include "codec/lvs.h"
#include "codec/message.h"
#include "ipvsadm/errors.h"
#include "ipvsadm/render.h"

using namespace fuzz;

namespace {

void print(const lvs::ServiceTable& table, const lvs::Resolver& names) {
    MUST(lvs::services_json({}, {table}, lvs::JsonStyle::pretty).ends_with("}\n"));
    for (bool numeric : {true, false}) {
        MUST(!lvs::save_rules(table, {}, nullptr, numeric, names).empty());
        for (int columns = 0; columns < 6; ++columns) {
            const lvs::ListFormat format{.numeric = numeric,
                                         .stats = columns == 1,
                                         .rate = columns == 2,
                                         .thresholds = columns == 3,
                                         .persistent = columns == 4,
                                         .tunnels = columns == 5,
                                         .exact = !numeric};
            MUST(lvs::table_rows(table, format, names).ends_with('\n'));
        }
    }
}

void check_reply(const lvs::Attributes& reply) {
    const test::Names names;
    lvs::ServiceTable table{{test::service(test::tcp("192.0.2.1", 80), "rr"), {}}, {}};

    if (const auto service = lvs::decode_service(reply)) {
        check_service(service->service);
        check_id(service->service.id);
        table.service = *service;
    }
    for (lvs::Family family : {lvs::Family::ipv4, lvs::Family::ipv6})
        if (const auto dest = lvs::decode_dest(reply, family)) {
            check_dest(table.service.service.id, dest->dest);
            table.dests.push_back(*dest);
        }
    print(table, names);
    if (const auto daemon = lvs::decode_daemon(reply)) {
        check_daemon(*daemon);
        MUST(!lvs::daemon_line(*daemon).empty());
    }
    if (const auto timeouts = lvs::decode_timeouts(reply)) {
        check_timeouts(*timeouts);
        MUST(!lvs::timeouts_line(*timeouts).empty());
    }
    if (const auto info = lvs::decode_info(reply))
        MUST(!lvs::version_line(*info).empty());
    if (const auto drops = lvs::decode_drops(reply))
        MUST(!lvs::drop_tables({*drops}, true, names).empty());
    if (const auto connection = lvs::decode_connection(reply))
        MUST(lvs::connections_json({*connection}, lvs::JsonStyle::line).ends_with("]}\n"));
    (void)lvs::decode_module_info(reply);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const lvs::Bytes datagram(data, data + size); // its own memory
    const auto messages = lvs::split_datagram(datagram);

    if (!messages) {
        MUST(!lvs::error_text(lvs::Asked::anything, messages.error()).empty());
        return 0;
    }
    for (const lvs::Message& message : *messages) {
        (void)message.interrupted();
        const auto outcome = lvs::outcome_of(message);
        if (!outcome)
            continue;
        if (*outcome) {
            if ((*outcome)->error)
                MUST(!lvs::detailed_error_text(lvs::Asked::add_dest, *(*outcome)->error).empty());
            continue;
        }
        if (const auto attributes = lvs::reply_attributes(message))
            check_reply(*attributes);
    }
    return 0;
}
