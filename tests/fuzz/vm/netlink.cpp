// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the families IPVS and LVS of a loaded module: sound and broken requests from several threads, in namespaces
// that come and go meanwhile. Needs root and a kernel that may crash: run it in the VM (tests/vm/fuzz.py does).
//
// Every request must be answered as netlink_session.h says. In a namespace that nobody else works on, a request that is
// refused must also have changed nothing. At the end every namespace must be empty after a flush.
//
// The messages of a thread repeat with --seed; with --threads 1 so does everything.
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <mutex>
#include <thread>

#include "netlink_session.h"
#include "options.h"

using namespace fuzz;

namespace {

constexpr std::size_t kShared = 4; // namespaces that the threads work on together
constexpr unsigned kBurst = 48;    // datagrams to one namespace before the next
constexpr std::size_t kLargest = 2 << 20;

struct Run {
    Options options;
    Families families;
    Deadline deadline;
    std::mutex lock; // of what follows
    std::vector<Namespace> shared;
    std::uint64_t namespaces = 0;
    Tally tally;
    std::atomic<std::uint64_t> messages{0};
    std::atomic<bool> failed{false};

    bool over() const { return failed || messages >= options.count || deadline.over(); }
};

// A datagram of one or several messages, most of them sound.
struct Datagram {
    std::vector<std::uint8_t> bytes;
    unsigned messages = 0;
    bool dump = false;
};

Datagram make_datagram(Random& random, Grammar& grammar, std::uint32_t& seq) {
    Datagram datagram;
    const std::uint64_t messages = random.one_in(3) ? random.between(2, 8) : 1;
    while (datagram.messages < messages) {
        Request request = grammar.request();
        const unsigned how = static_cast<unsigned>(random.below(100));
        if (how >= 50)
            mutate(request, random);
        std::vector<std::uint8_t> message = encode(request, seq++);
        if (how >= 85)
            mutate(message, random);
        if (message.size() > kLargest)
            continue;
        message.resize(NLMSG_ALIGN(message.size()));
        datagram.bytes.insert(datagram.bytes.end(), message.begin(), message.end());
        datagram.messages++;
        datagram.dump |= (request.flags & NLM_F_DUMP) == NLM_F_DUMP;
    }
    if (random.one_in(32)) // the last one is not all there, or something follows it
        datagram.bytes.resize(datagram.bytes.size() + random.below(20) -
                              std::min<std::size_t>(8, datagram.bytes.size()));
    return datagram;
}

class Worker {
  public:
    Worker(Run& run, unsigned index)
        : run_(run), index_(index), random_(run.options.seed * 1000 + index), grammar_(random_, run.families) {}

    void work() {
        try {
            own_ = new_namespace();
            while (!run_.over())
                burst();
            check_empty(own_);
        } catch (const std::exception& error) {
            run_.failed = true;
            const std::lock_guard guard(run_.lock);
            std::printf("thread %u, seed %llu, after %llu of its messages: %s\n%zu bytes were sent last:\n%s", index_,
                        static_cast<unsigned long long>(run_.options.seed),
                        static_cast<unsigned long long>(tally_.messages), error.what(), last_.size(),
                        hex(last_).c_str());
        }
        const std::lock_guard guard(run_.lock);
        run_.tally.add(tally_);
    }

    void check_empty(const Namespace& ns) {
        Session session(ns, run_.families, random_);
        session.flush();
        if (const std::size_t left = session.services())
            throw Violation(std::to_string(left) + " services are left after a flush");
    }

  private:
    Namespace choose() {
        Random& random = random_;
        const std::size_t slot = random.below(kShared);
        Namespace fresh = random.one_in(8) ? new_namespace() : nullptr;
        const std::lock_guard guard(run_.lock);
        if (fresh) {
            // The old one ends with its last socket.
            run_.shared[slot] = fresh;
            run_.namespaces++;
        }
        return run_.shared[slot];
    }

    void burst() {
        const bool alone = random_.one_in(3);
        Session session(alone ? own_ : choose(), run_.families, random_);
        for (unsigned n = 0; n < kBurst && !run_.over(); n++) {
            const Datagram datagram = make_datagram(random_, grammar_, seq_);
            last_ = datagram.bytes;
            const bool abandon = datagram.dump && random_.one_in(4);
            const bool compare = alone && !abandon && datagram.messages == 1 && random_.one_in(16);
            std::vector<std::uint8_t> before;
            if (compare)
                before = session.state();
            const unsigned refused = session.exchange(datagram.bytes, tally_, abandon);
            if (compare && refused && session.state() != before)
                throw Violation("a request that was refused changed something");
            run_.messages += datagram.messages;
        }
    }

    Run& run_;
    unsigned index_;
    Random random_;
    Grammar grammar_;
    Namespace own_;
    Tally tally_;
    std::uint32_t seq_ = 1;
    std::vector<std::uint8_t> last_;
};

// A fuzzer that never gets anything through tests the parser only.
void check_reached(const Run& run) {
    if (run.tally.messages < 5000)
        return;
    for (int cmd : {IPVS_CMD_NEW_SERVICE, IPVS_CMD_SET_SERVICE, IPVS_CMD_DEL_SERVICE, IPVS_CMD_GET_SERVICE,
                    IPVS_CMD_NEW_DEST, IPVS_CMD_SET_DEST, IPVS_CMD_DEL_DEST, IPVS_CMD_GET_DEST, IPVS_CMD_GET_DAEMON,
                    IPVS_CMD_SET_CONFIG, IPVS_CMD_GET_CONFIG, IPVS_CMD_GET_INFO, IPVS_CMD_ZERO, IPVS_CMD_FLUSH})
        if (!run.tally.done.contains({true, cmd}))
            throw Violation("IPVS command " + std::to_string(cmd) + " never succeeded");
    for (int cmd : {1, 2, 3})
        if (!run.tally.done.contains({false, cmd}))
            throw Violation("LVS command " + std::to_string(cmd) + " never succeeded");
}

void print_summary(const Run& run) {
    const double seconds = run.deadline.elapsed();
    std::printf("%llu messages in %.1f s (%.0f a second), %llu replies, %llu dumps abandoned, %llu namespaces\n",
                static_cast<unsigned long long>(run.tally.messages), seconds, run.tally.messages / seconds,
                static_cast<unsigned long long>(run.tally.replies),
                static_cast<unsigned long long>(run.tally.interrupted),
                static_cast<unsigned long long>(run.namespaces));
    for (const auto& [code, count] : run.tally.errors)
        std::printf("  %9llu %s\n", static_cast<unsigned long long>(count),
                    code ? std::strerror(code) : "acknowledged");
}

} // namespace

int main(int argc, char** argv) {
    Run run{.options = parse_options(argc, argv, 100000, {{"threads", "2"}}), .deadline = Deadline(0)};
    try {
        run.deadline = Deadline(run.options.seconds);
        run.families = {family_number(IPVS_GENL_NAME), family_number("LVS")};
        const unsigned threads = static_cast<unsigned>(std::atoi(run.options.more["threads"].c_str()));
        std::printf("seed %llu, %u threads\n", static_cast<unsigned long long>(run.options.seed), threads);
        std::fflush(stdout);
        for (std::size_t i = 0; i < kShared; i++)
            run.shared.push_back(new_namespace());
        std::vector<std::thread> running;
        for (unsigned i = 0; i < threads; i++)
            running.emplace_back([&run, i] { Worker(run, i).work(); });
        for (std::thread& thread : running)
            thread.join();
        for (const Namespace& ns : run.shared)
            Worker(run, threads).check_empty(ns);
        print_summary(run);
        if (!run.failed)
            check_reached(run);
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        run.failed = true;
    }
    return run.failed ? 1 : 0;
}
