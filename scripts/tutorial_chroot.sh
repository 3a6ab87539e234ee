#!/bin/sh
# Follows docs/tutorial.md word for word in a bare Debian, which it makes and removes again:
#
#     sh scripts/tutorial_chroot.sh [suite]
#
# It needs what bare_debian.sh needs. npm's packages come from the registry that this machine is set up with. In the new
# system there is what the tutorial asks for, Node and this folder, and git; Deno comes by npx, and the Vulkan driver by
# the set-up. The suite must have Node 20 or newer.
set -eu
suite=${1:-trixie}
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/bare_debian.sh"
bare_debian_alone "$0" "$suite"

registry=$(npm config get registry 2>/dev/null || true)
bare_debian "$suite" git nodejs npm
git clone --quiet "$here" "$system/root/secateur"
chroot "$system" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ${registry:+npm_config_registry="$registry"} \
  NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt DENO_TLS_CA_STORE=system \
  sh -c 'cd /root/secateur && npx -y deno@2.9.6 run -A scripts/tutorial.ts'
