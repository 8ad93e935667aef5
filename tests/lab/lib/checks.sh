# Named checks, and the report at the end: lines for people, or one JSON object with --json. Sourced after namespaces.sh.

lab_json=false
lab_began=$SECONDS
lab_reported=false
: >"$lab_home/checks"
: >"$lab_home/facts"

# check NAME COMMAND...: holds when the command succeeds; the last line that it prints is the detail of the report.
check() {
  local name=$1 detail ok=true
  shift
  detail=$("$@" 2>&1) || ok=false
  detail=$(tail -n 1 <<<"$detail" | cut -c1-300)
  $ok || : >"$lab_home/failed"
  jq -cn --arg name "$name" --argjson ok $ok --arg detail "$detail" '{name: $name, ok: $ok, detail: $detail}' >>"$lab_home/checks"
  if ! $lab_json; then
    if $ok; then printf 'ok    %s%s\n' "$name" "${detail:+  ($detail)}"; else printf 'FAIL  %s%s\n' "$name" "${detail:+: $detail}"; fi
  fi
}

# fact NAME JSON: a measured value for the report.
fact() { jq -cn --arg name "$1" --argjson value "$2" '{($name): $value}' >>"$lab_home/facts"; }

note() { $lab_json || printf '%s\n' "$*"; }

# report SCENARIO: prints the result and ends the scenario; the exit status is 0 only when all checks held.
report() {
  local ok=false
  [ -s "$lab_home/checks" ] && [ ! -e "$lab_home/failed" ] && ok=true
  lab_reported=true
  if $lab_json; then
    jq -cn --arg scenario "$1" --argjson ok $ok --argjson seconds $((SECONDS - lab_began)) \
      --slurpfile checks "$lab_home/checks" --slurpfile facts "$lab_home/facts" \
      '{scenario: $scenario, ok: $ok, seconds: $seconds} + ($facts | add // {}) + {checks: $checks}'
  elif $ok; then
    echo PASS
  else
    echo FAIL
  fi
  $ok && exit 0 || exit 1
}

# broke_off: called while the lab is taken down; a scenario that ends without a report has failed, and says so.
broke_off() {
  if $lab_reported; then return 0; fi
  if $lab_json; then jq -cn --arg scenario "$(basename "$0" .sh)" '{scenario: $scenario, ok: false, error: "broke off"}'; else echo FAIL; fi
}

# equal WHAT ACTUAL EXPECTED
equal() { [ "$2" = "$3" ] && echo "$1 $2" || { echo "$1 is '$2' and not '$3'"; return 1; }; }
