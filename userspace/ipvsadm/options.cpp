// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/options.h"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace lvs {

namespace po = boost::program_options;

namespace {

enum class Takes { nothing, value, optional_value };

struct Spelling {
    Option option{};
    const char* long_name = "";
    char short_name = 0; // 0: none
    Takes takes = Takes::nothing;
};

constexpr Spelling spellings[] = {
    {Option::add_service, "add-service", 'A'},
    {Option::edit_service, "edit-service", 'E'},
    {Option::delete_service, "delete-service", 'D'},
    {Option::clear, "clear", 'C'},
    {Option::list, "list", 'L'},
    {Option::list, "", 'l'},
    {Option::add_server, "add-server", 'a'},
    {Option::edit_server, "edit-server", 'e'},
    {Option::delete_server, "delete-server", 'd'},
    {Option::set, "set", 0},
    {Option::start_daemon, "start-daemon", 0, Takes::value},
    {Option::stop_daemon, "stop-daemon", 0, Takes::value},
    {Option::restore, "restore", 'R'},
    {Option::save, "save", 'S'},
    {Option::zero, "zero", 'Z'},
    {Option::drops, "drops", 0},
    {Option::add_laddr, "add-laddr", 'P'},
    {Option::del_laddr, "del-laddr", 'Q'},
    {Option::get_laddr, "get-laddr", 'G'},
    {Option::drain, "drain", 0},
    {Option::profile, "profile", 0, Takes::value},
    {Option::help, "help", 'h'},
    {Option::version, "version", 'v'},
    {Option::numeric, "numeric", 'n'},
    {Option::connection, "connection", 'c'},
    {Option::tcp_service, "tcp-service", 't', Takes::value},
    {Option::udp_service, "udp-service", 'u', Takes::value},
    {Option::sctp_service, "sctp-service", 0, Takes::value},
    {Option::fwmark_service, "fwmark-service", 'f', Takes::value},
    {Option::scheduler, "scheduler", 's', Takes::value},
    {Option::persistent, "persistent", 'p', Takes::optional_value},
    {Option::netmask, "netmask", 'M', Takes::value},
    {Option::real_server, "real-server", 'r', Takes::value},
    {Option::masquerading, "masquerading", 'm'},
    {Option::ipip, "ipip", 'i'},
    {Option::gatewaying, "gatewaying", 'g'},
    {Option::fullnat, "fullnat", 'b'}, // of a server; of a service -b is --sched-flags
    {Option::laddr, "laddr", 'z', Takes::value},
    {Option::weight, "weight", 'w', Takes::value},
    {Option::u_threshold, "u-threshold", 'x', Takes::value},
    {Option::l_threshold, "l-threshold", 'y', Takes::value},
    {Option::mcast_interface, "mcast-interface", 0, Takes::value},
    {Option::timeout, "timeout", 0},
    {Option::daemon, "daemon", 0},
    {Option::stats, "stats", 0},
    {Option::rate, "rate", 0},
    {Option::thresholds, "thresholds", 0},
    {Option::persistent_conn, "persistent-conn", 0},
    {Option::nosort, "nosort", 0},
    {Option::sort, "sort", 0},
    {Option::syncid, "syncid", 0, Takes::value},
    {Option::exact, "exact", 'X'},
    {Option::ipv6, "ipv6", '6'},
    {Option::ops, "ops", 'o'},
    {Option::pe, "pe", 0, Takes::value},
    {Option::sched_flags, "sched-flags", 'b', Takes::value},
    {Option::tun_info, "tun-info", 0},
    {Option::tun_type, "tun-type", 0, Takes::value},
    {Option::tun_port, "tun-port", 0, Takes::value},
    {Option::tun_nocsum, "tun-nocsum", 0},
    {Option::tun_csum, "tun-csum", 0},
    {Option::tun_remcsum, "tun-remcsum", 0},
    {Option::sync_maxlen, "sync-maxlen", 0, Takes::value},
    {Option::mcast_group, "mcast-group", 0, Takes::value},
    {Option::mcast_port, "mcast-port", 0, Takes::value},
    {Option::mcast_ttl, "mcast-ttl", 0, Takes::value},
    {Option::json, "json", 0, Takes::optional_value},
    {Option::established_timeout, "vsestablish-timeout", 'V', Takes::value},
    {Option::udp_limit, "udp-limit", 0, Takes::value},
    {Option::expire_rst, "expire-rst", 0},
    {Option::clamp_mss, "clamp-mss", 0},
    {Option::masq_fullnat, "masq-fullnat", 0},
    {Option::max_conns, "max-conns", 0, Takes::value},
    {Option::max_rate, "max-rate", 0, Takes::value},
    {Option::client_conns, "client-conns", 0, Takes::value},
    {Option::client_rate, "client-rate", 0, Takes::value},
    {Option::toa_kind, "toa-kind", 0, Takes::value},
    {Option::no_toa, "no-toa", 0},
    {Option::uoa, "uoa", 0, Takes::value},
    {Option::deadline, "deadline", 0, Takes::value},
};

const Spelling* find_long(std::string_view name) {
    const auto* found = std::find_if(std::begin(spellings), std::end(spellings),
                                     [&](const Spelling& s) { return *s.long_name && name == s.long_name; });
    return found == std::end(spellings) ? nullptr : found;
}

// Which command the line has decides what -b is.
enum class About { server, other };

About about(const std::vector<std::string>& words) {
    if (words.empty())
        return About::other;
    const std::string_view first = words.front();
    const bool is_server =
        first.starts_with("-a") || first.starts_with("-e") || first == "--add-server" || first == "--edit-server";
    return is_server ? About::server : About::other;
}

bool has_short(const Spelling& s, About about) {
    return s.short_name && s.option != (about == About::server ? Option::sched_flags : Option::fullnat);
}

const Spelling* find_short(char name, About about) {
    const auto* found = std::find_if(std::begin(spellings), std::end(spellings),
                                     [&](const Spelling& s) { return s.short_name == name && has_short(s, about); });
    return found == std::end(spellings) ? nullptr : found;
}

// Set before a value that is joined to its option, so that Boost takes an empty value, or one
// that looks like an option, for what it is.
constexpr char joint = '\x1f';

po::options_description describe(About about) {
    po::options_description all;
    for (const Spelling& s : spellings) {
        std::string names = s.long_name;
        if (has_short(s, about))
            names += std::string(",") + s.short_name;
        if (s.takes == Takes::nothing)
            all.add_options()(names.c_str(), "");
        else if (s.takes == Takes::value)
            all.add_options()(names.c_str(), po::value<std::string>(), "");
        else
            all.add_options()(names.c_str(), po::value<std::string>()->implicit_value("", ""), "");
    }
    return all;
}

// The option whose value the next word must be: the one in `word`, or the last of a cluster.
const Spelling* waits_for_value(const std::string& word, About about) {
    if (word.starts_with("--"))
        return find_long(std::string_view(word).substr(2));
    if (!word.starts_with('-'))
        return nullptr;
    for (std::size_t i = 1; i < word.size(); ++i) {
        const Spelling* s = find_short(word[i], about);
        if (!s)
            return nullptr;
        if (s->takes != Takes::nothing)
            return i + 1 == word.size() ? s : nullptr;
    }
    return nullptr;
}

// Makes one word of an option and its value. The value is the word after the option even if it
// begins with a dash; Boost would read such a word as an option.
std::vector<po::option> join_value(std::vector<std::string>& words, About about) {
    std::string& word = words.front();
    if (const auto equals = word.find('='); word.starts_with("--") && equals != std::string::npos) {
        const Spelling* s = find_long(std::string_view(word).substr(2, equals - 2));
        if (s && s->takes == Takes::nothing)
            word.insert(2, 1, joint); // an option of no known name now, see given()
        else if (word.size() == equals + 1)
            word += joint; // an empty value is a value
        return {};
    }
    const Spelling* s = waits_for_value(word, about);
    if (!s || s->takes == Takes::nothing || words.size() < 2)
        return {};
    if (s->takes == Takes::optional_value && words[1].starts_with('-'))
        return {};
    word += (word.starts_with("--") ? "=" : "") + std::string(1, joint) + words[1];
    words.erase(words.begin() + 1);
    return {};
}

std::string value_of(const std::string& raw, bool short_form) {
    if (raw.starts_with(joint))
        return raw.substr(1);
    if (short_form && raw.starts_with('='))
        return raw.substr(1); // -w=5
    return raw;
}

constexpr const char* unknown_option = "unknown option";
constexpr const char* unwanted_argument = "option does not take an argument";

GivenOption given(const po::option& parsed, About about) {
    GivenOption out;
    const std::string& key = parsed.string_key;
    std::string word = parsed.original_tokens.empty() ? key : parsed.original_tokens.front();
    const bool short_form = !word.starts_with("--");
    const auto joined = word.find(joint);
    if (!short_form && joined == 2) {
        word.erase(2, 1);
        out.problem = unwanted_argument;
    } else if (joined != std::string::npos) {
        word.erase(0, joined + 1);
    }
    out.spelling = word;
    if (out.problem)
        return out;

    const Spelling* s = nullptr;
    if (!parsed.unregistered)
        s = key.size() == 2 && key[0] == '-' ? find_short(key[1], about) : find_long(key);
    if (!s) {
        out.problem = key == "-=" ? unwanted_argument : unknown_option;
        return out;
    }
    out.option = s->option;
    if (s->takes != Takes::nothing && !parsed.value.empty())
        out.value = value_of(parsed.value.front(), short_form);
    return out;
}

void add(std::vector<GivenOption>& options, GivenOption option) {
    // In -n=5 it is n that is wrong, not an option named `='.
    if (option.problem == unwanted_argument && !option.spelling.starts_with("--") && !options.empty())
        options.pop_back();
    options.push_back(std::move(option));
}

// The options of a line whose last word lacks its argument: what stands before it may be wrong
// as well and is then reported first.
GivenWords parse_incomplete(std::vector<std::string> words) {
    const std::string last = words.back();
    const bool cluster = !last.starts_with("--") && last.size() > 2;
    words.pop_back();
    const std::size_t complete = parse_words(words).options.size();
    if (cluster)
        words.push_back(last.substr(0, last.size() - 1));
    GivenWords out = parse_words(words);
    for (std::size_t i = complete; i < out.options.size(); ++i)
        out.options[i].spelling = last;
    out.incomplete = last;
    return out;
}

} // namespace

GivenWords parse_words(const std::vector<std::string>& words) {
    namespace style = po::command_line_style;
    static const po::options_description descriptions[] = {describe(About::server), describe(About::other)};
    const About subject = about(words);
    constexpr int accepted = style::allow_long | style::long_allow_adjacent | style::long_allow_next |
                             style::allow_short | style::allow_dash_for_short | style::short_allow_adjacent |
                             style::short_allow_next | style::allow_sticky;

    GivenWords out;
    std::vector<po::option> parsed;
    try {
        parsed = po::command_line_parser(words)
                     .options(descriptions[static_cast<int>(subject)])
                     .style(accepted)
                     .extra_style_parser([&](std::vector<std::string>& rest) { return join_value(rest, subject); })
                     .allow_unregistered()
                     .run()
                     .options;
    } catch (const po::invalid_command_line_syntax&) {
        return parse_incomplete(words);
    }
    for (const po::option& option : parsed) {
        if (option.position_key >= 0 || (option.string_key.empty() && !option.unregistered))
            out.arguments.insert(out.arguments.end(), option.value.begin(), option.value.end());
        else
            add(out.options, given(option, subject));
    }
    return out;
}

} // namespace lvs
