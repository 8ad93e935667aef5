#!/usr/bin/env bash
# Batches of ChaCha20-Poly1305: AVX-512, AVX2, libsodium, OpenSSL with a kept context, base library; ns per packet
#
# ./bench aead [--json] [--record] [--rounds N] [--keys N]; ./bench aead --prove compares ten million random packets on every path with the base library.

set -euo pipefail
. "$root/scripts/machine.sh"
. "$root/tests/bench/lib/record.sh"
need_dotnet
need_commands python3
json=false record=false prove=false options=()
while [ $# -gt 0 ]; do
  case $1 in
    --record) record=true ;;
    --json) json=true; options+=(--json) ;;
    --prove) prove=true ;;
    --rounds | --keys) options+=("$1" "$2"); shift ;;
    *) say "Usage: ./bench aead [--json] [--record] [--rounds N] [--keys N], or ./bench aead --prove"; exit 2 ;;
  esac
  shift
done

build() { # PROJECT
  dotnet build "$root/$1" -c Release -v quiet --nologo >&2
}

if $prove; then
  build tests/Macro.Crypto.Tests
  MACRO_AEAD_CASES=${MACRO_AEAD_CASES:-10000000} \
    exec "$root/artifacts/bin/Macro.Crypto.Tests/release/Macro.Crypto.Tests" -noLogo -noColor -class Macro.Crypto.Tests.AeadPathTests
fi

build tests/bench/Macro.AeadBench
program=$root/artifacts/bin/Macro.AeadBench/release/aead-bench
if $json; then
  "$program" "${options[@]}"
else
  table=$("$program" "${options[@]}")
  printf '%s\n' "$table"
  ! $record || printf '## aead\n\n`./bench aead --record`. %s.\n\n%s\n' "$(machine)" "$table" | record_text aead
fi
