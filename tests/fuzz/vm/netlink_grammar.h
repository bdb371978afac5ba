// SPDX-License-Identifier: GPL-2.0-or-later
// Valid requests of the families IPVS and LVS, and ways to make them invalid.
#pragma once

#include <cstdint>
#include <vector>

#include "random.h"

namespace fuzz {

struct Attr {
    std::uint16_t type = 0; // with NLA_F_NESTED where that is set
    bool nest = false;
    std::vector<std::uint8_t> value;
    std::vector<Attr> children;
    int lie = -1; // what to say is the length, if it is not the length
};

using Attrs = std::vector<Attr>;

// The numbers that the kernel gave the two families.
struct Families {
    std::uint16_t ipvs = 0;
    std::uint16_t lvs = 0;
};

struct Request {
    std::uint16_t family = 0;
    std::uint16_t flags = 0;
    std::uint8_t cmd = 0;
    std::uint8_t version = 1;
    std::uint16_t reserved = 0;
    Attrs attrs;
};

// Makes a sound request. Keys come from small sets, so that they meet what earlier requests made.
class Grammar {
  public:
    Grammar(Random& random, Families families) : random_(random), families_(families) {}

    Request request();

  private:
    Attr service(bool whole, bool v6);
    Attr dest(bool whole, bool v6);
    Attr daemon();
    void config(Attrs& attrs);
    void one_operation(std::uint8_t cmd, Attrs& attrs, std::uint16_t service_type, std::uint16_t dest_type);
    std::uint8_t change_command(bool batch);
    Request ipvs();
    Request lvs();
    Attr batch_operation();

    Random& random_;
    Families families_;
};

// Changes the request's tree: attributes missing, twice, short, long, of another type, nested wrongly, with lengths
// that lie; commands, versions and flags that nobody would send.
void mutate(Request& request, Random& random);

std::vector<std::uint8_t> encode(const Request& request, std::uint32_t seq);

// Changes an encoded message: bits, its end, its length.
void mutate(std::vector<std::uint8_t>& message, Random& random);

} // namespace fuzz
