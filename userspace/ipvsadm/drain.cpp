// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/drain.h"

#include "base/text.h"
#include "ipvsadm/errors.h"

#include <algorithm>
#include <ostream>

namespace lvs {

namespace {

constexpr std::chrono::milliseconds interval{1000};
constexpr std::uint32_t seconds_between_lines = 10; // where a line cannot be written over

// Of TCP and SCTP those count that may still transfer data; the others are over but for their last packets, which find
// their way to a deleted real server as well.
std::uint32_t left(const ServiceId& id, const ListedDest& dest) {
    const auto* listener = std::get_if<Listener>(&id);
    return listener && listener->protocol != Protocol::udp ? dest.active : dest.active + dest.inactive;
}

std::string connections(std::uint32_t number) {
    return text("%u connection%s", number, number == 1 ? "" : "s");
}

class Progress {
  public:
    Progress(const Drain& drain, std::string name, World& world)
        : drain_(drain), name_(std::move(name)), world_(world) {}

    void show(std::uint32_t left, std::uint32_t passed) {
        if (!world_.err_is_terminal && passed % seconds_between_lines)
            return;
        std::string line = name_ + ": " + connections(left) + " left";
        if (drain_.deadline)
            line += text(", reset in %u s", *drain_.deadline - passed);
        // Blanks cover what a longer line left there.
        if (world_.err_is_terminal)
            world_.err << "\r" << line << std::string(line.size() < width_ ? width_ - line.size() : 0, ' ')
                       << std::flush;
        else
            world_.err << line << std::endl;
        width_ = line.size();
    }

    void end() {
        if (world_.err_is_terminal && width_)
            world_.err << "\r" << std::string(width_, ' ') << "\r" << std::flush;
        width_ = 0;
    }

  private:
    const Drain& drain_;
    std::string name_;
    World& world_;
    std::size_t width_ = 0;
};

int fail(World& world, const std::string& text) {
    world.err << text << "\n";
    return exit_failure;
}

int refused(World& world, const Operation& operation, const Error& error) {
    return fail(world, error_text(asked_by(operation), error));
}

Result<std::optional<ListedDest>> look(const Drain& drain, Kernel& kernel) {
    auto dests = kernel.dests(drain.service);
    if (!dests)
        return dests.error();
    const auto found = std::find_if(dests->begin(), dests->end(),
                                    [&](const ListedDest& listed) { return listed.dest.endpoint == drain.dest; });
    return found == dests->end() ? std::optional<ListedDest>{} : std::optional(*found);
}

} // namespace

int drain_server(const Drain& drain, Kernel& kernel, World& world) {
    const auto* listener = std::get_if<Listener>(&drain.service);
    const std::string name =
        endpoint_text(drain.dest, listener ? listener->protocol : Protocol::tcp, drain.numeric, world.names);
    if (auto begun = kernel.apply(DrainDest{drain.service, drain.dest}); !begun)
        return refused(world, DrainDest{}, begun.error());

    Progress progress(drain, name, world);
    std::uint32_t passed = 0, number = 0;
    for (;; ++passed) {
        auto seen = look(drain, kernel);
        if (!seen || !*seen || (*seen)->dest.weight.value != 0) {
            progress.end();
            if (!seen)
                return refused(world, DrainDest{}, seen.error());
            return fail(world, *seen ? name + " was given a weight again by somebody else, it stays"
                                     : name + " was deleted by somebody else");
        }
        number = left(drain.service, **seen);
        if (!number || (drain.deadline && passed >= *drain.deadline))
            break;
        progress.show(number, passed);
        world.pause(interval);
    }
    progress.end();

    std::vector<Operation> last;
    if (number)
        last.emplace_back(ResetDest{drain.service, drain.dest});
    last.emplace_back(DeleteDest{drain.service, drain.dest});
    if (auto ended = kernel.apply_batch(last); !ended)
        return refused(world, DeleteDest{}, ended.error().error);
    world.out << name << ": drained in " << passed << " s"
              << (number ? ", " + connections(number) + " reset" : std::string()) << "\n";
    return exit_success;
}

} // namespace lvs
