// SPDX-License-Identifier: GPL-2.0-or-later
// What ICMP errors quote: only sound headers count, and what is read is what is there.
#include "packet.h"

#include <optional>

using namespace fuzz;

namespace {

struct Expected {
    bool found = false;
    bool ports = false;
    std::size_t ip_off = 0;
    std::size_t l4_off = 0;
    u8 proto = 0;
};

bool has_ports(u8 proto) {
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

// Of a packet that is whole or a first fragment; of AH and ESP, `any` fragment will do.
bool sound_v4(const Bytes& bytes, std::size_t off, bool any = false) {
    if (!has(bytes, off, 20) || bytes[off] >> 4 != 4 || (bytes[off] & 15) < 5)
        return false;
    return (!(bytes[off + 6] & 0x1f) && !bytes[off + 7]) || (any && is_ipsec(bytes[off + 9]));
}

Expected expected(const Arrival& in, std::size_t icmp, bool behind_ah) {
    Expected out;
    const std::size_t ip = icmp + 8;

    out.ip_off = ip;
    if (in.af == AF_INET) {
        if (!sound_v4(in.bytes, ip, true))
            return out;
        out.proto = in.bytes[ip + 9];
        out.l4_off = ip + (in.bytes[ip] & 15U) * 4;
    } else {
        if (!has(in.bytes, ip, 40) || in.bytes[ip] >> 4 != 6)
            return out;
        const Walk end = walk(in.bytes, ip + 40, in.bytes[ip + 6], behind_ah);
        if (!end.ends && !(end.later && !behind_ah && is_ipsec(end.proto)))
            return out;
        out.proto = end.proto;
        out.l4_off = end.off;
    }
    out.ports = has_ports(out.proto);
    out.found = is_ipsec(out.proto) || (out.ports && has(in.bytes, out.l4_off, 8));
    return out;
}

// The other direction: what was the quoted packet's destination is the source.
void check_exchanged(const Arrival& in, const lvs_packet& quoted, const Expected& e) {
    const std::size_t length = in.af == AF_INET ? 4 : 16;
    const std::size_t first = e.ip_off + (in.af == AF_INET ? 12 : 8);

    MUST(quoted.proto == e.proto && quoted.af == in.af);
    MUST(same(in.bytes, first, &quoted.daddr, length) && same(in.bytes, first + length, &quoted.saddr, length));
    if (!e.ports)
        return;
    MUST(same(in.bytes, e.l4_off, &quoted.dport, 2) && same(in.bytes, e.l4_off + 2, &quoted.sport, 2));
}

// A tunnel's outer header without options, GUE or GRE or nothing, and the inner packet.
struct Carried {
    u8 proto = 0;
    std::size_t off = 0;
};

std::optional<Carried> carried(const Arrival& in, std::size_t outer) {
    const Bytes& bytes = in.bytes;
    Carried c;

    if (in.af == AF_INET) {
        if (!sound_v4(bytes, outer) || (bytes[outer] & 15) != 5)
            return {};
        c = {bytes[outer + 9], outer + 20};
    } else {
        if (!has(bytes, outer, 40) || bytes[outer] >> 4 != 6)
            return {};
        c = {bytes[outer + 6], outer + 40};
    }
    if (c.proto == IPPROTO_GRE) {
        if (!has(bytes, c.off, 4) || bytes[c.off] & 0x7f || bytes[c.off + 1])
            return {};
        const int type = bytes[c.off + 2] << 8 | bytes[c.off + 3];
        c.proto = static_cast<u8>(type == 0x0800 ? +IPPROTO_IPIP : type == 0x86dd ? +IPPROTO_IPV6 : 0);
        c.off += bytes[c.off] ? 8 : 4;
    } else if (c.proto == IPPROTO_UDP) {
        if (!has(bytes, c.off, 12) || bytes[c.off + 8] >> 5)
            return {};
        c.proto = bytes[c.off + 9];
        c.off += 12 + (bytes[c.off + 8] & 31U) * 4;
    }
    if (c.proto != IPPROTO_IPIP && c.proto != IPPROTO_IPV6)
        return {};
    return c;
}

// Where the inner packet's ports are and what has them; proto 0 if there is no such thing.
Carried innermost(const Bytes& bytes, const Carried& c, bool behind_ah) {
    Carried l4;

    if (c.proto == IPPROTO_IPIP) {
        if (!sound_v4(bytes, c.off))
            return {};
        l4 = {bytes[c.off + 9], c.off + (bytes[c.off] & 15U) * 4};
    } else {
        if (!has(bytes, c.off, 40) || bytes[c.off] >> 4 != 6)
            return {};
        const Walk end = walk(bytes, c.off + 40, bytes[c.off + 6], behind_ah);
        if (!end.ends)
            return {};
        l4 = {end.proto, end.off};
    }
    if (!is_ipsec(l4.proto) && (!has_ports(l4.proto) || !has(bytes, l4.off, 8)))
        return {};
    return l4;
}

void check_tunnelled(const Arrival& in, const lvs_packet& pkt, bool behind_ah) {
    const Bytes& bytes = in.bytes;
    const std::size_t outer = pkt.l4_off + 8U;
    const std::optional<Carried> c = carried(in, outer);
    const Carried l4 = c ? innermost(bytes, *c, behind_ah) : Carried{};
    lvs_packet inner;
    nf_inet_addr end;
    u32 off = 0;

    const bool found = lvs_quote_parse_tunnelled(&pkt, &inner, &off, &end, behind_ah);
    MUST(found == (l4.proto != 0));
    if (!found)
        return;
    const bool four = c->proto == IPPROTO_IPIP;
    const std::size_t length = four ? 4 : 16, addresses = c->off + (four ? 12 : 8);
    MUST(off == c->off && inner.af == (four ? AF_INET : AF_INET6) && inner.proto == l4.proto);
    if (in.af == AF_INET)
        MUST(same(bytes, outer + 16, &end, 4));
    else
        MUST(same(bytes, outer + 24, &end, 16));
    MUST(same(bytes, addresses, &inner.saddr, length) && same(bytes, addresses + length, &inner.daddr, length));
    if (has_ports(l4.proto))
        MUST(same(bytes, l4.off, &inner.sport, 2) && same(bytes, l4.off + 2, &inner.dport, 2));
}

void check(const Arrival& in, u32 head_len) {
    Packet packet(in.bytes, head_len, in.af);
    const lvs_packet& pkt = packet.pkt;

    if (packet.parse() != LVS_PARSED_ICMP)
        return;
    const u8 type = has(in.bytes, pkt.l4_off, 8) ? in.bytes[pkt.l4_off] : 0xff;
    MUST(lvs_quote_is_in(&pkt) == (in.af == AF_INET ? type == 3 || type == 4 || type == 11 : type < 128));

    for (bool behind_ah : {false, true}) {
        const Expected e = expected(in, pkt.l4_off, behind_ah);
        lvs_packet quoted;
        lvs_quote q;
        const bool found = lvs_quote_parse(&pkt, &quoted, &q, behind_ah);
        MUST(found == e.found);
        if (found) {
            MUST(q.ip_off == e.ip_off && q.ports == e.ports && (!q.ports || q.l4_off == e.l4_off));
            check_exchanged(in, quoted, e);
        }
        check_tunnelled(in, pkt, behind_ah);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in(data, size);
    const Arrival arrival = read_arrival(in);

    check(arrival, arrival.head_len);
    check(arrival, arrival.header);
    check(arrival, static_cast<u32>(arrival.bytes.size()));
    return 0;
}
