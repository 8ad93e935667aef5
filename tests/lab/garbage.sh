#!/usr/bin/env bash
# a million random and mutated datagrams at a relay's port while a tunnel runs through it
#
#   client ---+                   +--- relay1
#             +--- [ internet ] --+--- relay2     stranger sends garbage to the entry of the circuit:
#   web    ---+                   +--- relay3     half random, half captured messages with flipped bits,
#   stranger -+                   +--- exit1      other lengths and other types
#
#   2 hops:  client -> relay -> exit1 -> web     (addresses: tests/lab/lib/network.sh)
#
# ./lab garbage [--json] [--count N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping tcpdump jq curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"

net[stranger]=150 count=1000000 rate=25000
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --count) count=$2; shift ;;
    *) say "Usage: ./lab garbage [--json] [--count N]"; exit 2 ;;
  esac
  shift
done

connect() { vpn client up --mode balanced --wait && circuit | paste -sd ' '; }

resident_kib() { awk '/^VmRSS/ {print $2}' "/proc/$(pid_of "$1")/status"; }

# The entry's messages, whole: initiation, response and data, to be mutated.
capture_messages() {
  spawn capture internet tcpdump -n -i "$entry" -s 0 -c 2000 -w "$lab_home/messages.pcap" -Z root udp port $node_port
  eventually 10 grep -q 'listening on' "$lab_home/capture.log"
  vpn client down && connect && download client "$(v4 web):$web_port" 4194304 && sleep 1.5
  end capture INT
}

throw() { # COUNT SEED
  in_ns stranger "$lab_peer" garbage "$(v4 "$entry")" $node_port "$1" "$2" $rate "$lab_home/messages.pcap"
}

# Pings at 20 a second and a download run while the garbage flies; not one ping may be lost.
tunnel_loses_nothing() {
  local seconds=$((count / rate + 2)) garbage ping=0
  throw "$count" 2 >"$lab_home/thrown" &
  garbage=$!
  in_ns client ping -n -q -i 0.05 -c $((seconds * 20)) -W 2 "$(v4 web)" >"$lab_home/ping" || ping=1
  wait "$garbage" || { echo "the sender failed"; return 1; }
  grep 'packets transmitted' "$lab_home/ping"
  [ $ping = 0 ] && grep -q ' 0% packet loss' "$lab_home/ping"
}

memory_stays() {
  local after
  after=$(resident_kib "$entry")
  fact resident_kib "{\"before\": $before, \"after\": $after}"
  echo "$before KiB before, $after KiB after"
  [ "$after" -le $((before + before / 10 + 8192)) ]
}

still_the_same_process() { [ "$(pid_of "$entry")" = "$process" ] && kill -0 "$process" && relay_runs "$entry" && echo "pid alive"; }

"$root/build"
internet
host stranger
private_network
check "connect" connect
entry=$(circuit | sed -n 1p)
process=$(pid_of "$entry")
check "capture of messages" capture_messages
entry=$(circuit | sed -n 1p)
process=$(pid_of "$entry")
check "warm-up" throw 200000 1
before=$(resident_kib "$entry")
check "the running tunnel loses nothing" tunnel_loses_nothing
[ ! -s "$lab_home/thrown" ] || fact thrown "$(tail -n 1 "$lab_home/thrown")"
check "memory does not grow" memory_stays
check "no crash" still_the_same_process
check "traffic afterwards" download client "$(v4 web):$web_port" 33554432
check "a new circuit afterwards" connect
report garbage
