// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/restore.h"

#include "base/text.h"
#include "ipvsadm/errors.h"
#include "ipvsadm/parse.h"
#include "ipvsadm/undo.h"

#include <cerrno>
#include <cstring>
#include <istream>
#include <ostream>

namespace lvs {

namespace {

struct Rule {
    std::size_t line = 0; // 0: not from the file
    Command command;
};

struct RuleError {
    std::size_t line = 0; // 0: of the file as a whole
    std::string text;
};

bool can_be_restored(const Command& command) {
    return std::holds_alternative<Operation>(command) || std::holds_alternative<SetTimeouts>(command) ||
           std::holds_alternative<StartDaemon>(command) || std::holds_alternative<StopDaemon>(command);
}

bool waits(const Command& command) {
    return std::holds_alternative<Drain>(command);
}

// The words of a rule, without a comment.
std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words = split_words(line);
    for (std::size_t i = 0; i < words.size(); ++i)
        if (words[i].starts_with('#'))
            words.resize(i);
    return words;
}

void print(World& world, const RuleError& error) {
    world.err << world.in_name;
    if (error.line)
        world.err << ":" << error.line;
    // One of the classic sentences ends its own line.
    world.err << ": " << error.text << (error.text.ends_with('\n') ? "" : "\n");
}

// Reads all rules and prints every line that is none; the exit code is the first one's.
Result<std::vector<Rule>, int> read_rules(const std::string& program, World& world) {
    std::vector<Rule> rules;
    int exit_code = exit_success;
    std::string line;
    errno = 0;
    for (std::size_t number = 1; std::getline(world.in, line); ++number) {
        const std::vector<std::string> words = words_of(line);
        if (words.empty())
            continue;
        auto command = parse_command(program, words, world.names);
        Failure failure;
        if (!command)
            failure = command.error();
        else if (const auto* changes = std::get_if<Changes>(&*command)) {
            for (const Operation& operation : changes->operations)
                rules.push_back({number, Command{operation}});
            continue;
        } else if (!can_be_restored(*command))
            failure = {exit_usage, "`" + words.front() + "' " + (waits(*command) ? "waits" : "changes nothing") +
                                       " and is no rule"};
        else {
            rules.push_back({number, std::move(*command)});
            continue;
        }
        print(world, {number, failure.text});
        if (exit_code == exit_success)
            exit_code = failure.exit_code;
    }
    if (world.in.bad()) {
        print(world, {0, text("cannot read: %s", std::strerror(errno))});
        return exit_usage;
    }
    if (exit_code != exit_success)
        return exit_code;
    return rules;
}

Asked asked_by_rule(const Command& command) {
    if (const auto* change = std::get_if<Operation>(&command))
        return asked_by(*change);
    if (std::holds_alternative<StartDaemon>(command))
        return Asked::start_daemon;
    if (std::holds_alternative<StopDaemon>(command))
        return Asked::stop_daemon;
    return Asked::anything;
}

Result<void> carry_out(const Command& command, Kernel& kernel) {
    if (const auto* change = std::get_if<Operation>(&command))
        return kernel.apply(*change);
    if (const auto* set = std::get_if<SetTimeouts>(&command))
        return kernel.set_timeouts(set->timeouts);
    if (const auto* start = std::get_if<StartDaemon>(&command))
        return kernel.start_daemon(start->daemon);
    return kernel.stop_daemon(std::get<StopDaemon>(command).state);
}

// One at a time, each remembered so that it can be undone.
std::optional<RuleError> apply_singly(const std::vector<Rule>& rules, Kernel& kernel, UndoLog& done) {
    for (const Rule& rule : rules) {
        const Asked asked = asked_by_rule(rule.command);
        auto inverse = inverse_of(rule.command, kernel);
        if (!inverse)
            return RuleError{rule.line, detailed_error_text(asked, inverse.error())};
        if (auto applied = carry_out(rule.command, kernel); !applied)
            return RuleError{rule.line, detailed_error_text(asked, applied.error())};
        done.add(std::move(*inverse));
    }
    return std::nullopt;
}

// All changes of the table in one message, which the kernel takes or refuses as a whole.
std::optional<RuleError> apply_at_once(const std::vector<Rule>& rules, Kernel& kernel, UndoLog& done) {
    std::vector<Rule> others; // timeouts and daemons, which no batch carries
    std::vector<Operation> operations;
    std::vector<const Rule*> origins;
    for (const Rule& rule : rules) {
        if (const auto* change = std::get_if<Operation>(&rule.command)) {
            operations.push_back(*change);
            origins.push_back(&rule);
        } else {
            others.push_back(rule);
        }
    }
    if (auto error = apply_singly(others, kernel, done))
        return error;
    if (operations.empty())
        return std::nullopt;
    auto applied = kernel.apply_batch(operations);
    if (applied)
        return std::nullopt;
    const BatchError& failure = applied.error();
    if (!failure.operation || *failure.operation >= origins.size())
        return RuleError{0, detailed_error_text(Asked::anything, failure.error)};
    const Operation& operation = operations[*failure.operation];
    return RuleError{origins[*failure.operation]->line,
                     which_one(operation) + detailed_error_text(asked_by(operation), failure.error)};
}

void undo(UndoLog& done, Kernel& kernel, bool plain, World& world) {
    if (done.empty()) {
        world.err << "Nothing was changed.\n";
        return;
    }
    const std::size_t changes = done.size();
    const std::vector<std::string> left = done.undo_all(kernel);
    world.err << (plain ? "The running module is plain ip_vs, which has no transactions: " : "") << changes
              << (changes == 1 ? " change" : " changes") << " made before the error "
              << (left.empty() ? "undone, in reverse.\n" : "could not all be undone:\n");
    for (const std::string& what : left)
        world.err << "  " << what << "\n";
}

} // namespace

int restore_table(const Restore& restore, Kernel& kernel, const std::string& program, World& world) {
    auto rules = read_rules(program, world);
    if (!rules) {
        world.err << "Nothing was changed.\n";
        return rules.error();
    }
    if (restore.flush_first)
        rules->insert(rules->begin(), Rule{0, Operation{Flush{}}});

    UndoLog done;
    const bool transactions = kernel.has_extensions();
    const auto error = transactions ? apply_at_once(*rules, kernel, done) : apply_singly(*rules, kernel, done);
    if (!error)
        return exit_success;
    print(world, *error);
    undo(done, kernel, !transactions, world);
    return exit_failure;
}

} // namespace lvs
