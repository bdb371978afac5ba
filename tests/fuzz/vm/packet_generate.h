// SPDX-License-Identifier: GPL-2.0-or-later
// Traffic of a director's services, and what may go wrong with it.
#pragma once

#include <string>
#include <vector>

#include "packet_build.h"
#include "random.h"

namespace fuzz {

// A service with its only dest.
struct Target {
    bool tcp = false;
    Endpoint service, dest;
    std::string method; // nat, dr, tun, local, fullnat
    Host local;         // fullnat: by which the dest knows every client
};

struct Network {
    std::vector<Target> targets;
    std::vector<Host> clients;
    std::vector<Host> directors; // one address of each family, by which tunnels leave
    std::vector<Host> routers;   // who sends errors, one of each family
};

enum class Side { outside, inside }; // where a packet comes from: clients' network, or dests'

struct Generated {
    Packet packet;
    Side side = Side::outside;
};

class Generator {
  public:
    Generator(Random& random, const Network& network) : random_(random), network_(network) {}

    // One packet, or the fragments of one.
    std::vector<Generated> next();

  private:
    struct Flow {
        const Target* target = nullptr;
        Endpoint client;
    };
    Flow flow();
    Bytes payload(std::size_t limit);
    IpLies lies(bool v6, unsigned percent);
    void lie_v4(IpLies& lies);
    void lie_v6(IpLies& lies);
    Bytes v4_options();
    Bytes extension(std::uint8_t kind);
    Packet sealed(const Host& from, const Host& to, const IpLies& lies, std::size_t limit);
    Packet segment(const Flow& flow, const Endpoint& from, const Endpoint& to, const IpLies& lies, std::size_t limit);
    Packet request(const Flow& flow, const IpLies& lies, std::size_t limit);
    Packet reply(const Flow& flow, unsigned lies_percent, std::size_t limit);
    Endpoint seen_client(const Flow& flow);
    Packet error(const Host& from, const Host& to, Bytes quote, const IpLies& lies);
    Bytes quoted(Packet packet);
    Packet error_to_service(const Flow& flow);
    Packet error_to_client(const Flow& flow);
    Packet error_to_tunnel(const Flow& flow);
    void transport_lies(Packet& packet);
    void scribble(Packet& packet);
    std::vector<Generated> fragments(const Generated& whole);
    std::vector<Packet> cut(const Packet& packet, const std::vector<std::pair<std::size_t, std::size_t>>& pieces);
    const Host& of_family(const std::vector<Host>& hosts, bool v6) const;

    Random& random_;
    const Network& network_;
};

} // namespace fuzz
