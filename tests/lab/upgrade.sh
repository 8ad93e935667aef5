#!/usr/bin/env bash
# a session goes over from the relayed path to the direct one, back, and over again: nothing is lost, nothing comes twice
#
#   client1 --- nat-client1 ---+                +--- relay1 relay2 relay3
#                              +-- [internet] --+
#                      web  ---+                +--- nat-exit1 --- exit1          both NATs port-restricted
#
# The router lets disco through or not, and so decides which path is taken; at the end it cuts the direct path without
# warning, which nobody can know of before an answer is late.
#
# ./lab upgrade [--json]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq ping python3 gcc
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=12
. "$root/tests/lab/lib/nat.sh"
. "$root/tests/lab/lib/direct.sh"
[ "${1:-}" != --json ] || lab_json=true

# Another attempt comes half a minute after a path was lost.
seconds=75

whole_stream() { # KIND
  local result
  result=$(cat "$lab_home/$1.json")
  echo "$result"
  case $1 in
    udp) jq -e '.lost == 0 and .doubled == 0' >/dev/null <<<"$result" ;;
    tcp) jq -e '(.longest_stall_ms // 1e9) <= 300' >/dev/null <<<"$result" ;;
  esac
}

direct_pair port-restricted port-restricted
between 'udp length 72 @th,64,32 0x8d6d6163 drop'
check "connect" vpn client1 up --mode speed --wait
# The first packets of all compile what moves packets.
check "a transfer before" download client1 "$(v4 web):$web_port" 33554432
flows client1 $seconds
sleep 2
check "relayed while disco does not pass" is_direct false
between ''
check "direct when it does" eventually 5 is_direct true
sleep 10
between 'udp length 72 @th,64,32 0x8d6d6163 drop'
check "relayed within 6.5 s" within 6.5 is_direct false
between ''
check "direct again within 35 s" eventually 35 is_direct true
flows_end
check "a UDP stream of 50 packets/s over $seconds s" whole_stream udp
check "a TCP transfer over $seconds s" whole_stream tcp
began=$EPOCHREALTIME
between 'drop'
check "after a cut without warning packets come again within 6.5 s" within 6.5 echoes
between ''
report upgrade
