// SPDX-License-Identifier: GPL-2.0-or-later
// core/parse.c and core/quote.c: headers of packets and of what ICMP errors quote, in one piece and in two.
#include "catch.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <initializer_list>
#include <utility>
#include <vector>

extern "C" {
#include "core/quote.h"
#include "core/sctp_state.h"
}

namespace {

using Bytes = std::vector<u8>;

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes cut(Bytes bytes, std::size_t size) {
    bytes.resize(size);
    return bytes;
}

// 10.0.0.1 to 192.0.2.1; fd00::1 to 2001:db8::2
Bytes v4(u8 proto, u8 ihl = 5, u16 place = 0) {
    Bytes out(ihl * 4U);

    out[0] = static_cast<u8>(0x40 | ihl);
    out[6] = static_cast<u8>(place >> 8);
    out[7] = static_cast<u8>(place);
    out[9] = proto;
    inet_pton(AF_INET, "10.0.0.1", &out[12]);
    inet_pton(AF_INET, "192.0.2.1", &out[16]);
    return out;
}

Bytes v6(u8 proto) {
    Bytes out(40);

    out[0] = 0x60;
    out[6] = proto;
    inet_pton(AF_INET6, "fd00::1", &out[8]);
    inet_pton(AF_INET6, "2001:db8::2", &out[24]);
    return out;
}

// From port 8000 to port 80.
const Bytes udp = {0x1f, 0x40, 0, 80, 0, 12, 0, 0, 'd', 'a', 't', 'a'};
const Bytes syn = {0x1f, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0};

Bytes extension(u8 next, u8 units = 0) {
    Bytes out((units + 1) * 8U);

    out[0] = next;
    out[1] = units;
    return out;
}

Bytes fragment(u8 next, u16 place) {
    return {next, 0, static_cast<u8>(place >> 8), static_cast<u8>(place), 0, 0, 0, 1};
}

struct Parsed {
    Parsed(const Bytes& bytes, u32 head_len)
        : memory(bytes), skb{memory.data(), head_len, memory.data() + head_len, static_cast<u32>(memory.size())} {
        pkt.skb = &skb;
        pkt.af = memory[0] >> 4 == 4 ? AF_INET : AF_INET6;
        result = pkt.af == AF_INET ? lvs_parse_v4(&pkt, reinterpret_cast<const iphdr*>(memory.data()))
                                   : lvs_parse_v6(&pkt, reinterpret_cast<const ipv6hdr*>(memory.data()));
    }
    Parsed(const Parsed&) = delete;
    Parsed& operator=(const Parsed&) = delete;
    ~Parsed() = default;

    Bytes memory;
    sk_buff skb;
    lvs_packet pkt{};
    lvs_parsed result;
};

// AH with an ICV of 12 bytes.
Bytes ah(u8 next, u8 words = 4) {
    Bytes out((words + 2) * 4U);

    out[0] = next;
    out[1] = words;
    return out;
}

// The answer is the same wherever the first piece ends.
void expect(const Bytes& bytes, lvs_parsed result, u16 l4_off = 0) {
    const u32 header = bytes[0] >> 4 == 4 ? (bytes[0] & 15) * 4U : 40U;

    for (u32 head_len : {header, header + 3, static_cast<u32>(bytes.size())}) {
        if (head_len > bytes.size())
            continue;
        const Parsed parsed(bytes, head_len);
        INFO("the first " << head_len << " of " << bytes.size() << " bytes in one piece");
        CHECK(parsed.result == result);
        if (l4_off)
            CHECK(parsed.pkt.l4_off == l4_off);
        if (result == LVS_PARSED_FLOW) {
            CHECK(ntohs(parsed.pkt.sport) == 8000);
            CHECK(ntohs(parsed.pkt.dport) == 80);
        }
    }
}

} // namespace

TEST_CASE("flows, ICMP and others", "[packet]") {
    expect(v4(IPPROTO_UDP) + udp, LVS_PARSED_FLOW, 20);
    expect(v4(IPPROTO_UDP, 7) + udp, LVS_PARSED_FLOW, 28);
    expect(v4(IPPROTO_TCP) + syn, LVS_PARSED_FLOW, 20);
    expect(v6(IPPROTO_UDP) + udp, LVS_PARSED_FLOW, 40);
    expect(v6(IPPROTO_TCP) + syn, LVS_PARSED_FLOW, 40);
    expect(v4(IPPROTO_ICMP) + udp, LVS_PARSED_ICMP, 20);
    expect(v6(IPPROTO_ICMPV6) + udp, LVS_PARSED_ICMP, 40);
    expect(v4(IPPROTO_ICMPV6) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_ICMP) + udp, LVS_PARSED_OTHER);
    expect(v4(IPPROTO_GRE) + udp, LVS_PARSED_OTHER);

    const Parsed parsed(v6(IPPROTO_TCP) + syn, 60);
    CHECK(parsed.pkt.tcp_flags == 0x02);
    CHECK(std::memcmp(&parsed.pkt.saddr, &parsed.memory[8], 16) == 0);
    CHECK(std::memcmp(&parsed.pkt.daddr, &parsed.memory[24], 16) == 0);
}

TEST_CASE("transport headers that are cut short or lie", "[packet]") {
    for (std::size_t size : {0, 1, 7})
        expect(v4(IPPROTO_UDP) + cut(udp, size), LVS_PARSED_BAD);
    for (std::size_t size : {0, 13, 19})
        expect(v6(IPPROTO_TCP) + cut(syn, size), LVS_PARSED_BAD);
    Bytes lying = syn;
    lying[12] = 0x40;
    expect(v4(IPPROTO_TCP) + lying, LVS_PARSED_BAD);
}

TEST_CASE("fragments of IPv4 are told by offset and by more to come", "[packet]") {
    const auto is_fragment = [](u16 place) {
        const Bytes header = v4(IPPROTO_UDP, 5, place);
        return lvs_parse_is_fragment(reinterpret_cast<const iphdr*>(header.data()));
    };
    CHECK_FALSE(is_fragment(0));
    CHECK_FALSE(is_fragment(0x4000)); // "do not fragment"
    CHECK(is_fragment(0x2000));
    CHECK(is_fragment(0x0001));
    CHECK(is_fragment(0x1fff));
}

TEST_CASE("IPv6 extension headers are walked", "[packet]") {
    expect(v6(IPPROTO_DSTOPTS) + extension(IPPROTO_UDP) + udp, LVS_PARSED_FLOW, 48);
    expect(v6(IPPROTO_HOPOPTS) + extension(IPPROTO_ROUTING) + extension(IPPROTO_TCP, 2) + syn, LVS_PARSED_FLOW, 72);
    expect(v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_UDP, 0) + udp, LVS_PARSED_FLOW, 48); // a whole packet nevertheless
    expect(v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_UDP, 1) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_UDP, 8) + udp, LVS_PARSED_OTHER);
    // More to come is not forgotten over a second fragment header.
    expect(v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_FRAGMENT, 1) + fragment(IPPROTO_UDP, 0) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_NONE) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_DSTOPTS) + extension(IPPROTO_NONE) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_DSTOPTS) + extension(253) + udp, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_DSTOPTS) + Bytes{IPPROTO_UDP, 0, 0}, LVS_PARSED_OTHER);
    expect(v6(IPPROTO_DSTOPTS) + extension(IPPROTO_UDP), LVS_PARSED_BAD);
}

TEST_CASE("AH and ESP are what a packet is of, and nothing of them is read", "[packet]") {
    for (u8 proto : {IPPROTO_ESP, IPPROTO_AH}) {
        for (std::size_t size : {0, 1, 12}) {
            expect(v4(proto) + cut(udp, size), LVS_PARSED_IPSEC, 20);
            expect(v4(proto, 6) + cut(udp, size), LVS_PARSED_IPSEC, 24);
            expect(v6(proto) + cut(udp, size), LVS_PARSED_IPSEC, 40);
            expect(v6(IPPROTO_DSTOPTS) + extension(proto) + cut(udp, size), LVS_PARSED_IPSEC, 48);
        }
        expect(v6(IPPROTO_FRAGMENT) + fragment(proto, 1) + udp, LVS_PARSED_OTHER);
        expect(v6(IPPROTO_FRAGMENT) + fragment(proto, 8) + udp, LVS_PARSED_OTHER);
        // The header before it says that it ends behind the packet.
        expect(v6(IPPROTO_DSTOPTS) + Bytes{proto, 1, 0, 0, 0, 0, 0, 0}, LVS_PARSED_OTHER);
        expect(v6(IPPROTO_DSTOPTS) + extension(proto, 1), LVS_PARSED_IPSEC, 56);
    }
    const Parsed parsed(v6(IPPROTO_AH) + ah(IPPROTO_UDP) + udp, 40);
    CHECK(parsed.pkt.proto == IPPROTO_AH);
}

TEST_CASE("what is behind AH of IPv6", "[packet]") {
    const auto behind = [](const Bytes& bytes) {
        Parsed parsed(bytes, 40);
        parsed.result = lvs_parse_v6_behind_ah(&parsed.pkt, reinterpret_cast<const ipv6hdr*>(parsed.memory.data()));
        return std::pair<lvs_parsed, int>(parsed.result, parsed.pkt.l4_off);
    };
    CHECK(behind(v6(IPPROTO_AH) + ah(IPPROTO_UDP) + udp) == std::pair<lvs_parsed, int>(LVS_PARSED_FLOW, 64));
    CHECK(behind(v6(IPPROTO_AH) + ah(IPPROTO_AH, 7) + ah(IPPROTO_TCP) + syn) ==
          std::pair<lvs_parsed, int>(LVS_PARSED_FLOW, 100));
    CHECK(behind(v6(IPPROTO_AH) + ah(IPPROTO_ESP) + udp).first == LVS_PARSED_IPSEC);
    CHECK(behind(v6(IPPROTO_AH) + ah(IPPROTO_UDP) + cut(udp, 7)).first == LVS_PARSED_BAD);
    CHECK(behind(v6(IPPROTO_AH) + cut(ah(IPPROTO_UDP), 3)).first == LVS_PARSED_OTHER);
    CHECK(behind(v6(IPPROTO_AH) + ah(IPPROTO_NONE)).first == LVS_PARSED_OTHER);
}

TEST_CASE("extension headers may end beyond what an offset holds", "[packet]") {
    Bytes packet = v6(IPPROTO_DSTOPTS);

    for (int i = 0; i < 31; i++)
        packet = packet + extension(IPPROTO_DSTOPTS, 255);
    expect(packet + extension(IPPROTO_UDP, 249) + udp, LVS_PARSED_FLOW, 65528);
    expect(packet + extension(IPPROTO_UDP, 250) + udp, LVS_PARSED_OTHER);
    expect(packet + extension(IPPROTO_UDP, 254) + udp, LVS_PARSED_OTHER);
}

namespace {

bool quotes(const Bytes& bytes, bool behind_ah = false) {
    const Parsed parsed(bytes, static_cast<u32>(bytes.size()));
    lvs_packet quoted{};
    lvs_quote q{};

    return parsed.result == LVS_PARSED_ICMP && lvs_quote_parse(&parsed.pkt, &quoted, &q, behind_ah);
}

const Bytes unreachable4 = {3, 1, 0, 0, 0, 0, 0, 0};
const Bytes unreachable6 = {1, 1, 0, 0, 0, 0, 0, 0};

} // namespace

TEST_CASE("ICMP errors and other ICMP", "[packet]") {
    const auto is_error = [](u8 proto, u8 type) {
        const Parsed parsed((proto == IPPROTO_ICMP ? v4(proto) : v6(proto)) + Bytes{type, 0, 0, 0, 0, 0, 0, 0}, 40);
        return lvs_quote_is_in(&parsed.pkt);
    };
    for (int type = 0; type < 256; type++) {
        INFO("type " << type);
        CHECK(is_error(IPPROTO_ICMP, static_cast<u8>(type)) == (type == 3 || type == 4 || type == 11));
    }
    for (int type = 0; type < 256; type++)
        CHECK(is_error(IPPROTO_ICMPV6, static_cast<u8>(type)) == (type < 128));
    const Parsed parsed(v4(IPPROTO_ICMP) + cut(unreachable4, 7), 20);
    CHECK_FALSE(lvs_quote_is_in(&parsed.pkt));
}

TEST_CASE("a quoted packet is read as one of the other direction", "[packet]") {
    const Parsed four(v4(IPPROTO_ICMP) + unreachable4 + v4(IPPROTO_UDP, 6) + cut(udp, 8), 20);
    lvs_packet quoted{};
    lvs_quote q{};

    REQUIRE(lvs_quote_parse(&four.pkt, &quoted, &q, false));
    CHECK(q.ports);
    CHECK((q.ip_off == 28 && q.l4_off == 52));
    CHECK((ntohs(quoted.dport) == 8000 && ntohs(quoted.sport) == 80 && quoted.proto == IPPROTO_UDP));
    CHECK(ntohl(quoted.daddr.ip) == 0x0a000001);
    CHECK(ntohl(quoted.saddr.ip) == 0xc0000201);

    const Parsed six(v6(IPPROTO_ICMPV6) + unreachable6 + v6(IPPROTO_DSTOPTS) + extension(IPPROTO_TCP) + cut(syn, 8),
                     40);
    REQUIRE(lvs_quote_parse(&six.pkt, &quoted, &q, false));
    CHECK((q.ip_off == 48 && q.l4_off == 96));
    CHECK((ntohs(quoted.dport) == 8000 && ntohs(quoted.sport) == 80 && quoted.proto == IPPROTO_TCP));
    CHECK(std::memcmp(&quoted.daddr, &six.memory[56], 16) == 0);
    CHECK(std::memcmp(&quoted.saddr, &six.memory[72], 16) == 0);
}

TEST_CASE("quoted AH and ESP need nothing but their addresses", "[packet]") {
    const Bytes error4 = v4(IPPROTO_ICMP) + unreachable4, error6 = v6(IPPROTO_ICMPV6) + unreachable6;

    for (u8 proto : {IPPROTO_ESP, IPPROTO_AH}) {
        for (const Bytes& error : {error4 + v4(proto, 6), error4 + v4(proto, 5, 0x00b9) + udp,
                                   error6 + v6(IPPROTO_FRAGMENT) + fragment(proto, 0x4d1),
                                   error6 + v6(IPPROTO_DSTOPTS) + extension(proto)}) {
            const Parsed parsed(error, static_cast<u32>(error.size()));
            const std::size_t ip = parsed.pkt.l4_off + 8U;
            lvs_packet quoted{};
            lvs_quote q{};

            REQUIRE(lvs_quote_parse(&parsed.pkt, &quoted, &q, false));
            CHECK((q.ip_off == ip && !q.ports && quoted.proto == proto));
            if (quoted.af == AF_INET)
                CHECK((ntohl(quoted.daddr.ip) == 0x0a000001 && ntohl(quoted.saddr.ip) == 0xc0000201));
            else
                CHECK(std::memcmp(&quoted.daddr, &error[ip + 8], 16) == 0);
        }
        CHECK_FALSE(quotes(error4 + cut(v4(proto), 19)));
        CHECK_FALSE(quotes(error6 + v6(IPPROTO_FRAGMENT) + cut(fragment(proto, 8), 3)));
    }
}

TEST_CASE("behind a quoted AH of IPv6", "[packet]") {
    const Bytes error6 = v6(IPPROTO_ICMPV6) + unreachable6, inside = v6(IPPROTO_AH) + ah(IPPROTO_UDP) + udp;
    const Parsed parsed(error6 + inside, 40);
    lvs_packet quoted{};
    lvs_quote q{};

    REQUIRE(lvs_quote_parse(&parsed.pkt, &quoted, &q, true));
    CHECK((q.ports && q.l4_off == 48 + 40 + 24 && quoted.proto == IPPROTO_UDP && ntohs(quoted.dport) == 8000));
    CHECK_FALSE(quotes(error6 + v6(IPPROTO_AH) + cut(ah(IPPROTO_UDP), 3), true));
    CHECK(quotes(error6 + v6(IPPROTO_AH) + cut(ah(IPPROTO_UDP), 3)));
    CHECK_FALSE(quotes(error6 + v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_AH, 8), true));
}

TEST_CASE("quotes that are no TCP or UDP, or not sound", "[packet]") {
    const Bytes error4 = v4(IPPROTO_ICMP) + unreachable4;
    const Bytes error6 = v6(IPPROTO_ICMPV6) + unreachable6;

    CHECK(quotes(error4 + v4(IPPROTO_UDP, 5, 0x2000) + cut(udp, 8))); // the first of several fragments has the ports
    CHECK_FALSE(quotes(error4 + v4(IPPROTO_UDP, 5, 0x0001) + cut(udp, 8)));
    CHECK_FALSE(quotes(error4 + v4(IPPROTO_GRE) + udp));
    CHECK_FALSE(quotes(error4 + v4(IPPROTO_UDP) + cut(udp, 7)));
    CHECK_FALSE(quotes(error4 + cut(v4(IPPROTO_UDP), 19)));
    CHECK_FALSE(quotes(error4 + v6(IPPROTO_UDP) + udp));
    Bytes short_header = v4(IPPROTO_UDP);
    short_header[0] = 0x44;
    CHECK_FALSE(quotes(error4 + short_header + udp));

    CHECK(quotes(error6 + v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_UDP, 1) + udp));
    CHECK_FALSE(quotes(error6 + v6(IPPROTO_FRAGMENT) + fragment(IPPROTO_UDP, 9) + udp));
    CHECK_FALSE(quotes(error6 + v6(IPPROTO_NONE) + udp));
    CHECK_FALSE(quotes(error6 + cut(v6(IPPROTO_UDP), 39)));
    CHECK_FALSE(quotes(error6 + v4(IPPROTO_UDP) + Bytes(40)));
}

namespace {

// An error that quotes a tunnel's packet, and what was found in it.
struct Tunnelled {
    lvs_packet inner{};
    u32 off = 0;
    nf_inet_addr end{};
    bool found = false;

    explicit Tunnelled(const Bytes& quote, bool six = false, bool behind_ah = false) {
        const Parsed parsed(six ? v6(IPPROTO_ICMPV6) + unreachable6 + quote : v4(IPPROTO_ICMP) + unreachable4 + quote,
                            six ? 40 : 20);
        found = lvs_quote_parse_tunnelled(&parsed.pkt, &inner, &off, &end, behind_ah);
    }
    bool is(u32 where, u8 af, u8 proto) const {
        return found && off == where && inner.af == af && inner.proto == proto && ntohs(inner.sport) == 8000 &&
               ntohs(inner.dport) == 80;
    }
};

const Bytes gue4{0x12, 0x34, 0x17, 0xc0, 0, 0, 0, 0, 0x00, IPPROTO_IPIP, 0, 0};
const Bytes gue6_remcsum{0x12, 0x34, 0x17, 0xc0, 0, 0, 0, 0, 0x02, IPPROTO_IPV6, 0, 1, 0x80, 0, 0, 0, 0, 40, 0, 56};
const Bytes gre4{0, 0, 0x08, 0x00};
const Bytes gre6_csum{0x80, 0, 0x86, 0xdd, 1, 2, 0, 0};

} // namespace

TEST_CASE("a quoted tunnel header has the tunnelled packet behind it", "[packet]") {
    const Tunnelled plain(v4(IPPROTO_IPIP) + v4(IPPROTO_TCP, 6) + cut(syn, 8));
    REQUIRE(plain.is(48, AF_INET, IPPROTO_TCP));
    CHECK(ntohl(plain.end.ip) == 0xc0000201);
    CHECK((ntohl(plain.inner.saddr.ip) == 0x0a000001 && ntohl(plain.inner.daddr.ip) == 0xc0000201));

    const auto tunnelled = [](const Bytes& quote) { return Tunnelled(quote).found; };
    CHECK_FALSE(tunnelled(v4(IPPROTO_UDP) + v4(IPPROTO_TCP) + syn));
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP, 6) + v4(IPPROTO_TCP) + syn)); // no tunnel of ours has options
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP, 5, 0x0001) + v4(IPPROTO_TCP) + syn));
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP) + v4(IPPROTO_ICMP) + syn));
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP) + v4(IPPROTO_TCP, 5, 0x0001) + syn));
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP) + v4(IPPROTO_TCP) + cut(syn, 7)));
    CHECK_FALSE(tunnelled(v4(IPPROTO_IPIP) + cut(v4(IPPROTO_TCP), 19)));
}

TEST_CASE("the families of a quoted tunnel and of what it carries", "[packet]") {
    CHECK(Tunnelled(v4(IPPROTO_IPV6) + v6(IPPROTO_UDP) + cut(udp, 8)).is(48, AF_INET6, IPPROTO_UDP));
    CHECK(Tunnelled(v6(IPPROTO_IPIP) + v4(IPPROTO_TCP) + syn, true).is(88, AF_INET, IPPROTO_TCP));
    const Bytes inside = v6(IPPROTO_DSTOPTS) + extension(IPPROTO_TCP) + syn;
    const Tunnelled six(v6(IPPROTO_IPV6) + inside, true);
    REQUIRE(six.is(88, AF_INET6, IPPROTO_TCP));
    CHECK(std::memcmp(&six.end, &inside[24], 16) == 0);
    CHECK(std::memcmp(&six.inner.saddr, &inside[8], 16) == 0);

    CHECK_FALSE(Tunnelled(v4(IPPROTO_IPV6) + v4(IPPROTO_UDP) + Bytes(40)).found);
    CHECK_FALSE(Tunnelled(v4(IPPROTO_IPIP) + v6(IPPROTO_UDP) + udp).found);
    CHECK_FALSE(Tunnelled(v6(IPPROTO_IPV6) + v6(IPPROTO_NONE) + udp, true).found);
    CHECK_FALSE(Tunnelled(cut(v6(IPPROTO_IPV6), 39), true).found);
}

TEST_CASE("AH and ESP in a quoted tunnel", "[packet]") {
    for (u8 proto : {IPPROTO_ESP, IPPROTO_AH}) {
        const Tunnelled four(v4(IPPROTO_IPIP) + v4(proto)), six(v6(IPPROTO_IPV6) + v6(proto), true);
        CHECK((four.found && four.inner.proto == proto && four.off == 48));
        CHECK((six.found && six.inner.proto == proto && six.off == 88));
        CHECK_FALSE(Tunnelled(v4(IPPROTO_IPIP) + v4(proto, 5, 0x0001)).found);
        CHECK_FALSE(Tunnelled(v6(IPPROTO_IPV6) + v6(IPPROTO_FRAGMENT) + fragment(proto, 8), true).found);
    }
    CHECK(
        Tunnelled(v6(IPPROTO_IPV6) + v6(IPPROTO_AH) + ah(IPPROTO_UDP) + udp, true, true).is(88, AF_INET6, IPPROTO_UDP));
}

TEST_CASE("quoted tunnels of GUE and GRE", "[packet]") {
    CHECK(Tunnelled(v4(IPPROTO_UDP) + gue4 + v4(IPPROTO_TCP) + syn).is(60, AF_INET, IPPROTO_TCP));
    CHECK(Tunnelled(v6(IPPROTO_UDP) + gue6_remcsum + v6(IPPROTO_UDP) + udp, true).is(108, AF_INET6, IPPROTO_UDP));
    CHECK(Tunnelled(v4(IPPROTO_GRE) + gre4 + v4(IPPROTO_UDP) + udp).is(52, AF_INET, IPPROTO_UDP));
    CHECK(Tunnelled(v4(IPPROTO_GRE) + gre6_csum + v6(IPPROTO_TCP) + syn).is(56, AF_INET6, IPPROTO_TCP));

    Bytes other = gue4;
    other[8] = 0x40; // another variant
    CHECK_FALSE(Tunnelled(v4(IPPROTO_UDP) + other + v4(IPPROTO_TCP) + syn).found);
    other[8] = 0x20; // a control message
    CHECK_FALSE(Tunnelled(v4(IPPROTO_UDP) + other + v4(IPPROTO_TCP) + syn).found);
    other[8] = 0;
    other[9] = IPPROTO_TCP;
    CHECK_FALSE(Tunnelled(v4(IPPROTO_UDP) + other + v4(IPPROTO_TCP) + syn).found);
    CHECK_FALSE(Tunnelled(v4(IPPROTO_UDP) + cut(gue4, 11)).found);
    other = gre4;
    other[0] = 0x20; // with a key
    CHECK_FALSE(Tunnelled(v4(IPPROTO_GRE) + other + v4(IPPROTO_TCP) + syn).found);
    other[0] = 0;
    other[2] = 0x65;
    CHECK_FALSE(Tunnelled(v4(IPPROTO_GRE) + other + v4(IPPROTO_TCP) + syn).found);
    CHECK_FALSE(Tunnelled(v4(IPPROTO_GRE) + cut(gre4, 3)).found);
}

TEST_CASE("SCTP: ports, and what the chunks mean") {
    const Bytes common = {0x1f, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0};
    const Bytes init = {1, 0, 0, 4}, abort = {6, 0, 0, 4}, data = {0, 0, 0, 4}, echo = {10, 0, 0, 7, 'a', 'b', 'c', 0};
    const auto event = [&](const Bytes& chunks) {
        const Parsed parsed(v4(IPPROTO_SCTP) + common + chunks, 20);
        CHECK(parsed.result == LVS_PARSED_FLOW);
        CHECK(ntohs(parsed.pkt.sport) == 8000);
        CHECK(ntohs(parsed.pkt.dport) == 80);
        return int{parsed.pkt.sctp_event};
    };

    for (const Bytes& ip : {v4(IPPROTO_SCTP), v6(IPPROTO_SCTP)}) {
        expect(ip + common + init, LVS_PARSED_FLOW, static_cast<u16>(ip.size()));
        for (std::size_t size = 0; size < 16; size++)
            expect(ip + cut(common + init, size), LVS_PARSED_BAD);
    }
    CHECK(event(init) == LVS_SCTP_EV_INIT);
    CHECK(event(data + abort) == LVS_SCTP_EV_DATA);
    CHECK(event(echo) == LVS_SCTP_EV_COOKIE_ECHO);
    CHECK(event(echo + data) == LVS_SCTP_EV_COOKIE_ECHO);
    CHECK(event(echo + abort) == LVS_SCTP_EV_ABORT);
    CHECK(event(echo + cut(abort, 3)) == LVS_SCTP_EV_COOKIE_ECHO);
    CHECK(event(Bytes{11, 0, 0, 4} + abort) == LVS_SCTP_EV_ABORT);
    // Lengths that lie: shorter than a chunk's header, beyond the packet.
    CHECK(event(Bytes{10, 0, 0, 3} + abort) == LVS_SCTP_EV_COOKIE_ECHO);
    CHECK(event(Bytes{10, 0, 0xff, 0xff} + abort) == LVS_SCTP_EV_COOKIE_ECHO);
}
