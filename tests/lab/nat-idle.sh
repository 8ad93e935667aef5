#!/usr/bin/env bash
# what a relay behind a NAT costs while nothing happens: packets, memory, and mappings that a NAT of 30 s must not forget
#
#   relay1 relay2 relay3 --- [ internet ] --- nat-exit1 --- exit1     port-restricted and random symmetric, UDP time-outs 30 s
#
# ./lab nat-idle [--json] [--seconds N] [--kinds KIND,...]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
nat_timeout=30
. "$root/tests/lab/lib/nat.sh"

seconds=600 kinds=(port-restricted random)
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --seconds) seconds=$2; shift ;;
    --kinds) IFS=, read -ra kinds <<<"$2"; shift ;;
    *) say "Usage: ./lab nat-idle [--json] [--seconds N] [--kinds KIND,...]"; exit 2 ;;
  esac
  shift
done

# At the beginning a relay looks at itself: its class, and in up to two minutes how long the NAT remembers.
settling=150
pumps=1
start_patience=30
for i in "${!kinds[@]}"; do net[idle$i]=$((150 + i)); region[idle$i]=NL; done

hidden() { # NAME KIND
  behind_nat "$1" "$2"
  # A flow that the NAT does not know yet; of the node's port there must be none after the beginning.
  in_ns "nat-$1" nft add chain inet filter count '{ type filter hook forward priority filter + 1; }'
  in_ns "nat-$1" nft add rule inet filter count iifname lan udp sport $node_port ct state new counter
  hidden_node "$1"
}

flows_of() { in_ns "nat-$1" nft -j list chain inet filter count | jq '[.. | .counter? | select(. != null) | .packets] | add'; }
packets_of() { in_ns "nat-$1" cat /sys/class/net/wan/statistics/rx_packets /sys/class/net/wan/statistics/tx_packets | awk '{n += $1} END {print n}'; }
memory_of() { awk '/^VmRSS/ {print $2}' "/proc/$(pid_of "$1")/status"; }

quiet_enough() { # NAME PACKETS
  local n=$(($(packets_of "$1") - $2))
  fact packets_per_second "$(awk -v n="$n" -v s="$seconds" 'BEGIN {printf "%.3f", n / s}')"
  awk -v n="$n" -v s="$seconds" 'BEGIN {printf "%.2f packets/s, %d in %d s\n", n / s, n, s; exit n > s}'
}

never_forgotten() { # NAME FLOWS
  local new=$(($(flows_of "$1") - $2))
  [ "$new" = 0 ] || { echo "$new flows that the NAT had forgotten"; return 1; }
  echo "the flows to ${#relays[@]} introducers, none of them twice"
}

small_enough() { # NAME
  local kib
  kib=$(memory_of "$1")
  fact memory_mib $((kib / 1024))
  echo "$((kib / 1024)) MiB resident"
}

"$root/build"
internet
introducers
for i in "${!kinds[@]}"; do hidden "idle$i" "${kinds[i]}"; done
for i in "${!kinds[@]}"; do eventually 30 is_registered "idle$i" || die "The node behind ${kinds[i]} is not registered."; done
sleep $settling
packets=() flows=()
for i in "${!kinds[@]}"; do packets[i]=$(packets_of "idle$i") flows[i]=$(flows_of "idle$i"); done
sleep "$seconds"
for i in "${!kinds[@]}"; do
  check "${kinds[i]}: packets of an idle relay" quiet_enough "idle$i" "${packets[i]}"
  check "${kinds[i]}: no mapping was lost" never_forgotten "idle$i" "${flows[i]}"
  check "${kinds[i]}: memory" small_enough "idle$i"
  check "${kinds[i]}: still registered" is_registered "idle$i"
done
report nat-idle
