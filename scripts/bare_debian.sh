# Makes a bare Debian in a temporary folder, for scripts that source this file and then call, in this order,
#
#     bare_debian_alone "$0" "$@"     # starts the script again with mounts of its own
#     bare_debian SUITE PACKAGE …     # sets $system; the system goes when the script ends
#
# It needs root on Debian or Ubuntu, and debootstrap. Packages come from the mirror that this machine is set up with. The
# mounts are the script's own and go with it.

bare_debian_alone() {
  [ "${BARE_DEBIAN:-}" != own ] || return 0
  [ "$(id -u)" = 0 ] || { echo "this makes a system of its own: run it as root"; exit 1; }
  command -v debootstrap >/dev/null || { echo "debootstrap isn't here: apt-get install debootstrap"; exit 1; }
  BARE_DEBIAN=own exec unshare --mount sh "$@"
}

bare_debian() {
  suite=$1
  shift
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1)
  [ -n "$mirror" ] || { echo "apt knows no mirror here: see /etc/apt/sources.list"; exit 1; }
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
  chroot "$system" sh -c 'update-ca-certificates >/dev/null && apt-get update -qq'
  [ $# = 0 ] || bare_debian_install "$@"
}

bare_debian_install() {
  chroot "$system" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@"
}
