#!/usr/bin/env bash
# memory of an idle session and of a channel on a relay, and the time of a look-up, in process
#
# ./bench sessions [--json] [--record] [--rounds N] [--sessions N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
. "$root/tests/bench/lib/in_process.sh"
usage='[--sessions N]'
rounds=1 sessions=100000
while [ $# -gt 0 ]; do
  case $1 in
    --sessions) sessions=$2 taken=2 ;;
    *) common_option "$@" ;;
  esac
  shift $taken
done

bar 'idle session beside its keys (bytes)' 'in process' '<= 1024'
bar 'channel (bytes)' 'in process' '<= 200'
build_macro_bench
for ((round = 1; round <= rounds; round++)); do in_process sessions "$sessions"; done
report_table ''
