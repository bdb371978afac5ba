// SPDX-License-Identifier: GPL-2.0-or-later
// Several processes that fuzz at once. Not threads: those of one process take turns under User Mode Linux.
#pragma once

#include <cinttypes>
#include <cstdio>
#include <functional>
#include <memory>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "options.h"

namespace fuzz {

// Memory that the processes share, zero at first. T has no pointers, and atomics for what several write.
template <typename T> std::shared_ptr<T> shared_memory() {
    void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail_errno("mmap");
    return {new (memory) T{}, [](T* object) { munmap(object, sizeof(T)); }};
}

// A line each 50,000: `before` were done before these.
inline void tell_progress(std::uint64_t before, std::uint64_t these, const char* what) {
    constexpr std::uint64_t step = 50000;
    if (before / step == (before + these) / step)
        return;
    std::printf("%" PRIu64 " %s so far\n", before + these, what);
    std::fflush(stdout);
}

// Runs work(0), work(1), ... each in a process of its own, and waits for them all. True if all of them returned true.
inline bool in_processes(unsigned count, const std::function<bool(unsigned)>& work) {
    std::fflush(stdout);
    std::vector<pid_t> children;
    for (unsigned i = 0; i < count; i++) {
        const pid_t pid = fork();
        if (pid < 0)
            fail_errno("fork");
        if (pid == 0) {
            const bool good = work(i);
            std::fflush(stdout);
            _exit(good ? 0 : 1);
        }
        children.push_back(pid);
    }
    bool all = true;
    for (pid_t pid : children) {
        int status = 0;
        waitpid(pid, &status, 0);
        all = all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return all;
}

} // namespace fuzz
