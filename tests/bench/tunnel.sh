#!/usr/bin/env bash
# macro-wg against wireguard-go 0.0.20231211 on the same machine: TCP, UDP, ping, CPU; alternating runs, ratios of medians
#
#   alice wg ---- cable ---- bob wg      twice: both sides wireguard-go, both sides macro-wg; all up at once
#
# ./bench tunnel [--json] [--rounds N] [--seconds N]. MACRO_WG names another program.

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip ping jq wg iperf3
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/wireguard.sh"
lab_reported=true # a benchmark has no checks to report
rounds=3 seconds=4
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    *) say "Usage: ./bench tunnel [--json] [--rounds N] [--seconds N]"; exit 2 ;;
  esac
  shift
done

[ -n "${MACRO_WG:-}" ] || "$root/build"
peer=$(wireguard_go_2023)
umask 077
pair ref "$peer" "$peer"
pair our "${MACRO_WG:-$root/out/macro-wg}" "${MACRO_WG:-$root/out/macro-wg}"
for name in ref our; do
  spawn "iperf-$name" "$name-b" iperf3 -s
  eventually 5 in_ns "$name-a" ping -q -c 1 -W 1 10.77.0.2
done

# Seconds of CPU that both programs of a pair have used.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); s += $12 + $13} END {print s / hz}' "/proc/$(pid_of "$1-a")/stat" "/proc/$(pid_of "$1-b")/stat"; }

value() { echo "$2" >>"$lab_home/$1"; }

tcp() { # PAIR LABEL [OPTION...]
  local name=$1 label=$2 before after answer
  shift 2
  before=$(cpu "$name")
  answer=$(in_ns "$name-a" iperf3 -c 10.77.0.2 -t "$seconds" -J "$@")
  after=$(cpu "$name")
  value "$label-mbit.$name" "$(jq '.end.sum_received.bits_per_second / 1e6' <<<"$answer")"
  value "$label-cpu-per-gb.$name" "$(jq --argjson cpu "$(awk -v a="$before" -v b="$after" 'BEGIN {print b - a}')" '$cpu / (.end.sum_received.bytes / 1e9)' <<<"$answer")"
}

udp() {
  local answer
  answer=$(in_ns "$1-a" iperf3 -c 10.77.0.2 -u -l 1200 -b 0 -t "$seconds" -J)
  value "udp1200-kpps.$1" "$(jq '.end.sum | (.packets - .lost_packets) / .seconds / 1e3' <<<"$answer")"
}

latency() {
  local times
  times=$(in_ns "$1-a" ping -n -i 0.002 -c $((seconds * 400)) 10.77.0.2 | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -n)
  value "ping-p50-us.$1" "$(awk '{t[NR] = $1} END {print t[int(NR * 0.5) + 1] * 1000}' <<<"$times")"
}

for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  for name in ref our; do tcp "$name" tcp1; done
  for name in ref our; do tcp "$name" tcp4 -P 4; done
  for name in ref our; do udp "$name"; done
  for name in ref our; do latency "$name"; done
done

median() { sort -n "$1" | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

for measure in tcp1-mbit tcp1-cpu-per-gb tcp4-mbit tcp4-cpu-per-gb udp1200-kpps ping-p50-us; do
  jq -cn --arg measure "$measure" --argjson peer "$(median "$lab_home/$measure.ref")" --argjson ours "$(median "$lab_home/$measure.our")" \
    '{measure: $measure, wireguard_go: $peer, macro_wg: $ours, ratio: ($ours / $peer)}'
done >"$lab_home/result"
if $lab_json; then
  jq -cs '{benchmark: "tunnel", rounds: '"$rounds"', measures: .}' "$lab_home/result"
else
  jq -r '[.measure, .wireguard_go, .macro_wg, .ratio] | @tsv' "$lab_home/result" |
    awk -F '\t' 'BEGIN {printf "%-16s %14s %12s %8s\n", "", "wireguard-go", "macro-wg", "ratio"} {printf "%-16s %14.2f %12.2f %8.2f\n", $1, $2, $3, $4}'
fi
