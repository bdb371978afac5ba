// SPDX-License-Identifier: GPL-2.0-or-later
// Rules are applied whole or not at all, by a batch (lvs) or by undoing (plain ip_vs).
#include "catch.hpp"
#include "tool.h"

#include <cerrno>
#include <ios>
#include <streambuf>

using namespace lvs;
using namespace test;

namespace {

const std::string before = "-A -t 192.0.2.1:80 -s rr\n"
                           "-a -t 192.0.2.1:80 -r 10.1.1.1:80 -m -w 1\n"
                           "-a -t 192.0.2.1:80 -r 10.1.1.2:80 -g -w 7 -x 9 -y 8\n"
                           "-A -u 192.0.2.1:53 -s wrr -p 60\n";

Tool tool_with_table(bool extensions) {
    Tool tool;
    tool.kernel->extensions = extensions;
    REQUIRE(tool.restore(before).exit_code == 0);
    REQUIRE(tool.saved() == before);
    return tool;
}

} // namespace

TEST_CASE("rules are restored, with names, comments and blank lines", "[restore]") {
    Tool tool;
    tool.kernel->extensions = GENERATE(true, false);
    const Answer answer = tool.restore("# saved yesterday\n"
                                       "\n"
                                       "   -A -t web:http   -s rr # round robin\n"
                                       "\t-a -t web:http -r 10.1.1.2:ssh -m\r\n"
                                       "  # -A -t 192.0.2.99:80\n"
                                       "--add-service --udp-service=192.0.2.10:53");
    CHECK(answer.err.empty());
    CHECK(answer.exit_code == 0);
    CHECK(tool.saved() == "-A -t 192.0.2.10:80 -s rr\n"
                          "-a -t 192.0.2.10:80 -r 10.1.1.2:22 -m -w 1\n"
                          "-A -u 192.0.2.10:53 -s wlc\n");
}

TEST_CASE("what is saved restores the same table", "[restore]") {
    const bool extensions = GENERATE(true, false);
    Tool tool = tool_with_table(extensions);
    const auto table = tool.kernel->table;
    const auto rules = tool.run("ipvsadm-save", "-n").out;
    CHECK(rules == before);
    CHECK(tool.run("ipvsadm-restore", "", rules).exit_code == 0);
    CHECK(tool.kernel->table == table);
    REQUIRE(tool.run("ipvsadm", "-C").exit_code == 0);
    CHECK(tool.restore(rules).exit_code == 0);
    CHECK(tool.saved() == before);
}

TEST_CASE("wrong lines are all reported, and nothing is applied", "[restore]") {
    Tool tool = tool_with_table(GENERATE(true, false));
    const Answer answer = tool.restore("-A -t 192.0.2.2:80\n"
                                       "-A -t nosuch:80\n"
                                       "\n"
                                       "-A --bogus\n"
                                       "-L\n"
                                       "-a -t 192.0.2.2:80 -r 10.1.1.1 -w -5\n");
    CHECK(answer.exit_code == 2);
    CHECK(answer.err == "rules:2: illegal virtual server address[:port] specified\n"
                        "rules:4: --bogus: unknown option\n"
                        "rules:5: `-L' changes nothing and is no rule\n"
                        "rules:6: illegal weight specified\n"
                        "Nothing was changed.\n");
    CHECK(tool.saved() == before);
}

TEST_CASE("an error is one line, whatever the sentence", "[restore]") {
    Tool tool;
    const Answer answer = tool.restore("-A -6 -f 7\n-A -t 192.0.2.1\n");
    CHECK(answer.err == "rules:1: -6 used before -f\n"
                        "rules:2: Zero port specified for non-persistent service\n"
                        "Nothing was changed.\n");
}

TEST_CASE("a rule that the kernel refuses is named, and nothing remains of the others", "[restore]") {
    const bool extensions = GENERATE(true, false);
    Tool tool = tool_with_table(extensions);
    struct Case {
        const char* rules;
        const char* complaint;
    };
    const auto c = GENERATE(
        Case{"-A -t 192.0.2.2:80\n# x\n-A -t 192.0.2.2:80\n-A -t 192.0.2.3:80\n", "rules:3: Service already exists"},
        Case{"-A -t 192.0.2.2:80\n-a -t 192.0.2.3:80 -r 10.1.1.1\n", "rules:2: Service not defined"},
        Case{"-A -t 192.0.2.2:80\n-A -t 192.0.2.3:80 -s nosuch\n",
             "rules:2: Scheduler or persistence engine not found"},
        Case{"-d -t 192.0.2.1:80 -r 10.1.1.1:80\n-d -t 192.0.2.1:80 -r 10.1.1.1:80\n", "rules:2: No such destination"},
        Case{"-C\n-D -t 192.0.2.1:80\n", "rules:2: No such service"},
        Case{"-D -t 192.0.2.1:80\n-E -u 192.0.2.1:53 -s lc\n-D -t 192.0.2.1:80\n", "rules:3: No such service"},
        Case{"-e -t 192.0.2.1:80 -r 10.1.1.2:80 -m\n-e -t 192.0.2.1:80 -r 10.1.1.3:80\n",
             "rules:2: No such destination"},
        Case{"--set 1 2 3\n-A -t 192.0.2.1:80\n", "rules:2: Service already exists"});
    INFO(c.rules);
    const Answer answer = tool.restore(c.rules);
    CHECK(answer.exit_code == 255);
    CHECK(answer.err.starts_with(c.complaint));
    CHECK(tool.saved() == before);
    CHECK(*tool.kernel->timeouts() == Timeouts{900, 120, 300});
    CHECK((answer.err.find("undone, in reverse") != std::string::npos ||
           answer.err.find("Nothing was changed") != std::string::npos));
    if (!extensions && std::string(c.rules).starts_with("-A"))
        CHECK(answer.err.find("plain ip_vs, which has no transactions: 1 change made before the error undone") !=
              std::string::npos);
}

TEST_CASE("ipvsadm-restore replaces the table, or leaves it", "[restore]") {
    const bool extensions = GENERATE(true, false);
    Tool tool = tool_with_table(extensions);
    CHECK(tool.run("/usr/sbin/ipvsadm-restore", "", "-A -t 192.0.2.2:80\n-A -t 192.0.2.2:80\n").exit_code == 255);
    CHECK(tool.saved() == before);
    CHECK(tool.run("/usr/sbin/ipvsadm-restore", "", "-A -t 192.0.2.2:80 -s rr\n").exit_code == 0);
    CHECK(tool.saved() == "-A -t 192.0.2.2:80 -s rr\n");
    CHECK(tool.run("ipvsadm-restore", "--bogus").exit_code == 1);
    CHECK(tool.run("ipvsadm-save", "--bogus").exit_code == 1);
}

TEST_CASE("timeouts and daemons go back as well", "[restore]") {
    Tool tool = tool_with_table(GENERATE(true, false));
    const Answer answer = tool.restore("--start-daemon master --mcast-interface lo --syncid 3\n"
                                       "--set 7 8 9\n"
                                       "-D -t 192.0.2.99:80\n");
    CHECK(answer.err.starts_with("rules:3: No such service"));
    CHECK(*tool.kernel->timeouts() == Timeouts{900, 120, 300});
    CHECK(tool.kernel->daemons()->empty());
}

TEST_CASE("an undo that fails is told", "[restore]") {
    Tool tool = tool_with_table(false);
    tool.kernel->fail_after = 1;
    const Answer answer = tool.restore("-A -t 192.0.2.2:80\n-A -t 192.0.2.3:80\n");
    CHECK(answer.exit_code == 255);
    CHECK(answer.err.find("could not all be undone") != std::string::npos);
}

TEST_CASE("zeroed counters cannot come back, which is told", "[restore]") {
    Tool tool = tool_with_table(false);
    CHECK(tool.restore("-Z\n-A -t 192.0.2.1:80\n").err.find("zeroed") != std::string::npos);
}

TEST_CASE("a module that speaks another version takes no batch", "[restore]") {
    Tool tool = tool_with_table(true);
    tool.kernel->module = {"9.0.0", 7, 9};
    const Answer answer = tool.restore("-A -t 192.0.2.2:80\n");
    CHECK(answer.exit_code == 255);
    CHECK(answer.err.find("upgrade ipvsadm") != std::string::npos);
    CHECK(tool.saved() == before);
}

TEST_CASE("servers that were there before --masq-fullnat have NAT still when they are restored", "[restore]") {
    Tool tool;
    REQUIRE(tool.restore("-A -t web:80 -s rr\n"
                         "-a -t web:80 -r 10.1.1.2:8080 -m\n"
                         "-E -t web:80 -s rr --masq-fullnat --max-conns 9\n"
                         "-a -t web:80 -r 10.1.1.3:8080 -m\n"
                         "-P -t web:80 -z 10.0.0.1\n")
                .exit_code == 0);
    const auto table = tool.kernel->table;
    REQUIRE(table.front().dests.back().dest.forwarding == Forwarding::masquerade);
    REQUIRE(table.front().dests.front().dest.forwarding == Forwarding::fullnat);
    const std::string rules = tool.saved();
    CHECK(rules == "-A -t 192.0.2.10:80 -s rr --max-conns 9\n"
                   "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 1\n"
                   "-a -t 192.0.2.10:80 -r 10.1.1.3:8080 -b -w 1\n"
                   "-E -t 192.0.2.10:80 -s rr --masq-fullnat --max-conns 9\n"
                   "-P -t 192.0.2.10:80 -z 10.0.0.1\n");
    CHECK(tool.run("ipvsadm-restore", "", rules).exit_code == 0);
    CHECK(tool.kernel->table == table);
    CHECK(tool.saved() == rules);
}

TEST_CASE("a service that was there before its profile is restored without it", "[restore]") {
    const std::string service = GENERATE(as<std::string>{}, "-t 192.0.2.10:80", "-f 7");
    const std::string name = service == "-f 7" ? service : GENERATE("-t 192.0.2.10:80", "-t 192.0.2.10:0");
    struct Case {
        const char* pool;
        const char* removed; // of what the profile brings
    };
    const auto c = GENERATE(Case{"", "10.0.0.1,10.0.0.2,10.0.0.3"}, Case{"10.0.0.1", "10.0.0.2,10.0.0.3"},
                            Case{"10.0.0.1,10.0.0.3,10.0.0.9", "10.0.0.2"}, Case{"10.0.0.1,10.0.0.2,10.0.0.3", ""},
                            Case{"10.0.0.2,10.0.0.1", "10.0.0.1,10.0.0.2,10.0.0.3"}, // in another order
                            Case{"10.0.0.9,10.0.0.1", "10.0.0.1,10.0.0.2,10.0.0.3"});
    const std::string options = GENERATE("", " -V 6");
    const std::string pool = *c.pool ? "-P " + service + " -z " + c.pool + "\n" : "";
    Tool tool;
    REQUIRE(tool.restore("-A " + service + " -s rr" + options + "\n" + "-a " + service + " -r 10.1.1.2:8080 -m\n" +
                         pool + "--profile set " + name + " -z 10.0.0.1-10.0.0.3 -V 7 --masq-fullnat\n")
                .exit_code == 0);
    const auto table = tool.kernel->table;
    const std::string rules = tool.saved();
    CHECK(rules.starts_with("--profile set " + name + " -z 10.0.0.1,10.0.0.2,10.0.0.3 -V 7 --masq-fullnat\n" + "-A " +
                            service + " -s rr" + options + "\n" +
                            (options.empty() ? "-E " + service + " -s rr\n" : "") +
                            (*c.removed ? "-Q " + service + " -z " + c.removed + "\n" : "") + "-a " + service));
    Tool other;
    CHECK(other.restore(rules).err.empty());
    CHECK(other.kernel->table == table);
    CHECK(other.saved() == rules);
    CHECK(tool.run("ipvsadm-restore", "", rules).exit_code == 0); // the profile is there already
    CHECK(tool.kernel->table == table);
}

TEST_CASE("a service that has what its profile says needs no more rules", "[restore]") {
    Tool tool;
    REQUIRE(tool.restore("--profile set -t web:80 -z 10.0.0.1,10.0.0.2 -V 7 --masq-fullnat\n"
                         "-A -t web:80 -s rr\n"
                         "-a -t web:80 -r 10.1.1.2:8080 -m\n")
                .exit_code == 0);
    CHECK(tool.saved() == "--profile set -t 192.0.2.10:80 -z 10.0.0.1,10.0.0.2 -V 7 --masq-fullnat\n"
                          "-A -t 192.0.2.10:80 -s rr -V 7 --masq-fullnat\n"
                          "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -b -w 1\n"
                          "-P -t 192.0.2.10:80 -z 10.0.0.1\n"
                          "-P -t 192.0.2.10:80 -z 10.0.0.2\n");
}

TEST_CASE("both at once: NAT, --masq-fullnat later, a profile after all that", "[restore]") {
    Tool tool;
    REQUIRE(tool.restore("-A -t web:80 -s rr\n"
                         "-a -t web:80 -r 10.1.1.2:8080 -m\n"
                         "-E -t web:80 -s rr --masq-fullnat\n"
                         "--profile set -t web:80 --masq-fullnat\n")
                .exit_code == 0);
    const auto table = tool.kernel->table;
    const std::string rules = tool.saved();
    CHECK(rules == "--profile set -t 192.0.2.10:80 --masq-fullnat\n"
                   "-A -t 192.0.2.10:80 -s rr\n"
                   "-E -t 192.0.2.10:80 -s rr\n"
                   "-a -t 192.0.2.10:80 -r 10.1.1.2:8080 -m -w 1\n"
                   "-E -t 192.0.2.10:80 -s rr --masq-fullnat\n");
    CHECK(tool.run("ipvsadm-restore", "", rules).exit_code == 0);
    CHECK(tool.kernel->table == table);
}

TEST_CASE("a service of both families' host comes back by the name in brackets", "[restore]") {
    Tool tool;
    REQUIRE(tool.restore("-A -t [dual]:80 -s rr\n-a -t [dual]:80 -r [dual]:8080 -m\n-A -t dual:80 -s rr\n").exit_code ==
            0);
    const auto table = tool.kernel->table;
    const std::string rules = tool.run("-S").out;
    CHECK(rules.find("-A -t [dual]:http -s rr\n") != std::string::npos);
    CHECK(rules.find("-A -t dual:http -s rr\n") != std::string::npos);
    Tool other;
    CHECK(other.restore(rules).exit_code == 0);
    CHECK(other.saved() == tool.saved());
    CHECK(other.saved().find("-A -t [fd00::20]:80 -s rr\n") != std::string::npos);
}

namespace {

// A file that cannot be read to its end.
class BrokenFile : public std::streambuf {
  public:
    explicit BrokenFile(std::string begin) : text_(std::move(begin)) {
        setg(text_.data(), text_.data(), text_.data() + text_.size());
    }

  protected:
    int_type underflow() override {
        errno = EIO;
        throw std::ios_base::failure("read");
    }

  private:
    std::string text_;
};

} // namespace

TEST_CASE("rules that cannot be read to their end change nothing", "[restore]") {
    const bool extensions = GENERATE(true, false);
    const std::string begin = GENERATE("", "-A -t 192.0.2.9:80 -s rr\n", "-A -t 192.0.2.9:80 -s rr\n-A -t 192.0.2");
    Tool tool = tool_with_table(extensions);
    BrokenFile file(begin);
    std::istream in(&file);
    std::ostringstream out;
    std::ostringstream err;
    World world{[&] { return Result<std::shared_ptr<Kernel>>(tool.kernel); }, tool.names, in, "rules", out, err};
    CHECK(run("ipvsadm-restore", {}, world) == 2);
    CHECK(err.str() == "rules: cannot read: Input/output error\nNothing was changed.\n");
    CHECK(tool.saved() == before);
}

TEST_CASE("plain ip_vs is not asked for FULLNAT", "[restore]") {
    Tool tool = tool_with_table(false);
    for (const std::string command : {"-a -t 192.0.2.1:80 -r 10.1.1.3:80 -b", "-e -t 192.0.2.1:80 -r 10.1.1.1:80 -b"}) {
        const Answer answer = tool.run(command);
        CHECK(answer.exit_code == 255);
        CHECK(answer.err ==
              "Not supported by the running kernel module: the running kernel module is plain ip_vs; this needs lvs\n");
        CHECK(tool.restore(command + "\n").exit_code == 255);
        CHECK(tool.saved() == before);
    }
}

TEST_CASE("of many local addresses the refused one is named", "[restore]") {
    Tool tool = tool_with_table(true);
    const Answer answer = tool.restore("# a pool\n-P -t 192.0.2.1:80 -z 10.0.0.1,10.0.0.2,224.0.0.1\n");
    CHECK(answer.err.starts_with("rules:2: 224.0.0.1: The local address is not an address of this host"));
    CHECK(tool.saved() == before);
}
