#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All tests, for 'make check': builds everything with warnings as errors, runs the tests on this host, then those in the
# VM, then the demo. Closes with one line, "N passed, M failed". Full logs are under build/check/.
#
set -uo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/counting.sh
. "$LVS_ROOT/scripts/counting.sh"
cd "$LVS_ROOT" || exit 1

only=${1:-all}
case $only in
all | static | build | host | vm | demo) ;;
*)
	echo "usage: scripts/check.sh [static|build|host|vm|demo]" >&2
	exit 2
	;;
esac
wanted() { [ "$only" = all ] || [ "$only" = "$1" ]; }

kernel=$(default_vm_kernel)
[ -n "$kernel" ] || die "no kernel for the VM; run scripts/setup.sh"
keep_logs_in check

# What tests/vm/run goes by.
export LVS_KO=$LVS_BUILD/module/$kernel/lvs.ko LVS_IPVSADM=$LVS_BUILD/userspace/ipvsadm

scripts_are_clean() {
	local file scripts=()
	while read -r file; do
		head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh$' && scripts+=("$file")
	done < <(find scripts tests bench .ci -type f ! -path '*/out/*')
	shellcheck -x "${scripts[@]}" scripts/common.sh && echo "${#scripts[@]} scripts"
}

# Catch2's and other programs under CTest: one test each, as CTest lists them.
run_ctest() {
	ctest --test-dir "$LVS_BUILD" --output-on-failure --no-tests=error -j2 | tee "$logs/ctest-raw.log" |
		sed -E 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *Passed.*/ok \1/
			s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *\*\*\*Skipped.*/skip \1/
			s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *\*\*\*(.*)/not ok \1: \2/'
	return "${PIPESTATUS[0]}"
}

# The kernel's own checker, for address spaces, locking annotations and the like.
sparse_finds_nothing() {
	make --no-print-directory module KDIR="/lib/modules/$kernel/build" W=1 KCFLAGS=-Werror C=2 >"$logs/sparse-raw.log" 2>&1 || {
		tail -n 30 "$logs/sparse-raw.log"
		return 1
	}
	! grep -E 'warning:|error:' "$logs/sparse-raw.log" || return 1
	printf '%s files\n' "$(grep -c ' CHECK ' "$logs/sparse-raw.log")"
}

# What 'make install' puts where, seen in a directory of its own.
staged_install() {
	local stage=$logs/stage file
	make --no-print-directory install KDIR="/lib/modules/$kernel/build" DESTDIR="$stage" PREFIX=/usr/local || return
	for file in "lib/modules/$kernel/updates/lvs.ko" etc/modprobe.d/lvs.conf usr/local/sbin/ipvsadm \
		usr/local/sbin/ipvsadm-save usr/local/sbin/ipvsadm-restore usr/local/sbin/lvs-realserver; do
		[ -s "$stage/$file" ] || {
			echo "missing: $file"
			return 1
		}
	done
	make --no-print-directory uninstall KDIR="/lib/modules/$kernel/build" DESTDIR="$stage" PREFIX=/usr/local || return
	[ -z "$(find "$stage" -type f)" ] || {
		echo "left behind:"
		find "$stage" -type f
		return 1
	}
}

# A function is read whole before it runs, so this file may change under a running check.
main() {
	echo "kernel for the VM: $kernel; logs: $logs"

	if wanted static; then
		step 'Scripts: shellcheck'
		one_test 'shellcheck' scripts_are_clean
	fi

	if [ "$only" != static ]; then
		step 'Build: the module, warnings are errors'
		one_test 'module builds' make --no-print-directory module KDIR="/lib/modules/$kernel/build" W=1 KCFLAGS=-Werror
		step 'Build: the tools and the tests, warnings are errors'
		one_test 'tools and tests build' make --no-print-directory tests
		[ $failed -eq 0 ] || only=nothing-more
	fi
	if wanted build; then
		step "The module's sources: sparse"
		one_test 'sparse' sparse_finds_nothing
	fi

	if wanted host; then
		step 'On this host: unit tests, command lines against their golden outputs'
		many_tests 'host tests' run_ctest
		step 'make install, into a directory'
		one_test 'staged install' staged_install
	fi

	if wanted vm; then
		step 'In the VM: the director under traffic'
		many_tests 'VM tests' scripts/vm --timeout 2400 --mem 4096 --out "$logs/vm" -- tests/vm/run
		step 'In the VM: make install and lvs-realserver'
		many_tests 'VM system tests' scripts/vm --timeout 900 --out "$logs/vm-system" -- tests/vm/system
	fi

	if wanted demo; then
		step 'The demo'
		one_test 'demo' scripts/vm --timeout 600 --out "$logs/demo" -- scripts/demo
	fi

	summary
}
main
