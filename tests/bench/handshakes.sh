#!/usr/bin/env bash
# handshakes that a responder answers per second of CPU, and TCP through a tunnel while initiations flood its end
#
#   in process: a relay and macro-wg's device, with initiations made beforehand
#   over a cable, twice (wireguard-go, macro-wg):   alice wg + flood ---- cable ---- bob wg
#
# ./bench handshakes [--json] [--record] [--rounds N] [--seconds N] [--initiations N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip ping wg iperf3
. "$root/tests/lab/lib/wireguard.sh"
. "$root/tests/bench/lib/in_process.sh"
usage='[--initiations N]'
initiations=20000 strangers_per_second=20000
# Few enough a second that neither side asks for cookies.
answered_per_second=400 answered=1600
while [ $# -gt 0 ]; do
  case $1 in
    --initiations) initiations=$2 taken=2 ;;
    *) common_option "$@" ;;
  esac
  shift $taken
done

bar 'relay: answered (1/s per core)' 'in process' '>= 8000'
bar 'macro-wg: answered (1/s per core)' 'in process' '>= 8000'
bar 'TCP flooded / quiet' macro-wg '>= 1.0'

"$root/build"
build_macro_bench
reference=$(wireguard_go_2023)
declare -A side=([ref]=wireguard-go [our]=macro-wg [r]=wireguard-go [o]=macro-wg)
"$macro_bench" peers $answered >"$lab_home/peers"
pair ref "$reference" "$reference"
pair our "$root/out/macro-wg" "$root/out/macro-wg"
for name in ref our; do
  spawn "iperf-$name" "$name-b" iperf3 -s
  eventually 5 in_ns "$name-a" ping -q -c 1 -W 1 10.77.0.2
done

flood() { in_ns "$1-a" "$macro_bench" "${@:2}"; }

# A responder of its own, as a peer's timestamps only ever grow.
answering() { # SIDE PROGRAM
  local name=$1$round before after count
  pair "$name" "$2" "$2"
  wg_in "$name-b" addconf "$lab_home/peers"
  quiet
  before=$(cpu "$name-b")
  count=$(flood "$name" flood 44.128.0.2:51820 "$(public_key "$name-b")" $answered_per_second $answered | cut -f 2)
  after=$(cpu "$name-b")
  end "$name-a"
  end "$name-b"
  value 'over a cable: CPU per answered handshake (us)' "${side[$1]}" "$(per "$count" "$before" "$after" 1e6)"
  value 'over a cable: answered (%)' "${side[$1]}" "$(per $answered 0 "$count" 100)"
}

# Mbit/s through a tunnel.
throughput() { in_ns "$1-a" iperf3 -c 10.77.0.2 -J -t "$seconds" | jq '.end.sum_received.bits_per_second / 1e6'; }

flooded() {
  local calm loaded attack
  quiet
  calm=$(throughput "$1")
  flood "$1" flood-of-strangers 44.128.0.2:51820 "$(public_key "$1-b")" $strangers_per_second $((seconds + 1)) >"$lab_home/attack" &
  attack=$!
  eventually 20 grep -q ready "$lab_home/attack"
  loaded=$(throughput "$1")
  wait $attack
  value 'TCP, quiet (Mbit/s)' "${side[$1]}" "$calm"
  value 'TCP, flooded (Mbit/s)' "${side[$1]}" "$loaded"
  value 'flood (initiations/s)' "${side[$1]}" "$(sed -n 's/^sent per second\t//p' "$lab_home/attack")"
  value 'TCP flooded / quiet' "${side[$1]}" "$(per "$calm" 0 "$loaded")"
}

for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  in_process handshakes "$initiations"
  for name in ref our; do flooded $name; done
  answering r "$reference"
  answering o "$root/out/macro-wg"
done
report_table wireguard-go
