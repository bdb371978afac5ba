// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink_grammar.h"

#include <arpa/inet.h>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include "lvs/abi.h"

namespace fuzz {

namespace {

template <typename T> Attr number(int type, T value) {
    Attr attr{.type = static_cast<std::uint16_t>(type)};
    attr.value.resize(sizeof(value));
    std::memcpy(attr.value.data(), &value, sizeof(value));
    return attr;
}

Attr u8(int type, std::uint64_t value) {
    return number(type, static_cast<std::uint8_t>(value));
}
Attr u16(int type, std::uint64_t value) {
    return number(type, static_cast<std::uint16_t>(value));
}
Attr u32(int type, std::uint64_t value) {
    return number(type, static_cast<std::uint32_t>(value));
}
Attr be16(int type, std::uint64_t value) {
    return number(type, htons(static_cast<std::uint16_t>(value)));
}

Attr text(int type, const std::string& value) {
    Attr attr{.type = static_cast<std::uint16_t>(type)};
    attr.value.assign(value.c_str(), value.c_str() + value.size() + 1);
    return attr;
}

Attr nest(Random& random, int type) {
    return Attr{.type = static_cast<std::uint16_t>(type | (random.one_in(8) ? 0 : NLA_F_NESTED)), .nest = true};
}

Attr address(Random& random, int type, bool v6, const char* net4, const char* net6, unsigned hosts) {
    Attr attr{.type = static_cast<std::uint16_t>(type)};
    attr.value.resize(16);
    inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? net6 : net4, attr.value.data());
    attr.value[v6 ? 15 : 3] = static_cast<std::uint8_t>(1 + random.below(hosts));
    if (!v6 && random.one_in(4))
        attr.value.resize(4);
    return attr;
}

struct Flags {
    std::uint32_t flags, mask;
};

} // namespace

Attr Grammar::service(bool whole, bool v6) {
    Attr attr = nest(random_, IPVS_CMD_ATTR_SERVICE);
    Attrs& in = attr.children;
    in.push_back(u16(IPVS_SVC_ATTR_AF, v6 ? AF_INET6 : AF_INET));
    if (random_.one_in(64)) {
        in.push_back(u32(IPVS_SVC_ATTR_FWMARK, random_.below(3)));
    } else {
        in.push_back(u16(IPVS_SVC_ATTR_PROTOCOL, random_.pick({IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP})));
        in.push_back(address(random_, IPVS_SVC_ATTR_ADDR, v6, "192.0.2.0", "2001:db8::", 2));
        in.push_back(be16(IPVS_SVC_ATTR_PORT, random_.one_in(64) ? 0 : 80 + random_.below(2)));
    }
    if (!whole)
        return attr;
    in.push_back(text(IPVS_SVC_ATTR_SCHED_NAME,
                      random_.one_in(32)
                          ? random_.pick<const char*>({"shh", "nosuch", ""})
                          : random_.pick<const char*>({"rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "sh", "dh",
                                                       "mh", "twos", "lblc", "lblcr", "none"})));
    in.push_back(
        number(IPVS_SVC_ATTR_FLAGS, Flags{static_cast<std::uint32_t>(random_.one_in(32) ? random_.next() : 0),
                                          static_cast<std::uint32_t>(random_.one_in(4) ? random_.next() : ~0)}));
    in.push_back(u32(IPVS_SVC_ATTR_TIMEOUT, random_.one_in(4) ? random_.odd_number() : 0));
    in.push_back(u32(IPVS_SVC_ATTR_NETMASK, v6 ? random_.between(random_.one_in(16) ? 0 : 1, 128) : ~0U));
    if (random_.one_in(32))
        in.push_back(text(IPVS_SVC_ATTR_PE_NAME, random_.pick<const char*>({"", "sip", "nosuch"})));
    return attr;
}

Attr Grammar::dest(bool whole, bool v6) {
    Attr attr = nest(random_, IPVS_CMD_ATTR_DEST);
    Attrs& in = attr.children;
    if (random_.one_in(64))
        v6 = !v6;
    in.push_back(address(random_, IPVS_DEST_ATTR_ADDR, v6, "10.1.0.0", "fd00::", 6));
    in.push_back(be16(IPVS_DEST_ATTR_PORT, 8000 + random_.below(4)));
    if (random_.one_in(4))
        in.push_back(u16(IPVS_DEST_ATTR_ADDR_FAMILY, v6 ? AF_INET6 : AF_INET));
    if (!whole)
        return attr;
    const std::uint64_t upper = random_.one_in(3) ? random_.below(1000) : 0;
    in.push_back(u32(IPVS_DEST_ATTR_FWD_METHOD, random_.one_in(32) ? random_.odd_number() : random_.below(4)));
    in.push_back(u32(IPVS_DEST_ATTR_WEIGHT, random_.one_in(32) ? random_.odd_number() : random_.below(100)));
    in.push_back(u32(IPVS_DEST_ATTR_U_THRESH, upper));
    in.push_back(u32(IPVS_DEST_ATTR_L_THRESH, upper ? random_.below(upper + 1) : 0));
    if (random_.one_in(8)) {
        in.push_back(u8(IPVS_DEST_ATTR_TUN_TYPE, random_.one_in(4) ? random_.below(4) : 0));
        in.push_back(be16(IPVS_DEST_ATTR_TUN_PORT, random_.below(3)));
        in.push_back(u16(IPVS_DEST_ATTR_TUN_FLAGS, random_.below(3)));
    }
    return attr;
}

Attr Grammar::daemon() {
    Attr attr = nest(random_, IPVS_CMD_ATTR_DAEMON);
    Attrs& in = attr.children;
    in.push_back(u32(IPVS_DAEMON_ATTR_STATE, random_.between(1, 2)));
    in.push_back(text(IPVS_DAEMON_ATTR_MCAST_IFN, random_.pick<const char*>({"lo", "nosuch0"})));
    in.push_back(u32(IPVS_DAEMON_ATTR_SYNC_ID, random_.below(256)));
    if (random_.one_in(2)) {
        in.push_back(u16(IPVS_DAEMON_ATTR_SYNC_MAXLEN, random_.odd_number()));
        in.push_back(address(random_, IPVS_DAEMON_ATTR_MCAST_GROUP, false, "224.0.0.0", "", 255));
        in.back().value.resize(4);
        in.push_back(u16(IPVS_DAEMON_ATTR_MCAST_PORT, random_.odd_number()));
        in.push_back(u8(IPVS_DAEMON_ATTR_MCAST_TTL, random_.odd_number()));
    }
    if (random_.one_in(4))
        in.push_back(address(random_, IPVS_DAEMON_ATTR_MCAST_GROUP6, true, "", "ff02::", 255));
    return attr;
}

void Grammar::config(Attrs& attrs) {
    for (int type : {IPVS_CMD_ATTR_TIMEOUT_TCP, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, IPVS_CMD_ATTR_TIMEOUT_UDP})
        if (random_.one_in(2))
            attrs.push_back(u32(type, random_.one_in(4) ? random_.odd_number() : random_.below(1000)));
}

void Grammar::one_operation(std::uint8_t cmd, Attrs& attrs, std::uint16_t service_type, std::uint16_t dest_type) {
    const bool v6 = random_.one_in(3);
    const bool of_dest = cmd == IPVS_CMD_NEW_DEST || cmd == IPVS_CMD_SET_DEST || cmd == IPVS_CMD_DEL_DEST;
    if (cmd == IPVS_CMD_FLUSH || (cmd == IPVS_CMD_ZERO && random_.one_in(2)))
        return;
    attrs.push_back(service(cmd == IPVS_CMD_NEW_SERVICE || cmd == IPVS_CMD_SET_SERVICE, v6));
    attrs.back().type = static_cast<std::uint16_t>(service_type | (attrs.back().type & NLA_F_NESTED));
    if (!of_dest)
        return;
    attrs.push_back(dest(cmd != IPVS_CMD_DEL_DEST, v6));
    attrs.back().type = static_cast<std::uint16_t>(dest_type | (attrs.back().type & NLA_F_NESTED));
}

// More is made than goes, so that there is something to work on.
std::uint8_t Grammar::change_command(bool batch) {
    if (random_.one_in(batch ? 4000 : 400))
        return IPVS_CMD_FLUSH;
    switch (random_.below(16)) {
    case 0:
    case 1:
    case 2: return IPVS_CMD_NEW_SERVICE;
    case 3:
    case 4: return IPVS_CMD_SET_SERVICE;
    case 5: return random_.one_in(2) ? IPVS_CMD_DEL_SERVICE : IPVS_CMD_NEW_DEST;
    case 6:
    case 7: return IPVS_CMD_SET_DEST;
    case 8:
    case 9: return IPVS_CMD_DEL_DEST;
    case 10: return IPVS_CMD_ZERO;
    }
    return IPVS_CMD_NEW_DEST;
}

Request Grammar::ipvs() {
    Request request{.family = families_.ipvs, .version = IPVS_GENL_VERSION};
    switch (random_.below(12)) {
    case 0:
        request.cmd = IPVS_CMD_GET_SERVICE;
        if (random_.one_in(3))
            request.flags = NLM_F_DUMP;
        if (!request.flags || random_.one_in(4))
            request.attrs.push_back(service(random_.one_in(8), random_.one_in(3)));
        break;
    case 1:
        request.cmd = IPVS_CMD_GET_DEST;
        request.flags = NLM_F_DUMP;
        request.attrs.push_back(service(random_.one_in(8), random_.one_in(3)));
        break;
    case 2:
        switch (random_.below(7)) {
        case 0:
        case 1: {
            const bool start = random_.one_in(2);
            request.cmd = start ? IPVS_CMD_NEW_DAEMON : IPVS_CMD_DEL_DAEMON;
            request.attrs.push_back(daemon());
            break;
        }
        case 2:
            request.cmd = IPVS_CMD_GET_DAEMON;
            request.flags = NLM_F_DUMP;
            break;
        case 3:
        case 4:
            request.cmd = IPVS_CMD_SET_CONFIG;
            config(request.attrs);
            break;
        case 5: request.cmd = IPVS_CMD_GET_CONFIG; break;
        case 6: request.cmd = IPVS_CMD_GET_INFO; break;
        }
        break;
    default:
        request.cmd = change_command(false);
        one_operation(request.cmd, request.attrs, IPVS_CMD_ATTR_SERVICE, IPVS_CMD_ATTR_DEST);
    }
    return request;
}

Attr Grammar::batch_operation() {
    Attr op = nest(random_, LVS_A_OP);
    const std::uint8_t cmd = change_command(true);
    op.children.push_back(u32(LVS_OP_A_CMD, cmd));
    one_operation(cmd, op.children, LVS_OP_A_SERVICE, LVS_OP_A_DEST);
    return op;
}

Request Grammar::lvs() {
    Request request{.family = families_.lvs, .version = LVS_GENL_VERSION};
    switch (random_.below(4)) {
    case 0: request.cmd = LVS_CMD_GET_INFO; break;
    case 1:
        request.cmd = LVS_CMD_GET_DROPS;
        request.flags = NLM_F_DUMP;
        break;
    default:
        request.cmd = LVS_CMD_BATCH;
        std::uint64_t operations = random_.below(random_.one_in(8) ? 50 : 6);
        if (random_.one_in(500))
            operations = random_.below(3000);
        for (; operations > 0; operations--)
            request.attrs.push_back(batch_operation());
    }
    return request;
}

Request Grammar::request() {
    Request request = random_.one_in(5) ? lvs() : ipvs();
    request.flags |= NLM_F_REQUEST | NLM_F_ACK;
    return request;
}

} // namespace fuzz
