# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Paths and small helpers that the scripts in this directory share. Meant to be sourced.

# Debian keeps administrators' tools in sbin; other pythons and the like in front of PATH must not get in.
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

LVS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LVS_BUILD=${LVS_BUILD:-$LVS_ROOT/build}
LVS_CACHE=${LVS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lvs-director}
# Kernel images for the VM: kernels/VERSION/{vmlinuz,root/usr/lib/modules/VERSION}
LVS_KERNELS=$LVS_CACHE/kernels
# Packages that only the VM uses, unpacked and never installed on the host. Another list is another directory: no checkout
# gets what an older or newer one unpacked.
LVS_VM_PACKAGES=$LVS_ROOT/scripts/vm.d/packages
LVS_VM_ROOT=$LVS_CACHE/vm-root-$(sed 's/ *#.*//' "$LVS_VM_PACKAGES" | sha256sum | cut -c 1-12)
export LVS_ROOT LVS_BUILD LVS_CACHE LVS_KERNELS LVS_VM_PACKAGES LVS_VM_ROOT

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The newest cached kernel by a name of scripts/kernel: uml, kasan and kcsan are built here with that as a part of their
# version, anything else is the beginning of a stock kernel's. Prints nothing if there is none.
kernel_named() { # NAME
	local dir version
	for dir in "$LVS_KERNELS"/*/; do
		version=$(basename "$dir")
		case $version in
		*-lvs-"$1") printf '%s\n' "$version" ;;
		*-lvs-*) ;;
		"$1".*) printf '%s\n' "$version" ;;
		esac
	done | sort -V | tail -n 1
}

# The build directory of a kernel, as KDIR= takes it.
kernel_headers() { # VERSION
	if [ -d "$LVS_KERNELS/$1/build" ]; then
		printf '%s\n' "$LVS_KERNELS/$1/build"
	else
		printf '%s\n' "/lib/modules/$1/build"
	fi
}

# The kernel that the VM boots unless told otherwise: the newest of the cached ones that has headers to build against.
default_vm_kernel() {
	local dir version
	for dir in "$LVS_KERNELS"/*/; do
		version=$(basename "$dir")
		if [ -e "$dir/vmlinuz" ] && [ -d "/usr/lib/modules/$version/build" ]; then
			printf '%s\n' "$version"
		fi
	done | sort -V | tail -n 1
}
