// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module.h"

#include "base/netlink.h"

#include <cerrno>
#include <cstring>

namespace lvs {

namespace {

struct ModuleList {
    kmod_list* head = nullptr;
    ModuleList() = default;
    ModuleList(const ModuleList&) = delete;
    ModuleList& operator=(const ModuleList&) = delete;
    ~ModuleList() { kmod_module_unref_list(head); }
};

void discard_log(void*, int, const char*, int, const char*, const char*, va_list) {}

Error cannot_load(const char* name, int code) {
    return {code, std::string("cannot load the module ") + name + ": " + std::strerror(code), std::nullopt};
}

} // namespace

Result<void> load_director_module() {
    const KmodContext context(kmod_new(nullptr, nullptr));
    if (!context)
        return Error{ENOMEM, {}, std::nullopt};
    kmod_set_log_fn(context.get(), discard_log, nullptr);

    for (const char* name : {"lvs", "ip_vs"}) {
        ModuleList found;
        if (const int code = kmod_module_new_from_lookup(context.get(), name, &found.head); code < 0)
            return cannot_load(name, -code);
        kmod_list* entry = nullptr;
        kmod_list_foreach(entry, found.head) {
            kmod_module* module = kmod_module_get_module(entry);
            const int code = kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, nullptr,
                                                             nullptr, nullptr, nullptr);
            kmod_module_unref(module);
            if (code < 0)
                return cannot_load(name, -code);
        }
        if (found.head)
            return {};
    }
    return Error{ENOENT, "neither the module lvs nor ip_vs is installed for this kernel", std::nullopt};
}

} // namespace lvs
