#!/usr/bin/env bash
# ping and a call beside four bulk flows through a limit at client, relay and exit; two circuits share; a limit holds
#
#   client ---+                  +--- relay1     44.129.0.2    entry
#             +--- [internet] ---+--- exit1      44.140.0.2
#   client2 --+                  +--- web        44.200.0.2
#
#   client -> relay1 -> exit1 -> web, 5 ms on every cable. One node at a time has a limit of 10 Mbit/s. Both ends of TCP know ECN
# and have CUBIC.
#
# ./lab qos [--json] [--record] [--seconds N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping jq python3 gcc curl nstat
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=5
. "$root/tests/lab/lib/nat.sh"

seconds=8 record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --seconds) seconds=$2; shift ;;
    *) say "Usage: ./lab qos [--json] [--record] [--seconds N]"; exit 2 ;;
  esac
  shift
done

relays=(relay1) exits=(exit1) nodes=(relay1 exit1) clients=(client client2)
net[client2]=161
pumps=1
bulk_port=9000
declare -A limit=() monthly=()
: >"$lab_home/table"

host() {
  behind_nat "$1" public
  in_ns "$1" sysctl -qw net.ipv4.tcp_no_metrics_save=1 net.ipv4.tcp_ecn=1
}

eval "plain_$(declare -f settings_of)"
settings_of() {
  plain_settings_of "$1" |
    if [ "$1" = client ]; then sed "s/^\[client\]/&\nupload_limit = ${limit[$1]:-0}/"; else sed "s/^\[relay\]/&\nbandwidth_limit = ${limit[$1]:-0}\nmonthly_limit = ${monthly[$1]:-0}/"; fi
}

# limited NAME [MBIT]: that node alone has a limit, none when it is left out; both clients are connected anew.
limited() {
  local name starters=()
  limit=([$1]=${2:-0})
  for name in client client2 relay1 exit1; do [ ! -e "$lab_home/pids/$name" ] || end "$name"; done
  for name in relay1 exit1 client client2; do node "$name" & starters+=($!); done
  for name in "${starters[@]}"; do wait "$name"; done
  for name in relay1 exit1; do
    eventually 20 relay_runs "$name"
    vpn "$name" network export "$lab_home/$name.directory" >/dev/null
    for who in client client2; do vpn "$who" network import "$lab_home/$name.directory" >/dev/null; done
  done
  eventually 20 exit_runs exit1
  for name in client client2; do vpn "$name" up --mode balanced --wait >/dev/null; done
}

# bulk NAME DIRECTION FLOWS: endless transfers in the background, until bulk_end.
bulk() {
  spawn transfers "$1" python3 "$root/tests/lab/lib/bulk.py" "$2" "$(v4 web)" $bulk_port "$3"
  sleep 3
}

bulk_end() { end transfers; }

# delays: p95 of ping and of the call's round trips in ms, and the call's loss: "PING CALL LOST SENT".
delays() {
  in_ns client ping -n -i 0.05 -c $((seconds * 20)) -W 2 "$(v4 web)" >"$lab_home/ping.log" 2>&1 &
  local ping=$!
  in_ns client python3 "$root/tests/lab/lib/call.py" "$(v4 web)" 7 "$seconds" >"$lab_home/call.json"
  wait $ping || true
  echo "$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$lab_home/ping.log" | sort -n | awk '{t[NR] = $1} END {print t[int(NR * 0.95)]}')" \
    "$(jq -r '"\(.p95_ms) \(.lost) \(.sent)"' "$lab_home/call.json")"
}

# tcp_segments NAME, marked NAME: "SENT AGAIN" of its kernel, and segments that came to it with CE.
tcp_segments() { in_ns "$1" nstat -asz TcpOutSegs TcpRetransSegs 2>/dev/null | awk '/TcpOutSegs/ {out = $2} /TcpRetransSegs/ {again = $2} END {print out, again}'; }
marked() { in_ns "$1" nft -j list counters | jq '[.nftables[].counter | select(.name? == "of_ce") | .packets] | add // 0'; }

# keeps_low WHERE DIRECTION: added delay at most 15 ms (p95), and nothing of the call lost; the far end of the flows sees marks
# of congestion, and less than 0.1 % of their segments are sent again. The way there and back takes 60 ms; where it takes more
# than 75 ms while nothing else goes, the machine is busy or slow to wake, and what is added counts from those 60.
keeps_low() {
  local idle busy sum sender=client receiver=web sent before after
  [ "$2" = up ] || { sender=web receiver=client; }
  limited "$1" 10
  idle=$(delays)
  bulk client "$2" 4
  sent=$(tcp_segments $sender) before=$(marked $receiver)
  busy=$(delays)
  sent="$sent $(tcp_segments $sender)" after=$(marked $receiver)
  bulk_end
  sum=$(awk -v idle="$idle" -v busy="$busy" -v sent="$sent" -v marks=$((after - before)) 'BEGIN {split(idle, a); split(busy, b); split(sent, s); for (i = 1; i <= 2; i++) if (a[i] > 75) a[i] = 60; printf "%.1f %.1f %d %d %d %.3f", b[1] - a[1], b[2] - a[2], b[3], b[4], marks, 100 * (s[4] - s[2]) / (s[3] - s[1])}')
  echo "$1 $2 $sum" >>"$lab_home/table"
  awk -v s="$sum" -v idle="$idle" 'BEGIN {split(s, v); split(idle, i); printf "added p95: ping %s ms, call %s ms; of the call %d of %d lost; %d marks, %s %% sent again; idle %s and %s ms\n", v[1], v[2], v[3], v[4], v[5], v[6], i[1], i[2]; exit !(v[1] <= 15 && v[2] <= 15 && v[3] == 0 && v[5] > 0 && v[6] < 0.1)}'
}

received() { in_ns "$1" cat /sys/class/net/eth0/statistics/rx_bytes; }
device_sent() { in_ns web cat /sys/class/net/eth0/statistics/rx_bytes; }

# What leaves the relay towards the client, at the level of IP.
rate_holds() {
  local before after began now
  limited relay1 5
  bulk client down 4
  before=$(received client) began=$EPOCHREALTIME
  sleep $((seconds * 2))
  after=$(received client) now=$EPOCHREALTIME
  bulk_end
  awk -v n=$((after - before)) -v a="$began" -v b="$now" 'BEGIN {r = n * 8 / (b - a) / 1e6; printf "%.3f Mbit/s of 5\n", r; exit !(r >= 4.9 && r <= 5.1)}'
}

paused() { vpn relay1 status --json | jq -e .relay.paused >/dev/null; }

# What passed between relay and exit, both ways: bytes of UDP payload.
month_holds() {
  local passed
  in_ns exit1 nft -f - <<NFT
table inet month {
  counter passed { }
  chain in { type filter hook input priority filter; ip saddr $(v4 relay1) udp sport $node_port counter name passed; }
  chain out { type filter hook output priority filter; ip daddr $(v4 relay1) udp dport $node_port counter name passed; }
}
NFT
  monthly=([relay1]=1)
  limited relay1 100
  monthly=()
  bulk client down 4
  eventually 300 paused || { echo "it never paused: $(vpn relay1 status --json | jq -c .relay)"; return 1; }
  bulk_end
  passed=$(in_ns exit1 nft -j list counters table inet month | jq '[.nftables[].counter | select(.) | .bytes - 28 * .packets] | add')
  echo "$passed bytes of 10^9; $(vpn relay1 status --json | jq -r .relay.paused)"
  [ "$passed" -ge 980000000 ] && [ "$passed" -le 1020000000 ]
}

# Two circuits of two clients: one with one TCP connection each way of the limit, one that floods with UDP.
shares_are_fair() {
  local greedy fair0 fair1
  limited relay1 10
  bulk client up 4
  in_ns client2 python3 -c "
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + float(sys.argv[2])
began, sent = time.monotonic(), 0
while (now := time.monotonic()) < end:
    while sent < (now - began) * 30e6 / 8 / 1200:
        s.sendto(bytes(1200), (sys.argv[1], 9)); sent += 1
    time.sleep(0.001)
" "$(v4 web)" $((seconds * 2 + 4)) &
  greedy=$!
  sleep 2
  fair0=$(exit_bytes)
  sleep $((seconds * 2))
  fair1=$(exit_bytes)
  wait $greedy || true
  bulk_end
  awk -v a="$fair0" -v b="$fair1" 'BEGIN {split(a, x); split(b, y); t = y[1] - x[1]; u = y[2] - x[2]; printf "TCP %.1f %%, greedy UDP %.1f %%\n", 100 * t / (t + u), 100 * u / (t + u); s = t / (t + u); exit !(s >= 0.475 && s <= 0.525)}'
}

# Bytes that the exit passed on: TCP, UDP.
exit_bytes() { in_ns web nft -j list counters | jq -r '[.nftables[].counter | select(.) | {(.name): .bytes}] | add | "\(.of_tcp) \(.of_udp)"'; }

"$root/build"
internet
for name in client client2 web relay1 exit1; do host "$name"; done
serve web $web_port
spawn sink web python3 "$root/tests/lab/lib/bulk.py" serve $bulk_port
for name in web client; do
  in_ns "$name" nft -f - <<'NFT'
table inet count {
  counter of_tcp { }
  counter of_udp { }
  counter of_ce { }
  chain in { type filter hook input priority filter; meta l4proto tcp counter name of_tcp; udp dport 9 counter name of_udp; meta l4proto tcp ip ecn ce counter name of_ce; }
}
NFT
done
check "limit at the client, upwards" keeps_low client up
check "limit at the relay, downwards" keeps_low relay1 down
check "limit at the relay, upwards" keeps_low relay1 up
check "limit at the exit, downwards" keeps_low exit1 down
check "a limit of 5 Mbit/s holds within 2 %" rate_holds
check "a monthly limit of 1 GB holds within 2 %" month_holds
check "two circuits have the same share" shares_are_fair
fact qos "$(jq -Rcs 'split("\n") | map(select(. != "") | split(" "))' "$lab_home/table")"
if $record; then
  need_dotnet
  { echo "| Limit of 10 Mbit/s at | four flows | ping, added p95 | call, added p95 | lost | marks at the far end | segments sent again |"; echo "|---|---|---:|---:|---:|---:|---:|"
    awk '{printf "| %s | %s | %s ms | %s ms | %s of %s | %s | %s %% |\n", $1, $2, $3, $4, $5, $6, $7, $8}' "$lab_home/table"; } >"$lab_home/table.md"
  python3 "$root/tests/lab/lib/into_page.py" "$root/docs/operations/routing.md" qos "$lab_home/table.md"
fi
report qos
