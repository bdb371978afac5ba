// SPDX-License-Identifier: GPL-2.0-or-later
// What every fuzzer here can be told on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace fuzz {

struct Options {
    std::uint64_t seed = 0;  // --seed N; another one each time if it is not given
    std::uint64_t count = 0; // --count N; how many messages or packets
    double seconds = 0;      // --time S; 0: until count is reached
    std::map<std::string, std::string> more;
};

// Ends the program on a bad option. `more` are the program's own options with their defaults.
Options parse_options(int argc, char** argv, std::uint64_t count, std::map<std::string, std::string> more);

// Is the run's time over?
class Deadline {
  public:
    explicit Deadline(double seconds) : seconds_(seconds) {}
    double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
    bool over() const { return seconds_ > 0 && elapsed() >= seconds_; }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    double seconds_;
};

// Says what failed, with errno's text, and throws.
[[noreturn]] void fail_errno(const std::string& what);

} // namespace fuzz
