// SPDX-License-Identifier: GPL-2.0-or-later
// core/toa.c, core/toa_write.c: the client's address in TCP options, IP options and headers of protocol 248.
#include "catch.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <string>
#include <vector>

extern "C" {
#include "core/toa.h"
#include "core/toa_write.h"
}

namespace {

using Bytes = std::vector<u8>;

toa_kinds kinds_of(const char* text) {
    toa_kinds kinds{};
    REQUIRE(toa_read_kinds(text, &kinds));
    return kinds;
}

std::string text_of(const toa_endpoint& client) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, client.addr, text, sizeof text);
    return text + std::string(" ") + std::to_string(ntohs(client.port));
}

std::string result_of(toa_found found, const toa_endpoint& client) {
    return found == TOA_NONE ? "none" : found == TOA_BAD ? "bad" : text_of(client);
}

std::string in_tcp(const Bytes& options, const char* kinds = "254/8,254/20,253/20,200/8") {
    const Bytes exact(options.begin(), options.end());
    const toa_kinds read = kinds_of(kinds);
    toa_endpoint client{};
    return result_of(toa_in_tcp(&read, exact.data(), static_cast<u32>(exact.size()), &client), client);
}

Bytes option(u8 kind, const Bytes& address, u16 port = 4711) {
    Bytes bytes{kind, static_cast<u8>(4 + address.size()), static_cast<u8>(port >> 8), static_cast<u8>(port & 255)};
    bytes.insert(bytes.end(), address.begin(), address.end());
    return bytes;
}

Bytes join(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const Bytes v4{203, 0, 113, 7};
const Bytes v6{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
const Bytes timestamps{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};

} // namespace

TEST_CASE("the client's address among TCP options") {
    for (const u8 kind : {254, 200})
        CHECK(in_tcp(option(kind, v4)) == "::ffff:203.0.113.7 4711");
    for (const u8 kind : {254, 253})
        CHECK(in_tcp(option(kind, v6)) == "2001:db8::7 4711");
    CHECK(in_tcp(join(timestamps, option(254, v4))) == "::ffff:203.0.113.7 4711");
    CHECK(in_tcp(join(option(254, v6), timestamps)) == "2001:db8::7 4711");
    CHECK(in_tcp(join(option(254, v4, 1), option(254, v4, 2))) == "::ffff:203.0.113.7 1");
}

TEST_CASE("TCP options that tell no client") {
    CHECK(in_tcp({}) == "none");
    CHECK(in_tcp(timestamps) == "none");
    CHECK(in_tcp(option(252, v4)) == "none");
    CHECK(in_tcp(option(200, v6)) == "none");
    CHECK(in_tcp(option(253, v4)) == "none");
    CHECK(in_tcp(option(200, v4), "254/8") == "none");
    CHECK(in_tcp(join({0}, option(254, v4))) == "none");      // behind the end
    CHECK(in_tcp(join({5, 1}, option(254, v4))) == "none");   // a length that cannot be
    CHECK(in_tcp(join({254, 12, 0, 0}, Bytes(8))) == "none"); // another length
    CHECK(in_tcp({254}) == "none");                           // cut off
    CHECK(in_tcp({1, 254, 8, 1, 2, 3, 4, 5}) == "none");
}

TEST_CASE("addresses that no client has") {
    CHECK(in_tcp(option(254, v4, 0)) == "bad");
    for (const Bytes& address : {Bytes{0, 0, 0, 0}, Bytes{224, 0, 0, 1}, Bytes{255, 255, 255, 255}, Bytes(16)})
        CHECK(in_tcp(option(254, address)) == "bad");
    Bytes multicast = v6;
    multicast[0] = 0xff;
    CHECK(in_tcp(option(254, multicast)) == "bad");
}

TEST_CASE("lists of option kinds") {
    toa_kinds kinds{};
    for (const char* text : {"", "254", "254/9", "256/8", "/8", "254/", "254/8,", ",254/8", "254/8 253/20", "2/8",
                             "30/20", "0/8", "1/8", "0254/8", "-1/8", "254/8x", "999/8"})
        CHECK_FALSE(toa_read_kinds(text, &kinds));
    CHECK(toa_read_kinds("77/8\n", &kinds));
    CHECK(in_tcp(option(77, v4), "77/8,78/20") == "::ffff:203.0.113.7 4711");
    CHECK(in_tcp(option(78, v6), "77/8,78/20") == "2001:db8::7 4711");
}

TEST_CASE("the client's address among IP options") {
    toa_endpoint client{};
    const Bytes bytes = join({1, 1, 1, 1}, option(31, v4));
    CHECK(result_of(toa_in_ip(bytes.data(), static_cast<u32>(bytes.size()), &client), client) ==
          "::ffff:203.0.113.7 4711");
    const Bytes other = option(30, v4);
    CHECK(toa_in_ip(other.data(), static_cast<u32>(other.size()), &client) == TOA_NONE);
}

TEST_CASE("headers of protocol 248") {
    toa_endpoint client{};
    const Bytes ipv4 = join({0x10, 17, 0, 12}, option(31, v4));
    const Bytes ipv6 = join({0x20, 17, 0, 24}, option(31, v6));
    REQUIRE(lvs_uoa_len(ipv4.data()) == 12);
    REQUIRE(lvs_uoa_len(ipv6.data()) == 24);
    CHECK(result_of(toa_in_uoa(ipv4.data(), 12, &client), client) == "::ffff:203.0.113.7 4711");
    CHECK(result_of(toa_in_uoa(ipv6.data(), 24, &client), client) == "2001:db8::7 4711");
    const Bytes other_kind = join({0x10, 17, 0, 12}, option(30, v4));
    CHECK(toa_in_uoa(other_kind.data(), 12, &client) == TOA_BAD);
    Bytes other_len = ipv4;
    other_len[5] = 20;
    CHECK(toa_in_uoa(other_len.data(), 12, &client) == TOA_BAD);
    for (const Bytes& head :
         {Bytes{0x11, 17, 0, 12}, Bytes{0x30, 17, 0, 12}, Bytes{0x10, 6, 0, 12}, Bytes{0x10, 17, 0, 24},
          Bytes{0x20, 17, 0, 12}, Bytes{0x10, 17, 1, 12}, Bytes{0x10, 17, 0, 0}})
        CHECK(lvs_uoa_len(head.data()) == 0);
}

TEST_CASE("what the director writes the real server reads") {
    for (const Bytes& address : {v4, v6}) {
        const u8 af = address.size() == 4 ? AF_INET : AF_INET6;
        const std::string expected = address.size() == 4 ? "::ffff:203.0.113.7 4711" : "2001:db8::7 4711";
        nf_inet_addr from{};
        std::copy(address.begin(), address.end(), reinterpret_cast<u8*>(&from));
        toa_endpoint client{};

        Bytes bytes(lvs_toa_len(af));
        REQUIRE(lvs_toa_write(bytes.data(), 31, af, &from, htons(4711)) == bytes.size());
        CHECK(bytes == option(31, address));
        CHECK(result_of(toa_in_ip(bytes.data(), static_cast<u32>(bytes.size()), &client), client) == expected);

        Bytes header(address.size() == 4 ? 12 : LVS_UOA_MAX);
        REQUIRE(lvs_uoa_write(header.data(), af, &from, htons(4711)) == header.size());
        REQUIRE(lvs_uoa_len(header.data()) == header.size());
        CHECK(result_of(toa_in_uoa(header.data(), static_cast<u32>(header.size()), &client), client) == expected);
    }
}
