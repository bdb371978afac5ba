// SPDX-License-Identifier: GPL-2.0-or-later
// Ways for a packet into the director's namespace.
#pragma once

#include <cstdint>
#include <string>

#include "packet_build.h"
#include "random.h"

namespace fuzz {

struct Sent {
    std::uint64_t accepted = 0, refused = 0;
    std::uint64_t gso = 0; // of the accepted ones
};

// As in <linux/virtio_net.h>, which C++ cannot read.
struct DeviceHeader {
    static constexpr std::uint8_t kNeedsChecksum = 1, kChecksumIsRight = 2; // flags
    static constexpr std::uint8_t kWhole = 0, kTcp4 = 1, kUdpFragments = 3, kTcp6 = 4, kUdp = 5,
                                  kEcn = 0x80; // gso_type
    std::uint8_t flags = 0, gso_type = kWhole;
    std::uint16_t hdr_len = 0, gso_size = 0, csum_start = 0, csum_offset = 0;
};
static_assert(sizeof(DeviceHeader) == 10);

// What a network card would say of the packet: where its checksum belongs, what to cut it into. Some of it is not true.
DeviceHeader describe(Packet& packet, Random& random, std::size_t link_header, bool must_cut);

class Channel {
  public:
    virtual ~Channel() = default;
    void send(Packet packet, Random& random);
    // Packets longer than this must be cut by the device, or they are refused.
    virtual std::size_t largest() const { return 65535; }
    Sent sent;

  protected:
    // False if the device does not want it.
    virtual bool transmit(const DeviceHeader& header, const Bytes& frame, std::size_t linear, Random& random) = 0;
    virtual std::size_t add_link_header(const Packet& packet, Bytes& frame, Random& random) = 0;
    Bytes ethernet(const Packet& packet, const std::array<std::uint8_t, 6>& to, Random& random) const;
};

// A packet socket on the far end of one of the director's links.
class WireChannel : public Channel {
  public:
    WireChannel(const std::string& ns, const std::string& device, const std::string& peer_mac);
    WireChannel(const WireChannel&) = delete;
    WireChannel& operator=(const WireChannel&) = delete;
    ~WireChannel() override;
    std::size_t largest() const override { return 1500; }

  protected:
    bool transmit(const DeviceHeader& header, const Bytes& frame, std::size_t linear, Random& random) override;
    std::size_t add_link_header(const Packet& packet, Bytes& frame, Random& random) override;

  private:
    int socket_ = -1;
    std::array<std::uint8_t, 6> peer_{};
};

// A tun or tap device in the director's namespace: packets that are not in one piece, with headers outside the first.
// Tap hands its packets over as a driver with scattered pages does.
class TunChannel : public Channel {
  public:
    TunChannel(const std::string& ns, const std::string& device, bool tap);
    TunChannel(const TunChannel&) = delete;
    TunChannel& operator=(const TunChannel&) = delete;
    ~TunChannel() override;

  protected:
    bool transmit(const DeviceHeader& header, const Bytes& frame, std::size_t linear, Random& random) override;
    std::size_t add_link_header(const Packet& packet, Bytes& frame, Random& random) override;

  private:
    int fd_ = -1;
    bool tap_;
    std::array<std::uint8_t, 6> mac_{};
};

} // namespace fuzz
