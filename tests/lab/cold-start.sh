#!/usr/bin/env bash
# a network of 40 nodes that finds itself: cold start, warm start, bootstrap routers dead, half of the network killed
#
#   relay1 ... relay26 ---+                    +--- client, client2, client3, client4
#   exit1  ... exit13  ---+--- [ internet ] ---+--- web
#                                |    |
#                                +-50-+      every packet passes the delay of two links, 25 ms each
#
# All are in the public network, but on a DHT of their own, entered by relay1 and exit1: nobody is told of anybody but of these
# two routers. The time of a start is the node's own: from the wish to the first circuit that carries packets.
# After each phase a capture at the client shows what left it while it was connected: datagrams of its circuit, and no look-up.

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip jq gcc tcpdump curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/bench/lib/record.sh"
record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    *) say "Usage: ./lab cold-start [--json] [--record]"; exit 2 ;;
  esac
  shift
done

# PHASES="cold warm dead silent half": some of them, for whoever measures one.
phases=${PHASES:-cold warm dead silent half}
relay_count=${RELAYS:-26} exit_count=${EXITS:-13} starts=${STARTS:-20}
port=51820 web_port=8080
nodes=()
# Those that are connected while half of the network dies.
clients=(client client2 client3 client4)
for ((i = 1; i <= relay_count; i++)); do nodes+=("relay$i"); done
for ((i = 1; i <= exit_count; i++)); do nodes+=("exit$i"); done

address_of() { # NAME
  case $1 in
    relay*) echo "44.$((128 + ${1#relay})).0.2" ;;
    exit*) echo "44.$((160 + ${1#exit})).0.2" ;;
    client*) echo "44.$((190 + 0${1#client})).0.2" ;;
    web) echo 44.200.0.2 ;;
  esac
}

host() { # NAME
  local address
  address=$(address_of "$1")
  namespace "$1"
  link "$1" eth0 internet "$1"
  ip_in internet address add "${address%.2}.1/24" dev "$1"
  ip_in "$1" address add "$address/24" dev eth0
  ip_in "$1" route add default via "${address%.2}.1"
}

# What comes from a host takes the way through the delay; what comes out of the delay is delivered.
internet() {
  namespace internet
  in_ns internet sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  gcc -O2 -o "$lab_home/link" "$root/tests/lab/lib/link.c"
  "$lab_home/link" "${lab_prefix}internet:far" "${lab_prefix}internet:near" rate=10000 queue=100000000 delay=50 >"$lab_home/link.log" 2>&1 &
  echo $! >"$lab_home/pids/link"
  eventually 10 grep -q ready "$lab_home/link.log"
  ip_in internet link set far up
  ip_in internet link set near up
  in_ns internet sysctl -qw net.ipv4.conf.far.rp_filter=0 net.ipv4.conf.near.rp_filter=0
  ip_in internet route add default dev far table 100
  ip_in internet rule add iif near lookup main priority 100
  ip_in internet rule add iif lo lookup main priority 101
  ip_in internet rule add to 44.0.0.0/8 lookup 100 priority 102
}

settings_of() { # NAME ROUTERS
  local address
  address=$(address_of "$1")
  printf '[node]\nname = "%s"\nudp_port = %s\npumps = 1\nlog_level = "warning"\n' "$1" $port
  printf '\n[client]\ntunnel = "none"\nproxy = "%s"\ndns = "off"\n' "$([[ $1 == client* ]] && echo 127.0.0.1:1080 || echo off)"
  printf '\n[network]\nbootstrap = [%s]\n' "$2"
  [[ $1 == client* ]] || printf '\n[relay]\nenabled = true\nfamily = "%s"\nendpoints = ["%s:%s"]\n' "$1" "$address" $port
  [[ $1 != exit* ]] || printf '\n[exit]\nenabled = true\nmode = "user"\n'
}

routers="\"$(address_of relay1):$port\", \"$(address_of exit1):$port\""
dead_routers="\"44.250.0.2:$port\""

api_of() { echo "$lab_home/$1.sock"; }
vpn() {
  local name=$1
  shift
  in_ns "$name" "$root/out/macrovpn" --api "$(api_of "$name")" "$@"
}

start() { # NAME ROUTERS
  mkdir -p "$lab_home/$1"
  chmod 700 "$lab_home/$1"
  settings_of "$1" "$2" >"$lab_home/$1.toml"
  # Forty of them share two processors: none needs a heap for itself.
  DOTNET_gcServer=0 DOTNET_TieredPGO=0 DOTNET_GCHeapHardLimit=0x6000000 \
    spawn "$1" "$1" "$root/out/macrovpnd" --settings "$lab_home/$1.toml" --data "$lab_home/$1" --api "$(api_of "$1")"
  eventually 60 vpn "$1" status --json || { tail -20 "$lab_home/$1.log" >&2; die "The node $1 did not start."; }
}

knows() { # NAME COUNT
  [ "$(vpn "$1" network status --json | jq .relays)" -ge "$2" ]
}

all_know() {
  local name
  for name in "${nodes[@]}"; do knows "$name" ${#nodes[@]} || return 1; done
}

# one_start ROUTERS: the client starts, connects, and is stopped; prints the milliseconds to its first circuit, and where relays were found.
one_start() {
  start client "$1"
  vpn client up --mode private --wait --timeout 60 >"$lab_home/up.log" 2>&1 || { gone_wrong; return 1; }
  vpn client network status --json | jq -r '"\(.firstCircuitMs) \(.foundBy)"'
  vpn client down >/dev/null
  end client
}

gone_wrong() {
  { vpn client network status; paste -sd' ' "$lab_home/up.log"; } >&2
  end client
}

# measure NAME ROUTERS KEEPS: so many starts; unless it keeps its disk, the client begins with nothing at all.
measure() { # NAME ROUTERS KEEPS
  local i times=()
  for ((i = 0; i < starts; i++)); do
    $3 || rm -rf "$lab_home/client"
    one_start "$2" >"$lab_home/start" || return 1
    times+=("$(cut -d' ' -f1 "$lab_home/start")")
  done
  printf '%s\n' "${times[@]}" | sort -n >"$lab_home/$1.times"
  median=$(sed -n "$(((starts + 1) / 2))p" "$lab_home/$1.times") p95=$(sed -n "$(((starts * 95 + 99) / 100))p" "$lab_home/$1.times")
  fact "$1" "{\"starts\": $starts, \"medianMs\": $median, \"p95Ms\": $p95, \"foundBy\": \"$(cut -d' ' -f2 "$lab_home/start")\"}"
}

cold() { measure cold "$routers" false && equal "found by" "$(cut -d' ' -f2 "$lab_home/start")" dht && echo "median $median ms, p95 $p95 ms" && [ "$median" -le 5000 ] && [ "$p95" -le 8000 ]; }
warm() { measure warm "$routers" true && echo "median $median ms, p95 $p95 ms" && [ "$median" -le 1000 ] && [ "$p95" -le 2000 ]; }
routers_dead() { measure routersDead "$dead_routers" true && echo "median $median ms, p95 $p95 ms" && [ "$median" -le 1000 ] && [ "$p95" -le 2000 ]; }

# fetches CLIENT: through its circuit, a small page.
fetches() { in_ns "$1" curl -s --noproxy '' --max-time 1.5 -o /dev/null --proxy socks5://127.0.0.1:1080 "http://$(address_of web):$web_port/whoami"; }

# recovers CLIENT BEGAN: asks until there is an answer; prints the seconds since then.
recovers() {
  eventually 90 fetches "$1" || { vpn "$1" status >&2; echo never; return; }
  awk -v a="$2" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f\n", b - a}'
}

half_dies() {
  local i name began waiting=() times
  for name in "${clients[@]}"; do
    start "$name" "$routers"
    vpn "$name" up --mode private --wait --timeout 60 >/dev/null 2>&1 && eventually 10 fetches "$name" || { echo "$name was never connected"; return 1; }
  done
  # Every second one, and so about every second hop.
  for ((i = 0; i < ${#nodes[@]}; i += 2)); do kill -KILL "$(pid_of "${nodes[i]}")"; done
  began=$EPOCHREALTIME
  for name in "${clients[@]}"; do
    recovers "$name" "$began" >"$lab_home/$name.recovered" &
    waiting+=($!)
  done
  for i in "${waiting[@]}"; do wait "$i"; done
  times=$(for name in "${clients[@]}"; do cat "$lab_home/$name.recovered"; done | sort -n | paste -sd' ')
  fact halfKilled "{\"killed\": $(((${#nodes[@]} + 1) / 2)), \"recoveredSeconds\": \"$times\"}"
  echo "$(((${#nodes[@]} + 1) / 2)) of ${#nodes[@]} died; pages came again after $times s"
  [[ $times != *never* ]]
}

# Nothing that begins like a message of the DHT, and nothing to anybody but the entries of its path and of the second one, leaves
# a client that is connected.
no_lookup_leaves() {
  local total stray
  start client "$routers"
  rm -f "$lab_home/client.pcap"
  vpn client up --mode private --wait --timeout 60 >/dev/null 2>&1 || return 1
  sleep 1
  spawn capture client tcpdump -i eth0 -n -U -w "$lab_home/client.pcap" "udp and src $(address_of client)"
  eventually 10 test -s "$lab_home/client.pcap"
  sleep "${WATCH:-20}"
  knows client 5 || { echo "the client knows only $(vpn client network status --json | jq .relays) relays"; return 1; }
  end capture
  total=$(tcpdump -r "$lab_home/client.pcap" -n 2>/dev/null | awk '{print $5}' | sort | uniq -c | sort -rn | head -5 | paste -sd' ')
  stray=$(tcpdump -r "$lab_home/client.pcap" -n 'udp[8] = 0x64' 2>/dev/null | wc -l)
  echo "to: $total; messages of the DHT: $stray"
  vpn client down >/dev/null
  end client
  [ "$stray" = 0 ] && [ "$(tcpdump -r "$lab_home/client.pcap" -n 2>/dev/null | awk '{print $5}' | sort -u | wc -l)" -le 2 ]
}

disk_is_silent() {
  local name hex
  for name in "${nodes[@]}"; do
    hex=$(address_of "$name" | awk -F. '{printf "%02x%02x%02x%02x", $1, $2, $3, $4}')$(printf '%04x' $port)
    ! cat "$lab_home"/client/* | od -An -v -tx1 | tr -d ' \n' | grep -q "$hex" || { echo "the disk names $name"; return 1; }
    ! grep -aqF "$(address_of "$name")" "$lab_home"/client/* || { echo "the disk names $name"; return 1; }
  done
  echo "$(ls "$lab_home/client" | paste -sd' '): no address of a relay"
}

# The figures, and the checks.
table() {
  printf '## cold-start\n\n`./lab cold-start --record`, %s nodes, links of 25 ms each way, %s starts of each kind. %s.\n\n' "${#nodes[@]}" "$starts" "$(machine)"
  jq -rs 'add as $facts | def row: "| " + (map(tostring) | join(" | ")) + " |";
    ["first circuit", "median ms", "p95 ms"], ["---", "---:", "---:"],
    ([["cold", "empty disk, by the DHT"], ["warm", "by the cache"], ["routersDead", "by the cache, all bootstrap routers dead"]][] as [$key, $what]
     | $facts[$key] // empty | [$what, .medianMs, .p95Ms]) | row' "$lab_home/facts"
  echo
  jq -r '"- \(if .ok then "holds" else "DOES NOT HOLD" end): \(.name)\(if .detail == "" then "" else " (\(.detail))" end)"' "$lab_home/checks"
}

[ -n "${MACRO_BUILT:-}" ] || "$root/build"
note "Starting ${#nodes[@]} nodes"
internet
for name in web "${clients[@]}" "${nodes[@]}"; do host "$name"; done
serve web $web_port
for name in "${nodes[@]}"; do start "$name" "$routers"; done
# The shell need not tell of those that are killed.
disown -a
eventually 180 all_know || note "Not all relays know all: $(for name in "${nodes[@]}"; do vpn "$name" network status --json | jq .relays; done | sort | uniq -c | paste -sd' ')"
fact memoryMb "$(for name in "${nodes[@]}"; do awk '/VmRSS/ {print $2}' "/proc/$(pid_of "$name")/status"; done | sort -n | awk '{a[NR] = $1} END {printf "%d", a[int((NR + 1) / 2)] / 1024}')"

phase() { [[ " $phases " != *" $1 "* ]] || check "${@:2}"; }
phase cold "cold start: empty disk, by the DHT alone, 5 s at the median and 8 s at p95" cold
phase warm "warm start: 1 s at the median and 2 s at p95" warm
phase dead "all bootstrap routers dead: works from the cache" routers_dead
phase silent "no look-up leaves a client that is connected" no_lookup_leaves
phase silent "the client's disk names no relay" disk_is_silent
phase half "half of the network dies: the client recovers by itself" half_dies
if $record; then table | record_text cold-start; fi
report cold-start
