// SPDX-License-Identifier: GPL-2.0-or-later
// Replies of a stock kernel, as captured, to values; and replies that were damaged on the way.
#include "catch.hpp"
#include "values.h"

#include "base/text.h"
#include "codec/ipvs.h"
#include "codec/lvs.h"
#include "codec/message.h"

#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <lvs/abi.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <tuple>

using namespace lvs;
using namespace test;

namespace {

// The datagrams that answered one question.
std::vector<Bytes> captured(const std::string& question) {
    std::ifstream file(LVS_TEST_DATA "/replies-6.1");
    REQUIRE(file);
    std::vector<Bytes> out;
    std::string line;
    while (std::getline(file, line)) {
        const auto words = split_words(line);
        if (words.size() == 2 && words[0] == question)
            out.push_back(bytes(words[1]));
    }
    REQUIRE_FALSE(out.empty());
    return out;
}

// The decoded replies before the outcome, which must come last.
template <class Decode> auto decode_all(const std::string& question, Decode decode) {
    std::vector<std::decay_t<decltype(*decode(std::declval<const Attributes&>()))>> out;
    bool ended = false;
    for (const Bytes& datagram : captured(question)) {
        auto messages = split_datagram(datagram);
        REQUIRE(messages);
        for (const Message& message : *messages) {
            CHECK_FALSE(ended);
            auto outcome = outcome_of(message);
            REQUIRE(outcome);
            if (*outcome) {
                CHECK_FALSE((*outcome)->error);
                ended = true;
                continue;
            }
            auto attributes = reply_attributes(message);
            REQUIRE(attributes);
            auto decoded = decode(*attributes);
            REQUIRE(decoded);
            out.push_back(*decoded);
        }
    }
    CHECK(ended);
    return out;
}

Error refusal(const std::string& question) {
    const std::vector<Bytes> datagrams = captured(question);
    auto messages = split_datagram(datagrams.front());
    REQUIRE(messages);
    auto outcome = outcome_of(messages->front());
    REQUIRE(outcome);
    REQUIRE(*outcome);
    REQUIRE((*outcome)->error);
    return *(*outcome)->error;
}

const auto dest_of_ipv4 = [](const Attributes& reply) { return decode_dest(reply, Family::ipv4); };
const auto dest_of_ipv6 = [](const Attributes& reply) { return decode_dest(reply, Family::ipv6); };

} // namespace

TEST_CASE("services and their counters", "[replies]") {
    const auto services = decode_all("services", decode_service);
    REQUIRE(services.size() == 3);
    const auto web = std::find_if(services.begin(), services.end(),
                                  [](const ListedService& s) { return s.service.id == tcp("192.0.2.10", 80); });
    REQUIRE(web != services.end());
    Service expected = service(tcp("192.0.2.10", 80), "rr");
    expected.flags = persistent_flag;
    expected.timeout = 600;
    std::memcpy(&expected.netmask, address("255.255.255.0").bytes.data(), sizeof expected.netmask);
    CHECK(web->service == expected);
    CHECK(web->stats.connections == 3);
    CHECK(web->stats.in_packets == 18);
    CHECK(web->stats.out_packets == 18);
    CHECK(web->stats.in_bytes == 1302);
    CHECK(web->stats.out_bytes == 1536);
    CHECK(web->stats.in_packet_rate > 0);

    CHECK(std::any_of(services.begin(), services.end(),
                      [](const ListedService& s) { return s.service == service(udp("fd00::10", 53), "wlc"); }));
    CHECK(std::any_of(services.begin(), services.end(), [](const ListedService& s) {
        return s.service == service(Marked{{101}, Family::ipv6}, "lc");
    }));

    const auto one = decode_all("service", decode_service);
    REQUIRE(one.size() == 1);
    CHECK(one.front() == *web);
}

TEST_CASE("servers and their counters", "[replies]") {
    const auto dests = decode_all("dests4", dest_of_ipv4);
    REQUIRE(dests.size() == 2);
    Dest gue = dest("10.1.2.4", 80, Forwarding::tunnel, 0);
    gue.tunnel = {TunnelType::gue, {6080}, tunnel_checksum};
    CHECK(dests[0].dest == gue);
    Dest masqueraded = dest("127.0.0.1", 8080, Forwarding::masquerade, 3);
    masqueraded.upper_threshold = 100;
    masqueraded.lower_threshold = 50;
    CHECK(dests[1].dest == masqueraded);
    CHECK(dests[1].inactive == 3);
    CHECK(dests[1].persistent == 1);
    CHECK(dests[1].stats.in_bytes == 1302);

    const auto six = decode_all("dests6", dest_of_ipv6);
    REQUIRE(six.size() == 1);
    CHECK(six.front().dest == dest("fd00::2", 53, Forwarding::tunnel));
    CHECK(decode_all("nodests", dest_of_ipv4).empty());
}

TEST_CASE("version, timeouts and daemons", "[replies]") {
    CHECK(decode_all("info", decode_info) == std::vector<Info>{{0x010201, 4096}});
    CHECK(decode_all("config", decode_timeouts) == std::vector<Timeouts>{{900, 120, 300}});
    const Daemon master{.state = DaemonState::master,
                        .interface = "dm0",
                        .sync_id = 5,
                        .max_length = 1472,
                        .group = address("224.0.0.81"),
                        .port = {8848},
                        .ttl = 1};
    CHECK(decode_all("daemons", decode_daemon) == std::vector<Daemon>{master});
}

TEST_CASE("refusals, with and without an explanation", "[replies]") {
    CHECK(refusal("nosuch") == Error{ESRCH, "", std::nullopt});
    CHECK(refusal("badattr") == Error{EINVAL, "", std::nullopt});
    const Error explained = refusal("badlen");
    CHECK(explained.code == ERANGE);
    CHECK(explained.message == "Attribute failed policy validation");
    CHECK(explained.offset == 20U);
}

TEST_CASE("an explanation is found behind a quoted request too", "[replies]") {
    // As without NETLINK_CAP_ACK: the whole request stands before the attributes.
    AttributeWriter tail;
    tail.put_string(NLMSGERR_ATTR_MSG, "why");
    tail.put<std::uint32_t>(NLMSGERR_ATTR_OFFS, 28);
    const Bytes explanation = tail.take();
    const std::size_t quoted = 13; // padded to 16
    nlmsgerr error{-EEXIST, {static_cast<__u32>(NLMSG_HDRLEN + quoted), 30, 5, 1, 2}};
    Bytes payload(sizeof error + 16);
    std::memcpy(payload.data(), &error, sizeof error);
    payload.insert(payload.end(), explanation.begin(), explanation.end());
    const Message message{NLMSG_ERROR, NLM_F_ACK_TLVS, 1, payload};
    auto outcome = outcome_of(message);
    REQUIRE(outcome);
    CHECK(*(*outcome)->error == Error{EEXIST, "why", 28});

    // One that claims to quote more than there is.
    error.msg.nlmsg_len = 5000;
    std::memcpy(payload.data(), &error, sizeof error);
    CHECK_FALSE(outcome_of({NLMSG_ERROR, NLM_F_ACK_TLVS, 1, payload}));
}

TEST_CASE("an acknowledgement's code is a negative errno or nothing", "[replies]") {
    for (const std::uint16_t type : {NLMSG_ERROR, NLMSG_DONE})
        for (const int code : {1, 4095, -4096, INT_MIN, INT_MAX, -1, -4095, 0}) {
            const nlmsgerr error{code, {}};
            Bytes payload(sizeof error);
            std::memcpy(payload.data(), &error, sizeof error);
            const auto outcome = outcome_of({type, NLM_F_CAPPED, 1, payload});
            INFO("type " << type << " code " << code);
            REQUIRE(outcome.ok() == (code <= 0 && code >= -4095));
            if (outcome)
                CHECK((*outcome)->error.has_value() == (code < 0));
        }
}

TEST_CASE("older kernels without 64-bit counters or a family of the server", "[replies]") {
    AttributeWriter out;
    const std::size_t nest = out.begin_nest(IPVS_CMD_ATTR_DEST);
    out.put_bytes(IPVS_DEST_ATTR_ADDR, bytes("0a010102"));
    out.put<std::uint16_t>(IPVS_DEST_ATTR_PORT, 0x901f);
    out.put<std::uint32_t>(IPVS_DEST_ATTR_FWD_METHOD, 0x100 | 3);
    out.put<std::int32_t>(IPVS_DEST_ATTR_WEIGHT, 1);
    const std::size_t stats = out.begin_nest(IPVS_DEST_ATTR_STATS);
    out.put<std::uint32_t>(IPVS_STATS_ATTR_CONNS, 7);
    out.put<std::uint64_t>(IPVS_STATS_ATTR_INBYTES, 5'000'000'000);
    out.put<std::uint32_t>(IPVS_STATS_ATTR_OUTBPS, 9);
    out.end_nest(stats);
    out.end_nest(nest);
    const Bytes payload = out.take();
    auto attributes = Attributes::parse(payload);
    REQUIRE(attributes);
    auto listed = decode_dest(*attributes, Family::ipv4);
    REQUIRE(listed);
    CHECK(listed->dest == dest("10.1.1.2", 8080, Forwarding::route));
    CHECK(listed->stats == Stats{.connections = 7, .in_bytes = 5'000'000'000, .out_byte_rate = 9});
    // Four bytes are no IPv6 address.
    CHECK_FALSE(decode_dest(*attributes, Family::ipv6));
}

TEST_CASE("64-bit counters win over 32-bit ones", "[replies]") {
    AttributeWriter out;
    const std::size_t nest = out.begin_nest(IPVS_CMD_ATTR_SERVICE);
    out.put<std::uint16_t>(IPVS_SVC_ATTR_AF, 2);
    out.put<std::uint32_t>(IPVS_SVC_ATTR_FWMARK, 7);
    out.put_string(IPVS_SVC_ATTR_SCHED_NAME, "rr");
    out.put(IPVS_SVC_ATTR_FLAGS, ip_vs_flags{2, ~0U});
    out.put<std::uint32_t>(IPVS_SVC_ATTR_TIMEOUT, 0);
    out.put<std::uint32_t>(IPVS_SVC_ATTR_NETMASK, ~0U);
    for (const bool wide : {true, false}) {
        const std::size_t stats = out.begin_nest(wide ? IPVS_SVC_ATTR_STATS64 : IPVS_SVC_ATTR_STATS);
        if (wide)
            out.put<std::uint64_t>(IPVS_STATS_ATTR_CONNS, 5'000'000'000);
        else
            out.put<std::uint32_t>(IPVS_STATS_ATTR_CONNS, 705'032'704);
        out.end_nest(stats);
    }
    out.end_nest(nest);
    const Bytes payload = out.take();
    auto attributes = Attributes::parse(payload);
    REQUIRE(attributes);
    auto listed = decode_service(*attributes);
    REQUIRE(listed);
    CHECK(listed->stats.connections == 5'000'000'000);
    CHECK(listed->service.flags == 0); // HASHED is the kernel's
}

namespace {

// Reads whatever it is, as the client would; must neither crash nor read past the end.
void read_anything(ByteView datagram) {
    auto messages = split_datagram(datagram);
    if (!messages)
        return;
    for (const Message& message : *messages) {
        auto outcome = outcome_of(message);
        if (!outcome || *outcome)
            continue;
        auto attributes = reply_attributes(message);
        if (!attributes)
            continue;
        (void)decode_service(*attributes);
        (void)decode_dest(*attributes, Family::ipv4);
        (void)decode_dest(*attributes, Family::ipv6);
        (void)decode_info(*attributes);
        (void)decode_timeouts(*attributes);
        (void)decode_daemon(*attributes);
        (void)decode_module_info(*attributes);
        (void)decode_drops(*attributes);
    }
}

} // namespace

TEST_CASE("a reply cut short is an error, never a crash", "[replies]") {
    const auto question =
        GENERATE(as<std::string>{}, "info", "config", "services", "dests4", "dests6", "daemons", "nosuch", "badlen");
    for (const Bytes& datagram : captured(question))
        for (std::size_t size = 0; size < datagram.size(); ++size) {
            const Bytes cut(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(size)); // its own memory
            read_anything(cut);
            auto messages = split_datagram(cut);
            if (messages)
                CHECK(messages->size() < split_datagram(datagram)->size());
        }
}

TEST_CASE("a reply with a wrong byte is read without harm", "[replies]") {
    const auto question = GENERATE(as<std::string>{}, "services", "dests4", "daemons", "badlen");
    for (const Bytes& datagram : captured(question))
        for (std::size_t at = 0; at < datagram.size(); ++at)
            for (const std::uint8_t value : {0x00, 0x01, 0x03, 0x7f, 0xff}) {
                Bytes damaged = datagram;
                damaged[at] = value;
                read_anything(damaged);
            }
}

namespace {

// A connection by FULLNAT, but for the attribute that is missing.
Bytes connection_reply(std::uint16_t missing) {
    AttributeWriter out;
    const std::size_t nest = out.begin_nest(LVS_A_CONN);
    if (missing != LVS_CONN_A_PROTOCOL)
        out.put<std::uint16_t>(LVS_CONN_A_PROTOCOL, 6);
    out.put_string(LVS_CONN_A_STATE, "ESTABLISHED");
    if (missing != LVS_CONN_A_EXPIRES)
        out.put<std::uint32_t>(LVS_CONN_A_EXPIRES, 890);
    const std::tuple<std::uint16_t, const char*, const char*> ends[] = {
        {LVS_CONN_A_CLIENT, "0a000002", "d3e2"},
        {LVS_CONN_A_VIRTUAL, "c000020a", "0050"},
        {LVS_CONN_A_DEST, "fd000000000000000000000000000001", "1f90"},
        {LVS_CONN_A_LOCAL, "fd000000000000000000000000000002", "1388"}};
    for (const auto& [type, address, port] : ends) {
        if (missing != type)
            out.put_bytes(type, bytes(address));
        if (missing != type + 1)
            out.put_bytes(static_cast<std::uint16_t>(type + 1), bytes(port));
    }
    out.end_nest(nest);
    return out.take();
}

Result<Connection> decoded_connection(std::uint16_t missing) {
    const Bytes payload = connection_reply(missing);
    auto attributes = Attributes::parse(payload);
    REQUIRE(attributes);
    return decode_connection(*attributes);
}

} // namespace

TEST_CASE("a connection with its local address", "[replies]") {
    const auto whole = decoded_connection(0);
    REQUIRE(whole);
    CHECK(whole->protocol == "TCP");
    CHECK(whole->state == "ESTABLISHED");
    CHECK(whole->expires == 890);
    CHECK(whole->client == endpoint("10.0.0.2", 54242));
    CHECK(whole->service == endpoint("192.0.2.10", 80));
    CHECK(whole->dest == endpoint("fd00::1", 8080));
    CHECK(whole->local == endpoint("fd00::2", 5000));
    CHECK(whole->engine.empty());
    const auto without = decoded_connection(LVS_CONN_A_LOCAL);
    REQUIRE(without);
    CHECK_FALSE(without->local);
    for (const int missing : {LVS_CONN_A_PROTOCOL, LVS_CONN_A_EXPIRES, LVS_CONN_A_CLIENT, LVS_CONN_A_CLIENT_PORT,
                              LVS_CONN_A_VIRTUAL, LVS_CONN_A_DEST_PORT, LVS_CONN_A_LOCAL_PORT})
        CHECK_FALSE(decoded_connection(static_cast<std::uint16_t>(missing)));
}
