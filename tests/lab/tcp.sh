#!/usr/bin/env bash
# our TCP against chance: a million generated sequences of segments, and two million segments over bad links
#
#   peer made of chance -> connection        no byte lost, none invented, no deadlock, buffers bounded
#   connection <- bad link -> connection     the same, with loss, reordering, duplication and corruption
#
# The tests are those of ./test, which runs them at a smaller size. A failure names its seed.
#
# ./lab tcp [--json] [--sequences N] [--segments N] [--seed N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"

sequences=1000000 segments=2000000 seed=$(date +%Y%m%d)
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --sequences) sequences=$2; shift ;;
    --segments) segments=$2; shift ;;
    --seed) seed=$2; shift ;;
    *) say "Usage: ./lab tcp [--json] [--sequences N] [--segments N] [--seed N]"; exit 2 ;;
  esac
  shift
done

tests=$root/artifacts/bin/Macro.NetStack.Tests/release/Macro.NetStack.Tests

build() {
  need_dotnet
  dotnet build "$root/tests/Macro.NetStack.Tests" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
    { tail -20 "$lab_home/build.log" >&2; die "Building the tests failed."; }
}

holds() { # CLASS
  local output status=0
  output=$(timeout 3600 "$tests" -noLogo -noColor -class "Macro.NetStack.Tests.$1" 2>&1) || status=$?
  if [ $status = 0 ]; then tail -n 1 <<<"$output"; else grep -m 2 -E 'seed [0-9]+|---- ' <<<"$output" | paste -sd ' ' | tr -s ' '; fi
  return $status
}

export MACRO_TCP_SEQUENCES=$sequences MACRO_TCP_STEPS=$segments MACRO_TCP_SEED=$seed
build
fact seed "$seed"
check "$sequences sequences of segments" holds SequenceTests
check "$segments segments over bad links" holds ChaosTests
report tcp
