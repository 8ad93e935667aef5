#!/usr/bin/env bash
# discovery in virtual time, from a seed: networks of thousands of nodes, churn, adversaries (sim list shows what there is)
#
#   one process, one thread: nodes as state machines <-> datagrams that wait for their time
#
# --record puts the figures into tests/bench/results.md, --long those of the large networks.
#
# ./lab sim-discovery [--json] [--record] [--long] [--seed N] [--nodes N] [NAME...]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/bench/lib/record.sh"

options=(--about discovery) record=false section=sim-discovery size=
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --long) options+=("$1") section=sim-discovery-long size=" $1" ;;
    --seed | --nodes) options+=("$1" "$2"); shift ;;
    -*) say "Usage: ./lab sim-discovery [--json] [--record] [--long] [--seed N] [--nodes N] [NAME...]"; exit 2 ;;
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

# One line for each figure, one for each row of a table, with the bars behind.
table() {
  printf '`./lab sim-discovery --record%s`, virtual time. %s.\n\n| scenario | figure | value |\n| --- | --- | --: |\n' "$size" "$(machine)"
  jq -r 'to_entries[] | .key as $name | .value | (del(.rows) | to_entries[] | "| \($name) | \(.key) | \(.value) |"),
    (.rows // [] | .[] | to_entries | "| \($name) | \(.[0].key): \(.[0].value) | \(.[1:] | map("\(.key) \(.value)") | join(", ")) |")' "$lab_home/facts"
  jq -r '"| \(.name) | \(if .ok then "holds" else "DOES NOT HOLD" end) | \(.detail) |"' "$lab_home/checks"
}

if $record; then table | record_text "$section"; fi
report sim-discovery
