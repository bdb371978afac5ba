// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <system_error>

namespace fuzz {

namespace {

[[noreturn]] void usage(const char* program, const std::map<std::string, std::string>& more) {
    std::fprintf(stderr, "usage: %s [--seed N] [--count N] [--time SECONDS]", program);
    for (const auto& [name, value] : more)
        std::fprintf(stderr, " [--%s VALUE%s%s]", name.c_str(), value.empty() ? "" : ", else ", value.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
}

} // namespace

Options parse_options(int argc, char** argv, std::uint64_t count, std::map<std::string, std::string> more) {
    Options options;
    options.seed = std::random_device{}();
    options.count = count;
    options.more = std::move(more);
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 >= argc || name.size() < 3)
            usage(argv[0], options.more);
        const char* value = argv[i + 1];
        if (name == "--seed")
            options.seed = std::strtoull(value, nullptr, 0);
        else if (name == "--count")
            options.count = std::strtoull(value, nullptr, 0);
        else if (name == "--time")
            options.seconds = std::atof(value);
        else if (auto it = options.more.find(name.substr(2)); it != options.more.end())
            it->second = value;
        else
            usage(argv[0], options.more);
    }
    return options;
}

void fail_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace fuzz
