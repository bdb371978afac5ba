// SPDX-License-Identifier: GPL-2.0-or-later
// Packets for the targets that parse them: in two pieces of memory of exactly their sizes, so that the address
// sanitizer sees every byte read beyond one of them.
#pragma once

#include "fuzz.h"

#include <algorithm>
#include <memory>
#include <vector>

extern "C" {
#include "core/parse.h"
#include "core/quote.h"
}

namespace fuzz {

using Bytes = std::vector<u8>;

class Packet {
  public:
    Packet(const Bytes& bytes, u32 head_len, u8 af)
        : head_(new u8[head_len]), pages_(new u8[bytes.size() - head_len]), skb_{head_.get(), head_len, pages_.get(),
                                                                                 static_cast<u32>(bytes.size())} {
        std::copy_n(bytes.begin(), head_len, head_.get());
        std::copy(bytes.begin() + head_len, bytes.end(), pages_.get());
        pkt.skb = &skb_;
        pkt.af = af;
        pkt.hook = NF_INET_LOCAL_IN;
    }

    const iphdr* v4() const { return reinterpret_cast<const iphdr*>(head_.get()); }
    const ipv6hdr* v6() const { return reinterpret_cast<const ipv6hdr*>(head_.get()); }

    lvs_parsed parse() { return pkt.af == AF_INET ? lvs_parse_v4(&pkt, v4()) : lvs_parse_v6(&pkt, v6()); }
    lvs_parsed parse_behind_ah() { return lvs_parse_v6_behind_ah(&pkt, v6()); }

    lvs_packet pkt{};

  private:
    std::unique_ptr<u8[]> head_;
    std::unique_ptr<u8[]> pages_;
    sk_buff skb_;
};

// A packet as it comes to the director: its IP header is there and says the truth about itself.
struct Arrival {
    u8 af = 0;
    u32 header = 0; // bytes of the IP header (without extensions)
    u32 head_len = 0;
    Bytes bytes;
};

// Extension headers of 2 KB each behind the IPv6 header. 32 of them are the most that one packet can have.
inline void insert_giants(Bytes& bytes, std::size_t count) {
    if (!count)
        return;
    Bytes giants(count * 2048);
    for (std::size_t i = 0; i < count; ++i) {
        giants[i * 2048] = i + 1 < count ? IPPROTO_DSTOPTS : int{bytes[6]};
        giants[i * 2048 + 1] = 255;
    }
    bytes[6] = IPPROTO_DSTOPTS;
    bytes.insert(bytes.begin() + sizeof(ipv6hdr), giants.begin(), giants.end());
}

// First byte: the family, and rarely such headers; second one: how many bytes of the rest, which is the packet, are in
// one piece with the IP header (and the number of those headers).
inline Arrival read_arrival(Input& in) {
    const u8 kind = in.byte();
    const u8 split = in.byte();
    Arrival out;

    out.af = kind & 1 ? AF_INET6 : AF_INET;
    out.header = kind & 1 ? sizeof(ipv6hdr) : sizeof(iphdr);
    out.bytes.assign(in.rest().begin(), in.rest().end());
    if (out.bytes.size() < out.header)
        out.bytes.resize(out.header);
    if (out.af == AF_INET) {
        const u8 longest = static_cast<u8>(std::min<std::size_t>(15, out.bytes.size() / 4));
        const u8 ihl = std::min<u8>(std::max<u8>(out.bytes[0] & 15, 5), longest);
        out.bytes[0] = static_cast<u8>(0x40 | ihl);
        out.header = ihl * 4U;
    } else {
        out.bytes[0] = static_cast<u8>(0x60 | (out.bytes[0] & 15));
        if (kind == 0xff)
            insert_giants(out.bytes, split % 33);
    }
    out.head_len = std::min<u32>(out.header + split, static_cast<u32>(out.bytes.size()));
    return out;
}

inline bool has(const Bytes& bytes, std::size_t off, std::size_t len) {
    return off <= bytes.size() && bytes.size() - off >= len;
}

inline bool same(const Bytes& bytes, std::size_t off, const void* what, std::size_t len) {
    return has(bytes, off, len) && std::memcmp(bytes.data() + off, what, len) == 0;
}

// IPv6 extension headers read once more, by their bytes alone.
struct Walk {
    bool ends = false; // at a transport header or something unknown
    bool first = false;
    bool later = false; // at a later fragment, of `proto`
    u8 proto = 0;
    std::size_t off = 0;
};

inline bool is_ipsec(u8 proto) {
    return proto == 50 || proto == 51;
}

// `behind_ah`: AH is an extension header like others.
inline Walk walk(const Bytes& bytes, std::size_t off, u8 proto, bool behind_ah) {
    Walk out{false, false, false, proto, off};
    for (;;) {
        std::size_t length = 0;
        switch (out.proto) {
        case 59: return out;
        case 0:
        case 43:
        case 60: length = has(bytes, out.off, 4) ? (bytes[out.off + 1] + 1U) * 8 : 0; break;
        case 51:
            if (!behind_ah) {
                out.ends = true;
                return out;
            }
            length = has(bytes, out.off, 4) ? (bytes[out.off + 1] + 2U) * 4 : 0;
            break;
        case 44:
            if (!has(bytes, out.off, 4))
                return out;
            if (bytes[out.off + 2] || bytes[out.off + 3] >> 3) {
                out.later = true;
                out.proto = bytes[out.off];
                return out;
            }
            out.first = out.first || (bytes[out.off + 3] & 1);
            length = 8;
            break;
        default: out.ends = true; return out;
        }
        if (!length)
            return out;
        out.proto = bytes[out.off];
        out.off += length;
    }
}

} // namespace fuzz
