// SPDX-License-Identifier: GPL-2.0-or-later
// Taking changes back, for kernels that have no transactions.
#pragma once

#include "ipvsadm/command.h"
#include "kernel/kernel.h"

#include <string>
#include <vector>

namespace lvs {

// What restores the state from before one change: commands, to be carried out in their order.
struct Inverse {
    std::vector<Command> commands;
    std::string lost; // what they cannot bring back; empty if nothing
};

// Reads what `undone` is about to change, which must not have happened yet.
Result<Inverse> inverse_of(const Command& undone, Kernel& kernel);

class UndoLog {
  public:
    void add(Inverse inverse) { log_.push_back(std::move(inverse)); }
    bool empty() const { return log_.empty(); }
    std::size_t size() const { return log_.size(); }

    // The last change first. Returns what is left different from before.
    std::vector<std::string> undo_all(Kernel& kernel);

  private:
    std::vector<Inverse> log_;
};

} // namespace lvs
