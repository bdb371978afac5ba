// SPDX-License-Identifier: GPL-2.0-or-later
// What finding a free port costs however many are taken, in instructions, which this processor counts one by one.
#include "catch.hpp"

extern "C" {
#include "core/ports.h"
}

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr unsigned first_port = 5000, last_port = 65535, range = last_port - first_port + 1;

volatile int taken;

// Runs `run` in a child, a step at a time, from where it stops itself to where it stops again; the number of steps.
template <typename Run> long steps(Run run) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        run();
        raise(SIGSTOP);
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSTOPPED(status));
    long count = 0;
    for (;;) {
        REQUIRE(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        REQUIRE(waitpid(child, &status, 0) == child);
        REQUIRE(WIFSTOPPED(status));
        if (WSTOPSIG(status) == SIGSTOP)
            break;
        REQUIRE(WSTOPSIG(status) == SIGTRAP);
        REQUIRE(++count < 1000000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return count;
}

// The steps that one search takes: those of so many searches less those of none.
long search_steps(lvs_ports* ports, int searches) {
    const auto take = [ports](int times) {
        for (int i = 0; i < times; ++i)
            taken = lvs_ports_take(ports, first_port, last_port);
    };
    return (steps([&] { take(searches); }) - steps([&] { take(0); })) / searches;
}

// Ports taken at random, all but `free` of them, as when connections have come and gone.
std::unique_ptr<lvs_ports> worn(unsigned free, unsigned seed) {
    auto ports = std::make_unique<lvs_ports>();
    lvs_ports_init(ports.get(), first_port);
    std::vector<u16> all;
    for (unsigned i = 0; i < range; ++i)
        all.push_back(static_cast<u16>(lvs_ports_take(ports.get(), first_port, last_port)));
    std::mt19937 random(seed);
    std::shuffle(all.begin(), all.end(), random);
    for (unsigned i = 0; i < free; ++i)
        lvs_ports_give(ports.get(), all[i]);
    ports->next = first_port + random() % range;
    return ports;
}

} // namespace

TEST_CASE("ports: a search with 95 % taken costs at most 1.3 times one with 5 % taken, the worst 4 times") {
    long few = 0, many = 0, worst = 0;
    constexpr int places = 8;
    for (unsigned seed = 0; seed < places; ++seed) {
        few += search_steps(worn(range * 95 / 100, seed).get(), 32);
        many += search_steps(worn(range * 5 / 100, seed).get(), 32);
    }
    // The only free port of all lies just before the place where the search begins; or there is none.
    for (const unsigned at : {first_port, first_port + 1, 8192u, 12288u + 63, 40000u, last_port}) {
        for (const bool one : {true, false}) {
            auto ports = worn(0, at);
            if (one)
                lvs_ports_give(ports.get(), static_cast<u16>(at));
            ports->next = at + 1;
            worst = std::max(worst, search_steps(ports.get(), 1));
        }
    }
    WARN("instructions of a search: " << few / places << " with 5 % taken, " << many / places << " with 95 %, " << worst
                                      << " at worst");
    CHECK(few > 0);
    CHECK(many * 10 <= few * 13);
    CHECK(worst * places <= few * 4);
}
