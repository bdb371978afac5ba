// SPDX-License-Identifier: GPL-2.0-or-later
// Carries out a command line against a kernel.
#pragma once

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"
#include "kernel/kernel.h"

#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>
#include <thread>
#include <vector>

namespace lvs {

// All that the tool touches of the world outside.
struct World {
    std::function<Result<std::shared_ptr<Kernel>>()> connect;
    const Resolver& names;
    std::istream& in;
    std::string in_name; // how messages call `in`
    std::ostream& out;
    std::ostream& err;
    bool err_is_terminal = false;
    std::function<void(std::chrono::milliseconds)> pause = [](auto time) { std::this_thread::sleep_for(time); };
};

// `program` is what the tool was called as: a path to ipvsadm, ipvsadm-save or ipvsadm-restore.
// Returns the exit code.
int run(const std::string& program, const std::vector<std::string>& words, World& world);

} // namespace lvs
