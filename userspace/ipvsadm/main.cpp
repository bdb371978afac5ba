// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/run.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <climits>
#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace {

// A redirected file by its name, so that an error in it can be found.
std::string standard_input_name() {
    struct stat status {};
    char path[PATH_MAX];
    if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
        const ssize_t length = readlink("/proc/self/fd/0", path, sizeof path);
        if (length > 0 && static_cast<std::size_t>(length) < sizeof path)
            return {path, static_cast<std::size_t>(length)};
    }
    return "<stdin>";
}

// What was closed must not become the socket to the kernel: using it shall fail.
void hold_standard_files() {
    for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(file, F_GETFD) == -1)
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

} // namespace

int main(int argc, char** argv) {
    hold_standard_files();
    // What is shared with C's stdio does not tell that reading failed from the end of a file.
    std::ios_base::sync_with_stdio(false);
    const lvs::SystemResolver names;
    lvs::World world{lvs::connect_to_kernel,    names, std::cin, standard_input_name(), std::cout, std::cerr,
                     isatty(STDERR_FILENO) == 1};
    const int code = lvs::run(argc > 0 ? argv[0] : "ipvsadm", {argv + std::min(argc, 1), argv + argc}, world);
    std::cout.flush();
    if (!std::cout) {
        std::perror("ipvsadm: cannot write");
        return lvs::exit_list_failure;
    }
    return code;
}
