#!/bin/sh
# Tries a pack of benchmarks (deno task bench --pack) in a bare Debian without a network, which it makes and removes again:
#
#     sh scripts/pack_chroot.sh [suite]
#
# It needs what bare_debian.sh needs, and `deno` or DENO. The pack must refuse, in one line each and with nothing
# half-written, a machine without an adapter, another architecture and its own being cut off; with a software Vulkan driver
# its shaders, its tests and a case of a suite must pass, and bench --import must read what it writes. A pack for a full
# disk must be refused where packs are made.
set -eu
suite=${1:-trixie}
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/bare_debian.sh"
bare_debian_alone "$0" "$suite"
deno=${DENO:-deno}

# refused WHAT PATTERN COMMAND …: it must end with 1 and one line that matches.
refused() {
  what=$1 pattern=$2
  shift 2
  code=0
  said=$("$@" 2>&1) || code=$?
  [ "$code" = 1 ] && [ "$(echo "$said" | wc -l)" = 1 ] && echo "$said" | grep -Eq "$pattern" ||
    { echo "FAILED  $what: ended with $code and said"; echo "$said"; exit 1; }
  echo "ok      $what: $said"
}

# Without a network, in a folder of its own.
there() {
  unshare --net chroot "$system" env -i HOME=/root PATH="$path" sh -c "cd /root/work && $1"
}
path=/usr/sbin:/usr/bin:/sbin:/bin

bare_debian "$suite"
mkdir "$system/root/work" "$system/fake"
# The first pack also brings the packages that packs are made with.
"$deno" run -A "$here/bench/main.ts" --pack "$system/root/pack" --with-deno
full=$(mktemp -d)
mount -t tmpfs -o size=2m tmpfs "$full"
refused "a full disk" 'the disk is full .* nothing of it is left' \
  "$deno" run -A "$here/bench/main.ts" --pack "$full/pack" --with-deno
[ -z "$(ls "$full")" ] || { echo "FAILED  a full disk: there is something left"; exit 1; }
umount "$full"
rmdir "$full"

refused "no adapter" 'no GPU that Vulkan or Metal knows: install its driver' there 'sh ../pack/run.sh'
printf '#!/bin/sh\necho Linux aarch64\n' >"$system/fake/uname"
chmod +x "$system/fake/uname"
path=/fake:$path
refused "another architecture" 'holds Deno for Linux x86_64, and this is Linux aarch64' there 'sh ../pack/run.sh'
path=${path#/fake:}
cp -r "$system/root/pack" "$system/root/cut"
truncate -s 500000 "$system/root/cut/bench.js"
refused "a pack that was cut off" 'was cut off or changed' there 'sh ../cut/run.sh'
rm "$system/root/cut/SHA256SUMS"
refused "a pack without its sums" "SHA256SUMS isn't whole" there 'sh ../cut/run.sh'
[ -z "$(ls "$system/root/work")" ] || { echo "FAILED  something was written"; exit 1; }

bare_debian_install mesa-vulkan-drivers >/dev/null
there 'sh ../pack/run.sh --only shaders,tests,kernels --case "GEMM 64" --rounds 1 --no-tune --out found.json'
[ "$(ls "$system/root/work")" = found.json ] || { echo "FAILED  more than the result was written"; exit 1; }
"$deno" eval "import { parseResults } from '$here/bench/pack/results.ts';
  const { tests, shaders, records } = parseResults(await Deno.readTextFile('$system/root/work/found.json'));
  if (!(tests.passed > 100 && tests.failed === 0 && shaders.refusals.length === 0 && records.length === 1)) Deno.exit(1);"
echo "ok      the pack runs in a bare Debian without a network"
