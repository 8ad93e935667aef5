#!/usr/bin/env bash
# TCP through three hops: our circuit against three nested wireguard-go hops, with and without segmentation on the cables
#
#   client   ------ relay ----- relay ----- exit ------ web      macrovpnd on each
#   wgclient ------ wghop1 ---- wghop2 ---- wghop3 ---- web      wireguard-go: three on the client, one on each hop
#
# Both share the router that stands for the Internet. CPU is that of all daemons of a circuit.
#
# ./bench circuit [--json] [--record] [--rounds N] [--seconds N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip nft ping wg iperf3 curl ethtool
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/bench/lib/nested.sh"
while [ $# -gt 0 ]; do
  common_option "$@"
  shift $taken
done

for direction in up down; do
  bar "TCP $direction (Mbit/s)" macrovpnd '>= 2.5'
  bar "TCP $direction: CPU (s/GB)" macrovpnd '<= 0.35'
  bar "TCP $direction, no segmentation (Mbit/s)" macrovpnd '>= 5.0'
done

"$root/build"
private_network
nested_hops "$(wireguard_go_2023)"
spawn iperf web iperf3 -s
vpn client up --mode private --wait >/dev/null || die "No circuit stands."
mapfile -t hops < <(circuit)
[ ${#hops[@]} = 3 ] || die "The circuit has ${#hops[@]} hops."

declare -A side=([client]=macrovpnd [wgclient]="wireguard-go x3")
for name in wgclient client; do
  eventually 10 in_ns $name ping -q -c 1 -W 1 "$(v4 web)" || die "${side[$name]}: no ping."
done

programs_of() { if [ "$1" = client ]; then echo client "${hops[@]}"; else echo "${nested_programs[@]}"; fi; }

tcp() { # CLIENT MEASURE [OPTION...]
  local before after answer
  quiet
  before=$(cpu $(programs_of "$1"))
  answer=$(in_ns "$1" iperf3 -c "$(v4 web)" -J -t "$seconds" "${@:3}")
  after=$(cpu $(programs_of "$1"))
  value "$2 (Mbit/s)" "${side[$1]}" "$(jq '.end.sum_received.bits_per_second / 1e6' <<<"$answer")"
  value "$2: CPU (s/GB)" "${side[$1]}" "$(per "$(jq '.end.sum_received.bytes / 1e9' <<<"$answer")" "$before" "$after")"
}

measure() { # SUFFIX
  local name
  for ((round = 1; round <= rounds; round++)); do
    say "Round $round of $rounds$1"
    for name in wgclient client; do tcp $name "TCP up$1"; done
    for name in wgclient client; do tcp $name "TCP down$1" -R; done
  done
}

segment_before_the_cables() {
  local name
  for name in web client "${nodes[@]}" wgclient wghop1 wghop2 wghop3; do
    no_offloads "$name" eth0
    no_offloads internet "$name"
  done
}

measure ''
segment_before_the_cables
measure ', no segmentation'
report_table 'wireguard-go x3'
