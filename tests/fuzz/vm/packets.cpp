// SPDX-License-Identifier: GPL-2.0-or-later
// Sends sound and broken packets into a director: through the links of its namespace, from both sides, and through tun
// and tap devices of its own. Needs root and a kernel that may crash: run it in the VM (tests/vm/fuzz.py does, and
// looks after the director meanwhile).
//
// Standard input says what the network is, a line each:
//   service tcp|udp VIP PORT nat|dr|tun|local|fullnat DEST PORT [LOCAL]
//                         LOCAL: the local address of fullnat, which may be of another family than VIP, as DEST
//   client ADDRESS        clients are this address and those that differ in the last byte
//   director ADDRESS      by which its tunnels leave
//   router ADDRESS        from which errors come
//   wire outside|inside NAMESPACE DEVICE MAC     a link's far end, and the director's address on it
//   tun NAMESPACE         where to make the devices
//
// The packets of a process repeat with --seed.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "options.h"
#include "packet_channel.h"
#include "packet_generate.h"
#include "workers.h"

using namespace fuzz;

namespace {

struct WireEnd {
    std::string ns, device, mac;
};

struct Setup {
    Network network;
    std::map<Side, WireEnd> wires;
    std::string tun_namespace;
};

Setup read_setup(std::istream& in) {
    Setup setup;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string what, a, b, c, d, e;
        unsigned port = 0, dest_port = 0;
        words >> what;
        if (what == "service" && words >> a >> b >> port >> c >> d >> dest_port && (c != "fullnat" || words >> e))
            setup.network.targets.push_back({a == "tcp",
                                             {host(b), static_cast<std::uint16_t>(port)},
                                             {host(d), static_cast<std::uint16_t>(dest_port)},
                                             c,
                                             e.empty() ? Host{} : host(e)});
        else if (what == "client" && words >> a)
            setup.network.clients.push_back(host(a));
        else if (what == "director" && words >> a)
            setup.network.directors.push_back(host(a));
        else if (what == "router" && words >> a)
            setup.network.routers.push_back(host(a));
        else if (what == "wire" && words >> a >> b >> c >> d)
            setup.wires[a == "inside" ? Side::inside : Side::outside] = {b, c, d};
        else if (what == "tun" && words >> a)
            setup.tun_namespace = a;
        else
            throw std::invalid_argument("not understood: " + line);
    }
    if (setup.network.targets.empty() || setup.wires.size() != 2 || setup.tun_namespace.empty())
        throw std::invalid_argument("services, two wires and a tun are needed on standard input");
    return setup;
}

// How each way in was used, by all processes.
struct Counts {
    std::atomic<std::uint64_t> packets;
    struct {
        std::atomic<std::uint64_t> accepted, refused, gso;
    } of[4];
};
constexpr const char* kNames[] = {"outside", "inside", "tun", "tap"};

struct Run {
    Options options;
    Setup setup;
    Deadline deadline;
    std::shared_ptr<Counts> counts = shared_memory<Counts>();

    bool over() const { return counts->packets >= options.count || deadline.over(); }
};

void send_all(const Run& run, unsigned index) {
    Random random(run.options.seed * 1000 + index);
    Generator generator(random, run.setup.network);
    const std::string suffix = std::to_string(index);
    auto wire = [&](Side side) {
        const WireEnd& end = run.setup.wires.at(side);
        return std::make_unique<WireChannel>(end.ns, end.device, end.mac);
    };
    const auto outside = wire(Side::outside), inside = wire(Side::inside);
    TunChannel tun(run.setup.tun_namespace, "fuzztun" + suffix, false),
        tap(run.setup.tun_namespace, "fuzztap" + suffix, true);
    while (!run.over()) {
        Channel* channel = &tun;
        const std::uint64_t which = random.below(10);
        const std::vector<Generated> packets = generator.next();
        for (const Generated& one : packets) {
            if (which < 5)
                channel = one.side == Side::inside ? inside.get() : outside.get();
            else if (which < 7)
                channel = &tap;
            channel->send(one.packet, random);
        }
        tell_progress(run.counts->packets.fetch_add(packets.size()), packets.size(), "packets");
    }
    const Channel* const channels[] = {outside.get(), inside.get(), &tun, &tap};
    for (std::size_t i = 0; i < std::size(channels); i++) {
        run.counts->of[i].accepted += channels[i]->sent.accepted;
        run.counts->of[i].refused += channels[i]->sent.refused;
        run.counts->of[i].gso += channels[i]->sent.gso;
    }
}

void report(const Run& run) {
    const double seconds = run.deadline.elapsed();
    auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu packets in %.1f s (%.0f a second)\n", number(run.counts->packets), seconds,
                static_cast<double>(run.counts->packets) / seconds);
    for (std::size_t i = 0; i < std::size(kNames); i++) {
        const auto& sent = run.counts->of[i];
        std::printf("  %-7s %9llu accepted, of which %llu GSO; %llu refused by the device\n", kNames[i],
                    number(sent.accepted), number(sent.gso), number(sent.refused));
        if (sent.accepted < sent.refused) // then this fuzzes the device
            throw std::runtime_error(std::string(kNames[i]) + " refuses most packets");
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        Run run{.options = parse_options(argc, argv, 100000, {{"processes", "2"}}),
                .setup = read_setup(std::cin),
                .deadline = Deadline(0)};
        run.deadline = Deadline(run.options.seconds);
        const unsigned processes = static_cast<unsigned>(std::atoi(run.options.more["processes"].c_str()));
        std::printf("seed %llu, %u processes\n", static_cast<unsigned long long>(run.options.seed), processes);
        const bool good = in_processes(processes, [&run](unsigned i) {
            try {
                // What is sent must be received before there is more, or the queue between the two drops most of it.
                if (nice(19) < 0)
                    fail_errno("nice");
                send_all(run, i);
                return true;
            } catch (const std::exception& error) {
                std::printf("process %u: %s\n", i, error.what());
                return false;
            }
        });
        report(run);
        return good ? 0 : 1;
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
