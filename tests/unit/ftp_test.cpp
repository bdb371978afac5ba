// SPDX-License-Identifier: GPL-2.0-or-later
// core/ftp.c: the addresses on a control connection, read and written.
#include "catch.hpp"

#include <arpa/inet.h>
#include <string>
#include <vector>

extern "C" {
#include "core/ftp.h"
}

namespace {

// "KIND address port text", or "none".
std::string parse(const std::string& text, bool reply) {
    // A copy of just that size, so that a checker sees a read beyond.
    const std::vector<u8> bytes(text.begin(), text.end());
    lvs_ftp_line line{};
    static const char* const names[] = {"none", "PORT", "EPRT", "PASV", "EPSV"};
    const auto kind = lvs_ftp_parse(bytes.data(), static_cast<u32>(bytes.size()), reply, &line);
    REQUIRE(kind == line.kind);
    if (kind == LVS_FTP_NONE)
        return "none";
    REQUIRE(line.at + line.len <= text.size());
    char address[INET6_ADDRSTRLEN] = "-";
    if (line.af != AF_UNSPEC)
        inet_ntop(line.af, &line.addr, address, sizeof address);
    return std::string(names[kind]) + " " + address + " " + std::to_string(ntohs(line.port)) + " " +
           text.substr(line.at, line.len);
}

std::string format(lvs_ftp_kind kind, const char* address, int port) {
    lvs_ftp_line line{};
    line.kind = kind;
    line.af = std::string(address).find(':') == std::string::npos ? AF_INET : AF_INET6;
    REQUIRE(inet_pton(line.af, address, &line.addr) == 1);
    line.port = htons(static_cast<u16>(port));
    u8 text[LVS_FTP_TEXT_MAX];
    const u32 len = lvs_ftp_format(&line, text);
    REQUIRE(len <= sizeof text);
    return {text, text + len};
}

} // namespace

TEST_CASE("FTP: where the client listens") {
    CHECK(parse("PORT 10,0,0,2,195,80\r\n", false) == "PORT 10.0.0.2 50000 10,0,0,2,195,80");
    CHECK(parse("port 10,0,0,2,0,1\r\nLIST\r\n", false) == "PORT 10.0.0.2 1 10,0,0,2,0,1");
    CHECK(parse("EPRT |1|132.235.1.2|6275|\r\n", false) == "EPRT 132.235.1.2 6275 |1|132.235.1.2|6275|");
    CHECK(parse("eprt !2!1080::8:800:200C:417A!5282!\r\n", false) ==
          "EPRT 1080::8:800:200c:417a 5282 !2!1080::8:800:200C:417A!5282!");
    for (const char* address : {"::", "::1", "1::", "fe80::1", "1:2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
                                "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "fd00:a::2"}) {
        INFO(address);
        char same[INET6_ADDRSTRLEN];
        in6_addr binary{};
        REQUIRE(inet_pton(AF_INET6, address, &binary) == 1);
        inet_ntop(AF_INET6, &binary, same, sizeof same);
        const std::string text = std::string("|2|") + address + "|65535|";
        CHECK(parse("EPRT " + text + "\r\n", false) == std::string("EPRT ") + same + " 65535 " + text);
    }
}

TEST_CASE("FTP: where the server listens") {
    CHECK(parse("227 Entering Passive Mode (10,1,0,11,4,210).\r\n", true) == "PASV 10.1.0.11 1234 10,1,0,11,4,210");
    CHECK(parse("227 =10,1,0,11,4,210\r\n", true) == "PASV 10.1.0.11 1234 10,1,0,11,4,210");
    CHECK(parse("229 Entering Extended Passive Mode (|||6446|)\r\n", true) == "EPSV - 6446 |||6446|");
    CHECK(parse("229 ok (!!!1!).\r\n", true) == "EPSV - 1 !!!1!");
}

TEST_CASE("FTP: commands that are none, lie or do not end") {
    for (const char* text : {"",
                             "\r\n",
                             "PORT",
                             "PORT \r\n",
                             "PORT 10,0,0,2,195\r\n",
                             "PORT 10,0,0,2,195,80",
                             "PORT 10,0,0,2,195,80\r",
                             "PORT 10,0,0,2,195,80\n",
                             "PORT 10,0,0,2,195,80 \r\n",
                             "PORT 10,0,0,2,195,80,1\r\n",
                             "PORT 10,0,0,2,0,0\r\n",
                             "PORT 256,0,0,2,195,80\r\n",
                             "PORT 10,0,0,2,256,80\r\n",
                             "PORT 10,,0,2,195,80\r\n",
                             "PORT -1,0,0,2,195,80\r\n",
                             "PORT 4294967306,0,0,2,195,80\r\n",
                             " PORT 10,0,0,2,195,80\r\n",
                             "PORT10,0,0,2,195,80\r\n",
                             "XPORT 10,0,0,2,195,80\r\n",
                             "227 (10,0,0,2,195,80)\r\n",
                             "EPRT |||6446|\r\n",
                             "EPRT |3|10.0.0.2|1|\r\n",
                             "EPRT |0|10.0.0.2|1|\r\n",
                             "EPRT |1|10.0.0.2|0|\r\n",
                             "EPRT |1|10.0.0.2|65536|\r\n",
                             "EPRT |1|10.0.0.2|000001|\r\n",
                             "EPRT |1|10.0.0.2|1\r\n",
                             "EPRT |1|10.0.0.2!1|\r\n",
                             "EPRT |1|::1|1|\r\n",
                             "EPRT |2|10.0.0.2|1|\r\n",
                             "EPRT |2|:|1|\r\n",
                             "EPRT |2|:::|1|\r\n",
                             "EPRT |2|1::2::3|1|\r\n",
                             "EPRT |2|1:2:3:4:5:6:7|1|\r\n",
                             "EPRT |2|1:2:3:4:5:6:7:8:9|1|\r\n",
                             "EPRT |2|1:2:3:4:5:6:7:8::|1|\r\n",
                             "EPRT |2|::1:2:3:4:5:6:7:8|1|\r\n",
                             "EPRT |2|12345::|1|\r\n",
                             "EPRT |2|1:|1|\r\n",
                             "EPRT |2||1|\r\n",
                             "EPRT \r\n",
                             "EPSV\r\n"}) {
        INFO(text);
        CHECK(parse(text, false) == "none");
    }
    for (const char* text :
         {"227 Entering Passive Mode\r\n", "227-Entering (10,1,0,11,4,210)\r\n", "227 (10,1,0,11,4)\r\n",
          "227 (10,1,0,11,4,210)", "227 (10,1,0,11,0,0)\r\n", "227 Mode 2 (10,1,0,11,4,210)\r\n",
          "226 (10,1,0,11,4,210)\r\n", "PORT 10,0,0,2,195,80\r\n", "229 |||6446|\r\n", "229 (|||6446|\r\n",
          "229 (|||0|)\r\n", "229 (|||65536|)\r\n", "229 (|1||6446|)\r\n", "229 (||!6446|)\r\n", "229 (111611)\r\n",
          "229 (\r\n", "229-(|||6446|)\r\n", "220 hello\r\n"}) {
        INFO(text);
        CHECK(parse(text, true) == "none");
    }
}

TEST_CASE("FTP: addresses written") {
    CHECK(format(LVS_FTP_PORT, "10.0.0.2", 50000) == "10,0,0,2,195,80");
    CHECK(format(LVS_FTP_PASV, "192.0.2.10", 1) == "192,0,2,10,0,1");
    CHECK(format(LVS_FTP_EPRT, "192.0.2.10", 65535) == "|1|192.0.2.10|65535|");
    CHECK(format(LVS_FTP_EPRT, "2001:db8::10", 21) == "|2|2001:db8:0:0:0:0:0:10|21|");
    CHECK(format(LVS_FTP_EPRT, "ffff:eeee:dddd:cccc:bbbb:aaaa:9999:8888", 65535).size() == LVS_FTP_TEXT_MAX);
    CHECK(format(LVS_FTP_EPSV, "0.0.0.0", 10203) == "|||10203|");
}
