// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvsadm/errors.h"

#include <cerrno>
#include <cstring>

namespace lvs {

namespace {

struct Sentence {
    Asked asked;
    int code;
    const char* text;
};

constexpr const char* service_missing = "No such service";
constexpr const char* service_undefined = "Service not defined";
constexpr const char* scheduler_missing = "Scheduler or persistence engine not found";
constexpr const char* dest_missing = "No such destination";

constexpr Sentence sentences[] = {
    {Asked::anything, EPERM, "Permission denied (you must be root)"},
    {Asked::anything, EINVAL, "Invalid operation.  Possibly wrong module version, address not unicast, ..."},
    {Asked::anything, ENOPROTOOPT, "Protocol not available"},
    {Asked::anything, ENOMEM, "Memory allocation problem"},
    {Asked::anything, EOPNOTSUPP, "Operation not supported with IPv6"},
    {Asked::anything, EAFNOSUPPORT, "Operation not supported with specified address family"},
    {Asked::anything, EMSGSIZE, "Module is wrong version"},
    {Asked::add_service, EEXIST, "Service already exists"},
    {Asked::add_service, ENOENT, scheduler_missing},
    {Asked::edit_service, ESRCH, service_missing},
    {Asked::edit_service, ENOENT, scheduler_missing},
    {Asked::delete_service, ESRCH, service_missing},
    {Asked::zero_service, ESRCH, service_missing},
    {Asked::get_service, ESRCH, service_missing},
    {Asked::get_dests, ESRCH, service_missing},
    {Asked::add_dest, ESRCH, service_undefined},
    {Asked::add_dest, EEXIST, "Destination already exists"},
    {Asked::edit_dest, ESRCH, service_undefined},
    {Asked::edit_dest, ENOENT, dest_missing},
    {Asked::delete_dest, ESRCH, service_undefined},
    {Asked::delete_dest, ENOENT, dest_missing},
    {Asked::add_local_address, ESRCH, service_undefined},
    {Asked::add_local_address, EEXIST, "Local address already exists"},
    {Asked::add_local_address, EADDRNOTAVAIL, "The local address is not an address of this host"},
    {Asked::delete_local_address, ESRCH, service_undefined},
    {Asked::delete_local_address, ENOENT, "No such local address"},
    {Asked::set_profile, EEXIST, "The profile names a local address twice"},
    {Asked::set_profile, EADDRNOTAVAIL, "The local address is not an address of this host"},
    {Asked::delete_profile, ESRCH, "No such profile"},
    {Asked::start_daemon, EEXIST, "Daemon has already run"},
    {Asked::stop_daemon, ESRCH, "No daemon is running"},
};

const char* classic_sentence(Asked asked, int code) {
    for (const Sentence& sentence : sentences)
        if (sentence.code == code && (sentence.asked == asked || sentence.asked == Asked::anything))
            return sentence.text;
    return nullptr;
}

// Errors that only this tool or the extensions raise. Their message says more than errno, and
// nobody expects a certain text.
bool own_error(int code) {
    return code == E2BIG || code == EBADMSG || code == EINTR || code == EIO || code == EPROTONOSUPPORT;
}

} // namespace

Asked asked_by(const Operation& operation) {
    return std::visit(Overloaded{
                          [](const AddService&) { return Asked::add_service; },
                          [](const EditService&) { return Asked::edit_service; },
                          [](const DeleteService&) { return Asked::delete_service; },
                          [](const AddDest&) { return Asked::add_dest; },
                          [](const EditDest&) { return Asked::edit_dest; },
                          [](const DeleteDest&) { return Asked::delete_dest; },
                          [](const DrainDest&) { return Asked::edit_dest; },
                          [](const ResetDest&) { return Asked::edit_dest; },
                          [](const AddLocalAddress&) { return Asked::add_local_address; },
                          [](const DeleteLocalAddress&) { return Asked::delete_local_address; },
                          [](const SetProfile&) { return Asked::set_profile; },
                          [](const DeleteProfile&) { return Asked::delete_profile; },
                          [](const ZeroCounters&) { return Asked::zero_service; },
                          [](const Flush&) { return Asked::anything; },
                      },
                      operation);
}

std::string which_one(const Operation& operation) {
    if (const auto* add = std::get_if<AddLocalAddress>(&operation))
        return add->address.text() + ": ";
    if (const auto* del = std::get_if<DeleteLocalAddress>(&operation))
        return del->address.text() + ": ";
    return {};
}

std::string error_text(Asked asked, const Error& error) {
    // An explained refusal comes from lvs, which says what it cannot do yet; the classic sentence
    // for this errno speaks of IPv6 only and would mislead.
    if (error.code == EOPNOTSUPP && !error.message.empty())
        return "Not supported by the running kernel module: " + error.message;
    if (const char* sentence = classic_sentence(asked, error.code))
        return sentence;
    const std::string meaning = std::strerror(error.code);
    return own_error(error.code) && !error.message.empty() ? error.message : meaning;
}

std::string detailed_error_text(Asked asked, const Error& error) {
    std::string sentence = error_text(asked, error);
    if (error.message.empty() || sentence.find(error.message) != std::string::npos)
        return sentence;
    return sentence + " (" + error.message + ")";
}

} // namespace lvs
