#!/usr/bin/env bash
# discovery in virtual time, from a seed: networks of thousands of nodes, churn, adversaries (sim list shows what there is)
#
#   one process, one thread: nodes as state machines <-> datagrams that wait for their time
#
# ./lab sim-discovery [--json] [--long] [--seed N] [--nodes N] [NAME...]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"

options=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --long) options+=("$1") ;;
    --seed | --nodes) options+=("$1" "$2"); shift ;;
    -*) say "Usage: ./lab sim-discovery [--json] [--long] [--seed N] [--nodes N] [NAME...]"; exit 2 ;;
    *) options+=("$1") ;;
  esac
  shift
done

need_dotnet
dotnet build "$root/tests/lab/Macro.Sim" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
  { tail -20 "$lab_home/build.log" >&2; die "Building the simulation failed."; }

told() { echo "$2"; [ "$1" = true ]; }

while IFS= read -r line; do
  name=$(jq -r .scenario <<<"$line")
  fact "$name" "$(jq -c 'del(.scenario, .ok, .checks)' <<<"$line")"
  note "$(jq -r '.scenario, (del(.scenario, .ok, .checks, .rows) | to_entries[] | "      \(.key): \(.value)"), (.rows // [] | .[] | "      " + (to_entries | map("\(.key) \(.value)") | join(", ")))' <<<"$line")"
  while IFS= read -r one; do
    check "$name: $(jq -r .name <<<"$one")" told "$(jq -r .ok <<<"$one")" "$(jq -r .detail <<<"$one")"
  done < <(jq -c '.checks[]' <<<"$line")
done < <("$root/artifacts/bin/Macro.Sim/release/sim" --json "${options[@]}" || true)
report sim-discovery
