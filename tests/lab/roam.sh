#!/usr/bin/env bash
# addresses change during a transfer: the client's, its NAT's and the exit's NAT's memory, a relay's. It goes on.
#
#   client1 --- nat-client1 ---+                +--- relay1 relay2 relay3
#                              +-- [internet] --+
#                      web  ---+                +--- nat-exit1 --- exit1          both NATs port-restricted
#
# ./lab roam [--json]

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

# event NAME COMMAND...: something happens, and packets come again within three seconds.
event() {
  local name=$1
  shift
  check "$name: packets come within 3 s" within_three "$@"
  sleep 8
}

within_three() { "$@" && within 3 echoes; }

# Another Wi-Fi: the address inside changes, and every flow with it.
client_moves() {
  ip_in client1 address del 192.168.161.2/24 dev eth0
  ip_in client1 address add 192.168.161.77/24 dev eth0
  ip_in client1 route replace default via 192.168.161.1
}

# The NAT forgets everything, as after power was off: it is made anew, and gives other ports.
reboots() { # NAME
  ip_in "nat-$1" link set lan down
  nat_forgets "$1"
  ip_in "nat-$1" link set lan up
}

# Conntrack is emptied by taking the outside address away for a moment: masquerade drops its flows then.
nat_forgets() {
  ip_in "nat-$1" address del "$(v4 "$1")/24" dev wan
  ip_in "nat-$1" address add "$(v4 "$1")/24" dev wan
  ip_in "nat-$1" route replace default via "44.${net[$1]}.0.1"
}

# The relay by which the client came gets another address: as good as gone for whoever knows the old one.
relay_moves() {
  local name=$1
  ip_in "$name" address del "$(v4 "$name")/24" dev eth0
  ip_in "$name" address add "44.${net[$name]}.0.77/24" dev eth0
  ip_in "$name" route replace default via "44.${net[$name]}.0.1"
}

entry() { local code name; code=$(vpn client1 circuit --json | jq -r '.hops[0].region'); for name in "${relays[@]}"; do [ "${region[$name]}" != "$code" ] || echo "$name"; done; }

unbroken() { local result; result=$(cat "$lab_home/tcp.json"); echo "$result"; jq -e 'has("longest_stall_ms")' >/dev/null <<<"$result"; }

no_long_pause() { cat "$lab_home/udp.json" && jq -e '.longest_pause_ms <= 3000' "$lab_home/udp.json" >/dev/null; }

direct_pair port-restricted port-restricted
check "connect" vpn client1 up --mode speed --wait
check "direct" eventually 10 is_direct true
flows client1 60
sleep 3
event "the client's address changes" client_moves
event "the client's NAT reboots" reboots client1
event "the exit's NAT reboots" reboots exit1
event "a relay's address changes" relay_moves "$(entry)"
flows_end
check "the TCP transfer is unbroken" unbroken
check "the UDP stream pauses for 3 s at most" no_long_pause
fact udp "$(cat "$lab_home/udp.json")"
report roam
