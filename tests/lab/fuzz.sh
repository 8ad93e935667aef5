#!/usr/bin/env bash
# mutated inputs for every parser that strangers reach: IP, TCP, UDP, ICMP, DNS, SOCKS, HTTP, frames in TLS, bencode, KRPC, STUN, routers,
# descriptors, directory messages, seed lists, invite links
#
#   corpus (tests/lab/Macro.Fuzz/corpus) -> mutations from a seed -> parser, or the stack behind it
#
# Nothing may throw, hang, allocate without bound or break a promise of its target. A failure writes the inputs that lead
# to it and says how to replay them.
#
# ./lab fuzz [--json] [--record] [--inputs N] [--seed N] [--target NAME]...

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/bench/lib/record.sh"

inputs=10000000 seed=$(date +%Y%m%d) record=false
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --inputs) inputs=$2; shift ;;
    --seed) seed=$2; shift ;;
    --target) targets+=("$2"); shift ;;
    *) say "Usage: ./lab fuzz [--json] [--record] [--inputs N] [--seed N] [--target NAME]..."; exit 2 ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] ||
  targets=(ip tcp udp icmp dns dns-resolver socks http tcp-frame bencode krpc stun gateway descriptor directory seed-list invite)

fuzz=$root/artifacts/bin/Macro.Fuzz/release/fuzz

build() {
  need_dotnet
  dotnet build "$root/tests/lab/Macro.Fuzz" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
    { tail -20 "$lab_home/build.log" >&2; die "Building fuzz failed."; }
}

# The last line is the result; on a failure the lines before it are the exception.
throw_at() {
  local output status=0
  output=$(cd "$root/artifacts" && timeout 3600 "$fuzz" --target "$1" --inputs "$inputs" --seed "$seed" 2>&1) || status=$?
  [ $status = 0 ] || printf '%s\n' "$output" >&2
  tail -n 1 <<<"$output" | sed "s,^ok  *[a-z-]* *,,"
  return $status
}

# A row for each target. Rows of targets that were not run stay as they were recorded.
table() {
  printf '## fuzz\n\n`./lab fuzz --record`. %s.\n\n| target | seed | outcome | holds |\n| --- | ---: | --- | --- |\n' "$(machine)"
  {
    jq -r --arg seed "$seed" '"| \(.name) | \($seed) | \(.detail) | \(if .ok then "yes" else "NO" end) |"' "$lab_home/checks"
    sed -n '/<!-- begin fuzz -->/,/<!-- end fuzz -->/ {/^| [a-z-]* | [0-9]/p}' "$results"
  } | sort -t'|' -k2,2 -u -s
}

build
fact seed "$seed"
fact inputs "$inputs"
for target in "${targets[@]}"; do
  check "$target" throw_at "$target"
done
if $record; then table >"$lab_home/table" && record_text fuzz <"$lab_home/table"; fi
report fuzz
