#!/usr/bin/env bash
# macro-wg against wireguard-go 0.0.20231211 on the same machine: TCP, UDP, ping, CPU
#
#   alice wg ---- cable ---- bob wg      twice: both sides wireguard-go, both sides macro-wg; all up at once
#
# ./bench tunnel [--json] [--record] [--rounds N] [--seconds N] [--wire gso|nogso]
# --wire nogso: each datagram crosses the cable alone. MACRO_WG names another program.

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip ping wg iperf3 ethtool
. "$root/tests/lab/lib/wireguard.sh"
usage='[--wire gso|nogso]'
while [ $# -gt 0 ]; do
  case $1 in
    --wire) wire=$2 taken=2 ;;
    *) common_option "$@" ;;
  esac
  shift $taken
done

if [ $wire = nogso ]; then
  section=tunnel-nogso
  bar 'TCP, 1 stream (Mbit/s)' macro-wg '>= 1.7'
else
  bar 'TCP, 1 stream (Mbit/s)' macro-wg '>= 2.0'
  bar 'TCP, 1 stream: CPU (s/GB)' macro-wg '<= 0.45'
  bar 'TCP, 4 streams (Mbit/s)' macro-wg '>= 2.0'
  bar 'TCP, 4 streams: CPU (s/GB)' macro-wg '<= 0.45'
  bar 'UDP 1200 B (kpps)' macro-wg '>= 4.5'
  bar 'UDP 64 B (kpps)' macro-wg '>= 2.8'
  bar 'ping p50 (us)' macro-wg '<= 0.65'
  bar 'ping under load p50 (us)' macro-wg '<= 0.5'
fi

[ -n "${MACRO_WG:-}" ] || "$root/build"
reference=$(wireguard_go_2023)
ours=${MACRO_WG:-$root/out/macro-wg}
pair ref "$reference" "$reference"
pair our "$ours" "$ours"
for name in ref our; do
  if [ $wire = nogso ]; then
    for side in a b; do no_offloads "$name-$side" eth0; done
  fi
  spawn "iperf-$name" "$name-b" iperf3 -s
  eventually 5 in_ns "$name-a" ping -q -c 1 -W 1 10.77.0.2
done

declare -A side=([ref]=wireguard-go [our]=macro-wg)

iperf() { in_ns "$1-a" iperf3 -c 10.77.0.2 -J "${@:2}"; }

tcp() { # PAIR MEASURE [OPTION...]
  local before after answer
  quiet
  before=$(cpu "$1-a" "$1-b")
  answer=$(iperf "$1" -t "$seconds" "${@:3}")
  after=$(cpu "$1-a" "$1-b")
  value "$2 (Mbit/s)" "${side[$1]}" "$(jq '.end.sum_received.bits_per_second / 1e6' <<<"$answer")"
  value "$2: CPU (s/GB)" "${side[$1]}" "$(per "$(jq '.end.sum_received.bytes / 1e9' <<<"$answer")" "$before" "$after")"
}

udp() { # PAIR SIZE
  quiet
  value "UDP $2 B (kpps)" "${side[$1]}" \
    "$(iperf "$1" -u -l "$2" -b 0 -t "$seconds" | jq '.end.sum | (.packets - .lost_packets) / .seconds / 1e3')"
}

idle_ping() {
  quiet
  in_ns "$1-a" ping -n -i 0.002 -c $((seconds * 400)) 10.77.0.2 | quantiles ping "${side[$1]}"
}

loaded_ping() {
  local load
  quiet
  iperf "$1" -t $((seconds + 1)) >/dev/null &
  load=$!
  sleep 0.7
  in_ns "$1-a" ping -n -i 0.005 -c $((seconds * 180)) 10.77.0.2 | quantiles 'ping under load' "${side[$1]}"
  wait $load
}

for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  for name in ref our; do tcp $name 'TCP, 1 stream'; done
  for name in ref our; do tcp $name 'TCP, 4 streams' -P 4; done
  for name in ref our; do tcp $name 'TCP, reverse' -R; done
  for name in ref our; do udp $name 1200; done
  for name in ref our; do udp $name 64; done
  for name in ref our; do idle_ping $name; done
  for name in ref our; do loaded_ping $name; done
done
report_table wireguard-go
