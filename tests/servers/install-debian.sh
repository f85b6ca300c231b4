#!/usr/bin/env bash
# Puts on a bare Debian machine what the tests need of Debian's packages: OpenLDAP, Samba AD and the small tools around
# them, and the judges of units, metrics and system calls.
#
#   install-debian.sh          as root; needs nothing but Debian's package archive
#
# Idempotent: packages that are there are left alone. No package may start a daemon: the tests start their own
# servers, on loopback ports of their own, and end them.
set -euo pipefail

packages=(
    slapd ldap-utils                                                    # OpenLDAP and its clients
    samba samba-ad-provision samba-dsdb-modules samba-vfs-modules      # a real Active Directory domain controller
    python3-samba ldb-tools                                             # seeds it without a running server
    socat iproute2                                                      # carries its fixed ports to free ones
    python3 openssl util-linux                                          # fault proxy, certificates, flock
    systemd prometheus                                                  # systemd-analyze, promtool
    strace e2fsprogs                                                    # which calls sync; a disk whose power is cut
)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "install-debian.sh: everything is there" >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "install-debian.sh: run as root; these packages are missing: ${missing[*]}" >&2
    exit 1
fi

# Debian asks this file whether a package may start its daemon; 101 means no. One that is already there is kept.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends "${missing[@]}" >&2; }
# The package lists of a fresh machine are empty or old; fetch them only if the first attempt needs them.
install || { apt-get update >&2 && install; }
