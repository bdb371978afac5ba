// SPDX-License-Identifier: GPL-2.0-or-later
// Sends sound and broken packets into a director: through the links of its namespace, from both sides, and through tun
// and tap devices of its own. Needs root and a kernel that may crash: run it in the VM (tests/vm/fuzz.py does, and
// looks after the director meanwhile).
//
// Standard input says what the network is, a line each:
//   service tcp|udp VIP PORT nat|dr|tun|local DEST PORT
//   client ADDRESS        clients are this address and those that differ in the last byte
//   director ADDRESS      by which its tunnels leave
//   router ADDRESS        from which errors come
//   wire outside|inside NAMESPACE DEVICE MAC     a link's far end, and the director's address on it
//   tun NAMESPACE         where to make the devices
//
// The packets of a thread repeat with --seed.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include "options.h"
#include "packet_channel.h"
#include "packet_generate.h"

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
        if (what == "service" && words >> a >> b >> port >> c >> d >> dest_port)
            setup.network.targets.push_back({a == "tcp",
                                             {host(b), static_cast<std::uint16_t>(port)},
                                             {host(d), static_cast<std::uint16_t>(dest_port)},
                                             c});
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

struct Run {
    Options options;
    Setup setup;
    Deadline deadline;
    std::atomic<std::uint64_t> packets{0};
    std::atomic<bool> failed{false};
    std::mutex lock;
    std::map<std::string, Sent> sent;

    bool over() const { return failed || packets >= options.count || deadline.over(); }
};

void send_all(Run& run, unsigned index) {
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
        run.packets += packets.size();
    }
    const std::lock_guard guard(run.lock);
    for (const auto& [name, channel] : {std::pair<const char*, const Channel*>{"outside", outside.get()},
                                        {"inside", inside.get()},
                                        {"tun", &tun},
                                        {"tap", &tap}}) {
        Sent& sum = run.sent[name];
        sum.accepted += channel->sent.accepted;
        sum.refused += channel->sent.refused;
        sum.gso += channel->sent.gso;
    }
}

void report(const Run& run) {
    const double seconds = run.deadline.elapsed();
    std::printf("%llu packets in %.1f s (%.0f a second)\n", static_cast<unsigned long long>(run.packets), seconds,
                static_cast<double>(run.packets) / seconds);
    for (const auto& [name, sent] : run.sent)
        std::printf("  %-7s %9llu accepted, of which %llu GSO; %llu refused by the device\n", name.c_str(),
                    static_cast<unsigned long long>(sent.accepted), static_cast<unsigned long long>(sent.gso),
                    static_cast<unsigned long long>(sent.refused));
    for (const auto& [name, sent] : run.sent) // else this fuzzes the devices
        if (sent.accepted < sent.refused)
            throw std::runtime_error(name + " refuses most packets");
}

} // namespace

int main(int argc, char** argv) {
    Run run{.options = parse_options(argc, argv, 100000, {{"threads", "2"}}), .setup = {}, .deadline = Deadline(0)};
    try {
        run.setup = read_setup(std::cin);
        run.deadline = Deadline(run.options.seconds);
        const unsigned threads = static_cast<unsigned>(std::atoi(run.options.more["threads"].c_str()));
        std::printf("seed %llu, %u threads\n", static_cast<unsigned long long>(run.options.seed), threads);
        std::fflush(stdout);
        std::vector<std::thread> running;
        for (unsigned i = 0; i < threads; i++)
            running.emplace_back([&run, i] {
                try {
                    send_all(run, i);
                } catch (const std::exception& error) {
                    run.failed = true;
                    std::printf("thread %u: %s\n", i, error.what());
                }
            });
        for (std::thread& thread : running)
            thread.join();
        report(run);
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        run.failed = true;
    }
    return run.failed ? 1 : 0;
}
