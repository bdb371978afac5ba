#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All tests: builds everything with warnings as errors, runs the tests on this host, those in the VM, the demo, and the
# same under debug kernels and other releases' kernels. See usage() below.

set -uo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/counting.sh
. "$LVS_ROOT/scripts/counting.sh"
cd "$LVS_ROOT" || exit 1

usage() {
	cat <<-EOT
		Usage: scripts/check.sh [PART]...
		Builds and tests, and closes with a line "N passed, M failed". Logs are under build/check/.
		  static build host fuzzers vm system demo
		                              what 'make check' runs, and so without a part
		  planted uml                 'make check-debug': the suite under User Mode Linux with KASAN, lockdep, kmemleak, ...
		  kasan kcsan                 lifetime tests under x86-64 kernels with KASAN, with KCSAN, in QEMU
		  kernel-builds               the module on every kernel there is
		  suite-6.12                  the suite on Debian's 6.12
		  kernels                     'make check-kernels': builds, and the suite on each
		  ci                          check, check-debug and kernel-builds; what only computes or has time runs while the VM's tests do
	EOT
}
parts=()
for part in "${@:-check}"; do
	case $part in
	check) parts+=(static build host fuzzers vm system demo) ;;
	debug) parts+=(planted uml) ;;
	kernels) parts+=(kernel-builds vm suite-6.12 uml) ;;
	ci) parts+=(build host vm-and-meanwhile uml) ;;
	static | build | host | fuzzers | vm | system | demo | planted | uml | kasan | kcsan | kernel-builds | suite-6.12) parts+=("$part") ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
done

kernel=$(default_vm_kernel)
[ -n "$kernel" ] || die "no kernel for the VM; run scripts/setup.sh"
keep_logs_in check

# What tests/vm/run goes by. LVS_KO is set anew for other kernels.
export LVS_KO=$LVS_BUILD/module/$kernel/lvs.ko LVS_IPVSADM=$LVS_BUILD/userspace/ipvsadm

# Catch2's and other programs under CTest: one test each, as CTest lists them.
run_ctest() {
	ctest --test-dir "$LVS_BUILD" --output-on-failure --no-tests=error -j2 | tee "$logs/ctest-raw.log" |
		sed -E 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *Passed.*/ok \1/
			s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *\*\*\*Skipped.*/skip \1/
			s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*[^.]) \.+ *\*\*\*(.*)/not ok \1: \2/'
	return "${PIPESTATUS[0]}"
}

# What 'make install' puts where, seen in a directory of its own.
staged_install() {
	local stage=$logs/stage file
	make --no-print-directory install KDIR="/lib/modules/$kernel/build" DESTDIR="$stage" PREFIX=/usr/local || return
	for file in "lib/modules/$kernel/updates/lvs.ko" "lib/modules/$kernel/updates/xt_lvs.ko" etc/modprobe.d/lvs.conf usr/local/sbin/ipvsadm \
		usr/local/share/bash-completion/completions/ipvsadm usr/local/sbin/ipvsadm-save usr/local/sbin/ipvsadm-restore usr/local/sbin/lvs-realserver; do
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

part_static() {
	step 'The sources: make lint'
	many_tests 'lint' scripts/lint.sh
}

build_module() { # VERSION MAKE-ARGUMENT...
	local version=$1
	shift
	make --no-print-directory module KDIR="$(kernel_headers "$version")" W=1 KCFLAGS=-Werror "$@"
}

# Fails if there is nothing to test. Every part but the static checks needs it, once.
built=''
part_build() {
	[ -z "$built" ] || return "$built"
	local before=$failed
	step 'Build: the module, warnings are errors'
	one_test 'module builds' build_module "$kernel"
	step 'Build: the tools and the tests, warnings are errors'
	one_test 'tools and tests build' make --no-print-directory tests
	[ "$failed" -eq "$before" ]
	built=$?
	return $built
}

part_host() {
	step 'On this host: unit tests, command lines against their golden outputs'
	many_tests 'host tests' run_ctest
	step 'make install, into a directory'
	one_test 'staged install' staged_install
}

part_fuzzers() {
	step 'On this host: fuzzers, their corpora and a second more each'
	many_tests 'fuzzers' tests/fuzz/run --quick
}

part_vm() {
	step 'In the VM: the director under traffic'
	LVS_TEST_PATIENCE=2 many_tests 'VM tests' scripts/vm --timeout 3000 --mem 4096 --out "$logs/vm" -- tests/vm/run
	step 'In the VM: the same with ip_vs and with lvs'
	many_tests 'Differential tests' scripts/vm --timeout 900 --mem 3072 --out "$logs/differential" -- tests/vm/differential/run
}

part_system() {
	step 'In the VM: make install and lvs-realserver'
	many_tests 'VM system tests' scripts/vm --timeout 900 --out "$logs/vm-system" -- tests/vm/system
}

part_demo() {
	step 'The demo'
	one_test 'demo' scripts/vm --timeout 600 --out "$logs/demo" -- scripts/demo
}

# --- debug kernels

# Gets a kernel by its name and builds the module for it. Sets version, and what the tests' deadlines are multiplied by and
# how much a transfer carries: emulated and instrumented, a kernel takes its time, the more so on a busy host.
version='' patience=2 megabytes=10
with_kernel() { # NAME
	step "Kernel $1"
	one_test "kernel $1" scripts/kernel "$1"
	version=$(kernel_named "$1")
	case $1 in
	kasan | kcsan) patience=10 megabytes=1 ;;
	uml) patience=3 megabytes=4 ;;
	*) patience=2 megabytes=10 ;;
	esac
	[ -n "$version" ] && one_test "module builds on $1" build_module "$version"
}

# A debug kernel that keeps quiet about a defect proves nothing by keeping quiet.
defect_is_found() { # KERNEL DEFECT WHAT-THE-LOG-SAYS
	local out=$logs/planted-$1-$2 code=0
	LVS_KO=$LVS_BUILD/planted/$version/lvs.ko \
		scripts/vm --kernel "$1" --timeout 1200 --out "$out" -- tests/vm/planted "$2" >"$out.txt" 2>&1 || code=$?
	if [ $code -eq 121 ] && grep -qE "$3" "$out/kernel.log"; then
		grep -m 1 -E "$3" "$out/kernel.log"
	else
		echo "exit code $code, and the log does not say $3:"
		tail -n 40 "$out.txt"
		return 1
	fi
}

# The module with defects and, among the same objects, the one without again: they differ in one.
build_planted() {
	build_module "$version" LVS_PLANTED=y &&
		install -D -m 644 -t "$LVS_BUILD/planted/$version" "$LVS_BUILD/module/$version/lvs.ko" &&
		build_module "$version" && ! nm "$LVS_BUILD/module/$version/lvs.ko" | grep -i planted
}

planted() { # KERNEL [DEFECT WHAT-THE-LOG-SAYS]...
	local name=$1
	shift
	one_test "planted defects build on $name" build_planted
	while [ $# -gt 0 ]; do
		one_test "$name finds a planted $1" defect_is_found "$name" "$1" "$2"
		shift 2
	done
}

part_planted() {
	with_kernel uml || return
	planted uml use-after-free 'KASAN: (slab-)?use-after-free' leak 'unreferenced object' \
		lock-inversion 'possible circular locking' sleep-in-atomic 'sleeping function called from invalid context'
}

suite_on() { # KERNEL SECONDS MEMORY [--share K/N] PATTERN...
	local name=$1 seconds=$2 memory=$3 flows=2000000 share=''
	shift 3
	[ "${1-}" != --share ] || share=-${2%/*}
	step "The suite on $name$share"
	# Debug kernels need twenty times as long and twice the memory for a connection.
	case $version in
	*-lvs-*) flows=50000 ;;
	esac
	LVS_TEST_FLOWS=$flows LVS_TEST_PATIENCE=$patience LVS_TEST_MEGABYTES=$megabytes \
		LVS_KO=$LVS_BUILD/module/$version/lvs.ko many_tests "VM tests on $name$share" \
		${cpu[@]+"${cpu[@]}"} scripts/vm --kernel "$version" --timeout "$seconds" --mem "$memory" --out "$logs/$name$share" -- \
		tests/vm/run "$@"
}

# With one CPU of the host's for its two, User Mode Linux takes half as long again; with two it leaves each idle half the time.
cpu=()
half_on_uml() { # 1|2
	[ "$(nproc)" -ge 4 ] || cpu=(taskset -c $((($1 - 1) % $(nproc))))
	suite_on uml 3000 4096 --share "$1/2"
	cpu=()
}

part_uml() {
	with_kernel uml || return
	beside uml-1 half_on_uml 1
	half_on_uml 2
	join_beside
}

# Emulated and instrumented, these take long: what creates, ends and outlives things is what they are for.
lifetimes=(debugkernel lifecycle states netlink forwarding.tcp icmp)
part_kasan() {
	with_kernel kasan || return
	planted kasan use-after-free 'KASAN: (slab-)?use-after-free' leak 'unreferenced object' \
		lock-inversion 'possible circular locking' sleep-in-atomic 'sleeping function called from invalid context'
	suite_on kasan 5400 6144 "${lifetimes[@]}"
}

part_kcsan() {
	with_kernel kcsan || return
	planted kcsan data-race 'KCSAN: data-race in race_work'
	suite_on kcsan 5400 6144 "${lifetimes[@]}"
}

# --- other releases' kernels

part_kernel-builds() {
	with_kernel 6.12
	with_kernel 7.2
}

part_suite-6.12() {
	with_kernel 6.12 && suite_on 6.12 3000 4096
}

# --- all of it

# What only computes or has time. The kernel that takes longest to make comes first.
meanwhile() {
	renice -n 19 -p "$BASHPID" >/dev/null
	part_planted
	part_kernel-builds
	part_static
	part_fuzzers
	part_system
	part_demo
}

# The tests of a VM wait most of the time, which is enough for all this.
part_vm-and-meanwhile() {
	step 'Meanwhile, shown after the VM: planted defects, other kernels, the sources, fuzzers, the demo'
	beside meanwhile meanwhile
	part_vm
	join_beside
}

# A function is read whole before it runs, so this file may change under a running check.
main() {
	local part
	echo "kernel for the VM: $kernel; logs: $logs"
	for part in "${parts[@]}"; do
		if [ "$part" != static ]; then
			part_build || break
		fi
		[ "$part" = build ] || "part_$part"
	done
	summary
}
main
