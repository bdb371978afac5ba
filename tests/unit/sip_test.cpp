// SPDX-License-Identifier: GPL-2.0-or-later
// core/sip.c: which Call-ID a message has.
#include "catch.hpp"

#include <string>
#include <vector>

extern "C" {
#include "core/sip.h"
}

namespace {

std::string call_id(const std::string& text) {
    // A copy of just that size, so that a checker sees a read beyond.
    const std::vector<u8> bytes(text.begin(), text.end());
    u32 at = 0;
    const u32 len = lvs_sip_call_id(bytes.data(), static_cast<u32>(bytes.size()), &at);
    REQUIRE(at + len <= bytes.size());
    return text.substr(at, len);
}

const std::string head = "INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n";

} // namespace

TEST_CASE("a message's Call-ID") {
    for (const char* field :
         {"Call-ID: abc@host", "Call-ID:abc@host", "CALL-id  :\t abc@host  ", "i: abc@host", "I:abc@host"}) {
        INFO(field);
        CHECK(call_id(head + field + "\r\nCSeq: 1 INVITE\r\n\r\nbody") == "abc@host");
        CHECK(call_id(head + field + "\r\n") == "abc@host");
    }
    CHECK(call_id("SIP/2.0 200 OK\nCall-ID: x\n\n") == "x");
    CHECK(call_id("SIP/2.0 200 OK\rCall-ID: x\r\r") == "x");
    CHECK(call_id(head + "Call-ID: first\r\nCall-ID: second\r\n\r\n") == "first");
}

TEST_CASE("messages without a Call-ID that can be used") {
    for (const std::string& text : std::vector<std::string>{"",
                                                            "\r\n",
                                                            "\r\n\r\n",
                                                            "Call-ID: in-the-first-line\r\n\r\n",
                                                            head,
                                                            head + "\r\n",
                                                            head + "\r\nCall-ID: in-the-body\r\n",
                                                            head + "Call-ID: never-ends",
                                                            head + "Call-ID:\r\n\r\n",
                                                            head + "Call-ID:   \r\n\r\n",
                                                            head + "Call-ID abc\r\n\r\n",
                                                            head + "X-Call-ID: abc\r\n\r\n",
                                                            head + "Call-ID-2: abc\r\n\r\n",
                                                            head + "id: abc\r\n\r\n",
                                                            head + " Call-ID: a-line-that-goes-on\r\n\r\n",
                                                            head + "Call-ID: two words\r\n\r\n",
                                                            head + "Call-ID: a\tb\r\n\r\n",
                                                            head + "Call-ID: a\x1b[2J\r\n\r\n",
                                                            head + std::string("Call-ID: a\0b\r\n\r\n", 16),
                                                            head + "Call-ID: \xc3\xa4\r\n\r\n",
                                                            head + "Call-ID: " + std::string(256, 'x') + "\r\n\r\n",
                                                            head + "Call-I"}) {
        INFO(text);
        CHECK(call_id(text).empty());
    }
}

TEST_CASE("the longest Call-ID") {
    CHECK(call_id(head + "Call-ID: " + std::string(255, 'x') + "\r\n\r\n") == std::string(255, 'x'));
}
