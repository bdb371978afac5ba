// SPDX-License-Identifier: GPL-2.0-or-later
// Replays golden scenarios and compares, or records what a tool answers.
//
//     golden --fake DIR FILE...        our ipvsadm in this process on a kernel in memory;
//                                      DIR holds the files hosts and services
//     golden --tool PATH FILE...       an ipvsadm program on the running kernel (root)
//     golden --record PATH DIR FILE... the same, writing the files with its answers into DIR
#include "hosts_file.h"
#include "scenario.h"

#include "ipvsadm/run.h"
#include "kernel/fake.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

namespace {

using golden::Answer;
using golden::Step;
namespace fs = std::filesystem;

using Runner = std::function<Answer(const Step&)>;

Answer run_on_fake(const Step& step, const std::shared_ptr<lvs::Kernel>& kernel, const lvs::Resolver& names) {
    std::istringstream in(step.input);
    std::ostringstream out;
    std::ostringstream err;
    lvs::World world{[&] { return lvs::Result(kernel); }, names, in, "<stdin>", out, err};
    const int code = lvs::run("ipvsadm", step.words(), world);
    return {code, out.str(), err.str()};
}

std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

void redirect(const fs::path& path, int to) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, to) < 0)
        _exit(126);
}

Answer run_tool(const std::string& tool, const Step& step) {
    const fs::path scratch = fs::temp_directory_path() / ("golden." + std::to_string(getpid()));
    fs::create_directories(scratch);

    // Standard input is a pipe, for a file would be named in messages; inputs fit its buffer.
    int input[2];
    if (pipe2(input, O_CLOEXEC) < 0 ||
        write(input[1], step.input.data(), step.input.size()) != static_cast<ssize_t>(step.input.size()))
        throw std::runtime_error("no pipe");
    close(input[1]);

    std::vector<std::string> words = step.words();
    std::string program = "ipvsadm"; // messages name it
    std::vector<char*> args{program.data()};
    for (std::string& word : words)
        args.push_back(word.data());
    args.push_back(nullptr);

    const pid_t child = fork();
    if (child < 0)
        throw std::runtime_error("cannot fork");
    if (child == 0) {
        dup2(input[0], STDIN_FILENO);
        redirect(scratch / "out", STDOUT_FILENO);
        redirect(scratch / "err", STDERR_FILENO);
        execv(tool.c_str(), args.data());
        _exit(127);
    }
    close(input[0]);
    int status = 0;
    waitpid(child, &status, 0);
    Answer answer{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(scratch / "out"),
                  content_of(scratch / "err")};
    fs::remove_all(scratch);
    return answer;
}

// Brings the running kernel to where every scenario starts.
void reset(const std::string& tool) {
    for (const char* command : {"-C", "--stop-daemon master", "--stop-daemon backup", "--set 900 120 300"}) {
        Step step;
        step.command = command;
        run_tool(tool, step);
    }
}

golden::Scenario load(const fs::path& path) {
    std::ifstream file(path);
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return golden::read_scenario(file);
}

int compare(const fs::path& path, const Runner& runner) {
    int failures = 0;
    const golden::Scenario scenario = load(path);
    for (const Step& step : scenario.steps) {
        const Answer answer = runner(step);
        if (answer == step.expected)
            continue;
        ++failures;
        std::cout << path.filename().string() << ": $ " << step.command << "\nexpected\n";
        golden::write_answer(std::cout, step.expected);
        std::cout << "got\n";
        golden::write_answer(std::cout, answer);
    }
    std::cout << path.filename().string() << ": " << scenario.steps.size() << " commands, " << failures << " differ\n";
    return failures;
}

int usage() {
    std::cerr << "usage: golden --fake DIR FILE... | --tool PATH FILE... | --record PATH DIR FILE...\n";
    return 2;
}

} // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> args(argv + 1, argv + argc);
    if (args.size() < 3)
        return usage();
    int failures = 0;
    if (args[0] == "--fake") {
        const golden::FileResolver names(args[1] + "/hosts", args[1] + "/services");
        for (std::size_t i = 2; i < args.size(); ++i) {
            const auto kernel = std::make_shared<lvs::FakeKernel>();
            failures += compare(args[i], [&](const Step& step) { return run_on_fake(step, kernel, names); });
        }
    } else if (args[0] == "--tool") {
        for (std::size_t i = 2; i < args.size(); ++i) {
            reset(args[1]);
            failures += compare(args[i], [&](const Step& step) { return run_tool(args[1], step); });
        }
    } else if (args[0] == "--record") {
        for (std::size_t i = 3; i < args.size(); ++i) {
            reset(args[1]);
            golden::Scenario scenario = load(args[i]);
            for (Step& step : scenario.steps)
                step.expected = run_tool(args[1], step);
            std::ofstream file(fs::path(args[2]) / fs::path(args[i]).filename());
            golden::write_scenario(file, scenario);
        }
    } else {
        return usage();
    }
    return failures ? 1 : 0;
} catch (const std::exception& problem) {
    std::cerr << "golden: " << problem.what() << "\n";
    return 2;
}
