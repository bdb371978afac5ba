// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel in memory keeps to the error table of the one it stands for.
#include "catch.hpp"
#include "values.h"

#include "kernel/fake.h"

#include <cerrno>
#include <climits>

using namespace lvs;
using namespace test;

namespace {

const ServiceId web = tcp("192.0.2.10", 80);
const ServiceId dns = udp("fd00::10", 53);

int code(const Result<void>& result) {
    return result ? 0 : result.error().code;
}

FakeKernel kernel_with_services() {
    FakeKernel kernel;
    REQUIRE(kernel.apply(AddService{service(web, "rr")}));
    REQUIRE(kernel.apply(AddService{service(dns, "wlc")}));
    return kernel;
}

} // namespace

TEST_CASE("the fake has pools of local addresses, as lvs has", "[fake]") {
    FakeKernel kernel;
    const AddLocalAddress add{web, address("10.0.0.1")};
    CHECK(code(kernel.apply(add)) == ESRCH);
    REQUIRE(kernel.apply(AddService{service(web, "rr")}));
    CHECK(code(kernel.apply(add)) == 0);
    CHECK(code(kernel.apply(add)) == EEXIST);
    CHECK(code(kernel.apply(AddLocalAddress{web, address("224.0.0.1")})) == EADDRNOTAVAIL);
    auto listed = kernel.local_addresses(web);
    REQUIRE(listed);
    CHECK(*listed == std::vector<ListedLocalAddress>{{web, address("10.0.0.1"), 0, 0, 0, 0}});
    CHECK(code(kernel.apply(DeleteLocalAddress{web, address("10.0.0.1")})) == 0);
    CHECK(code(kernel.apply(DeleteLocalAddress{web, address("10.0.0.1")})) == ENOENT);
    kernel.extensions = false;
    CHECK(code(kernel.apply(add)) == EOPNOTSUPP);
    CHECK_FALSE(kernel.local_addresses(std::nullopt));
}

TEST_CASE("the error table", "[fake]") {
    FakeKernel kernel = kernel_with_services();
    const Dest good = dest("10.1.1.2", 80, Forwarding::masquerade);
    REQUIRE(kernel.apply(AddDest{web, good}));
    const auto with = [&](auto change) {
        Dest out = dest("10.1.1.3", 80, Forwarding::masquerade);
        change(out);
        return code(kernel.apply(AddDest{web, out}));
    };

    CHECK(code(kernel.apply(AddService{service(web, "rr")})) == EEXIST);
    CHECK(code(kernel.apply(AddDest{web, good})) == EEXIST);
    CHECK(code(kernel.apply(EditService{service(web, "nosuch")})) == ENOENT);
    CHECK(code(kernel.apply(DeleteService{tcp("192.0.2.10", 81)})) == ESRCH);
    CHECK(code(kernel.apply(AddDest{tcp("192.0.2.10", 81), good})) == ESRCH);
    CHECK(code(kernel.apply(DeleteDest{web, endpoint("10.1.1.2", 81)})) == ENOENT);
    CHECK(code(kernel.apply(ZeroCounters{tcp("192.0.2.10", 81)})) == ESRCH);
    CHECK(with([](Dest& d) { d.weight = {-1}; }) == ERANGE);
    CHECK(with([](Dest& d) { d.lower_threshold = 1; }) == ERANGE);
    CHECK(with([](Dest& d) { d.upper_threshold = 1U + INT_MAX; }) == EINVAL);
    CHECK(with([](Dest& d) { d.tunnel.type = TunnelType::gue; }) == EINVAL);
    CHECK(with([](Dest& d) { d.endpoint = endpoint("224.0.0.1", 80); }) == EINVAL);
    CHECK(with([](Dest& d) { d.endpoint = endpoint("fd00::2", 80); }) == EINVAL);
    CHECK(code(kernel.apply(AddDest{dns, dest("fe80::1", 53, Forwarding::route)})) == EINVAL);
    CHECK(code(kernel.apply(AddDest{dns, dest("10.1.1.2", 53, Forwarding::tunnel)})) == 0);
    CHECK(code(kernel.set_timeouts({UINT_MAX, 0, 0})) == EINVAL);
    CHECK(code(kernel.stop_daemon(DaemonState::master)) == ESRCH);

    Service wide = service(tcp("fd00::10", 80), "rr");
    wide.netmask = 129;
    CHECK(code(kernel.apply(AddService{wide})) == EINVAL);
}

TEST_CASE("a batch is all or nothing", "[fake]") {
    FakeKernel kernel = kernel_with_services();
    const auto table = kernel.table;
    const std::vector<Operation> bad = {Flush{}, AddService{service(web, "rr")}, AddService{service(web, "rr")}};
    auto refused = kernel.apply_batch(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().operation == 2U);
    CHECK(refused.error().error.code == EEXIST);
    CHECK(kernel.table == table);
    CHECK(kernel.apply_batch(std::span(bad).first(2)));
    CHECK(kernel.table.size() == 1);
}
