// SPDX-License-Identifier: GPL-2.0-or-later
// A socket in a namespace, and what must be true of the answers to whatever is sent through it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "netlink_grammar.h"

namespace fuzz {

class Fd {
  public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd();
    int get() const { return fd_; }

  private:
    int fd_;
};

// A network namespace lives as long as somebody has this, or a socket in it.
using Namespace = std::shared_ptr<Fd>;
Namespace new_namespace(); // the calling thread is in it afterwards

// The kernel did what it must not do.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Counts what all processes do; in memory that they share.
struct Tally {
    using Count = std::atomic<std::uint64_t>;
    Count messages, replies, interrupted;
    std::array<Count, 256> errors;              // by errno; 0: acknowledged
    std::array<std::array<Count, 256>, 2> done; // LVS's and IPVS's commands that did what they were asked to
};

class Session {
  public:
    // `buffer` is the caller's, who has many sessions one after the other; it is made as large as it must be.
    Session(const Namespace& ns, Families families, Random& random, std::vector<std::uint8_t>& buffer);

    // Sends the datagram, reads all answers, and throws a Violation if they are not what they have to be.
    // `abandon` closes the socket instead after at most one read, with the rest of a dump to come.
    // Returns the number of requests that were refused.
    unsigned exchange(const std::vector<std::uint8_t>& datagram, Tally& tally, bool abandon);

    // Everything that a request could have changed, as the dumps have it.
    std::vector<std::uint8_t> state();
    void flush();
    std::size_t services();

  private:
    struct Expected;
    void open();
    void send(const std::vector<std::uint8_t>& datagram);
    // One datagram of answers; false if there is none.
    bool receive();
    unsigned check_answers(std::map<std::uint32_t, Expected>& expected, Tally& tally);
    void check_error(const Expected& request, int code, bool has_message, std::int64_t offset, Tally& tally);
    // The attributes of all replies.
    std::vector<std::vector<std::uint8_t>> query(const Request& request);

    Namespace namespace_;
    Families families_;
    Random& random_;
    Fd socket_{-1};
    bool extack_ = true;
    std::vector<std::uint8_t>& buffer_;
    std::size_t read_size_ = 0;
    std::size_t received_ = 0;
    std::uint32_t seq_ = 0x40000000; // of our own questions; those of datagrams are the caller's
};

// Asks the kernel for the number of a family; throws if it is not there.
std::uint16_t family_number(const char* name);

std::string hex(const std::vector<std::uint8_t>& bytes);

} // namespace fuzz
