# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the module for the running kernel (or the one that KDIR= names) and the tools. 'make help' lists the targets.
# Everything built lands under build/ (or LVS_BUILD).

SHELL := /bin/bash
ROOT := $(patsubst %/,%,$(dir $(realpath $(firstword $(MAKEFILE_LIST)))))
LVS_BUILD ?= $(ROOT)/build
BUILD := $(LVS_BUILD)

KDIR ?= /lib/modules/$(shell uname -r)/build
# The kernel's own name for its version, for instance 6.1.0-56-amd64; empty where there are no headers.
KVER = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)

# User Mode Linux has to be named; a kernel of this machine's kind need not.
KARCH = $(if $(shell grep -s '^CONFIG_UML=y' $(KDIR)/.config),ARCH=um)

PREFIX ?= /usr/local
SBIN = $(DESTDIR)$(PREFIX)/sbin
MAN8 = $(DESTDIR)$(PREFIX)/share/man/man8
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
MODPROBE_D = $(DESTDIR)/etc/modprobe.d
INSTALL_MOD_PATH ?= $(DESTDIR)
MODULES_DIR = $(INSTALL_MOD_PATH)/lib/modules/$(KVER)

JOBS ?= $(shell nproc)
# 'make check' sets -Werror here.
KCFLAGS ?=
CMAKE_FLAGS ?=

TOOLS := ipvsadm ipvsadm-save ipvsadm-restore lvs-realserver

.PHONY: all module tools tests install uninstall clean demo shell check lint check-debug check-kasan check-kcsan \
	fuzz fuzz-coverage fuzz-kernel check-kernels ci bench bench-compare stress soak setup help

all: module tools

help:
	@echo "On a director (needs the headers of its kernel, see scripts/setup.sh for the other packages):"
	@echo "  make             build lvs.ko, xt_lvs.ko and toa.ko for the running kernel, and the tools, under build/"
	@echo "  make KDIR=DIR    the same for another kernel, DIR being its headers (/lib/modules/VERSION/build)"
	@echo "  make install     modules to /lib/modules/VERSION/updates, tools to $(PREFIX)/sbin, names to /etc/modprobe.d"
	@echo "                   (DESTDIR=, PREFIX=, INSTALL_MOD_PATH= as usual)"
	@echo "  make uninstall   take that away again"
	@echo "  make clean       remove build/"
	@echo "Anywhere, as root on Debian 12 (they install what is missing and use a VM; this host's kernel stays as it is):"
	@echo "  make demo        a client, a director and two web servers: NAT, DR and TUN before your eyes"
	@echo "  make shell       a prompt in that network"
	@echo "  make check       all tests"
	@echo "  make lint        what reading the sources can find: scripts/lint.sh --help lists the parts"
	@echo "  make check-debug the same under User Mode Linux with KASAN, lockdep, kmemleak and others; check-kasan, check-kcsan:"
	@echo "                   lifetime tests under x86-64 kernels with KASAN, with KCSAN"
	@echo "  make check-kernels  builds on Debian's kernels 6.1, 6.12 and 7.2, and the tests on each"
	@echo "  make ci          check, check-debug and the builds on all kernels"
	@echo "  make bench       what a packet costs in instructions and ns, lvs beside ip_vs"
	@echo "  make bench-compare BASE=REVISION    what got slower since then"
	@echo "  make fuzz T=60s  fuzzers of the parsers, of ipvsadm and of what it reads from the kernel, T each;"
	@echo "                   make fuzz-coverage: what their corpora reach"
	@echo "  make fuzz-kernel COUNT=N    N mutated requests and N mutated packets, under User Mode Linux with KASAN and lockdep"
	@echo "  make stress      module, namespaces and services come and go under traffic, 200 times (TURNS=); a million connections"
	@echo "  make soak T=3600s   everything at once for an hour, memory must stay flat; goes on where it was stopped"
	@echo "                   (both: KERNEL=uml, 6.12, ... for another kernel than the stock one)"
	@echo "  make setup       only install what is missing and fetch the VM's kernel"

# --- the module

# A tree of links with the sources, one a kernel: Kbuild puts objects beside the sources it is given.
MODULE_TREE = $(BUILD)/module/$(KVER)

module:
	@if [ -z "$(KVER)" ]; then \
		echo "There are no kernel headers in $(KDIR)." >&2; \
		echo "  For this host's kernel install them (Debian: apt-get install linux-headers-\$$(uname -r))," >&2; \
		echo "  for another kernel say make KDIR=/lib/modules/VERSION/build," >&2; \
		echo "  to try lvs in a VM say make demo or make check, for the tools alone make tools." >&2; \
		exit 1; \
	fi
	@mkdir -p $(MODULE_TREE)
	@cd $(MODULE_TREE) && find . -type l ! -exec test -e {} \; -delete && cp -rsf $(ROOT)/{Kbuild,include,kmod} . && mkdir -p tests && cp -rsf $(ROOT)/tests/planted tests/
	$(MAKE) -C $(KDIR) $(KARCH) M=$(MODULE_TREE) -j$(JOBS) KCFLAGS="$(KCFLAGS)" modules
	@ln -sfn module/$(KVER)/lvs.ko $(BUILD)/lvs.ko
	@rm -f $(BUILD)/toa.ko && if [ -e $(MODULE_TREE)/toa.ko ]; then ln -s module/$(KVER)/toa.ko $(BUILD)/toa.ko; fi

# --- the tools

tools: $(BUILD)/CMakeCache.txt
	cmake --build $(BUILD) -j$(JOBS) --target ipvsadm

# The programs that test the tools and the module's core on this host.
tests: $(BUILD)/CMakeCache.txt
	cmake --build $(BUILD) -j$(JOBS)

$(BUILD)/CMakeCache.txt:
	cmake -S $(ROOT) -B $(BUILD) -DCMAKE_BUILD_TYPE=RelWithDebInfo $(CMAKE_FLAGS)

# --- on a director

install:
	@test -n "$(KVER)" || { echo "There are no kernel headers in $(KDIR); say KDIR=/lib/modules/VERSION/build" >&2; exit 1; }
	@test -e $(MODULE_TREE)/lvs.ko || { echo "Nothing built for $(KVER) yet; run make first" >&2; exit 1; }
	install -D -m 644 -t $(MODULES_DIR)/updates $(wildcard $(MODULE_TREE)/*.ko)
	install -D -m 644 scripts/lvs.modprobe.conf $(MODPROBE_D)/lvs.conf
	install -D -m 644 scripts/toa.modprobe.conf $(MODPROBE_D)/toa.conf
	DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)
	install -D -m 755 -t $(SBIN) scripts/lvs-realserver
	install -D -m 644 -t $(MAN8) docs/lvs-realserver.8
	install -D -m 644 scripts/ipvsadm.bash-completion $(COMPLETIONS)/ipvsadm
	@if [ -e $(MODULES_DIR)/modules.builtin ]; then \
		echo depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(KVER); \
		depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(KVER); \
	else \
		echo "$(MODULES_DIR) has no kernel, so depmod was not run"; \
	fi

uninstall:
	rm -f $(MODULES_DIR)/updates/lvs.ko $(MODULES_DIR)/updates/xt_lvs.ko $(MODPROBE_D)/lvs.conf
	rm -f $(MODULES_DIR)/updates/toa.ko $(MODPROBE_D)/toa.conf
	rm -f $(COMPLETIONS)/ipvsadm
	rm -f $(addprefix $(SBIN)/,$(TOOLS)) $(addprefix $(MAN8)/,$(addsuffix .8,$(TOOLS)))
	@[ ! -e $(MODULES_DIR)/modules.builtin ] || depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(KVER)

clean:
	rm -rf $(BUILD)

# --- in the VM

setup:
	scripts/setup.sh

# Recipes below start with a set-up, which a fresh host needs before anything here can be built.
define for_vm
scripts/setup.sh
@. scripts/common.sh && $(MAKE) --no-print-directory module tools KDIR="/lib/modules/$$(default_vm_kernel)/build"
endef

demo:
	$(for_vm)
	scripts/vm --timeout 300 -- scripts/demo

shell:
	$(for_vm)
	scripts/vm --timeout 0 --tty -- scripts/lab shell

check:
	scripts/setup.sh
	scripts/check.sh

lint:
	scripts/setup.sh
	scripts/lint.sh

check-debug:
	scripts/setup.sh
	scripts/check.sh debug

check-kasan check-kcsan:
	scripts/setup.sh
	scripts/check.sh $(patsubst check-%,%,$@)

check-kernels:
	scripts/setup.sh
	scripts/check.sh kernels

ci:
	scripts/setup.sh
	scripts/check.sh ci

# They build modules of their own.
bench:
	scripts/setup.sh
	bench/run

bench-compare:
	scripts/setup.sh
	bench/compare "$(BASE)"

# tests/fuzz/run --help: single targets, reproducing what was found. T is a minute unless it is given: see soak.
fuzz:
	scripts/setup.sh
	tests/fuzz/run --time $(if $(filter file,$(origin T)),60s,$(T))

fuzz-coverage:
	scripts/setup.sh
	tests/fuzz/run --coverage

# Requests and packets that nobody would send. LVS_FUZZ_SEED=N repeats a run.
COUNT ?= 100000
fuzz-kernel: KERNEL := uml
fuzz-kernel:
	scripts/setup.sh
	$(MAKE) --no-print-directory tests
	$(for_kernel) && LVS_FUZZ_COUNT=$(COUNT) scripts/vm --kernel "$$version" --timeout 0 --mem 3072 -- tests/vm/run fuzz

# Sets version and what tests/vm/run goes by for KERNEL, a name of scripts/kernel, or the stock kernel.
KERNEL ?=
define for_kernel
. scripts/common.sh && \
	version=$$(if [ -n "$(KERNEL)" ]; then scripts/kernel "$(KERNEL)" >&2 && kernel_named "$(KERNEL)"; else default_vm_kernel; fi) && \
	$(MAKE) --no-print-directory module tools KDIR="$$(kernel_headers "$$version")" && \
	export LVS_KO=$(BUILD)/module/$$version/lvs.ko LVS_IPVSADM=$(BUILD)/userspace/ipvsadm
endef

TURNS ?= 200
stress:
	scripts/setup.sh
	$(for_kernel) && LVS_STRESS=$(TURNS) scripts/vm --kernel "$$version" --timeout 0 --mem 4096 -- tests/vm/run stress faults.namespace fullnat_scale nobody_comes

# What it has done so far is in SOAK, until it ends.
T ?= 3600s
SOAK ?= $(BUILD)/soak
soak:
	scripts/setup.sh
	$(for_kernel) && scripts/vm --kernel "$$version" --timeout 0 --out $(SOAK)/$$version -- tests/vm/soak $(T)
