#!/bin/sh
# Runs Secateur's kernel tests and benchmarks on this machine's GPU, with no network:
#
#     sh run.sh [--out FILE] [--minutes N] [--only PART,…]
#
# and writes one JSON file, which `deno task bench --import FILE` reads where the pack was made. README.txt says more.
set -u

fail() {
  echo "bench: $1" >&2
  exit 1
}

sums() {
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# All of it is one function: a script that was cut off does nothing.
main() {
  here=$(cd "$(dirname "$0")" && pwd)
  [ -s "$here/SHA256SUMS" ] && tail -n 1 "$here/SHA256SUMS" | grep -q '^# end' ||
    fail "this pack was cut off: SHA256SUMS isn't whole; copy it again"
  (cd "$here" && grep -v '^#' SHA256SUMS | sums -c >/dev/null 2>&1) ||
    fail "this pack was cut off or changed: a file differs from SHA256SUMS; copy it again"
  deno=deno
  unpacked=
  if [ -f "$here/deno.gz" ]; then
    machine=$(uname -sm)
    [ "$machine" = "@MACHINE@" ] ||
      fail "this pack holds Deno for @MACHINE@, and this is $machine: install Deno here, and make the pack without --with-deno"
    unpacked=$(mktemp -d) || fail "no folder for temporary files can be made: set TMPDIR to one with 100 MB"
    trap 'rm -rf "$unpacked"' EXIT INT TERM
    gzip -dc "$here/deno.gz" >"$unpacked/deno" 2>/dev/null && chmod +x "$unpacked/deno" ||
      fail "Deno can't be unpacked to $unpacked: set TMPDIR to a folder with 100 MB"
    deno="$unpacked/deno"
  fi
  "$deno" --version >/dev/null 2>&1 ||
    fail "$([ -n "$unpacked" ] && echo "Deno doesn't start from $unpacked: set TMPDIR to a folder that may hold programs" ||
      echo "Deno isn't installed here: install Deno @DENO@, or make the pack with --with-deno")"
  "$deno" run --quiet --no-prompt --no-config --no-lock --no-remote --no-npm --allow-read --allow-write --allow-env \
    --allow-sys "$here/bench.js" "$@"
}

main "$@"
exit $?
