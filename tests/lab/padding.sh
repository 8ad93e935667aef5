#!/usr/bin/env bash
# private and paranoid under web traffic and idle: one size of data message on every cable, and cover within its budget
#
#   client ---+                   +--- relay1
#             +--- [ internet ] --+--- relay2     3 hops: client -> relay -> relay -> exit1 -> web
#   web    ---+                   +--- relay3     every cable of the router is captured
#                                 +--- exit1      (addresses: tests/lab/lib/network.sh)
#
# ./lab padding [--json] [--idle SECONDS]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping tcpdump jq curl ethtool
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/lab/lib/captures.sh"

idle=60
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --idle) idle=$2; shift ;;
    *) say "Usage: ./lab padding [--json] [--idle SECONDS]"; exit 2 ;;
  esac
  shift
done

connect() { vpn client up --mode "$1" --wait && circuit | paste -sd ' '; }

# Pages: small and large answers, with pauses, up and down.
browse() {
  local size
  for size in 200 1500 40000 700 3000000 120000 90; do
    download client "$(v4 web):$web_port" $size >/dev/null || return 1
    sleep 0.3
  done
  pings client "$(v4 web)" 5 >/dev/null && upload client "$(v4 web):$web_port" 500000
}

# data_messages NAME: of the cable's capture, one line "FROM TO SIZE" for each data message between nodes.
data_messages() {
  tcpdump -nr "$lab_home/$1.pcap" "udp port $node_port and udp[8:4] = 0x04000000" 2>/dev/null |
    awk '{sub(/:$/, "", $5); print $3, $5, $NF}'
}

# One line for each pair of neighbours: how many messages, of which sizes.
sizes_of() {
  local name
  for name in client "${nodes[@]}"; do data_messages "$name"; done |
    awk '{pair = $1 < $2 ? $1 " " $2 : $2 " " $1; if (!(pair SUBSEP $3 in seen)) sizes[pair] = sizes[pair] " " $3; seen[pair, $3] = 1; count[pair]++}
      END {for (pair in count) print count[pair], pair sizes[pair]}' | sort -rn
}

one_size() { # MODE
  captures_are_whole || return 1
  sizes_of >"$lab_home/sizes"
  [ "$(wc -l <"$lab_home/sizes")" -ge 3 ] || { echo "only $(wc -l <"$lab_home/sizes") pairs spoke"; return 1; }
  fact "$1" "$(jq -Rn '[inputs | split(" ") | {messages: (.[0] | tonumber), between: .[1:3], sizes: .[3:] | map(tonumber)}]' "$lab_home/sizes")"
  awk 'NF > 4 {print "several sizes: " $0; bad = 1} END {exit bad}' "$lab_home/sizes" || return 1
  awk '{n += $1; sizes[$4] = 1} END {printf "%d messages between %d pairs;", n, NR; for (s in sizes) printf " %d", s; print " bytes"}' "$lab_home/sizes"
}

hops_are_seen_to_pad() { vpn client status --json | jq -e '.wire.constantSize and .wire.hopsPad' >/dev/null; }

# The client's cable in an idle while: cover goes both ways and keeps to the budget that status tells.
cover_keeps_its_budget() {
  local budget up down before after
  budget=$(vpn client status --json | jq .wire.coverBudget)
  [ "$budget" -gt 0 ] || { echo "no cover is agreed on"; return 1; }
  before=$(vpn client status --json | jq -c .wire)
  start_captures
  sleep "$idle"
  stop_captures
  after=$(vpn client status --json | jq -c .wire)
  read -r up down < <(data_messages client | awk -v own="$(v4 client).$node_port" '{if ($1 == own) up += $3; else down += $3} END {print up + 0, down + 0}')
  fact cover "$(jq -n --argjson b "$before" --argjson a "$after" --argjson s "$idle" --argjson up "$up" --argjson down "$down" \
    '{seconds: $s, budget: $a.coverBudget, captured: {up: $up, down: $down}, cover: {up: ($a.coverBytesSent - $b.coverBytesSent), down: ($a.coverBytesReceived - $b.coverBytesReceived)}}')"
  # A tenth of the budget may have been saved up, nine tenths come in an hour; probes of four hops and a second path come on top.
  awk -v up="$up" -v down="$down" -v budget="$budget" -v idle="$idle" 'BEGIN {
    most = budget / 2 * (0.1 + 0.9 * (idle + 2) / 3600) + 120 * 1452
    printf "%.0f kB up, %.0f kB down in %d s; at most %.0f kB each of %.0f MB an hour\n", up / 1e3, down / 1e3, idle, most / 1e3, budget / 1e6
    exit !(up > 20 * 1452 && down > 20 * 1452 && up <= most && down <= most)
  }'
}

is_told() { vpn client status | grep -E '^ *(on the wire|cover)' | paste -sd ';' | tr -s ' ' && vpn client circuit | grep -q 'On the wire'; }

"$root/build"
private_network
segment_before_the_cable
for mode in private paranoid; do
  start_captures
  check "$mode: connect" connect $mode
  check "$mode: web traffic" browse
  check "$mode: every hop pads" eventually 10 hops_are_seen_to_pad
  sleep 25
  stop_captures
  check "$mode: one size between each two nodes" one_size $mode
  check "$mode: the cost is told" is_told
  [ $mode != paranoid ] || check "$mode: cover keeps its budget, both ways" cover_keeps_its_budget
  [ $mode != paranoid ] || check "$mode: one size while idle" one_size idle
  vpn client down >/dev/null
done
report padding
