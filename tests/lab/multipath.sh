#!/usr/bin/env bash
# one TCP connection over one, two and three paths of 20 Mbit/s, over paths of 20 and 80 ms; paths die under twenty connections
#
#   one     ---+                  +--- near1, near2, near3   entries, 20 Mbit/s, 20 ms there and back to the web
#   two     ---+                  +--- far                   entry, 20 Mbit/s, 80 ms
#   three   ---+--- [internet] ---+
#   uneven  ---+                  +--- exit1
#                                 +--- web
#
# Each client knows as many entries as it is to have paths. What counts is what the web server sends or gets for the connection, at
# the level of IP, after five seconds.
#
# ./lab multipath [--json] [--record] [--seconds N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq python3 gcc curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=0.5
. "$root/tests/lab/lib/nat.sh"

seconds=15 record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --seconds) seconds=$2; shift ;;
    *) say "Usage: ./lab multipath [--json] [--record] [--seconds N]"; exit 2 ;;
  esac
  shift
done

relays=(near1 near2 near3 far) exits=(exit1) clients=(one two three uneven)
nodes=("${relays[@]}" "${exits[@]}")
net=([near1]=129 [near2]=130 [near3]=131 [far]=132 [exit1]=140 [one]=160 [two]=161 [three]=162 [uneven]=163 [web]=200)
region=([near1]=CH [near2]=SE [near3]=IS [far]=FI [exit1]=NL)
declare -A entries=([one]="near1" [two]="near1 near2" [three]="near1 near2 near3" [uneven]="near1 far")
for name in near1 near2 near3; do narrow[$name]="delay=4 rate=20 queue=150000"; done
narrow[far]="delay=19 rate=20 queue=150000"
pumps=1
: >"$lab_home/table"

host() {
  behind_nat "$1" public
  in_ns "$1" sysctl -qw net.ipv4.tcp_no_metrics_save=1
}

eval "plain_$(declare -f settings_of)"
settings_of() { plain_settings_of "$1" | sed "s/^\[client\]/&\npaths = $(wc -w <<<"${entries[$1]:-x}")/"; }

has_paths() { # CLIENT
  local wanted
  wanted=$(wc -w <<<"${entries[$1]}")
  vpn "$1" circuit --json | jq -e --argjson n "$wanted" 'if $n == 1 then .hops | length == 2 else (.paths | length == $n) and (.paths | all(.used)) end' >/dev/null
}

connected() { # CLIENT
  local name
  for name in ${entries[$1]} exit1; do vpn "$1" network import "$lab_home/$name.directory" >/dev/null; done
  vpn "$1" up --mode balanced --wait >/dev/null
  eventually 20 has_paths "$1" || { vpn "$1" circuit --json; return 1; }
}

web_bytes() { in_ns web cat "/sys/class/net/eth0/statistics/$1_bytes"; }

# carries CLIENT DIRECTION LEAST: one connection; as much as LEAST times what the same number of clients with one path would carry.
carries() {
  local counter=tx transfer before after began now sum
  if [ "$2" = down ]; then
    in_ns "$1" curl -sS --noproxy '*' -o /dev/null "http://$(v4 web):$web_port/bytes/1000000000" 2>/dev/null &
  else
    counter=rx
    "$lab_peer" bytes 1000000000 | in_ns "$1" curl -sS --noproxy '*' -o /dev/null -T - -H Expect: "http://$(v4 web):$web_port/upload" 2>/dev/null &
  fi
  transfer=$!
  sleep 5
  before=$(web_bytes $counter) began=$EPOCHREALTIME
  sleep "$seconds"
  after=$(web_bytes $counter) now=$EPOCHREALTIME
  kill $(pgrep -P $transfer) $transfer 2>/dev/null || true
  wait $transfer 2>/dev/null || true
  [ -n "${alone[$2]:-}" ] || alone[$2]=$(awk -v n=$((after - before)) -v a="$began" -v b="$now" 'BEGIN {print n * 8 / (b - a) / 1e6}')
  sum=$(awk -v n=$((after - before)) -v a="$began" -v b="$now" -v one="${alone[$2]}" -v paths="$(wc -w <<<"${entries[$1]}")" \
    'BEGIN {r = n * 8 / (b - a) / 1e6; printf "%.1f %.2f", r, r / (one * paths)}')
  echo "$1 $2 $sum" >>"$lab_home/table"
  awk -v s="$sum" -v least="$3" 'BEGIN {split(s, v); printf "%s Mbit/s, %s of the sum\n", v[1], v[2]; exit !(v[2] >= least)}'
}
declare -A alone=()

# measured NAME COMMAND...: as check, in this shell, for what carries remembers.
measured() {
  local name=$1
  shift
  "$@" >"$lab_home/detail" 2>&1 && check "$name" cat "$lab_home/detail" || check "$name" eval 'cat "$lab_home/detail"; false'
}

# Twenty connections and a call while one path dies, comes back, and the other dies.
path_dies() {
  local victim pid
  in_ns two python3 "$root/tests/lab/lib/survivors.py" "$(v4 web)" $web_port 7 "$lab_home/flows.json" >"$lab_home/flows.log" 2>&1 &
  pid=$!
  sleep 5
  for victim in near1 near2; do
    end "$victim" KILL
    sleep 8
    node "$victim"
    eventually 20 relay_runs "$victim"
    vpn "$victim" network export "$lab_home/$victim.directory" >/dev/null
    vpn two network import "$lab_home/$victim.directory" >/dev/null
    eventually 60 has_paths two || { echo "The path by $victim did not come back: $(vpn two circuit --json | jq -c '[(.hops | map(.region)), .paths, .standby, .reroutes]') $(vpn two peers blocked | tr '\n' ' ')"; return 1; }
    sleep 2
  done
  kill -TERM "$(pgrep -P $pid || echo $pid)"
  wait $pid || true
  jq -r '"\([.connections[] | select(.broken)] | length) of \(.connections | length) connections broken; longest pause of the call \([.udp.pauses[][1]] | max // 0) s"' "$lab_home/flows.json"
  [ "$(jq '[.connections[] | select(.broken)] | length' "$lab_home/flows.json")" = 0 ]
}

"$root/build"
internet
for name in "${clients[@]}" web "${nodes[@]}"; do host "$name"; done
serve web $web_port
starters=()
for name in "${nodes[@]}" "${clients[@]}"; do node "$name" & starters+=($!); done
for name in "${starters[@]}"; do wait "$name"; done
for name in "${nodes[@]}"; do
  eventually 20 relay_runs "$name"
  vpn "$name" network export "$lab_home/$name.directory" >/dev/null
done
eventually 20 exit_runs exit1
for name in "${clients[@]}"; do check "$name: paths stand" connected "$name"; done
for way in down up; do
  measured "one path, $way" carries one $way 1
  measured "two paths, $way" carries two $way 0.85
  measured "three paths, $way" carries three $way 0.85
  measured "20 and 80 ms, $way" carries uneven $way 0.7
done
check "a path that dies costs no connection" path_dies
fact multipath "$(jq -Rcs 'split("\n") | map(select(. != "") | split(" "))' "$lab_home/table")"
if $record; then
  need_dotnet
  { echo "| Paths of 20 Mbit/s | down | of the sum | up | of the sum |"; echo "|---|---:|---:|---:|---:|"
    awk 'BEGIN {n["one"] = "1, 20 ms"; n["two"] = "2, 20 ms"; n["three"] = "3, 20 ms"; n["uneven"] = "20 ms and 80 ms"}
      {r[$1 $2] = $3; s[$1 $2] = $4} END {split("one two three uneven", c); for (i = 1; i <= 4; i++) printf "| %s | %s Mbit/s | %s | %s Mbit/s | %s |\n", n[c[i]], r[c[i] "down"], s[c[i] "down"], r[c[i] "up"], s[c[i] "up"]}' "$lab_home/table"; } >"$lab_home/table.md"
  python3 "$root/tests/lab/lib/into_page.py" "$root/docs/operations/routing.md" multipath "$lab_home/table.md"
fi
report multipath
