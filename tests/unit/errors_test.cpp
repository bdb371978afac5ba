// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel's refusals are called, and what the tool says without a kernel.
#include "catch.hpp"
#include "values.h"

#include "base/text.h"
#include "ipvsadm/errors.h"
#include "ipvsadm/run.h"
#include "kernel/fake.h"

#include <cerrno>
#include <sstream>

using namespace lvs;
using namespace test;

namespace {

std::string told(Asked asked, int code, const std::string& message = "") {
    return error_text(asked, {code, message, std::nullopt});
}

struct Outcome {
    int exit_code;
    std::string out;
    std::string err;
};

Outcome run_without_kernel(const std::string& line, const Error& error) {
    const Names names;
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    World world{[&] { return Result<std::shared_ptr<Kernel>>(error); }, names, in, "rules", out, err};
    const int code = run("ipvsadm", split_words(line), world);
    return {code, out.str(), err.str()};
}

} // namespace

TEST_CASE("one errno means different things for different questions", "[errors]") {
    CHECK(told(Asked::add_service, EEXIST) == "Service already exists");
    CHECK(told(Asked::add_dest, EEXIST) == "Destination already exists");
    CHECK(told(Asked::start_daemon, EEXIST) == "Daemon has already run");
    CHECK(told(Asked::delete_service, ESRCH) == "No such service");
    CHECK(told(Asked::add_dest, ESRCH) == "Service not defined");
    CHECK(told(Asked::stop_daemon, ESRCH) == "No daemon is running");
    CHECK(told(Asked::edit_service, ENOENT) == "Scheduler or persistence engine not found");
    CHECK(told(Asked::delete_dest, ENOENT) == "No such destination");
    CHECK(told(Asked::anything, EPERM) == "Permission denied (you must be root)");
    CHECK(told(Asked::add_dest, EINVAL) ==
          "Invalid operation.  Possibly wrong module version, address not unicast, ...");
    CHECK(told(Asked::add_dest, ERANGE) == "Numerical result out of range");
    CHECK(told(Asked::start_daemon, ENODEV) == "No such device");
}

TEST_CASE("classic sentences stand alone, other errors are explained", "[errors]") {
    CHECK(told(Asked::add_service, EEXIST, "service exists") == "Service already exists");
    CHECK(told(Asked::add_dest, EINVAL, "dest address is not unicast") ==
          "Invalid operation.  Possibly wrong module version, address not unicast, ...");
    CHECK(told(Asked::add_service, EOPNOTSUPP) == "Operation not supported with IPv6");
    CHECK(told(Asked::add_service, EOPNOTSUPP, "persistence is not there yet") ==
          "Not supported by the running kernel module: persistence is not there yet");
    CHECK(detailed_error_text(Asked::add_dest, {EEXIST, "dest exists", 20}) ==
          "Destination already exists (dest exists)");
}

TEST_CASE("help and version need no kernel", "[errors]") {
    const auto line = GENERATE(as<std::string>{}, "-h", "--help", "-v", "--version");
    const Outcome outcome = run_without_kernel(line, {EPERM, {}, std::nullopt});
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err.empty());
    CHECK(outcome.out.starts_with("ipvsadm v1.31"));
}

TEST_CASE("without a kernel the reason is told", "[errors]") {
    CHECK(run_without_kernel("-Ln", {EPERM, {}, std::nullopt}).err ==
          "Can't initialize ipvs: Permission denied (you must be root)\n"
          "Are you sure that IP Virtual Server is built in the kernel or as module?\n");
    const Outcome outcome = run_without_kernel("", {ENOPROTOOPT, "no module", std::nullopt});
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.err == "ipvsadm: no module\n"
                         "Can't initialize ipvs: Protocol not available\n"
                         "Are you sure that IP Virtual Server is built in the kernel or as module?\n");
}
