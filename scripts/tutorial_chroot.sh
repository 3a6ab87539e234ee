#!/bin/sh
# Follows docs/tutorial.md word for word in a bare Debian, which it makes and removes again:
#
#     sh scripts/tutorial_chroot.sh [suite]
#
# It needs root on Debian or Ubuntu, and debootstrap. Packages come from the mirror, and npm's from the registry, that this
# machine is set up with. In the new system there is what the tutorial asks for, Node and this folder, and git; Deno comes
# by npx, and the Vulkan driver by the set-up. The suite must have Node 20 or newer. The mounts are the script's own and
# go with it.
set -eu
suite=${1:-trixie}
here=$(cd "$(dirname "$0")/.." && pwd)

if [ "${TUTORIAL_MOUNTS:-}" != own ]; then
  [ "$(id -u)" = 0 ] || { echo "this makes a system of its own: run it as root"; exit 1; }
  command -v debootstrap >/dev/null || { echo "debootstrap isn't here: apt-get install debootstrap"; exit 1; }
  TUTORIAL_MOUNTS=own exec unshare --mount sh "$0" "$suite"
fi

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no mirror here: see /etc/apt/sources.list"; exit 1; }
registry=$(npm config get registry 2>/dev/null || true)
system=$(mktemp -d)
# Also for the user under whom apt downloads.
chmod 755 "$system"
trap 'umount --recursive "$system/proc" "$system/dev" 2>/dev/null || true; rm -rf --one-file-system "$system"' EXIT
debootstrap --variant=minbase --include=ca-certificates "$suite" "$system" "$mirror"
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
cp /etc/resolv.conf "$system/etc/resolv.conf"
# What this machine trusts beside Debian's own: its network may answer for the registry.
cp /usr/local/share/ca-certificates/*.crt "$system/usr/local/share/ca-certificates/" 2>/dev/null || true
chroot "$system" sh -c 'update-ca-certificates >/dev/null && export DEBIAN_FRONTEND=noninteractive && apt-get update -qq &&
  apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io git nodejs npm'
git clone --quiet "$here" "$system/root/secateur"
chroot "$system" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ${registry:+npm_config_registry="$registry"} \
  NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt DENO_TLS_CA_STORE=system \
  sh -c 'cd /root/secateur && npx -y deno@2.9.6 run -A scripts/tutorial.ts'
