// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "options.h"

namespace fuzz {

namespace {

// The calling thread is in the namespace as long as this lives.
class Visit {
  public:
    explicit Visit(const std::string& ns) : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        const int there = ::open(("/run/netns/" + ns).c_str(), O_RDONLY | O_CLOEXEC);
        if (home_ < 0 || there < 0 || setns(there, CLONE_NEWNET))
            fail_errno("namespace " + ns);
        ::close(there);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
        if (setns(home_, CLONE_NEWNET))
            std::perror("setns");
        ::close(home_);
    }

  private:
    int home_;
};

// Refusals of a packet, as opposed to a channel that is broken.
bool refusal() {
    switch (errno) {
    case EINVAL:
    case EMSGSIZE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:
    case EPERM: return true;
    }
    return false;
}

std::size_t write_parts(int fd, iovec* parts, int count, bool& accepted) {
    const ssize_t written = writev(fd, parts, count);
    accepted = written >= 0;
    if (!accepted && !refusal())
        fail_errno("writev");
    return accepted ? static_cast<std::size_t>(written) : 0;
}

} // namespace

DeviceHeader describe(Packet& packet, Random& random, std::size_t link_header, bool must_cut) {
    DeviceHeader header{};
    const std::size_t l4 = link_header + packet.l4;
    const bool tcp = packet.protocol == IPPROTO_TCP, udp = packet.protocol == IPPROTO_UDP;
    const std::size_t l4_size =
        tcp && packet.bytes.size() > packet.l4 + 12 ? (packet.bytes[packet.l4 + 12] >> 4) * 4U : 8;
    if (random.one_in(8) || must_cut)
        header.hdr_len = static_cast<std::uint16_t>(random.one_in(2) ? l4 + l4_size : random.below(80));
    if ((tcp || udp) && (must_cut || random.one_in(5))) {
        packet.leave_transport_check_to_device();
        header.flags = DeviceHeader::kNeedsChecksum;
        header.csum_start = static_cast<std::uint16_t>(l4);
        header.csum_offset = static_cast<std::uint16_t>(packet.check_at.value_or(16));
        if (random.one_in(16))
            header.csum_start = static_cast<std::uint16_t>(random.one_in(2) ? random.odd_number()
                                                                            : random.below(packet.bytes.size() + 20));
        if (random.one_in(16))
            header.csum_offset = static_cast<std::uint16_t>(random.one_in(2) ? random.odd_number() : random.below(64));
    } else if (random.one_in(16)) {
        header.flags = DeviceHeader::kChecksumIsRight;
    }
    if (must_cut || random.one_in(16)) {
        if (tcp)
            header.gso_type = packet.v6 ? DeviceHeader::kTcp6 : DeviceHeader::kTcp4;
        else
            header.gso_type = random.one_in(2) ? DeviceHeader::kUdpFragments : DeviceHeader::kUdp;
        if (random.one_in(8))
            header.gso_type |= DeviceHeader::kEcn;
        header.gso_size = static_cast<std::uint16_t>(random.between(500, 1400));
        // Devices look at these themselves, so most must be right to get anywhere.
        if (random.one_in(16))
            header.gso_type = static_cast<std::uint8_t>(random.one_in(2) ? random.below(8) : random.next());
        if (random.one_in(8))
            header.gso_size = static_cast<std::uint16_t>(random.odd_number());
    }
    return header;
}

void Channel::send(Packet packet, Random& random) {
    Bytes frame;
    const std::size_t link = add_link_header(packet, frame, random);
    const bool must_cut = packet.bytes.size() > largest() || (packet.bytes.size() > 1500 && !random.one_in(4));
    const DeviceHeader header = describe(packet, random, link, must_cut);
    frame.insert(frame.end(), packet.bytes.begin(), packet.bytes.end());
    const std::size_t linear = std::min(frame.size(), link + packet.l4 + random.below(80));
    if (transmit(header, frame, linear, random)) {
        sent.accepted++;
        sent.gso += header.gso_type != DeviceHeader::kWhole;
    } else {
        sent.refused++;
    }
}

// Now and then with tags, or with a type or address that is not the packet's.
Bytes Channel::ethernet(const Packet& packet, const std::array<std::uint8_t, 6>& to, Random& random) const {
    Bytes frame(to.begin(), to.end());
    frame.resize(12);
    frame[6] = 2;
    if (random.one_in(64))
        frame[0] = random.pick<std::uint8_t>({0xff, 1, 0x33, 0x12});
    auto push16 = [&](unsigned value) {
        frame.push_back(static_cast<std::uint8_t>(value >> 8));
        frame.push_back(static_cast<std::uint8_t>(value));
    };
    for (std::uint64_t tags = random.one_in(40) ? random.between(1, 3) : 0; tags > 0; tags--) {
        push16(random.pick<unsigned>({ETH_P_8021Q, ETH_P_8021AD}));
        push16(static_cast<unsigned>(random.one_in(2) ? 0 : random.below(65536)));
    }
    unsigned type = packet.v6 ? ETH_P_IPV6 : ETH_P_IP;
    if (random.one_in(100))
        type = random.pick<unsigned>({ETH_P_IPV6, ETH_P_IP, ETH_P_MPLS_UC, 0x0005, 0});
    push16(type);
    return frame;
}

WireChannel::WireChannel(const std::string& ns, const std::string& device, const std::string& peer_mac) {
    unsigned mac[6];
    if (std::sscanf(peer_mac.c_str(), "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
        throw std::invalid_argument("not a MAC address: " + peer_mac);
    std::copy(mac, mac + 6, peer_.begin());
    const Visit visit(ns);
    socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); // receives nothing
    const int on = 1;
    if (socket_ < 0 || setsockopt(socket_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
        fail_errno("packet socket");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    if (!address.sll_ifindex || bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)))
        fail_errno("device " + device);
}

WireChannel::~WireChannel() {
    ::close(socket_);
}

std::size_t WireChannel::add_link_header(const Packet& packet, Bytes& frame, Random& random) {
    frame = ethernet(packet, peer_, random);
    return frame.size();
}

bool WireChannel::transmit(const DeviceHeader& header, const Bytes& frame, std::size_t, Random&) {
    DeviceHeader copy = header;
    iovec parts[] = {{&copy, sizeof(copy)}, {const_cast<std::uint8_t*>(frame.data()), frame.size()}};
    bool accepted;
    write_parts(socket_, parts, 2, accepted);
    return accepted;
}

TunChannel::TunChannel(const std::string& ns, const std::string& device, bool tap) : tap_(tap) {
    const Visit visit(ns);
    fd_ = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd_ < 0)
        fail_errno("/dev/net/tun");
    ifreq request{};
    std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
    request.ifr_flags =
        static_cast<short>(IFF_NO_PI | IFF_VNET_HDR | (tap ? IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS : IFF_TUN));
    if (ioctl(fd_, TUNSETIFF, &request))
        fail_errno("TUNSETIFF " + device);
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq up{};
    std::strncpy(up.ifr_name, device.c_str(), IFNAMSIZ - 1);
    if (ioctl(socket, SIOCGIFFLAGS, &up))
        fail_errno(device);
    up.ifr_flags = static_cast<short>(up.ifr_flags | IFF_UP);
    if (ioctl(socket, SIOCSIFFLAGS, &up))
        fail_errno(device + " up");
    if (tap && !ioctl(socket, SIOCGIFHWADDR, &up))
        std::copy(up.ifr_hwaddr.sa_data, up.ifr_hwaddr.sa_data + 6, mac_.begin());
    ::close(socket);
}

TunChannel::~TunChannel() {
    ::close(fd_);
}

std::size_t TunChannel::add_link_header(const Packet& packet, Bytes& frame, Random& random) {
    if (tap_)
        frame = ethernet(packet, mac_, random);
    return frame.size();
}

bool TunChannel::transmit(const DeviceHeader& header, const Bytes& frame, std::size_t linear, Random& random) {
    DeviceHeader copy = header;
    auto* data = const_cast<std::uint8_t*>(frame.data());
    iovec parts[20] = {{&copy, sizeof(copy)}};
    int count = 1;
    // Tap makes a page fragment of each part but the first.
    std::size_t at = tap_ ? linear : frame.size();
    parts[count++] = {data, at};
    while (at < frame.size()) {
        const std::size_t left = frame.size() - at;
        const std::size_t size =
            count == 18 ? left : std::min<std::size_t>(left, random.one_in(3) ? random.between(1, 64) : 4096);
        parts[count++] = {data + at, size};
        at += size;
    }
    bool accepted;
    write_parts(fd_, parts, count, accepted);
    return accepted;
}

} // namespace fuzz
