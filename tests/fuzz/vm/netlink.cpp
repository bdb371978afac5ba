// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the families IPVS and LVS of a loaded module: sound and broken requests from several processes, in namespaces
// that come and go meanwhile. Needs root and a kernel that may crash: run it in the VM (tests/vm/fuzz.py does).
//
// Every request must be answered as netlink_session.h says. In a namespace that nobody else works on, a request that is
// refused must also have changed nothing. At the end every namespace must be empty after a flush.
//
// The work goes in generations: processes start, work on the namespaces that there are, and end, with some sockets open
// and dumps half read; then a namespace is replaced, and its end overlaps with the next generation. What a process
// sends repeats with --seed; with --processes 1 so does everything.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>

#include "lvs/abi.h"
#include "netlink_session.h"
#include "options.h"
#include "workers.h"

using namespace fuzz;

namespace {

constexpr std::size_t kShared = 4; // namespaces that the processes work on together
constexpr unsigned kBurst = 48;    // datagrams to one namespace before the next
constexpr unsigned kBursts = 16;   // of a process
constexpr std::size_t kLargest = 2 << 20;

struct Run {
    Options options;
    Families families;
    Deadline deadline;
    std::shared_ptr<Tally> tally = shared_memory<Tally>();
    std::vector<Namespace> shared;
    std::uint64_t generation = 0;

    bool over() const { return tally->messages >= options.count || deadline.over(); }
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

void check_empty(const Run& run, const Namespace& ns) {
    Random random(0);
    std::vector<std::uint8_t> buffer;
    Session session(ns, run.families, random, buffer);
    session.flush();
    if (const std::size_t left = session.services())
        throw Violation(std::to_string(left) + " services are left after a flush");
}

class Worker {
  public:
    Worker(Run& run, unsigned index)
        : run_(run), random_((run.options.seed * 1000003 + run.generation) * 64 + index),
          grammar_(random_, run.families) {}

    bool work() {
        try {
            const Namespace own = new_namespace();
            for (unsigned n = 0; n < kBursts && !run_.over(); n++)
                random_.one_in(3) ? burst(own, true) : burst(random_.of(run_.shared), false);
            check_empty(run_, own);
            return true;
        } catch (const std::exception& error) {
            std::printf("seed %llu, generation %llu: %s\n%zu bytes were sent last:\n%s",
                        static_cast<unsigned long long>(run_.options.seed),
                        static_cast<unsigned long long>(run_.generation), error.what(), last_.size(),
                        hex(last_).c_str());
            return false;
        }
    }

  private:
    void burst(const Namespace& ns, bool alone) {
        Session session(ns, run_.families, random_, buffer_);
        for (unsigned n = 0; n < kBurst && !run_.over(); n++) {
            const Datagram datagram = make_datagram(random_, grammar_, seq_);
            last_ = datagram.bytes;
            const bool abandon = datagram.dump && random_.one_in(4);
            const bool compare = alone && !abandon && datagram.messages == 1 && random_.one_in(16);
            std::vector<std::uint8_t> before;
            if (compare)
                before = session.state();
            const unsigned refused = session.exchange(datagram.bytes, *run_.tally, abandon);
            if (compare && refused && session.state() != before)
                throw Violation("a request that was refused changed something");
        }
    }

    Run& run_;
    Random random_;
    Grammar grammar_;
    std::uint32_t seq_ = 1;
    std::vector<std::uint8_t> last_, buffer_;
};

bool fuzz_all(Run& run, unsigned processes) {
    Random random(run.options.seed);
    for (std::size_t i = 0; i < kShared; i++)
        run.shared.push_back(new_namespace());
    while (!run.over()) {
        const std::uint64_t before = run.tally->messages;
        if (!in_processes(processes, [&run](unsigned i) { return Worker(run, i).work(); }))
            return false;
        tell_progress(before, run.tally->messages - before, "messages");
        run.generation++;
        random.of(run.shared) = new_namespace();
    }
    for (const Namespace& ns : run.shared)
        check_empty(run, ns);
    return true;
}

// A fuzzer that never gets anything through tests the parser only.
void check_reached(const Tally& tally) {
    if (tally.messages < 5000)
        return;
    for (int cmd : {IPVS_CMD_NEW_SERVICE, IPVS_CMD_SET_SERVICE, IPVS_CMD_DEL_SERVICE, IPVS_CMD_GET_SERVICE,
                    IPVS_CMD_NEW_DEST, IPVS_CMD_SET_DEST, IPVS_CMD_DEL_DEST, IPVS_CMD_GET_DEST, IPVS_CMD_GET_DAEMON,
                    IPVS_CMD_SET_CONFIG, IPVS_CMD_GET_CONFIG, IPVS_CMD_GET_INFO, IPVS_CMD_ZERO, IPVS_CMD_FLUSH})
        if (!tally.done[true][cmd])
            throw Violation("IPVS command " + std::to_string(cmd) + " never succeeded");
    for (int cmd : {LVS_CMD_GET_INFO, LVS_CMD_BATCH, LVS_CMD_GET_DROPS})
        if (!tally.done[false][cmd])
            throw Violation("LVS command " + std::to_string(cmd) + " never succeeded");
}

void print_summary(const Run& run) {
    const Tally& tally = *run.tally;
    auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    const double seconds = run.deadline.elapsed();
    std::printf("%llu messages in %.1f s (%.0f a second), %llu replies, %llu dumps abandoned, %llu generations\n",
                number(tally.messages), seconds, static_cast<double>(tally.messages) / seconds, number(tally.replies),
                number(tally.interrupted), number(run.generation));
    for (std::size_t code = 0; code < tally.errors.size(); code++)
        if (tally.errors[code])
            std::printf("  %9llu %s\n", number(tally.errors[code]),
                        code ? std::strerror(static_cast<int>(code)) : "acknowledged");
}

} // namespace

int main(int argc, char** argv) {
    try {
        Run run{.options = parse_options(argc, argv, 100000, {{"processes", "2"}}),
                .families = {},
                .deadline = Deadline(0)};
        run.deadline = Deadline(run.options.seconds);
        run.families = {family_number(IPVS_GENL_NAME), family_number(LVS_GENL_NAME)};
        const unsigned processes = static_cast<unsigned>(std::atoi(run.options.more["processes"].c_str()));
        std::printf("seed %llu, %u processes\n", static_cast<unsigned long long>(run.options.seed), processes);
        const bool good = fuzz_all(run, processes);
        print_summary(run);
        if (good)
            check_reached(*run.tally);
        return good ? 0 : 1;
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
