#!/usr/bin/env bash
# a circuit whose middle and exit stand behind NATs of different kinds carries a client's traffic
#
#   client ---+                +--- relay1 relay2 relay3                        entry, and introducers of both
#             +-- [internet] --+--- nat-middle1 --- middle1  192.168.150.2      middle
#   web    ---+                +--- nat-exit1 ----- exit1    192.168.140.2      exit
#
#   client -> relay -> middle1 -> exit1 -> web: middle1 meets exit1 through a relay
#
# ./lab nat-circuit [--json] [--bytes N] [--idle SECONDS] [--kinds MIDDLE,EXIT]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping jq curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/lab/lib/nat.sh"

size=16777216 idle=0 pairs=(port-restricted,full-cone sequential,port-restricted port-restricted,sequential address-restricted,random)
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --bytes) size=$2; shift ;;
    --idle) idle=$2; shift ;;
    --kinds) pairs=("$2"); shift ;;
    *) say "Usage: ./lab nat-circuit [--json] [--bytes N] [--idle SECONDS] [--kinds MIDDLE,EXIT]"; exit 2 ;;
  esac
  shift
done

net[middle1]=150
region[middle1]=FI
# No circuit has two of one family: so it has no other middle to choose.
for name in "${relays[@]}"; do family[$name]=introducers; done
hidden=(middle1 exit1)
pumps=1

forget_hidden() {
  local name
  for name in "${hidden[@]}"; do
    end "$name"
    rm -rf "$lab_home/$name" "$lab_home/$name.directory"
    ip netns delete "$lab_prefix$name"
    ip netns delete "${lab_prefix}nat-$name"
  done
  end client
  rm -rf "$lab_home/client"
}

through() { # MIDDLE_KIND EXIT_KIND
  local what="$1 middle, $2 exit" name
  behind_nat middle1 "$1"
  behind_nat exit1 "$2"
  for name in "${hidden[@]}"; do hidden_node "$name"; done
  check "$what: both register" registered_both
  for name in "${hidden[@]}"; do is_registered "$name" && vpn client network import "$lab_home/$name.directory" >/dev/null; done
  check "$what: connect" connect
  check "$what: the web server sees the exit's NAT" sees_exit
  check "$what: ping" pings client "$(v4 web)" 10
  check "$what: UDP echo" udp_echo client "$(v4 web)" 500 1200
  check "$what: TCP down" download client "$(v4 web):$web_port" "$size"
  check "$what: TCP up" upload client "$(v4 web):$web_port" "$size"
  [ "$idle" = 0 ] || check "$what: idle" stays_idle
  vpn client down >/dev/null 2>&1 || true
}

registered_both() { eventually 20 is_registered middle1 && eventually 20 is_registered exit1 && echo "descriptors name introducers"; }

connect() {
  local began=$EPOCHREALTIME
  vpn client up --mode private --wait || return 1
  awk -v began="$began" -v now="$EPOCHREALTIME" 'BEGIN {printf "%.2f s, ", now - began}'
  equal "circuit by way of" "$(vpn client circuit --json | jq -r '[.hops[1:][].region] | join(" and ")')" "${region[middle1]} and ${region[exit1]}"
}

sees_exit() { equal "the web server saw" "$(whoami "$(v4 web)")" "$(v4 exit1)"; }

# Packets of the exit's NAT while nothing happens, and the same circuit after it.
stays_idle() {
  local before after
  before=$(wan_packets)
  sleep "$idle"
  after=$(wan_packets)
  pings client "$(v4 web)" 5 >/dev/null || { echo "the circuit did not outlive the pause"; return 1; }
  awk -v n=$((after - before)) -v s="$idle" 'BEGIN {printf "%.2f packets/s over %d s\n", n / s, s; exit n > s}'
}

wan_packets() { in_ns nat-exit1 cat /sys/class/net/wan/statistics/rx_packets /sys/class/net/wan/statistics/tx_packets | awk '{n += $1} END {print n}'; }

"$root/build"
internet
for name in client web; do host "$name"; done
serve web $web_port
introducers
first=true
for pair in "${pairs[@]}"; do
  $first || forget_hidden
  first=false
  node client
  through "${pair%,*}" "${pair#*,}"
done
report nat-circuit
