#!/usr/bin/env bash
# a client's traffic through circuits of 1, 2 and 3 hops to a web server; captures prove who sees what
#
#   client ---+                   +--- relay1
#             +--- [ internet ] --+--- relay2     each arrow of a circuit passes the router;
#   web    ---+                   +--- relay3     every cable of the router is captured
#                                 +--- exit1
#
#   3 hops:  client -> relay -> relay -> exit1 -> web     (addresses: tests/lab/lib/network.sh)
#
# ./lab first-light [--json] [--hops N] [--bytes N] [--pumps N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping tcpdump jq curl python3 ethtool
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/lab/lib/captures.sh"

all_hops=(1 2 3) size=268435456
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --hops) all_hops=("$2"); shift ;;
    --bytes) size=$2; shift ;;
    --pumps) pumps=$2; shift ;;
    *) say "Usage: ./lab first-light [--json] [--hops N] [--bytes N] [--pumps N]"; exit 2 ;;
  esac
  shift
done

connect() {
  vpn client up --mode "$(mode_of_hops "$1")" --wait || return 1
  equal hops "$(vpn client status --json | jq .hops)" "$1" || return 1
  circuit | paste -sd ' '
}

web_sees_the_exit() {
  equal "the web server saw" "$(whoami "$(v4 web)")" "$(v4 exit1)" && equal "the web server saw" "$(whoami "[$(v6 web)]")" "$(v6 exit1)"
}

captures_prove() { # HOPS ROLE...
  local path second
  path=$(paste -sd , "$lab_home/circuit")
  second=$(paste -sd , "$lab_home/standby")
  captures_are_whole || return 1
  python3 "$root/tests/lab/lib/who_sees_what.py" --captures "$lab_home" --circuit "$path" --standby "$second" --port $node_port \
    --client "$(v4 client),$(v6 client)" --web "$(v4 web),$(v6 web)" \
    $(for name in "${nodes[@]}"; do printf -- '--node %s=%s,%s ' "$name" "$(v4 "$name")" "$(v6 "$name")"; done) \
    >"$lab_home/proof" 2>&1 || { grep -v '^{' "$lab_home/proof" | paste -sd ';'; return 1; }
  tail -n 1 "$lab_home/proof"
}

with_hops() {
  local n=$1
  start_captures
  check "$n hops: connect" connect "$n"
  circuit >"$lab_home/circuit" || true
  check "$n hops: the web server sees the exit" web_sees_the_exit
  check "$n hops: ping" pings client "$(v4 web)" 10
  check "$n hops: ping over IPv6" pings client "$(v6 web)" 10
  check "$n hops: UDP echo" udp_echo client "$(v4 web)" 1000 1200
  check "$n hops: UDP echo over IPv6" udp_echo client "$(v6 web)" 1000 1200
  check "$n hops: TCP down" download client "$(v4 web):$web_port" "$size"
  check "$n hops: TCP up" upload client "$(v4 web):$web_port" "$size"
  check "$n hops: TCP down over IPv6" download client "[$(v6 web)]:$web_port" $((size / 8))
  check "$n hops: TCP up over IPv6" upload client "[$(v6 web)]:$web_port" $((size / 8))
  check "$n hops: the circuit did not change" equal circuit "$(circuit | paste -sd ' ')" "$(paste -sd ' ' "$lab_home/circuit")"
  standby >"$lab_home/standby" || true
  stop_captures
  check "$n hops: who sees what" captures_prove "$n"
  fact "hops$n" "$(jq -Rcs '{circuit: split("\n")[:-1]}' "$lab_home/circuit")"
  [ ! -s "$lab_home/proof" ] || ! tail -n 1 "$lab_home/proof" | jq -e . >/dev/null 2>&1 || fact "captures$n" "$(tail -n 1 "$lab_home/proof")"
  check "$n hops: down" vpn client down
  rm -f "$lab_home"/*.pcap "$lab_home"/{circuit,standby,proof}
}

"$root/build"
private_network
segment_before_the_cable
for hops in "${all_hops[@]}"; do with_hops "$hops"; done
report first-light
