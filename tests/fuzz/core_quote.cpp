// SPDX-License-Identifier: GPL-2.0-or-later
// What ICMP errors quote: only sound headers count, and what is read is what is there.
#include "packet.h"

using namespace fuzz;

namespace {

struct Expected {
    bool found = false;
    std::size_t ip_off = 0;
    std::size_t l4_off = 0;
    u8 proto = 0;
};

bool sound_v4(const Bytes& bytes, std::size_t off) {
    return has(bytes, off, 20) && bytes[off] >> 4 == 4 && (bytes[off] & 15) >= 5 && !(bytes[off + 6] & 0x1f) &&
           !bytes[off + 7];
}

Expected expected(const Arrival& in, std::size_t icmp) {
    Expected out;
    const std::size_t ip = icmp + 8;

    out.ip_off = ip;
    if (in.af == AF_INET) {
        if (!sound_v4(in.bytes, ip))
            return out;
        out.proto = in.bytes[ip + 9];
        out.l4_off = ip + (in.bytes[ip] & 15U) * 4;
    } else {
        if (!has(in.bytes, ip, 40) || in.bytes[ip] >> 4 != 6)
            return out;
        const Walk end = walk(in.bytes, ip + 40, in.bytes[ip + 6]);
        if (!end.ends)
            return out;
        out.proto = end.proto;
        out.l4_off = end.off;
    }
    out.found = (out.proto == IPPROTO_TCP || out.proto == IPPROTO_UDP) && has(in.bytes, out.l4_off, 8);
    return out;
}

// The other direction: what was the quoted packet's destination is the source.
void check_exchanged(const Arrival& in, const lvs_packet& quoted, const Expected& e) {
    const std::size_t length = in.af == AF_INET ? 4 : 16;
    const std::size_t first = e.ip_off + (in.af == AF_INET ? 12 : 8);

    MUST(quoted.proto == e.proto && quoted.af == in.af);
    MUST(same(in.bytes, first, &quoted.daddr, length) && same(in.bytes, first + length, &quoted.saddr, length));
    MUST(same(in.bytes, e.l4_off, &quoted.dport, 2) && same(in.bytes, e.l4_off + 2, &quoted.sport, 2));
}

bool check_tunnelled(const Arrival& in, const lvs_packet& pkt) {
    const Bytes& bytes = in.bytes;
    const std::size_t outer = pkt.l4_off + 8U;
    const std::size_t ip = outer + 20;
    lvs_packet inner;
    __be32 tunnel = 0;

    const bool wanted = sound_v4(bytes, outer) && (bytes[outer] & 15) == 5 && bytes[outer + 9] == IPPROTO_IPIP &&
                        sound_v4(bytes, ip) && (bytes[ip + 9] == IPPROTO_TCP || bytes[ip + 9] == IPPROTO_UDP) &&
                        has(bytes, ip + (bytes[ip] & 15U) * 4, 8);
    const bool found = lvs_quote_parse_tunnelled(&pkt, &inner, &tunnel);
    MUST(found == wanted);
    if (!found)
        return false;
    const std::size_t l4 = ip + (bytes[ip] & 15U) * 4;
    MUST(same(bytes, outer + 16, &tunnel, 4) && inner.proto == bytes[ip + 9]);
    MUST(same(bytes, ip + 12, &inner.saddr, 4) && same(bytes, ip + 16, &inner.daddr, 4));
    MUST(same(bytes, l4, &inner.sport, 2) && same(bytes, l4 + 2, &inner.dport, 2));
    return true;
}

void check(const Arrival& in, u32 head_len) {
    Packet packet(in.bytes, head_len, in.af);
    const lvs_packet& pkt = packet.pkt;
    lvs_packet quoted;
    lvs_quote q;

    if (packet.parse() != LVS_PARSED_ICMP)
        return;
    const u8 type = has(in.bytes, pkt.l4_off, 8) ? in.bytes[pkt.l4_off] : 0xff;
    MUST(lvs_quote_is_in(&pkt) == (in.af == AF_INET ? type == 3 || type == 4 || type == 11 : type < 128));

    const Expected e = expected(in, pkt.l4_off);
    const bool found = lvs_quote_parse(&pkt, &quoted, &q);
    MUST(found == e.found);
    if (found) {
        MUST(q.ip_off == e.ip_off && q.l4_off == e.l4_off);
        check_exchanged(in, quoted, e);
    }
    if (in.af == AF_INET)
        MUST(!(check_tunnelled(in, pkt) && found)); // a packet is one or the other
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
