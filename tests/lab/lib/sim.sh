# What sim-discovery and sim-routing are made of: experiments in virtual time, each with its figures and bars. Sourced, never run.

. "$root/scripts/machine.sh"
need_commands jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/bench/lib/record.sh"

# simulate LAB SUBJECT [ARGUMENT...]: runs the scenarios of a subject, or those that are named, and reports.
# --record: each scenario has a section of its own in tests/bench/results.md.
simulate() {
  local lab=$1 options=(--about "$2") record=false told= long= line
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --json) lab_json=true ;;
      --record) record=true ;;
      --long) options+=("$1") told+=" $1" long=-long ;;
      --seed | --nodes) options+=("$1" "$2") told+=" $1 $2"; shift ;;
      -*) say "Usage: ./lab $lab [--json] [--record] [--long] [--seed N] [--nodes N] [NAME...]"; exit 2 ;;
      *) options+=("$1") ;;
    esac
    shift
  done
  build_sim
  while IFS= read -r line; do
    tell "$line"
    if $record; then section "./lab $lab$told" "$line" | record_text "sim-$(jq -r .scenario <<<"$line")$long"; fi
  done < <("$root/artifacts/bin/Macro.Sim/release/sim" --json "${options[@]}" || true)
  report "$lab"
}

build_sim() {
  need_dotnet
  dotnet build "$root/tests/lab/Macro.Sim" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
    { tail -20 "$lab_home/build.log" >&2; die "Building the simulation failed."; }
}

# tell LINE: facts and checks of one scenario into the report.
tell() {
  local name one
  name=$(jq -r .scenario <<<"$1")
  fact "$name" "$(jq -c 'del(.scenario, .ok, .checks)' <<<"$1")"
  note "$(jq -r '.scenario, (del(.scenario, .ok, .checks, .rows) | to_entries[] | "      \(.key): \(.value)"), (.rows // [] | .[] | "      " + (to_entries | map("\(.key) \(.value)") | join(", ")))' <<<"$1")"
  while IFS= read -r one; do
    check "$name: $(jq -r .name <<<"$one")" told "$(jq -r .ok <<<"$one")" "$(jq -r .detail <<<"$one")"
  done < <(jq -c '.checks[]' <<<"$1")
}

told() { echo "$2"; [ "$1" = true ]; }

# section COMMAND LINE: facts, the table of rows, the bars.
section() {
  jq -r --arg command "$1" --arg machine "$(machine)" '
    def row: "| " + (map(tostring) | join(" | ")) + " |";
    "## sim-\(.scenario)\n\n`\($command) \(.scenario) --record`, virtual time. \($machine).",
    "", ["figure", "value"], ["---", "---:"], (del(.scenario, .ok, .rows, .checks) | to_entries[] | [.key, .value]),
    (.rows // [] | select(length > 0) | "", (.[0] | keys_unsorted | ., ["---"] + map("---:")[1:]), (.[] | [.[]])),
    "", ["bar", "holds", "measured"], ["---", "---", "---"], (.checks[] | [.name, if .ok then "yes" else "NO" end, .detail])
    | if type == "array" then row else . end' <<<"$2"
}
