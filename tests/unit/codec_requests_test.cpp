// SPDX-License-Identifier: GPL-2.0-or-later
// Our requests against those that ipvsadm 1.31 sent for the same command, captured as hex.
#include "catch.hpp"
#include "values.h"

#include "codec/ipvs.h"

#include <linux/ip_vs.h>

using namespace lvs;
using namespace test;

namespace {

struct Captured {
    const char* what;
    Operation operation;
    const char* payload;
};

const ServiceId web = tcp("192.0.2.10", 80);
const ServiceId dns = udp("fd00::10", 53);

Service persistent_dns() {
    Service out = service(dns, "wlc");
    out.flags = persistent_flag;
    out.timeout = 60;
    out.netmask = 64;
    out.persistence_engine = "sip";
    return out;
}

Service marked_mh() {
    Service out = service(Marked{{101}, Family::ipv6}, "mh");
    out.flags = scheduler_flag_2;
    return out;
}

Dest bounded() {
    Dest out = dest("10.1.1.2", 8080, Forwarding::masquerade, 3);
    out.upper_threshold = 100;
    out.lower_threshold = 50;
    return out;
}

Dest through_gue() {
    Dest out = dest("10.1.1.3", 53, Forwarding::tunnel);
    out.tunnel = {TunnelType::gue, {6080}, tunnel_checksum};
    return out;
}

const std::vector<Captured>& captured() {
    static const std::vector<Captured> all = {
        {"-A -t 192.0.2.10:80 -s rr", AddService{service(web, "rr")},
         "540001800600010002000000060002000600000014000300c000020a00000000000000000000000006000400005000000700060072720"
         "0"
         "000c00070000000000ffffffff080008000000000008000900ffffffff"},
        {"-A -u [fd00::10]:53 -s wlc -p 60 -M 64 --pe sip", AddService{persistent_dns()},
         "5c000180060001000a000000060002001100000014000300fd0000000000000000000000000000100600040000350000080006"
         "00776c630008000b00736970000c00070001000000ffffffff080008003c0000000800090040000000"},
        {"-A -f 101 -6 -s mh -b mh-port", AddService{marked_mh()},
         "38000180060001000a0000000800050065000000070006006d6800000c00070010000000ffffffff08000800000000000800090080"
         "000000"},
        {"-D -t 192.0.2.10:80", DeleteService{web},
         "540001800600010002000000060002000600000014000300c000020a00000000000000000000000006000400005000000500060000000"
         "0"
         "000c00070000000000ffffffff080008000000000008000900ffffffff"},
        {"-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 3 -x 100 -y 50", AddDest{web, bounded()},
         "540001800600010002000000060002000600000014000300c000020a00000000000000000000000006000400005000000500060000000"
         "0"
         "000c00070000000000ffffffff080008000000000008000900ffffffff6000028006000b0002000000140001000a01010200000000000"
         "0"
         "000000000000060002001f9000000800030000000000080004000300000005000d000000000006000e000000000006000f00000000000"
         "8"
         "000500640000000800060032000000"},
        {"-a -u [fd00::10]:53 -r 10.1.1.3 -i --tun-type gue --tun-port 6080 --tun-csum", AddDest{dns, through_gue()},
         "54000180060001000a000000060002001100000014000300fd00000000000000000000000000001006000400003500000500060000000"
         "0"
         "000c00070000000000ffffffff0800080000000000080009008000000060000280"
         "06000b0002000000140001000a010103000000000000"
         "00000000000006000200003500000800030002000000080004000100000005000d000100000006000e0017c0000006000f00010000000"
         "8"
         "000500000000000800060000000000"},
        {"-d -t 192.0.2.10:80 -r 10.1.1.2:8080", DeleteDest{web, endpoint("10.1.1.2", 8080)},
         "540001800600010002000000060002000600000014000300c000020a00000000000000000000000006000400005000000500060000000"
         "0"
         "000c00070000000000ffffffff080008000000000008000900ffffffff6000028006000b0002000000140001000a01010200000000000"
         "0"
         "000000000000060002001f9000000800030003000000080004000100000005000d000000000006000e000000000006000f00000000000"
         "8"
         "000500000000000800060000000000"},
        {"-Z -f 7", ZeroCounters{Marked{{7}, Family::ipv4}},
         "380001800600010002000000080005000700000005000600000000000c00070000000000ffffffff080008000000000008000900"
         "ffffffff"},
        {"-C", Flush{}, ""},
    };
    return all;
}

// All that ours says must be said there in the same words; it says some things that do not matter.
void check_contained(const Attributes& ours, const Attributes& theirs) {
    for (const Attribute& attribute : ours.all()) {
        const Attribute* other = theirs.find(attribute.type);
        REQUIRE(other);
        CHECK(Bytes(attribute.value.begin(), attribute.value.end()) == Bytes(other->value.begin(), other->value.end()));
    }
}

Attributes parsed(ByteView raw) {
    auto out = Attributes::parse(raw);
    REQUIRE(out);
    return *out;
}

} // namespace

TEST_CASE("requests say what ipvsadm 1.31 says", "[codec]") {
    for (const Captured& request : captured()) {
        INFO(request.what);
        const Request encoded = encode_operation(request.operation);
        const Bytes reference = bytes(request.payload);
        const Attributes ours = parsed(encoded.payload);
        const Attributes theirs = parsed(reference);
        REQUIRE(ours.all().size() == theirs.all().size());
        for (const Attribute& nest : ours.all()) {
            REQUIRE(theirs.find(nest.type));
            check_contained(parsed(nest.value), parsed(theirs.find(nest.type)->value));
        }
    }
}

TEST_CASE("an added service or server says all that ipvsadm 1.31 says", "[codec]") {
    for (const Captured& request : captured()) {
        const bool service_added = std::holds_alternative<AddService>(request.operation);
        const bool dest_added = std::holds_alternative<AddDest>(request.operation);
        if (!service_added && !dest_added)
            continue;
        INFO(request.what);
        const std::uint16_t nest = service_added ? IPVS_CMD_ATTR_SERVICE : IPVS_CMD_ATTR_DEST;
        const Request encoded = encode_operation(request.operation);
        const Bytes reference = bytes(request.payload);
        check_contained(parsed(parsed(reference).find(nest)->value), parsed(parsed(encoded.payload).find(nest)->value));
    }
}

TEST_CASE("every operation has its command", "[codec]") {
    const Dest server = dest("10.1.1.2", 80, Forwarding::route);
    CHECK(encode_operation(AddService{service(web, "rr")}).command == IPVS_CMD_NEW_SERVICE);
    CHECK(encode_operation(EditService{service(web, "rr")}).command == IPVS_CMD_SET_SERVICE);
    CHECK(encode_operation(DeleteService{web}).command == IPVS_CMD_DEL_SERVICE);
    CHECK(encode_operation(AddDest{web, server}).command == IPVS_CMD_NEW_DEST);
    CHECK(encode_operation(EditDest{web, server}).command == IPVS_CMD_SET_DEST);
    CHECK(encode_operation(DeleteDest{web, server.endpoint}).command == IPVS_CMD_DEL_DEST);
    CHECK(encode_operation(ZeroCounters{}).command == IPVS_CMD_ZERO);
    CHECK(encode_operation(ZeroCounters{}).payload.empty());
    CHECK(encode_operation(Flush{}).command == IPVS_CMD_FLUSH);
}

TEST_CASE("timeouts and daemons are encoded as ipvsadm 1.31 encodes them", "[codec]") {
    CHECK(encode_set_timeouts({900, 120, 300}).payload == bytes("08000400840300000800050078000000080006002c010000"));

    Daemon daemon{.state = DaemonState::master,
                  .interface = "eth0",
                  .sync_id = 5,
                  .max_length = 1000,
                  .group = address("224.0.0.90"),
                  .port = {9000},
                  .ttl = 3};
    const Bytes reference = bytes("400003800800010001000000090002006574683000000000080003000500000006000400e8030000"
                                  "0600070028230000050008000300000008000500e000005a");
    const Request encoded = encode_start_daemon(daemon);
    CHECK(encoded.command == IPVS_CMD_NEW_DAEMON);
    const Attributes ours = parsed(parsed(encoded.payload).find(IPVS_CMD_ATTR_DAEMON)->value);
    const Attributes theirs = parsed(parsed(reference).find(IPVS_CMD_ATTR_DAEMON)->value);
    check_contained(ours, theirs);
    check_contained(theirs, ours);

    daemon.group = address("ff02::90");
    const Request six = encode_start_daemon(daemon);
    CHECK(parsed(parsed(six.payload).find(IPVS_CMD_ATTR_DAEMON)->value).find(IPVS_DAEMON_ATTR_MCAST_GROUP6));
    CHECK(encode_stop_daemon(DaemonState::backup).command == IPVS_CMD_DEL_DAEMON);
}

TEST_CASE("what is encoded as a service or server is decoded as the same", "[codec]") {
    for (const Captured& request : captured()) {
        INFO(request.what);
        const Request encoded = encode_operation(request.operation);
        const Attributes payload = parsed(encoded.payload);
        if (const auto* add = std::get_if<AddService>(&request.operation)) {
            auto decoded = decode_service(payload);
            REQUIRE(decoded);
            CHECK(decoded->service == add->service);
        }
        if (const auto* add = std::get_if<AddDest>(&request.operation)) {
            auto decoded = decode_dest(payload, family_of(add->service));
            REQUIRE(decoded);
            CHECK(decoded->dest == add->dest);
        }
    }
}
