#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What can be found by reading the sources, for 'make lint': scripts/lint.sh [PART...], all parts unless some are named.
# Prints what a part found, then "ok lint.PART" or "not ok lint.PART", and closes with "N passed, M failed".
#
# What checkpatch and Coccinelle say and we do not heed is in scripts/lint.d/exceptions, with the reason for each.

set -uo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/counting.sh
. "$LVS_ROOT/scripts/counting.sh"
cd "$LVS_ROOT" || exit 1

all_parts=(shellcheck python clang-format checkpatch headers warnings symbols sparse coccinelle clang-tidy)

usage() {
	cat <<-EOT
		Usage: scripts/lint.sh [PART...]
		  shellcheck    every shell script
		  python        every Python program: pyflakes
		  clang-format  C++ is written as .clang-format says
		  checkpatch    the module and its headers: the kernel's checkpatch --strict
		  headers       each header compiles by itself, those for both languages as C11 and as C++20
		  warnings      the module builds with W=1 without any, its comments for kernel-doc included
		  symbols       what the module shows to the rest of the kernel has its prefix
		  sparse        the module: address spaces, byte order, locks
		  coccinelle    the module: the kernel's own semantic patches
		  clang-tidy    C++: the checks in .clang-tidy
		LVS_JOBS=N runs up to N checkers at once (now $jobs).
	EOT
}

jobs=${LVS_JOBS:-$(nproc)}

# Files below the given directories by name; what programs wrote there stays out.
sources() { # DIRECTORY... -- NAME...
	local where=() names=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	shift
	while [ $# -gt 0 ]; do
		names+=(-o -name "$1")
		shift
	done
	find "${where[@]}" -path '*/out' -prune -o -type f \( "${names[@]:1}" \) -print | sort
}

# Programs that are written for the given interpreter.
programs() { # PATTERN
	local file line
	find scripts tests bench .ci -path '*/out' -prune -o -type f -perm /111 -print | sort | while read -r file; do
		IFS= read -r line <"$file" 2>/dev/null
		if [[ $line =~ ^'#!'.*$1 ]]; then
			printf '%s\n' "$file"
		fi
	done
}

# Reads findings, "FILE:LINE: KIND: text", and passes on those that no exception of this tool covers. An exception that
# covers nothing is a finding too. Succeeds if there was nothing to pass on.
unexpected() { # TOOL
	awk -v tool="$1" -v list=scripts/lint.d/exceptions '
		function matches(file, glob) {
			gsub(/[.+]/, "\\\\&", glob)
			gsub(/\*/, ".*", glob)
			return file ~ ("^" glob "$")
		}
		BEGIN {
			while ((getline line < list) > 0) {
				split(line, word, /[ \t]+/)
				if (word[1] == tool) {
					kind[++n] = word[2]
					where[n] = word[3]
				}
			}
		}
		{
			split($0, part, /: ?/)
			for (i = 1; i <= n; i++)
				if (part[3] == kind[i] && matches(part[1], where[i])) {
					used[i] = 1
					next
				}
			print
			bad = 1
		}
		END {
			for (i = 1; i <= n; i++)
				if (!used[i]) {
					print list ": nothing needs this exception any more: " tool " " kind[i] " " where[i]
					bad = 1
				}
			exit bad
		}'
}

# Where scripts of the kernel's source tree are, unpacked once for each version of Debian's package.
kernel_scripts() {
	local version dir source=linux-source-6.1
	version=$(dpkg-query -W -f '${Version}' $source 2>/dev/null) || die "$source is missing; run scripts/setup.sh"
	dir=$LVS_CACHE/kernel-scripts/$version
	if [ ! -d "$dir" ]; then
		mkdir -p "$dir.$$"
		tar -C "$dir.$$" -xf "/usr/src/$source.tar.xz" --strip-components=2 \
			"$source"/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch,kernel-doc,coccinelle} &&
			mv -T "$dir.$$" "$dir"
		rm -rf "$dir.$$"
		[ -d "$dir" ] || return
	fi
	printf '%s\n' "$dir"
}

# The Makefile's target, for the kernel that the VM boots.
make_module() {
	local kernel
	kernel=$(default_vm_kernel)
	[ -n "$kernel" ] || die "no kernel to build against; run scripts/setup.sh"
	make --no-print-directory module KDIR="$(kernel_headers "$kernel")" W=1 KCFLAGS=-Werror JOBS="$jobs" "$@"
}

lint_shellcheck() {
	local files
	mapfile -t files < <({ programs '(/|env )(ba)?sh( |$)'; sources scripts tests bench -- '*.sh'; } | sort -u)
	shellcheck -x "${files[@]}" && echo "${#files[@]} scripts"
}

lint_python() {
	local files
	mapfile -t files < <({ programs python; sources scripts tests bench -- '*.py'; } | sort -u)
	pyflakes3 "${files[@]}" && echo "${#files[@]} files"
}

# C++ and the headers it shares; tests/planted is C for the kernel.
cxx_files() { sources userspace tests -- '*.cpp' '*.hpp' '*.h' | grep -v '^tests/planted/'; }

lint_clang-format() {
	local files
	mapfile -t files < <(cxx_files)
	clang-format --dry-run -Werror "${files[@]}" && echo "${#files[@]} files"
}

lint_checkpatch() {
	local scripts files codes
	scripts=$(kernel_scripts) || return
	mapfile -t files < <(sources kmod include -- '*.[ch]')
	printf '%s\0' "${files[@]}" |
		xargs -0 -P "$jobs" -n 16 "$scripts/checkpatch.pl" --no-tree --strict --show-types --terse --no-summary -f |
		sed -nE 's/^(.*:[0-9]+): (ERROR|WARNING|CHECK):([A-Z_]+): /\1: \3: /p' | unexpected checkpatch
	codes=("${PIPESTATUS[@]}")
	# Exit code 1 of checkpatch, which xargs makes 123 of, is that it found something: the exceptions judge that.
	[ "${codes[3]}" -eq 0 ] && [[ ${codes[1]} =~ ^(0|123)$ ]] && echo "${#files[@]} files"
}

# Each header compiles alone: what both sides of netlink share to the letter of C11 and C++20, the module's core for this
# machine with the extensions that the kernel uses, userspace's as C++20.
lint_headers() {
	local strict='-Wall -Wextra -Werror -fsyntax-only' shared core cxx own
	mapfile -t shared < <(sources include/lvs -- '*.h')
	mapfile -t core < <(sources kmod/core -- '*.h')
	mapfile -t cxx < <(sources userspace tests/unit tests/golden tests/fuzz -- '*.h' '*.hpp')
	own="-Wno-missing-field-initializers -isystem include -Ikmod -Iuserspace -Itests/unit $(pkg-config --cflags libnl-genl-3.0)"
	{
		printf "gcc -std=c11 -pedantic-errors $strict -Iinclude -x c -include %s /dev/null\n" "${shared[@]}"
		printf "g++ -std=c++20 -pedantic-errors $strict -Iinclude -x c++ -include %s /dev/null\n" "${shared[@]}"
		printf "gcc -std=gnu11 $strict -Iinclude -Ikmod -x c -include %s /dev/null\n" "${core[@]}"
		printf "g++ -std=gnu++20 $strict -Iinclude -Ikmod -x c++ -include %s /dev/null\n" "${core[@]}"
		printf "g++ -std=gnu++20 $strict $own -x c++ -include %s /dev/null\n" "${cxx[@]}"
	} | xargs -P "$jobs" -d '\n' -n 1 sh -c && echo "${#shared[@]} shared headers, ${#core[@]} of core, ${#cxx[@]} of userspace"
}

lint_warnings() {
	local log=$logs/module.log kernel_doc files
	# Without it modpost runs again, and tells again.
	rm -f "$LVS_BUILD"/module/*/Module.symvers
	make_module >"$log" 2>&1 || {
		grep -E 'error:|warning:|\*\*\*' "$log" || tail -n 30 "$log"
		return 1
	}
	! grep -i 'warning:' "$log" || return
	kernel_doc=$(kernel_scripts)/kernel-doc || return
	mapfile -t files < <(sources kmod include -- '*.[ch]')
	! "$kernel_doc" -none -Wall "${files[@]}" 2>&1 | grep -E 'warning|error' || return
	echo "${#files[@]} files"
}

lint_sparse() {
	local log=$logs/module-sparse.log
	make_module C=2 CF=-D__CHECK_ENDIAN__ >"$log" 2>&1 || {
		tail -n 30 "$log"
		return 1
	}
	! grep -A 2 -E 'warning:|error:' "$log" && echo "$(grep -c ' CHECK ' "$log") files"
}

# init_module and cleanup_module are what module_init() and module_exit() make; __pfx_ symbols are the kernel's padding.
lint_symbols() {
	local tree module name
	make_module >"$logs/module-symbols.log" 2>&1 || {
		tail -n 30 "$logs/module-symbols.log"
		return 1
	}
	tree=$LVS_BUILD/module/$(default_vm_kernel)
	for module in "$tree"/*.ko; do
		name=$(basename "$module" .ko)
		nm --defined-only --extern-only "$module" |
			awk -v name="$name" '$3 !~ "^(__pfx_)?(lvs|" name ")_" &&
				$3 !~ /^(__pfx_)?(init_module|cleanup_module|__this_module)$/ {
					print name ".ko: global symbol without its prefix: " $3
					bad = 1
				}
				END { print NR " symbols of " name ".ko"; exit bad }' || return
	done
	awk '$2 !~ /^(lvs|toa)_/ { print "exported without our prefix: " $2; bad = 1 } END { exit bad }' "$tree/Module.symvers"
}

# Semantic patches for what this module has not: buses, devices, clocks, files of its own. null/badzero wants an OCaml
# compiler; sparse finds the same. tests/odd_ptr_err and others that only make patches have no report mode.
no_use='api/(check_bq27xxx_data|device_attr_show|platform_|pm_runtime|resource_size|simple_open|stream_open|d_find_alias)
api/debugfs/|free/(clk_put|devm_free|iounmap|pci_free|put_device)|iterators/(device_node|for_each_child)
misc/(irqf_oneshot|of_table|add_namespace)|null/badzero'

run_semantic_patch() { # FILE
	local options name=${1#*/coccinelle/} code
	name=${name%.cocci}
	mapfile -t options < <(sed -n 's,^// Options:,,p' "$1" | xargs -n 1)
	timeout 120 spatch -D report --no-show-diff --very-quiet "${options[@]}" --include-headers --cocci-file "$1" \
		-I kmod -I include --dir kmod 2>"$2/${name//\//-}.err" | sed -nE "s|^(.*:[0-9]+):[0-9-]+: |\1: $name: |p"
	code=${PIPESTATUS[0]}
	[ "$code" -eq 0 ] || {
		echo "kmod:0: $name: spatch failed with exit code $code"
		cat "$2/${name//\//-}.err"
	}
}
export -f run_semantic_patch

lint_coccinelle() {
	local scripts patches
	scripts=$(kernel_scripts) || return
	mapfile -t patches < <(grep -rl --include='*.cocci' '^virtual report' \
		"$scripts"/coccinelle/{api,free,iterators,locks,misc,null,tests} | grep -vE "${no_use//$'\n'/|}" | sort)
	[ ${#patches[@]} -gt 30 ] || die "only ${#patches[@]} semantic patches in $scripts"
	{
		# A function that it cannot read is one that it does not check.
		spatch --parse-c kmod 2>&1 |
			awk -F '[",]' '/^ = File/ { at = $2 ":" $4 } /^BAD/ { sub(" line ", "", at); print at ": unreadable: Coccinelle checks nothing here" }'
		printf '%s\n' "${patches[@]}" |
			xargs -P "$jobs" -I FILE bash -c "run_semantic_patch FILE '$logs'"
	} | sort -u | unexpected coccinelle && echo "${#patches[@]} semantic patches"
}

lint_clang-tidy() {
	local files
	if ! { make --no-print-directory "$LVS_BUILD/CMakeCache.txt" && cmake "$LVS_BUILD"; } >"$logs/cmake.log" 2>&1; then
		tail "$logs/cmake.log"
		return 1
	fi
	mapfile -t files < <(sed -n 's/^ *"file": "\(.*\.cpp\)".*/\1/p' "$LVS_BUILD/compile_commands.json" | sort -u)
	[ ${#files[@]} -gt 0 ] || die "no C++ in compile_commands.json"
	printf '%s\0' "${files[@]}" |
		xargs -0 -P "$jobs" -n 1 clang-tidy -p "$LVS_BUILD" --quiet --warnings-as-errors='*' \
			2> >(grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' >&2) &&
		echo "${#files[@]} files"
}

main() {
	local part parts=("$@")
	[ ${#parts[@]} -gt 0 ] || parts=("${all_parts[@]}")
	for part in "${parts[@]}"; do
		declare -F "lint_$part" >/dev/null || {
			usage >&2
			exit 2
		}
	done
	keep_logs_in lint
	for part in "${parts[@]}"; do
		step "$part"
		one_test "lint.$part" "lint_$part"
	done
	summary
}

case ${1-} in
-h | --help) usage ;;
*) main "$@" ;;
esac
