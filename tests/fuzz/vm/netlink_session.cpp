// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink_session.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lvs/abi.h"
#include "options.h"

namespace fuzz {

namespace {

constexpr int kQueue = 16 << 20; // no answer may be lost for lack of room
constexpr std::size_t kLargestRead = 4 << 20;

// What the module itself may answer; the contract's errnos, ours for clients that are too new, and no memory.
bool allowed(int code) {
    switch (code) {
    case EINVAL:
    case EAFNOSUPPORT:
    case ESRCH:
    case EEXIST:
    case ENOENT:
    case ERANGE:
    case ENODEV:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT: return true;
    }
    return false;
}

int open_socket() {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (fd < 0)
        fail_errno("socket");
    return fd;
}

void set(int fd, int level, int option, int value) {
    if (setsockopt(fd, level, option, &value, sizeof(value)))
        fail_errno("setsockopt " + std::to_string(option));
}

// Walks attributes as receivers do; false where their lengths do not add up.
template <typename F> bool each_attr(const std::uint8_t* data, std::size_t size, F visit) {
    std::size_t at = 0;
    while (at + NLA_HDRLEN <= size) {
        nlattr header{};
        std::memcpy(&header, data + at, sizeof(header));
        if (header.nla_len < NLA_HDRLEN || header.nla_len > size - at)
            return false;
        visit(header.nla_type & NLA_TYPE_MASK, data + at + NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
        at += NLA_ALIGN(header.nla_len);
    }
    return at >= size;
}

bool has_dump(bool ipvs, int cmd) {
    return ipvs ? cmd == IPVS_CMD_GET_SERVICE || cmd == IPVS_CMD_GET_DEST || cmd == IPVS_CMD_GET_DAEMON
                : cmd == LVS_CMD_GET_DROPS;
}

bool has_do(bool ipvs, int cmd) {
    if (!ipvs)
        return cmd == LVS_CMD_GET_INFO || cmd == LVS_CMD_BATCH;
    return cmd >= IPVS_CMD_NEW_SERVICE && cmd <= IPVS_CMD_FLUSH && cmd != IPVS_CMD_GET_DEST &&
           cmd != IPVS_CMD_GET_DAEMON && cmd != IPVS_CMD_SET_INFO;
}

bool replies(bool ipvs, int cmd) {
    return ipvs ? cmd == IPVS_CMD_GET_SERVICE || cmd == IPVS_CMD_GET_CONFIG || cmd == IPVS_CMD_GET_INFO
                : cmd == LVS_CMD_GET_INFO;
}

} // namespace

Fd::~Fd() {
    if (fd_ >= 0)
        ::close(fd_);
}

Namespace new_namespace() {
    if (unshare(CLONE_NEWNET))
        fail_errno("unshare");
    const int fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_errno("/proc/thread-self/ns/net");
    return std::make_shared<Fd>(fd);
}

// A message of a datagram that the kernel gets to see, by the rules of netlink_rcv_skb(9).
struct Session::Expected {
    nlmsghdr header{};
    genlmsghdr genl{};
    bool request = false, ipvs = false, ours = false, dump = false;
    bool ambiguous = false; // a length that lies made a header of what follows, with the same number
    unsigned replies = 0, ends = 0;

    bool needs_end() const { return header.nlmsg_flags & NLM_F_ACK; }
    bool whole() const { return header.nlmsg_len >= NLMSG_HDRLEN + GENL_HDRLEN; }
    // Is this for genetlink to refuse, before the module sees it?
    bool refused_before(int code) const {
        if (!ours) // nobody's, or another family's: attributes that a lying length made a header
            return true;
        if (!whole())
            return code == EINVAL;
        const bool known = dump ? has_dump(ipvs, genl.cmd) : has_do(ipvs, genl.cmd);
        return (code == EOPNOTSUPP && !known) || (code == EBUSY && dump) ||
               (code == EINVAL && genl.reserved && genl.cmd > (ipvs ? int{IPVS_CMD_FLUSH} : LVS_CMD_MAX));
    }
};

Session::Session(const Namespace& ns, Families families, Random& random, std::vector<std::uint8_t>& buffer)
    : namespace_(ns), families_(families), random_(random), buffer_(buffer) {
    buffer_.resize(kLargestRead);
    open();
}

void Session::open() {
    if (setns(namespace_->get(), CLONE_NEWNET))
        fail_errno("setns");
    socket_ = Fd(open_socket());
    set(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, kQueue);
    set(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, kQueue);
    extack_ = !random_.one_in(16);
    set(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, extack_);
    // Small reads make dumps of many parts; an answer that quotes a whole request needs a large one.
    const bool quotes = random_.one_in(4);
    set(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, !quotes);
    read_size_ = quotes || random_.one_in(2) ? kLargestRead : 4096;
}

void Session::send(const std::vector<std::uint8_t>& datagram) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const ssize_t sent = sendto(socket_.get(), datagram.data(), datagram.size(), 0,
                                reinterpret_cast<sockaddr*>(&kernel), sizeof(kernel));
    if (sent != static_cast<ssize_t>(datagram.size()))
        fail_errno("sendto, " + std::to_string(datagram.size()) + " bytes");
}

bool Session::receive() {
    const ssize_t size = recv(socket_.get(), buffer_.data(), read_size_, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (size < 0)
        throw Violation(std::string("recv: ") + std::strerror(errno));
    if (static_cast<std::size_t>(size) > read_size_)
        throw Violation("an answer of " + std::to_string(size) + " bytes to a read of " + std::to_string(read_size_));
    received_ = static_cast<std::size_t>(size);
    return true;
}

void Session::check_error(const Expected& request, int code, bool has_message, std::int64_t offset, Tally& tally) {
    tally.errors[code & 255]++;
    if (code == 0) {
        tally.done[request.ipvs][request.genl.cmd] += request.ours;
        return;
    }
    const std::string what = std::string(std::strerror(code)) + " for command " + std::to_string(request.genl.cmd) +
                             " of " + (request.ipvs ? "IPVS" : "LVS");
    if (request.ambiguous || request.refused_before(code))
        return;
    if (!allowed(code))
        throw Violation("unexpected error: " + what);
    if (extack_ && !has_message)
        throw Violation("no message with " + what);
    if (offset >= 0 && (offset < NLMSG_HDRLEN || offset >= static_cast<std::int64_t>(request.header.nlmsg_len)))
        throw Violation("offset " + std::to_string(offset) + " is outside the request, " + what);
}

unsigned Session::check_answers(std::map<std::uint32_t, Expected>& expected, Tally& tally) {
    unsigned refused = 0;
    std::size_t at = 0;
    while (at + NLMSG_HDRLEN <= received_) {
        nlmsghdr header{};
        std::memcpy(&header, buffer_.data() + at, sizeof(header));
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > received_ - at)
            throw Violation("an answer's length is wrong");
        const std::uint8_t* body = buffer_.data() + at + NLMSG_HDRLEN;
        const std::size_t size = header.nlmsg_len - NLMSG_HDRLEN;
        at += NLMSG_ALIGN(header.nlmsg_len);
        auto it = expected.find(header.nlmsg_seq);
        if (it == expected.end())
            throw Violation("an answer to nobody's question, sequence number " + std::to_string(header.nlmsg_seq));
        Expected& request = it->second;
        if (header.nlmsg_flags & NLM_F_DUMP_INTR)
            throw Violation("an interrupted dump says so, which clients take for a failure");

        if (header.nlmsg_type != NLMSG_ERROR && header.nlmsg_type != NLMSG_DONE) {
            if (header.nlmsg_type != request.header.nlmsg_type)
                throw Violation("a reply of another family");
            if (size < GENL_HDRLEN || !each_attr(body + GENL_HDRLEN, size - GENL_HDRLEN, [](auto...) {}))
                throw Violation("a reply's attributes do not add up");
            request.replies++;
            tally.replies++;
            continue;
        }
        int code;
        if (size < sizeof(code))
            throw Violation("an end without a code");
        std::memcpy(&code, body, sizeof(code));
        std::size_t tlvs = sizeof(code);
        if (header.nlmsg_type == NLMSG_ERROR) {
            nlmsgerr error{};
            if (size < sizeof(error))
                throw Violation("a short acknowledgement");
            std::memcpy(&error, body, sizeof(error));
            tlvs = sizeof(error);
            if (!(header.nlmsg_flags & NLM_F_CAPPED))
                tlvs += NLMSG_ALIGN(error.msg.nlmsg_len - NLMSG_HDRLEN);
        }
        bool has_message = false;
        std::int64_t offset = -1;
        if (header.nlmsg_flags & NLM_F_ACK_TLVS) {
            const bool sound =
                tlvs <= size &&
                each_attr(body + tlvs, size - tlvs, [&](int type, const std::uint8_t* value, std::size_t length) {
                    if (type == NLMSGERR_ATTR_MSG)
                        has_message = length > 1 && !value[length - 1];
                    std::uint32_t number = 0;
                    if (type == NLMSGERR_ATTR_OFFS && length == sizeof(number)) {
                        std::memcpy(&number, value, sizeof(number));
                        offset = number;
                    }
                });
            if (!sound)
                throw Violation("an acknowledgement's attributes do not add up");
        }
        request.ends++;
        refused += code != 0;
        check_error(request, code > 0 ? code : -code, has_message, offset, tally);
    }
    return refused;
}

unsigned Session::exchange(const std::vector<std::uint8_t>& datagram, Tally& tally, bool abandon) {
    // What the kernel will take for messages.
    std::map<std::uint32_t, Expected> expected;
    for (std::size_t at = 0; at + NLMSG_HDRLEN <= datagram.size();) {
        Expected e;
        std::memcpy(&e.header, datagram.data() + at, sizeof(e.header));
        if (e.header.nlmsg_len < NLMSG_HDRLEN || e.header.nlmsg_len > datagram.size() - at)
            break;
        e.request = e.header.nlmsg_flags & NLM_F_REQUEST && e.header.nlmsg_type >= NLMSG_MIN_TYPE;
        e.ipvs = e.header.nlmsg_type == families_.ipvs;
        e.ours = e.ipvs || e.header.nlmsg_type == families_.lvs;
        e.dump = (e.header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        if (e.whole())
            std::memcpy(&e.genl, datagram.data() + at + NLMSG_HDRLEN, sizeof(e.genl));
        const auto [it, alone] = expected.emplace(e.header.nlmsg_seq, e);
        it->second.ambiguous |= !alone;
        at += NLMSG_ALIGN(e.header.nlmsg_len);
        tally.messages++;
    }
    send(datagram);
    if (abandon) {
        if (random_.one_in(2) && receive())
            check_answers(expected, tally);
        tally.interrupted++;
        open();
        return 0;
    }
    unsigned refused = 0;
    while (receive())
        refused += check_answers(expected, tally);
    for (const auto& [seq, e] : expected) {
        if (e.ambiguous)
            continue;
        if (e.ends > 1)
            throw Violation("several ends of one answer");
        if (e.needs_end() && !e.ends)
            throw Violation("no answer to command " + std::to_string(e.genl.cmd));
        if (e.request && e.ours && e.whole() && !e.dump && replies(e.ipvs, e.genl.cmd) && !e.ends && !e.replies)
            throw Violation("neither reply nor error for command " + std::to_string(e.genl.cmd));
        if (e.replies > 1 && !e.dump)
            throw Violation("several replies");
    }
    return refused;
}

std::vector<std::vector<std::uint8_t>> Session::query(const Request& request) {
    std::vector<std::vector<std::uint8_t>> found;
    const std::vector<std::uint8_t> message = encode(request, seq_++);
    send(message);
    bool ended = false;
    while (receive()) {
        for (std::size_t at = 0; at + NLMSG_HDRLEN <= received_;) {
            nlmsghdr header{};
            std::memcpy(&header, buffer_.data() + at, sizeof(header));
            const std::uint8_t* body = buffer_.data() + at + NLMSG_HDRLEN;
            if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
                int code;
                std::memcpy(&code, body, sizeof(code));
                if (code)
                    throw Violation("command " + std::to_string(request.cmd) + " failed: " + std::strerror(-code));
                ended = true;
            } else {
                found.emplace_back(body + GENL_HDRLEN, body + header.nlmsg_len - NLMSG_HDRLEN);
            }
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
    }
    if (!ended)
        throw Violation("command " + std::to_string(request.cmd) + " got no answer");
    return found;
}

std::vector<std::uint8_t> Session::state() {
    std::vector<std::uint8_t> all;
    auto keep = [&](const std::vector<std::uint8_t>& body) { all.insert(all.end(), body.begin(), body.end()); };
    Request request{.family = families_.ipvs, .flags = NLM_F_REQUEST | NLM_F_ACK, .cmd = IPVS_CMD_GET_CONFIG};
    for (const auto& body : query(request))
        keep(body);
    request.flags |= NLM_F_DUMP;
    request.cmd = IPVS_CMD_GET_SERVICE;
    const auto services = query(request);
    request.cmd = IPVS_CMD_GET_DEST;
    for (const auto& service : services) {
        keep(service);
        // A service as it was listed is a question about it.
        request.attrs.clear();
        each_attr(service.data(), service.size(), [&](int type, const std::uint8_t* value, std::size_t length) {
            request.attrs.push_back({.type = static_cast<std::uint16_t>(type), .value = {value, value + length}});
        });
        for (const auto& dest : query(request))
            keep(dest);
    }
    return all;
}

void Session::flush() {
    query({.family = families_.ipvs, .flags = NLM_F_REQUEST | NLM_F_ACK, .cmd = IPVS_CMD_FLUSH});
}

std::size_t Session::services() {
    return query({.family = families_.ipvs, .flags = NLM_F_REQUEST | NLM_F_DUMP, .cmd = IPVS_CMD_GET_SERVICE}).size();
}

std::uint16_t family_number(const char* name) {
    const Fd socket(open_socket());
    Request request{.family = GENL_ID_CTRL, .flags = NLM_F_REQUEST, .cmd = CTRL_CMD_GETFAMILY};
    request.attrs.push_back({.type = CTRL_ATTR_FAMILY_NAME});
    request.attrs[0].value.assign(name, name + std::strlen(name) + 1);
    const std::vector<std::uint8_t> message = encode(request, 1);
    if (::send(socket.get(), message.data(), message.size(), 0) < 0)
        fail_errno("send");
    std::vector<std::uint8_t> buffer(1 << 16);
    const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
    nlmsghdr header{};
    std::uint16_t number = 0;
    std::memcpy(&header, buffer.data(), sizeof(header));
    if (size > static_cast<ssize_t>(NLMSG_HDRLEN + GENL_HDRLEN) && header.nlmsg_type == GENL_ID_CTRL)
        each_attr(buffer.data() + NLMSG_HDRLEN + GENL_HDRLEN,
                  static_cast<std::size_t>(size) - NLMSG_HDRLEN - GENL_HDRLEN,
                  [&](int type, const std::uint8_t* value, std::size_t) {
                      if (type == CTRL_ATTR_FAMILY_ID)
                          std::memcpy(&number, value, sizeof(number));
                  });
    if (!number)
        throw Violation(std::string("the kernel has no family ") + name);
    return number;
}

std::string hex(const std::vector<std::uint8_t>& bytes) {
    static const char* digits = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes.size() && i < 2000; i++) {
        out += digits[bytes[i] >> 4];
        out += digits[bytes[i] & 15];
        if (i % 4 == 3)
            out += i % 32 == 31 ? '\n' : ' ';
    }
    return out + (bytes.size() > 2000 ? "..." : "") + "\n";
}

} // namespace fuzz
