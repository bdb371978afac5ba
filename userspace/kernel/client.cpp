// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/client.h"

#include "base/text.h"
#include "codec/lvs.h"
#include "codec/proc_connections.h"
#include "kernel/module.h"
#include "model/order.h"

#include <linux/ip_vs.h>
#include <lvs/abi.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <sstream>

namespace lvs {

namespace {

Result<std::vector<Connection>> read_connection_file(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        return Error{EIO, "cannot open file " + path, std::nullopt};
    std::ostringstream content;
    content << file.rdbuf();
    auto connections = read_connections(content.str());
    if (!connections)
        return Error{EBADMSG, "unexpected input from " + path, std::nullopt};
    return *connections;
}

} // namespace

Result<std::shared_ptr<Kernel>> connect_to_kernel() {
    auto socket = Socket::open();
    if (!socket)
        return socket.error();
    auto family = socket->find_family(IPVS_GENL_NAME);
    if (!family)
        return family.error();
    if (!*family) {
        if (auto loaded = load_director_module(); !loaded) {
            Error error = loaded.error();
            if (error.code == ENOENT)
                error.code = ENOPROTOOPT; // no module, no protocol
            return error;
        }
        family = socket->find_family(IPVS_GENL_NAME);
        if (!family)
            return family.error();
        if (!*family)
            return Error{ENOPROTOOPT, {}, std::nullopt};
    }
    return std::shared_ptr<Kernel>(std::make_shared<Client>(std::move(*socket), **family));
}

template <class T, class Decode> Result<T> Client::get_one(GenlTarget target, const Request& request, Decode decode) {
    std::optional<T> found;
    auto sent = socket_.transact(target, Socket::Kind::action, request, [&](const Attributes& reply) -> Result<void> {
        auto decoded = decode(reply);
        if (!decoded)
            return decoded.error();
        found = *decoded;
        return {};
    });
    if (!sent)
        return sent.error();
    if (!found)
        return malformed("none came");
    return *found;
}

template <class T, class Decode>
Result<std::vector<T>> Client::get_all(GenlTarget target, const Request& request, Decode decode) {
    std::vector<T> found;
    auto sent = socket_.transact(target, Socket::Kind::dump, request, [&](const Attributes& reply) -> Result<void> {
        auto decoded = decode(reply);
        if (!decoded)
            return decoded.error();
        found.push_back(std::move(*decoded));
        return {};
    });
    if (!sent)
        return sent.error();
    return found;
}

Result<void> Client::act(const Request& request) {
    return socket_.transact(ipvs_, Socket::Kind::action, request, nullptr);
}

Result<Info> Client::info() {
    return get_one<Info>(ipvs_, encode_get_info(), decode_info);
}

// Family "IPVS" cannot say that a service shall have no options.
Result<void> Client::apply(const Operation& operation) {
    const auto* add = std::get_if<AddService>(&operation);
    const bool states_options = std::holds_alternative<EditService>(operation) || (add && add->has_options());
    if (!is_extension(operation) && !(states_options && has_extensions()))
        return act(encode_operation(operation));
    auto applied = apply_batch({&operation, 1});
    return applied ? Result<void>() : applied.error().error;
}

Result<std::vector<ListedService>> Client::services() {
    auto services = get_all<ListedService>(ipvs_, encode_get_services(), decode_service);
    if (services)
        if (auto added = add_options(*services); !added)
            return added.error();
    return services;
}

Result<ListedService> Client::service(const ServiceId& id) {
    auto service = get_one<ListedService>(ipvs_, encode_get_service(id), decode_service);
    if (service)
        if (auto added = add_options({&*service, 1}); !added)
            return added.error();
    return service;
}

// Few services have any.
Result<void> Client::add_options(std::span<ListedService> services) {
    if (!has_extensions())
        return {};
    auto target = extensions();
    if (!target)
        return target.error();
    auto found = get_all<OptionsOfService>(*target, encode_get_options(), decode_options);
    if (!found)
        return found.error();
    std::map<ServiceId, ServiceOptions, ServiceIdLess> options;
    for (const OptionsOfService& one : *found)
        options.emplace(one.service, one.options);
    if (options.empty())
        return {};
    for (ListedService& listed : services)
        if (const auto own = options.find(listed.service.id); own != options.end())
            listed.service.options = own->second;
    return {};
}

// Family "LVS" knows the methods that family "IPVS" has no name for.
Result<std::vector<ListedDest>> Client::dests(const ServiceId& id) {
    if (!has_extensions()) {
        const auto decode = [&](const Attributes& reply) { return decode_dest(reply, family_of(id)); };
        return get_all<ListedDest>(ipvs_, encode_get_dests(id), decode);
    }
    auto target = extensions();
    if (!target)
        return target.error();
    auto found = get_all<DestOfService>(*target, encode_get_all_dests(id), decode_dest_of_service);
    std::vector<ListedDest> dests;
    if (!found && found.error().code != ESRCH)
        return found.error();
    if (found)
        for (const DestOfService& dest : *found)
            dests.push_back(dest.listed);
    return dests;
}

Result<std::vector<DestOfService>> Client::all_dests() {
    auto target = extensions();
    if (!target)
        return target.error();
    return get_all<DestOfService>(*target, encode_get_all_dests(std::nullopt), decode_dest_of_service);
}

Result<Timeouts> Client::timeouts() {
    return get_one<Timeouts>(ipvs_, encode_get_timeouts(), decode_timeouts);
}

Result<void> Client::set_timeouts(const Timeouts& timeouts) {
    return act(encode_set_timeouts(timeouts));
}

Result<std::vector<Daemon>> Client::daemons() {
    return get_all<Daemon>(ipvs_, encode_get_daemons(), decode_daemon);
}

Result<void> Client::start_daemon(const Daemon& daemon) {
    return act(encode_start_daemon(daemon));
}

Result<void> Client::stop_daemon(DaemonState state) {
    return act(encode_stop_daemon(state));
}

// Only family "LVS" tells the local addresses of connections.
Result<std::vector<Connection>> Client::connections() {
    if (!has_extensions())
        return read_connection_file("/proc/net/ip_vs_conn");
    auto target = extensions();
    if (!target)
        return target.error();
    return get_all<Connection>(*target, encode_get_connections(), decode_connection);
}

bool Client::has_extensions() {
    auto family = socket_.find_family(LVS_GENL_NAME);
    return family && family->has_value();
}

Result<ModuleInfo> Client::module_info() {
    auto family = socket_.find_family(LVS_GENL_NAME);
    if (!family)
        return family.error();
    if (!*family)
        return Error{EOPNOTSUPP, "the running kernel module is plain ip_vs; this needs lvs", std::nullopt};
    return get_one<ModuleInfo>({**family, LVS_GENL_VERSION}, encode_get_module_info(), decode_module_info);
}

Result<GenlTarget> Client::extensions() {
    if (lvs_)
        return *lvs_;
    auto module = module_info();
    if (!module)
        return module.error();
    if (auto mismatch = abi_mismatch(*module))
        return Error{EPROTONOSUPPORT, *mismatch, std::nullopt};
    auto family = socket_.find_family(LVS_GENL_NAME);
    if (!family)
        return family.error();
    if (!*family)
        return Error{ENOENT, "the module lvs was unloaded meanwhile", std::nullopt};
    lvs_ = GenlTarget{**family, LVS_GENL_VERSION};
    return *lvs_;
}

Result<void, BatchError> Client::apply_batch(std::span<const Operation> operations) {
    auto target = extensions();
    if (!target)
        return BatchError{target.error(), std::nullopt};
    const auto batch = encode_batch(operations);
    if (!batch)
        return batch.error();
    auto sent = socket_.transact(*target, Socket::Kind::action, batch->request, nullptr);
    if (sent)
        return {};
    const Error& error = sent.error();
    return BatchError{error, error.offset ? batch->operation_at(*error.offset) : std::nullopt};
}

Result<std::vector<DropTable>> Client::drops() {
    auto target = extensions();
    if (!target)
        return target.error();
    return get_all<DropTable>(*target, encode_get_drops(), decode_drops);
}

Result<std::vector<ListedLocalAddress>> Client::local_addresses(const std::optional<ServiceId>& only) {
    auto target = extensions();
    if (!target)
        return target.error();
    return get_all<ListedLocalAddress>(*target, encode_get_local_addresses(only), decode_local_address);
}

Result<std::vector<Profile>> Client::profiles() {
    auto target = extensions();
    if (!target)
        return target.error();
    auto parts = get_all<PartOfProfile>(*target, encode_get_profiles(), decode_part_of_profile);
    if (!parts)
        return parts.error();
    std::vector<Profile> found;
    for (const PartOfProfile& part : *parts) {
        if (part.options)
            found.push_back({part.service, *part.options, {}});
        else if (found.empty() || found.back().service != part.service)
            return malformed("local address without a profile");
        else
            found.back().local_addresses.push_back(*part.local_address);
    }
    return found;
}

std::optional<std::string> abi_mismatch(const ModuleInfo& module) {
    constexpr std::uint32_t ours = LVS_GENL_VERSION;
    if (module.abi_min <= ours && ours <= module.abi_max)
        return std::nullopt;
    const char* advice = ours > module.abi_max ? "upgrade the module lvs" : "upgrade ipvsadm";
    return text("the module lvs %s speaks versions %u to %u of its protocol, this ipvsadm speaks %u: %s",
                module.version.c_str(), module.abi_min, module.abi_max, ours, advice);
}

} // namespace lvs
