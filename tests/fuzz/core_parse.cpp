// SPDX-License-Identifier: GPL-2.0-or-later
// A packet's headers: what is read is what is there, wherever the packet's bytes lie.
#include "packet.h"

extern "C" {
#include "core/sctp_state.h"
}

using namespace fuzz;

namespace {

// What an SCTP packet means, of which the first chunk is there.
u8 event_of(const Bytes& bytes, std::size_t off) {
    const std::size_t chunk = off + 12, len = bytes[chunk + 2] * 256U + bytes[chunk + 3];
    const std::size_t next = chunk + (len + 3) / 4 * 4;
    if ((bytes[chunk] == 10 || bytes[chunk] == 11) && len >= 4 && has(bytes, next, 4) && bytes[next] == 6)
        return LVS_SCTP_EV_ABORT;
    return lvs_sctp_event_of(bytes[chunk]);
}

// What must come out, from the bytes alone; the ports' place in `off`.
lvs_parsed expected(const Arrival& in, bool behind_ah, std::size_t& off, u8& proto) {
    if (in.af == AF_INET) {
        off = in.header;
        proto = in.bytes[9];
    } else {
        const Walk end = walk(in.bytes, in.header, in.bytes[6], behind_ah);
        off = end.off;
        proto = end.proto;
        if (!end.ends || end.first || off > 0xffff)
            return LVS_PARSED_OTHER;
    }
    if (proto == IPPROTO_TCP)
        return has(in.bytes, off, 20) && in.bytes[off + 12] >> 4 >= 5 ? LVS_PARSED_FLOW : LVS_PARSED_BAD;
    if (proto == IPPROTO_UDP)
        return has(in.bytes, off, 8) ? LVS_PARSED_FLOW : LVS_PARSED_BAD;
    if (proto == IPPROTO_SCTP)
        return has(in.bytes, off, 16) ? LVS_PARSED_FLOW : LVS_PARSED_BAD;
    if (proto == (in.af == AF_INET ? u8{IPPROTO_ICMP} : u8{IPPROTO_ICMPV6}))
        return LVS_PARSED_ICMP;
    if (is_ipsec(proto) && has(in.bytes, off, 0))
        return LVS_PARSED_IPSEC;
    return LVS_PARSED_OTHER;
}

void check(const Arrival& in, u32 head_len, bool behind_ah) {
    Packet packet(in.bytes, head_len, in.af);
    const lvs_packet& pkt = packet.pkt;
    std::size_t off = 0;
    u8 proto = 0;

    if (in.af == AF_INET)
        MUST(lvs_parse_is_fragment(packet.v4()) == ((in.bytes[6] & 0x3f) || in.bytes[7]));
    const lvs_parsed wanted = expected(in, behind_ah, off, proto);
    const lvs_parsed parsed = behind_ah ? packet.parse_behind_ah() : packet.parse();
    MUST(parsed == wanted);
    const std::size_t address = in.af == AF_INET ? 4 : 16;
    MUST(same(in.bytes, in.af == AF_INET ? 12 : 8, &pkt.saddr, address));
    MUST(same(in.bytes, in.af == AF_INET ? 16 : 24, &pkt.daddr, address));
    if (parsed == LVS_PARSED_OTHER)
        return;
    MUST(pkt.proto == proto && pkt.l4_off == off);
    if (parsed != LVS_PARSED_FLOW)
        return;
    MUST(same(in.bytes, off, &pkt.sport, 2) && same(in.bytes, off + 2, &pkt.dport, 2));
    if (proto == IPPROTO_TCP)
        MUST(pkt.tcp_flags == in.bytes[off + 13]);
    if (proto == IPPROTO_SCTP)
        MUST(pkt.sctp_event == event_of(in.bytes, off));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in(data, size);
    const Arrival arrival = read_arrival(in);

    for (bool behind_ah : {false, true}) {
        if (behind_ah && arrival.af == AF_INET)
            continue;
        check(arrival, arrival.head_len, behind_ah);
        check(arrival, arrival.header, behind_ah);
        check(arrival, static_cast<u32>(arrival.bytes.size()), behind_ah);
    }
    return 0;
}
