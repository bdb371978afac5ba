// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module.h"

#include <libkmod.h>

#include <cerrno>
#include <cstring>
#include <dlfcn.h>

namespace lvs {

namespace {

// libkmod is opened when a module is to be loaded, once a boot: linked, it and the cryptographic library that it brings
// along would take a third of each start.
class Kmod {
  public:
    Kmod() {
        if (complete())
            context_ = create_(nullptr, nullptr);
        if (context_)
            set_log_fn_(
                context_, [](void*, int, const char*, int, const char*, const char*, va_list) {}, nullptr);
    }
    Kmod(const Kmod&) = delete;
    Kmod& operator=(const Kmod&) = delete;
    ~Kmod() {
        if (context_)
            destroy_(context_);
        if (library_)
            dlclose(library_);
    }

    bool complete() const {
        return create_ && destroy_ && set_log_fn_ && lookup_ && next_ && module_of_ && insert_ && unref_ && unref_list_;
    }

    // Whether there is a module of that name or alias: it and what it needs is loaded then.
    Result<bool> load(const char* name) const {
        if (!context_)
            return Error{ENOMEM, {}, std::nullopt};
        kmod_list* found = nullptr;
        int code = lookup_(context_, name, &found);
        for (kmod_list* entry = found; code >= 0 && entry; entry = next_(found, entry)) {
            kmod_module* module = module_of_(entry);
            code = insert_(module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, nullptr, nullptr, nullptr, nullptr);
            unref_(module);
        }
        const bool any = found;
        unref_list_(found);
        if (code < 0)
            return Error{-code, std::string("cannot load the module ") + name + ": " + std::strerror(-code),
                         std::nullopt};
        return any;
    }

  private:
    template <class Function> Function* find(const char* name) const {
        return library_ ? reinterpret_cast<Function*>(dlsym(library_, name)) : nullptr;
    }

    void* library_ = dlopen("libkmod.so.2", RTLD_NOW);
    decltype(&kmod_new) create_ = find<decltype(kmod_new)>("kmod_new");
    decltype(&kmod_unref) destroy_ = find<decltype(kmod_unref)>("kmod_unref");
    decltype(&kmod_set_log_fn) set_log_fn_ = find<decltype(kmod_set_log_fn)>("kmod_set_log_fn");
    decltype(&kmod_module_new_from_lookup) lookup_ =
        find<decltype(kmod_module_new_from_lookup)>("kmod_module_new_from_lookup");
    decltype(&kmod_list_next) next_ = find<decltype(kmod_list_next)>("kmod_list_next");
    decltype(&kmod_module_get_module) module_of_ = find<decltype(kmod_module_get_module)>("kmod_module_get_module");
    decltype(&kmod_module_probe_insert_module) insert_ =
        find<decltype(kmod_module_probe_insert_module)>("kmod_module_probe_insert_module");
    decltype(&kmod_module_unref) unref_ = find<decltype(kmod_module_unref)>("kmod_module_unref");
    decltype(&kmod_module_unref_list) unref_list_ = find<decltype(kmod_module_unref_list)>("kmod_module_unref_list");
    kmod_ctx* context_ = nullptr;
};

} // namespace

Result<void> load_director_module() {
    const Kmod kmod;
    if (!kmod.complete())
        return Error{ENOENT, "cannot load the module lvs: libkmod.so.2 is not installed", std::nullopt};
    for (const char* name : {"lvs", "ip_vs"}) {
        const auto loaded = kmod.load(name);
        if (!loaded)
            return loaded.error();
        if (*loaded)
            return {};
    }
    return Error{ENOENT, "neither the module lvs nor ip_vs is installed for this kernel", std::nullopt};
}

} // namespace lvs
