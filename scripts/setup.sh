#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs what building, testing and the demo need on Debian 12, and fetches the stock kernel that the VM boots.
# Run it as often as you like: what is there stays as it is, and a run with nothing to do takes a second.
#
#   host packages   installed with apt-get: compilers, libraries, headers, QEMU, plain network tools; no services
#   VM packages     programs that come with a service (nginx, keepalived, ...; scripts/vm.d/packages): unpacked into the
#                   cache, shown to the VM as a layer over the host's files, and never installed on the host, so nothing
#                   starts there
#   kernel image    the one that belongs to the installed headers, unpacked into the cache and not installed either

set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

host_packages() {
	sed 's/#.*//' <<-'LIST' | xargs -n 1
		build-essential                 # gcc, g++, make: module and tools
		cmake                           # builds the C++ tools
		pkg-config                      # finds the libraries below
		catch2                          # unit tests
		libnl-3-dev                     # netlink messages
		libnl-genl-3-dev                # generic netlink: the families IPVS and LVS
		libboost-program-options-dev    # command lines
		nlohmann-json3-dev              # ipvsadm --json
		libkmod-dev                     # ipvsadm loads lvs.ko when it is not there
		kmod                            # depmod, modprobe
		linux-headers-amd64             # to build lvs.ko against
		flex                            # builds kernels: scripts/kernel
		bison                           # the same
		bc                              # the same
		libelf-dev                      # the same, for objtool
		libssl-dev                      # the same, for what signs modules
		dwarves                         # pahole: the connection's size is a tested promise
		qemu-system-x86                 # the VM
		busybox-static                  # the VM's first process
		cpio                            # packs the VM's initramfs
		iproute2                        # ip: namespaces and addresses
		iptables                        # firewall rules beside the director in tests
		nftables                        # the same, and the floor that the bench measures
		conntrack                       # shows what connection tracking knows
		procps                          # sysctl, ps
		tcpdump                         # tests look at what really is on the wire
		ethtool                         # shows offloads; tests run with them on and off
		curl                            # the client in demo and tests
		netcat-openbsd                  # plain TCP and UDP peers in tests
		iputils-ping                    # reachability
		python3                         # test programs that craft packets and netlink messages
		shellcheck                      # lint: the scripts
		pyflakes3                       # lint: the Python programs
		sparse                          # lint: the module's sources
		coccinelle                      # the same, by the kernel's own semantic patches
		linux-source-6.1                # those, and checkpatch; only its scripts are unpacked
		clang-format                    # lint: how C++ is written
		clang-tidy                      # lint: mistakes in C++
		clang                           # the fuzzers
		libclang-rt-14-dev              # libFuzzer and the sanitizers for them
		llvm                            # what the fuzzers' corpora cover
	LIST
}

vm_packages() { sed 's/#.*//' "$LVS_VM_PACKAGES" | xargs -n 1; }

say() { printf 'setup: %s\n' "$*"; }

need_root() {
	[ "$(id -u)" -eq 0 ] || die "must run as root to $1"
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@"
}

# Package lists are fetched at most once a run, and only when something is missing.
lists_fresh=no
refresh_lists() {
	[ "$lists_fresh" = no ] || return 0
	need_root "fetch package lists"
	say "fetching package lists"
	apt update
	lists_fresh=yes
}

not_installed() {
	local installed name
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p')
	for name in "$@"; do
		grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
	done
}

install_host_packages() {
	local wanted missing
	mapfile -t wanted < <(host_packages)
	mapfile -t missing < <(not_installed "${wanted[@]}")
	if [ ${#missing[@]} -eq 0 ]; then
		say "host packages: all ${#wanted[@]} are there"
		return
	fi
	need_root "install packages (${missing[*]})"
	say "host packages: installing ${#missing[@]} of ${#wanted[@]}: ${missing[*]}"
	refresh_lists
	apt install -y --no-install-recommends "${missing[@]}"
}

# Unpacks the given archives under $1. Debian 12 has /bin, /lib and /sbin as links into /usr, packages do not all know.
unpack_debs() {
	local root=$1 deb name
	shift
	mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/sbin"
	for name in bin lib lib64 sbin; do
		ln -sfn "usr/$name" "$root/$name"
	done
	for deb in "$@"; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root"
	done
}

fetch_vm_packages() {
	local wanted new
	mapfile -t wanted < <(vm_packages)
	if [ -e "$LVS_VM_ROOT/.packages" ]; then
		say "VM packages: all ${#wanted[@]} are there"
		return
	fi
	say "VM packages: unpacking ${wanted[*]} into $LVS_VM_ROOT (not installed on this host)"
	refresh_lists
	mkdir -p "$LVS_CACHE"
	new=$(mktemp -d "$LVS_CACHE/vm-root-new.XXXXXX")
	mkdir -p "$new/archives/partial"
	apt install -y --no-install-recommends --reinstall --download-only -o Dir::Cache::archives="$new/archives" "${wanted[@]}"
	unpack_debs "$new/root" "$new/archives"/*.deb
	(cd "$new/archives" && printf '%s\n' *.deb) >"$new/root/.packages"
	chmod 755 "$new/root"
	rm -rf "$LVS_VM_ROOT"
	mv -T "$new/root" "$LVS_VM_ROOT"
	rm -rf "$new"
	# Of other lists, or begun and given up; scripts/vm touches the one that it uses.
	find "$LVS_CACHE" -maxdepth 1 -name 'vm-root*' -mtime +7 -exec rm -rf {} +
}

# The image must be of the very build that the headers are of: same name is not enough, Debian rebuilds under one name.
fetch_kernel() {
	local headers version build dir
	headers=$(dpkg-query -W -f '${Depends}' linux-headers-amd64 | grep -o 'linux-headers-[^ ,]*' | head -n 1)
	version=${headers#linux-headers-}
	build=$(dpkg-query -W -f '${Version}' "$headers")
	dir=$LVS_KERNELS/$version
	if [ "$(cat "$dir/build" 2>/dev/null)" = "$build" ]; then
		say "kernel $version ($build): in the cache"
		return
	fi
	refresh_lists
	if ! apt-cache show "linux-image-$version=$build" >/dev/null 2>&1; then
		say "kernel $version ($build) is no longer offered; moving to the newest"
		apt install -y --no-install-recommends linux-headers-amd64
		[ "$build" != "$(dpkg-query -W -f '${Version}' linux-headers-amd64)" ] ||
			die "no image offered for the headers $version ($build)"
		fetch_kernel
		return
	fi
	say "kernel $version ($build): downloading the image into $dir (not installed on this host)"
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	(cd "$dir.new" && apt download "linux-image-$version=$build")
	unpack_debs "$dir.new/root" "$dir.new"/*.deb
	rm "$dir.new"/*.deb
	mv "$dir.new/root/boot/vmlinuz-$version" "$dir.new/vmlinuz"
	mv "$dir.new/root/boot/config-$version" "$dir.new/config"
	say "kernel $version: indexing its modules"
	depmod -b "$dir.new/root" "$version"
	printf '%s\n' "$build" >"$dir.new/build"
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

usage() {
	cat <<-EOT
		Usage: scripts/setup.sh [--refresh] [--help]
		Installs what 'make', 'make check' and 'make demo' need on Debian 12, and fetches the VM's kernel into
		$LVS_CACHE (set LVS_CACHE to put it elsewhere).
		  --refresh   fetch the VM's packages and kernel anew
	EOT
}

case ${1-} in
-h | --help)
	usage
	exit 0
	;;
--refresh)
	say "dropping $LVS_VM_ROOT and $LVS_KERNELS"
	rm -rf "$LVS_VM_ROOT" "$LVS_KERNELS"
	;;
'') ;;
*)
	usage >&2
	exit 2
	;;
esac

[ "$(uname -m)" = x86_64 ] || die "only x86-64 hosts so far"
[ -e /etc/debian_version ] || die "this installs Debian packages; on another system see the lists in $0"
install_host_packages
fetch_vm_packages
fetch_kernel
say "ready"
