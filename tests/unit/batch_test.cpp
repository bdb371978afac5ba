// SPDX-License-Identifier: GPL-2.0-or-later
// Family "LVS": batches, drop counters, version handshake.
#include "catch.hpp"
#include "values.h"

#include "codec/lvs.h"
#include "codec/message.h"
#include "ipvsadm/errors.h"
#include "kernel/client.h"

#include <linux/ip_vs.h>
#include <lvs/abi.h>

using namespace lvs;
using namespace test;

namespace {

const ServiceId web = tcp("192.0.2.10", 80);

std::vector<Operation> three_operations() {
    return {Flush{}, AddService{service(web, "rr")}, AddDest{web, dest("10.1.1.2", 8080, Forwarding::masquerade)}};
}

} // namespace

TEST_CASE("a batch holds each operation as the family IPVS would have it", "[batch]") {
    const std::vector<Operation> operations = three_operations();
    const EncodedBatch batch = *encode_batch(operations);
    CHECK(batch.request.command == LVS_CMD_BATCH);

    auto outer = Attributes::parse(batch.request.payload);
    REQUIRE(outer);
    REQUIRE(outer->all().size() == operations.size());
    for (std::size_t i = 0; i < operations.size(); ++i) {
        CHECK(outer->all()[i].type == LVS_A_OP);
        auto operation = Attributes::parse(outer->all()[i].value);
        REQUIRE(operation);
        const Request single = encode_operation(operations[i]);
        CHECK(operation->get<std::uint32_t>(LVS_OP_A_CMD) == single.command);
        auto parts = Attributes::parse(single.payload);
        REQUIRE(parts);
        const std::pair<std::uint16_t, std::uint16_t> nests[] = {{LVS_OP_A_SERVICE, IPVS_CMD_ATTR_SERVICE},
                                                                 {LVS_OP_A_DEST, IPVS_CMD_ATTR_DEST}};
        for (const auto& [ours, theirs] : nests) {
            REQUIRE((operation->find(ours) == nullptr) == (parts->find(theirs) == nullptr));
            if (operation->find(ours))
                CHECK(std::equal(operation->find(ours)->value.begin(), operation->find(ours)->value.end(),
                                 parts->find(theirs)->value.begin(), parts->find(theirs)->value.end()));
        }
    }
}

TEST_CASE("local addresses in a batch have the bytes of their family", "[batch]") {
    const std::vector<Operation> operations{AddLocalAddress{web, address("10.0.0.1")},
                                            DeleteLocalAddress{web, address("fd00::1")}};
    const EncodedBatch batch = *encode_batch(operations);
    auto outer = Attributes::parse(batch.request.payload);
    REQUIRE(outer);
    REQUIRE(outer->all().size() == 2);
    const struct {
        std::uint32_t command;
        Bytes address;
    } expected[] = {{LVS_OP_ADD_LADDR, bytes("0a000001")},
                    {LVS_OP_DEL_LADDR, bytes("fd000000000000000000000000000001")}};
    for (std::size_t i = 0; i < 2; ++i) {
        auto operation = Attributes::parse(outer->all()[i].value);
        REQUIRE(operation);
        CHECK(operation->get<std::uint32_t>(LVS_OP_A_CMD) == expected[i].command);
        CHECK(operation->find(LVS_OP_A_SERVICE));
        REQUIRE(operation->find(LVS_OP_A_LADDR));
        const ByteView value = operation->find(LVS_OP_A_LADDR)->value;
        CHECK(Bytes(value.begin(), value.end()) == expected[i].address);
    }
}

TEST_CASE("replies about local addresses and dests", "[batch]") {
    AttributeWriter out;
    put_service_and_dest(out, DeleteService{web}, LVS_A_SERVICE, 0);
    const std::size_t nest = out.begin_nest(LVS_A_LADDR);
    out.put_bytes(LVS_LADDR_A_ADDR, bytes("0a000001"));
    out.put(LVS_LADDR_A_PORTS, std::uint32_t{3});
    out.put(LVS_LADDR_A_CONFLICTS, std::uint64_t{1} << 40);
    out.put(LVS_LADDR_A_EXHAUSTED, std::uint64_t{7});
    out.put(LVS_LADDR_A_TOA_OMITTED, std::uint64_t{9});
    out.put(LVS_LADDR_A_UOA_TOLD, std::uint64_t{11});
    out.end_nest(nest);
    const Bytes raw = out.take();
    auto reply = Attributes::parse(raw);
    REQUIRE(reply);
    auto listed = decode_local_address(*reply);
    REQUIRE(listed);
    CHECK(*listed == ListedLocalAddress{web, address("10.0.0.1"), 3, std::uint64_t{1} << 40, 7, 9, 11});
    CHECK_FALSE(decode_dest_of_service(*reply)); // it has no dest

    AttributeWriter whole;
    put_service_and_dest(whole, AddDest{web, dest("10.1.1.2", 8080, Forwarding::fullnat)}, LVS_A_SERVICE, LVS_A_DEST);
    const Bytes raw_dest = whole.take();
    auto dest_reply = Attributes::parse(raw_dest);
    REQUIRE(dest_reply);
    auto decoded = decode_dest_of_service(*dest_reply);
    REQUIRE(decoded);
    CHECK(*decoded == DestOfService{web, ListedDest{.dest = dest("10.1.1.2", 8080, Forwarding::fullnat)}});
    CHECK_FALSE(decode_local_address(*dest_reply));
}

TEST_CASE("a service's options go with it, and come back", "[batch]") {
    Service changed = service(web, "rr");
    changed.options = {300, 60, true, true, true, 1, 2, 3, 4, 200, true, Uoa::header};
    const Operation operation = EditService{changed};
    CHECK(is_extension(operation));
    CHECK_FALSE(is_extension(EditService{service(web, "rr")}));
    CHECK_FALSE(is_extension(AddService{service(web, "rr")})); // so that a profile's hold
    CHECK_FALSE(is_extension(AddDest{web, dest("10.1.1.2", 8080, Forwarding::tunnel)}));
    CHECK(is_extension(AddDest{web, dest("10.1.1.2", 8080, Forwarding::fullnat)}));
    CHECK(is_extension(EditDest{web, dest("10.1.1.2", 8080, Forwarding::fullnat)}));
    const EncodedBatch batch = *encode_batch({&operation, 1});
    auto outer = Attributes::parse(batch.request.payload);
    REQUIRE(outer);
    auto nest = Attributes::parse(outer->all().front().value);
    REQUIRE(nest);
    const Attribute* options = nest->find(LVS_OP_A_OPTIONS);
    REQUIRE(options);

    AttributeWriter out;
    put_service_and_dest(out, DeleteService{web}, LVS_A_SERVICE, 0);
    out.put_bytes(LVS_A_OPTIONS, options->value);
    const Bytes raw = out.take();
    auto reply = Attributes::parse(raw);
    REQUIRE(reply);
    auto decoded = decode_options(*reply);
    REQUIRE(decoded);
    CHECK(*decoded == OptionsOfService{web, changed.options});
    CHECK_FALSE(decode_local_address(*reply));
}

TEST_CASE("an offset in a batch names the operation it lies in", "[batch]") {
    const EncodedBatch batch = *encode_batch(three_operations());
    REQUIRE(batch.boundaries.size() == 4);
    CHECK(batch.boundaries.front() == request_header_size);
    CHECK(batch.boundaries.back() == request_header_size + batch.request.payload.size());

    CHECK_FALSE(batch.operation_at(0));
    CHECK_FALSE(batch.operation_at(request_header_size - 1));
    CHECK(batch.operation_at(request_header_size) == 0U);
    CHECK(batch.operation_at(batch.boundaries[1] - 1) == 0U);
    CHECK(batch.operation_at(batch.boundaries[1]) == 1U);
    CHECK(batch.operation_at(batch.boundaries[2] + 8) == 2U);
    CHECK(batch.operation_at(batch.boundaries[3] - 1) == 2U);
    CHECK_FALSE(batch.operation_at(batch.boundaries[3]));
}

TEST_CASE("a batch may be larger than an attribute", "[batch]") {
    std::vector<Operation> operations;
    for (std::uint16_t port = 1; port <= 2000; ++port)
        operations.push_back(AddService{service(tcp("192.0.2.10", port), "rr")});
    const EncodedBatch batch = *encode_batch(operations);
    CHECK(batch.request.payload.size() > 65536);
    auto outer = Attributes::parse(batch.request.payload);
    REQUIRE(outer);
    CHECK(outer->all().size() == operations.size());
    CHECK(batch.operation_at(batch.boundaries[1999]) == 1999U);
}

TEST_CASE("an operation is not larger than an attribute", "[batch]") {
    const auto with_addresses = [](std::uint32_t count) {
        Profile profile{web, {}, std::vector<Address>(count, address("fd00::1"))};
        return std::vector<Operation>{Flush{}, SetProfile{profile}, Flush{}};
    };
    const auto most = encode_batch(with_addresses(LVS_PROFILE_LADDRS_MAX));
    REQUIRE(most);
    CHECK(Attributes::parse(most->request.payload)->all().size() == 3);
    for (std::uint32_t count : {3276U, 4096U}) { // the addresses fit alone, but not with the rest; or not even alone
        const auto refused = encode_batch(with_addresses(count));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().operation == 1U);
        CHECK(error_text(Asked::set_profile, refused.error().error) == "an operation is too long for netlink");
    }
}

TEST_CASE("drop counters are decoded, of all and of a service", "[batch]") {
    AttributeWriter out;
    const bool of_service = GENERATE(false, true);
    if (of_service) {
        const std::size_t nest = out.begin_nest(LVS_A_SERVICE);
        out.put<std::uint16_t>(IPVS_SVC_ATTR_AF, 2);
        out.put<std::uint32_t>(IPVS_SVC_ATTR_FWMARK, 7);
        out.end_nest(nest);
    }
    for (std::uint32_t reason : {1U, 2U}) {
        const std::size_t nest = out.begin_nest(LVS_A_DROP);
        out.put(LVS_DROP_A_REASON, reason);
        out.put_string(LVS_DROP_A_NAME, reason == 1 ? "no-dest" : "too-big");
        out.put<std::uint64_t>(LVS_DROP_A_COUNT, reason * 10'000'000'000);
        out.end_nest(nest);
    }
    const Bytes payload = out.take();
    auto attributes = Attributes::parse(payload);
    REQUIRE(attributes);
    auto table = decode_drops(*attributes);
    REQUIRE(table);
    DropTable expected{std::nullopt, {{1, "no-dest", 10'000'000'000}, {2, "too-big", 20'000'000'000}}};
    if (of_service)
        expected.service = Marked{{7}, Family::ipv4};
    CHECK(*table == expected);
}

TEST_CASE("a module of another protocol version is told from the tool", "[batch]") {
    CHECK_FALSE(abi_mismatch({"0.1.0", 1, 1}));
    CHECK_FALSE(abi_mismatch({"2.0.0", 1, 5}));
    const auto old_module = abi_mismatch({"0.0.1", 0, LVS_GENL_VERSION - 1});
    REQUIRE(old_module);
    CHECK(old_module->find("upgrade the module lvs") != std::string::npos);
    const auto old_tool = abi_mismatch({"9.0.0", LVS_GENL_VERSION + 1, LVS_GENL_VERSION + 3});
    REQUIRE(old_tool);
    CHECK(old_tool->find("upgrade ipvsadm") != std::string::npos);
}

TEST_CASE("the version handshake is decoded, and needs its range", "[batch]") {
    AttributeWriter out;
    out.put_string(LVS_A_VERSION, "0.1.0");
    out.put<std::uint32_t>(LVS_A_ABI_MIN, 1);
    const bool whole = GENERATE(true, false);
    if (whole)
        out.put<std::uint32_t>(LVS_A_ABI_MAX, 3);
    const Bytes payload = out.take();
    auto attributes = Attributes::parse(payload);
    REQUIRE(attributes);
    auto info = decode_module_info(*attributes);
    REQUIRE(info.ok() == whole);
    if (whole)
        CHECK(*info == ModuleInfo{"0.1.0", 1, 3});
}
