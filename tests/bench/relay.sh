#!/usr/bin/env bash
# CPU of a relay per packet: wireguard-go and macro-wg forwarding over one interface, and our node as the first of two hops
#
#   ref, our:   alice wg ---- relay wg ---- bob wg      the relay opens, its kernel forwards, the relay seals
#   node:       client ------ relay1 ------ exit1 ----- web     the relay opens one layer and switches
#
# UDP at a fixed rate from alice to bob, and from the client to the web; only packets that arrived count.
#
# ./bench relay [--json] [--record] [--rounds N] [--seconds N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip nft ping wg iperf3 curl
. "$root/tests/lab/lib/wireguard.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/bench/lib/trio.sh"
while [ $# -gt 0 ]; do
  common_option "$@"
  shift $taken
done

sizes=(1380 64)
# Enough for the relay to be busy, and little enough for wireguard-go not to lose any.
declare -A packets_per_second=([1380]=20000 [64]=20000)
declare -A side=([ref]=wireguard-go [our]=macro-wg [node]=macrovpnd)
for name in macro-wg macrovpnd; do
  bar '1380 B (us/packet)' $name '<= 0.30'
  bar '64 B (us/packet)' $name '<= 0.12'
done

"$root/build"
relays=(relay1 relay2) exits=(exit1) nodes=(relay1 relay2 exit1)
private_network
vpn client up --mode balanced --wait >/dev/null || die "No circuit stands."
read -r hop < <(circuit)
spawn iperf-node web iperf3 -s
reference=$(wireguard_go_2023)
trio ref "$reference"
trio our "$root/out/macro-wg"
for name in ref our; do spawn "iperf-$name" "$name-b" iperf3 -s; done

# Where the traffic of a side begins, where it goes, and whose CPU counts.
source_of() { [ "$1" = node ] && echo client || echo "$1-a"; }
target_of() { [ "$1" = node ] && v4 web || echo 10.77.0.2; }
relay_of() { [ "$1" = node ] && echo "$hop" || echo "$1-r"; }
for name in ref our node; do
  eventually 10 in_ns "$(source_of $name)" ping -q -c 1 -W 1 "$(target_of $name)" || die "${side[$name]}: no ping."
done

# The inner packet of a circuit is smaller: there, a full one.
payload() { [ "$1 $2" = "node 1380" ] && echo $((circuit_mtu - 28)) || echo "$2"; }
circuit_mtu=$(in_ns client ip -j link | jq '[.[] | select(.ifname != "lo" and .ifname != "eth0") | .mtu] | min')

relay() { # NAME SIZE
  local before after answer arrived length
  length=$(payload "$1" "$2")
  quiet
  before=$(cpu "$(relay_of "$1")")
  answer=$(in_ns "$(source_of "$1")" iperf3 -c "$(target_of "$1")" -J -u -l "$length" -b $((packets_per_second[$2] * length * 8)) -t "$seconds" 2>/dev/null)
  after=$(cpu "$(relay_of "$1")")
  arrived=$(jq '.end.sum | .packets - .lost_packets' <<<"$answer")
  value "$2 B (us/packet)" "${side[$1]}" "$(per "$arrived" "$before" "$after" 1e6)"
  value "$2 B: arrived (kpps)" "${side[$1]}" "$(jq '.end.sum | (.packets - .lost_packets) / .seconds / 1e3' <<<"$answer")"
}

for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  for size in "${sizes[@]}"; do
    for name in ref our node; do relay $name "$size"; done
  done
done
note "Full packets through the circuit have $(payload node 1380) B of payload."
report_table wireguard-go
