// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_generate.h"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>

namespace fuzz {

namespace {

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;
constexpr std::uint8_t kHopByHop = 0, kIpip = 4, kIpv6 = 41, kRouting = 43, kFragment = 44, kEsp = 50, kAh = 51,
                       kNothing = 59, kDestOptions = 60, kMobility = 135;
constexpr std::uint16_t kIke = 500;
constexpr std::uint32_t kFirstLocalPort = 6000, kLocalPorts = 32; // as tests/vm/fuzz.py limits them

Host with_last_byte(Host host, std::uint64_t byte) {
    host.bytes[host.size() - 1] = static_cast<std::uint8_t>(byte);
    return host;
}

void replace_address(Packet& packet, bool destination, const char* text) {
    const Host other = host(text);
    std::memcpy(packet.bytes.data() + packet.address_at(destination), other.bytes.data(), other.size());
    packet.repair_ip_check();
    packet.repair_transport_check();
}

} // namespace

const Host& Generator::of_family(const std::vector<Host>& hosts, bool v6) const {
    for (const Host& host : hosts)
        if (host.v6 == v6)
            return host;
    throw std::invalid_argument("no address of this family is known");
}

// Few clients and ports, so that packets of all kinds meet in the same connections.
Generator::Flow Generator::flow() {
    const Target& target = random_.of(network_.targets);
    const Host client = of_family(network_.clients, target.service.address.v6);
    std::uint64_t port = random_.one_in(20) ? random_.below(65536) : 1024 + random_.below(4);
    if (target.service.port == kIke && !random_.one_in(8))
        port = kIke;
    return {&target, {with_last_byte(client, 1 + random_.below(3)), static_cast<std::uint16_t>(port)}};
}

Bytes Generator::payload(std::size_t limit) {
    std::size_t size = random_.below(64);
    if (random_.one_in(4))
        size = random_.below(1400);
    if (limit > 1400 && random_.one_in(3))
        size = random_.below(limit);
    Bytes bytes(std::min(size, limit));
    for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(&byte - bytes.data());
    return bytes;
}

// Options that the kernel knows, with lengths and pointers that need not be right.
Bytes Generator::v4_options() {
    Bytes options;
    while (options.size() < 40 && !random_.one_in(3)) {
        const auto kind = random_.pick<std::uint8_t>({0, 1, 7, 68, 130, 131, 134, 137, 148, 255});
        options.push_back(kind);
        if (kind < 2)
            continue;
        const std::size_t length = random_.one_in(4) ? random_.below(256) : random_.pick({4, 7, 8, 11, 12, 39});
        options.push_back(static_cast<std::uint8_t>(length));
        options.push_back(static_cast<std::uint8_t>(random_.one_in(3) ? random_.below(256) : 4));
        for (std::size_t i = 3; i < length && options.size() < 40; i++)
            options.push_back(static_cast<std::uint8_t>(random_.one_in(2) ? 0 : random_.next()));
    }
    options.resize(std::min<std::size_t>(options.size(), 40));
    return options;
}

// All of an extension header but its first byte, which says what follows.
Bytes Generator::extension(std::uint8_t kind) {
    const std::size_t units = random_.one_in(8) ? random_.below(24) : random_.below(3);
    Bytes body(kind == kFragment ? 7 : units * 8 + 7);
    for (std::uint8_t& byte : body)
        byte = static_cast<std::uint8_t>(random_.one_in(2) ? 0 : random_.next());
    // AH counts words, less two; the others units of eight bytes, less one.
    body[0] = static_cast<std::uint8_t>(kind == kFragment ? 0 : kind == kAh ? units * 2 : units);
    if (kind == kHopByHop || kind == kDestOptions) { // padding, so that most are sound
        body[1] = 1;
        body[2] = static_cast<std::uint8_t>(units < 31 ? body.size() - 3 : 4);
        if (random_.one_in(8))
            body[1] = static_cast<std::uint8_t>(random_.next());
    }
    if (kind == kRouting)
        body[1] = random_.pick<std::uint8_t>({0, 2, 3, 4, 255});
    if (kind == kFragment)
        put16(body, 1, static_cast<std::uint16_t>(random_.one_in(2) ? 0 : random_.odd_number()));
    if (random_.one_in(16))
        body[0] = static_cast<std::uint8_t>(random_.next());
    return body;
}

void Generator::lie_v4(IpLies& lies) {
    switch (random_.below(11)) {
    case 0: lies.header_length = static_cast<std::uint8_t>(random_.below(16)); break;
    case 1: lies.length = static_cast<std::uint16_t>(random_.odd_number()); break;
    case 2: lies.length = static_cast<std::uint16_t>(random_.below(80)); break;
    case 3:
    case 4: lies.options = v4_options(); break;
    case 5: lies.fragment = static_cast<std::uint16_t>(random_.odd_number()); break;
    case 6: lies.fragment = random_.pick<std::uint16_t>({0x4000, 0x2000, 0x6000, 0x8000, 1, 0x1fff, 0x2001}); break;
    case 7: lies.ttl = random_.pick<std::uint8_t>({0, 1, 2, 255}); break;
    case 8: lies.protocol = static_cast<std::uint8_t>(random_.next()); break;
    case 9: lies.check = static_cast<std::uint16_t>(random_.next()); break;
    case 10: lies.version = static_cast<std::uint8_t>(random_.below(16)); break;
    }
}

void Generator::lie_v6(IpLies& lies) {
    switch (random_.below(8)) {
    case 0: lies.length = static_cast<std::uint16_t>(random_.odd_number()); break;
    case 1: lies.length = static_cast<std::uint16_t>(random_.below(80)); break;
    case 2: lies.ttl = random_.pick<std::uint8_t>({0, 1, 2, 255}); break;
    case 3: lies.protocol = static_cast<std::uint8_t>(random_.next()); break;
    case 4: lies.version = static_cast<std::uint8_t>(random_.below(16)); break;
    default:
        for (std::uint64_t n = random_.one_in(8) ? random_.between(4, 40) : random_.between(1, 4); n > 0; n--) {
            const auto kind =
                random_.pick<std::uint8_t>({kHopByHop, kHopByHop, kRouting, kFragment, kEsp, kAh, kNothing,
                                            kDestOptions, kDestOptions, kDestOptions, kMobility, 253});
            lies.extensions.emplace_back(kind, extension(kind));
        }
    }
}

IpLies Generator::lies(bool v6, unsigned percent) {
    IpLies lies;
    if (random_.percent(percent))
        for (std::uint64_t n = random_.one_in(4) ? 2 : 1; n > 0; n--)
            v6 ? lie_v6(lies) : lie_v4(lies);
    return lies;
}

// AH or ESP, which go with the connection of IKE. Their headers may be cut short.
Packet Generator::sealed(const Host& from, const Host& to, const IpLies& lies, std::size_t limit) {
    const bool ah = random_.one_in(2);
    Bytes body(ah ? 24 : 8);
    if (ah) {
        body[0] = random_.pick<std::uint8_t>({IPPROTO_TCP, IPPROTO_UDP, kIpip, kIpv6, kEsp, kAh, kNothing});
        body[1] = static_cast<std::uint8_t>(random_.one_in(8) ? random_.next() : 4);
    }
    const Bytes behind = payload(limit - body.size());
    body.insert(body.end(), behind.begin(), behind.end());
    if (random_.one_in(8))
        body.resize(random_.below(body.size()));
    return ip_packet(from, to, ah ? kAh : kEsp, body, lies);
}

Packet Generator::segment(const Flow& flow, const Endpoint& from, const Endpoint& to, const IpLies& lies,
                          std::size_t limit) {
    if (flow.target->service.port == kIke && random_.one_in(2))
        return sealed(from.address, to.address, lies, limit);
    if (!flow.target->tcp)
        return udp_packet(from, to, payload(limit), lies);
    const auto flags = random_.pick<std::uint8_t>(
        {kSyn, kSyn, kSyn, kAck, kAck, kPsh | kAck, kPsh | kAck, kFin | kAck, kRst, kSyn | kAck, 0, 0xff});
    Bytes options;
    if (random_.one_in(3))
        options = {2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    return tcp_packet(from, to, flags, payload(limit), options, lies);
}

Packet Generator::request(const Flow& flow, const IpLies& lies, std::size_t limit) {
    return segment(flow, flow.client, flow.target->service, lies, limit);
}

// Who the dest takes for the client. Local ports are few, so most of these are some client's.
Endpoint Generator::seen_client(const Flow& flow) {
    if (flow.target->method != "fullnat")
        return flow.client;
    return {flow.target->local, static_cast<std::uint16_t>(kFirstLocalPort + random_.below(kLocalPorts))};
}

Packet Generator::reply(const Flow& flow, unsigned lies_percent, std::size_t limit) {
    const Endpoint& dest = flow.target->dest;
    return segment(flow, dest, seen_client(flow), lies(dest.address.v6, lies_percent), limit);
}

// What an error quotes of a packet: its beginning, which is long enough or is not.
Bytes Generator::quoted(Packet packet) {
    if (random_.one_in(8))
        scribble(packet);
    Bytes bytes = std::move(packet.bytes);
    if (random_.one_in(3))
        bytes.resize(std::min<std::size_t>(bytes.size(), random_.below(100)));
    bytes.resize(std::min<std::size_t>(bytes.size(), 1200));
    return bytes;
}

Packet Generator::error(const Host& from, const Host& to, Bytes quote, const IpLies& lies) {
    const bool v6 = to.v6;
    const auto type = v6 ? random_.pick<std::uint8_t>({1, 1, 2, 2, 3, 4, 0, 127, 128})
                         : random_.pick<std::uint8_t>({3, 3, 3, 3, 4, 11, 12, 0, 8});
    const auto code = static_cast<std::uint8_t>(!v6 && type == 3 && random_.one_in(2) ? 4 : random_.below(6));
    const auto rest = static_cast<std::uint32_t>(random_.one_in(2) ? random_.between(500, 1500) : random_.odd_number());
    for (std::uint64_t depth = random_.one_in(8) ? random_.between(1, 3) : 0; depth > 0; depth--)
        quote = quoted(icmp_packet(to, from, type, code, rest, quote));
    return icmp_packet(from, to, type, code, rest, quote, lies);
}

// A router tells the service that a reply of its did not get through.
Packet Generator::error_to_service(const Flow& flow) {
    const bool v6 = flow.client.address.v6;
    const Packet reply = segment(flow, flow.target->service, flow.client, lies(v6, 20), 200);
    return error(random_.one_in(2) ? of_family(network_.routers, v6) : flow.client.address,
                 flow.target->service.address, quoted(reply), lies(v6, 10));
}

// A dest, or something before it, tells the client that the request as the dest saw it did not get through.
Packet Generator::error_to_client(const Flow& flow) {
    const Target& target = *flow.target;
    const Endpoint client = seen_client(flow);
    const bool v6 = client.address.v6, rewritten = target.method == "nat" || target.method == "fullnat";
    const Packet request = segment(flow, client, rewritten ? target.dest : target.service, lies(v6, 20), 200);
    return error(target.dest.address, client.address, quoted(request), lies(v6, 10));
}

// A router on the way to a dest by tunnel finds the tunnel's packet too big.
Packet Generator::error_to_tunnel(const Flow& flow) {
    const Host& dest = flow.target->dest.address;
    const Host& director = of_family(network_.directors, dest.v6);
    const bool v6 = flow.client.address.v6;
    const Packet inner = request(flow, lies(v6, 20), 200);
    const Packet outer = ip_packet(director, dest, v6 ? kIpv6 : kIpip, inner.bytes, lies(dest.v6, 10));
    return error(dest, director, quoted(outer), lies(dest.v6, 10));
}

// What a transport header may say that is not so.
void Generator::transport_lies(Packet& packet) {
    Bytes& b = packet.bytes;
    const std::size_t room = b.size() - packet.l4;
    bool repair = true;
    switch (random_.below(7)) {
    case 0: // not all there, and IP knows
        b.resize(packet.l4 + random_.below(std::min<std::size_t>(room, 40) + 1));
        put16(b, packet.v6 ? 4 : 2, static_cast<std::uint16_t>(b.size() - (packet.v6 ? 40 : 0)));
        break;
    case 1:
        if (packet.protocol == IPPROTO_TCP && room > 12)
            b[packet.l4 + 12] = static_cast<std::uint8_t>(random_.next());
        break;
    case 2:
        if (packet.protocol == IPPROTO_UDP && room > 5)
            put16(b, packet.l4 + 4, static_cast<std::uint16_t>(random_.odd_number()));
        break;
    case 3:
        if (packet.check_at && room >= *packet.check_at + 2)
            put16(b, packet.l4 + *packet.check_at, static_cast<std::uint16_t>(random_.one_in(3) ? 0 : random_.next()));
        repair = false;
        break;
    case 4: // port 0, or one that nobody has
        if (room > 4)
            put16(b, packet.l4 + random_.pick({0U, 2U}), static_cast<std::uint16_t>(random_.odd_number()));
        break;
    case 5: // options, flags, urgent pointers
        if (room > 20)
            b[packet.l4 + 12 + random_.below(8)] ^= static_cast<std::uint8_t>(1U << random_.below(8));
        break;
    case 6:
        b.resize(b.size() + random_.below(50)); // more than IP says
        repair = false;
        break;
    }
    if (repair) {
        packet.repair_transport_check();
        packet.repair_ip_check();
    }
}

// Anything anywhere.
void Generator::scribble(Packet& packet) {
    Bytes& b = packet.bytes;
    for (std::uint64_t n = random_.between(1, 4); n > 0; n--)
        b[random_.below(std::min<std::size_t>(b.size(), 120))] ^= static_cast<std::uint8_t>(1U << random_.below(8));
    if (random_.one_in(4))
        b.resize(random_.between(1, b.size()));
    if (b.size() >= 20 && !random_.one_in(3))
        packet.repair_ip_check();
    if (b.size() > packet.l4 && b.size() >= 40 && random_.one_in(2))
        packet.repair_transport_check();
}

// The pieces are (start, end) of what follows the IP header (IPv6: and the extension headers).
std::vector<Packet> Generator::cut(const Packet& packet,
                                   const std::vector<std::pair<std::size_t, std::size_t>>& pieces) {
    std::vector<Packet> found;
    const Bytes body(packet.bytes.begin() + static_cast<std::ptrdiff_t>(packet.l4), packet.bytes.end());
    Host from{.v6 = packet.v6}, to{.v6 = packet.v6};
    std::memcpy(from.bytes.data(), packet.bytes.data() + packet.address_at(false), from.size());
    std::memcpy(to.bytes.data(), packet.bytes.data() + packet.address_at(true), to.size());
    const auto id = static_cast<std::uint16_t>(random_.below(64));
    for (auto [start, end] : pieces) {
        const bool more = end < body.size() ? !random_.one_in(30) : random_.one_in(30);
        const Bytes part(body.begin() + static_cast<std::ptrdiff_t>(start),
                         body.begin() + static_cast<std::ptrdiff_t>(end));
        IpLies how;
        std::size_t offset = start;
        if (random_.one_in(40))
            offset = random_.pick<std::size_t>({65528, 65512, 0, 8});
        if (packet.v6) {
            Bytes header(7);
            put16(header, 1, static_cast<std::uint16_t>((offset & 0xfff8) | more));
            put16(header, 5, id);
            if (random_.one_in(30))
                header[0] = static_cast<std::uint8_t>(random_.next());
            if (random_.one_in(10))
                how.extensions.emplace_back(kDestOptions, extension(kDestOptions));
            how.extensions.emplace_back(kFragment, header);
            if (random_.one_in(30)) // a header between, and perhaps another fragment header
                how.extensions.emplace_back(random_.pick({kDestOptions, kFragment}), Bytes{0, 1, 4, 0, 0, 0, 0});
        } else {
            how.fragment =
                static_cast<std::uint16_t>((offset / 8) | (more ? 0x2000 : 0) | (random_.one_in(10) ? 0x4000 : 0));
            how.id = id;
            if (random_.one_in(20))
                how.options = v4_options();
        }
        if (random_.one_in(30))
            how.ttl = random_.pick<std::uint8_t>({0, 1});
        found.push_back(ip_packet(from, to, packet.protocol, part, how));
    }
    return found;
}

std::vector<Generated> Generator::fragments(const Generated& whole) {
    const std::size_t size = whole.packet.bytes.size() - whole.packet.l4;
    std::vector<std::pair<std::size_t, std::size_t>> pieces;
    for (std::size_t at = 0; at < size;) {
        std::size_t length = random_.one_in(3) ? 8 * random_.between(1, 4) : 8 * random_.between(1, 150);
        if (random_.one_in(40))
            length += random_.below(8);
        const std::size_t end = std::min(size, at + length);
        std::size_t start = at;
        if (at >= 8 && random_.one_in(25)) // overlaps what came before
            start -= 8;
        if (!random_.one_in(25)) // one is missing
            pieces.emplace_back(start, end);
        if (random_.one_in(25)) // one comes twice
            pieces.emplace_back(start, end);
        at = end;
        if (pieces.size() >= 12 && at < size) {
            pieces.emplace_back(at, size);
            break;
        }
    }
    if (random_.one_in(2))
        for (std::size_t i = pieces.size(); i > 1; i--)
            std::swap(pieces[i - 1], pieces[random_.below(i)]);
    std::vector<Generated> found;
    for (Packet& packet : cut(whole.packet, pieces))
        found.push_back({std::move(packet), whole.side});
    return found;
}

std::vector<Generated> Generator::next() {
    const Flow flow = this->flow();
    const bool v6 = flow.client.address.v6;
    Generated one;
    const unsigned kind = static_cast<unsigned>(random_.below(100));
    const std::size_t limit = random_.one_in(12) ? 60000 : 1380;
    if (kind < 35) {
        one.packet = request(flow, lies(v6, 40), limit);
    } else if (kind < 60) {
        one = {reply(flow, 40, limit), Side::inside};
    } else if (kind < 70) {
        one.packet = error_to_service(flow);
    } else if (kind < 80) {
        one = {error_to_client(flow), Side::inside};
    } else if (kind < 88) {
        one = {error_to_tunnel(flow), Side::inside};
    } else if (kind < 90) { // a tunnel into the director
        one.packet = ip_packet(flow.client.address,
                               random_.one_in(2) ? flow.target->service.address : of_family(network_.directors, v6),
                               v6 ? kIpv6 : kIpip, request(flow, lies(v6, 30), 200).bytes, lies(v6, 10));
    } else {
        one.side = random_.one_in(3) ? Side::inside : Side::outside;
        one.packet = one.side == Side::inside ? reply(flow, 0, 4000) : request(flow, {}, 4000);
        if (random_.one_in(3) && one.side == Side::outside)
            one.packet = error_to_service(flow);
        if (one.packet.bytes.size() > one.packet.l4 + 16)
            return fragments(one);
    }
    if (random_.one_in(4) && one.packet.check_at && one.packet.bytes.size() > one.packet.l4)
        transport_lies(one.packet);
    if (random_.one_in(12) && one.packet.bytes.size() >= 40)
        replace_address(
            one.packet, random_.one_in(2),
            one.packet.v6
                ? random_.pick({"::", "::1", "ff02::1", "fe80::1", "2001:db8:1::10", "fd00:c::1", "::ffff:10.0.0.1"})
                : random_.pick({"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.10", "10.1.0.1",
                                "169.254.0.1", "240.0.0.1", "10.1.0.255"}));
    if (random_.one_in(6))
        scribble(one.packet);
    return {one};
}

} // namespace fuzz
