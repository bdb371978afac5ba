// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm in this process, on a kernel in memory.
#pragma once

#include "values.h"

#include "base/text.h"
#include "ipvsadm/run.h"
#include "kernel/fake.h"

#include <sstream>

namespace test {

struct Answer {
    int exit_code;
    std::string out;
    std::string err;
};

struct Tool {
    std::shared_ptr<lvs::FakeKernel> kernel = std::make_shared<lvs::FakeKernel>();
    Names names;

    Answer run(const std::string& program, const std::string& line, const std::string& input = "") {
        std::istringstream in(input);
        std::ostringstream out;
        std::ostringstream err;
        lvs::World world{
            [this] { return lvs::Result<std::shared_ptr<lvs::Kernel>>(kernel); }, names, in, "rules", out, err};
        const int code = lvs::run(program, lvs::split_words(line), world);
        return {code, out.str(), err.str()};
    }
    Answer run(const std::string& line) { return run("ipvsadm", line); }
    Answer restore(const std::string& input) { return run("ipvsadm", "-R", input); }
    std::string saved() { return run("-Sn").out; }
};

} // namespace test
