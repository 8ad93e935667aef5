#!/usr/bin/env bash
# relays of a circuit in use die, freeze, are cut off, lose packets, say farewell: connections, call and exit's address stay
#
#   client ---+                   +--- relay1 .. relay6     entries and middles; at every place one is broken in turn
#             +--- [ internet ] --+--- exit1
#   web    ---+                   +--- exit2
#
#   client -> relay -> relay -> exit -> web, with a second path of two other relays to the same exit. Every cable to the
#   router takes 12.5 ms, so any two machines are 25 ms apart.
#
# A run of 100 faults takes half an hour. With --keep FILE it can be made in parts: the table has the faults of all. With --tor N the
# same connections go through a private network of Tor on the same links, N times, until a relay of their circuit is killed or cut off.
#
# ./lab survive [--json] [--record] [--times N] [--keep FILE] [--tor N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq python3 gcc curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=12.5
. "$root/tests/lab/lib/nat.sh"

. "$root/tests/lab/lib/tor.sh"

times=10 record=false kept=$lab_home/faults.all tor_times=0
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --times) times=$2; shift ;;
    --keep) kept=$(realpath "$2"); shift ;;
    --tor) need_commands tor; tor_times=$2; shift ;;
    *) say "Usage: ./lab survive [--json] [--record] [--times N] [--keep FILE] [--tor N]"; exit 2 ;;
  esac
  shift
done
touch "$kept"

relays=(relay1 relay2 relay3 relay4 relay5 relay6) exits=(exit1 exit2)
nodes=("${relays[@]}" "${exits[@]}")
net[relay4]=132 net[relay5]=133 net[relay6]=134 net[exit2]=141
region[relay4]=FI region[relay5]=NO region[relay6]=DK region[exit2]=PT
pumps=1
faults=("killed entry" "frozen middle" "cut-off entry" "lossy middle" "leaving entry" "killed middle" "frozen entry" "cut-off middle" "lossy entry" "leaving middle")

host() { cabled_host "$1"; }

has_standby() { vpn client circuit --json | jq -e '.hops and ((.standby | length) == 2) and ([.hops[], .standby[]] | all(.health == "good"))' >/dev/null; }
has_left() { local hops; hops=$(circuit) && [ -n "$hops" ] && ! grep -qx "$1" <<<"$hops"; }

# strike KIND NAME, and mend KIND NAME
strike() {
  case $1 in
    killed) kill -KILL "$(pid_of "$2")" ;;
    frozen) kill -STOP "$(pid_of "$2")" ;;
    leaving) kill -TERM "$(pid_of "$2")" ;;
    cut-off) before_router "$2" drop ;;
    lossy) before_router "$2" 'numgen random mod 100 < 30 drop' ;;
  esac
}

mend() {
  case $1 in
    killed | leaving) end "$2" KILL; node "$2"; introduce "$2" ;;
    frozen) kill -CONT "$(pid_of "$2")" ;;
    cut-off | lossy) before_router "$2" '' ;;
  esac
}

# before_router NAME RULE: what becomes of all packets of a host, both ways.
before_router() { at_the_router fault ${2:+"ip saddr $(v4 "$1") $2" "ip daddr $(v4 "$1") $2"}; }

# break_one KIND PLACE: the client leaves the relay, and has a second path again after it was mended.
break_one() {
  local kind=$1 place=$2 victim struck left=true after ago
  eventually 90 has_standby_forgiving || { echo "no second path: $(vpn client circuit --json)"; return 1; }
  victim=$(circuit | sed -n "$([ "$place" = entry ] && echo 1 || echo 2)p")
  struck=$EPOCHREALTIME
  strike "$kind" "$victim"
  eventually 15 has_left "$victim" || left=false
  ago=$(vpn client circuit --json | jq '.reroutedMsAgo // 0')
  after=$(awk -v a="$struck" -v b="$EPOCHREALTIME" -v ago="$ago" 'BEGIN {s = b - a - ago / 1e3; printf "%.3f", (s > 0 ? s : 0)}')
  echo "$struck $kind $place $left $after" >>"$lab_home/faults"
  sleep 2
  mend "$kind" "$victim"
  echo "$victim, left after $after s"
  $left
}

# Who drops circuits every minute is blocked for hours; here it is the lab that made it. What dies a moment late counts, too.
has_standby_forgiving() {
  local id
  ! has_standby || return 0
  for id in $(vpn client peers blocked --json | jq -r '.automatic[].nodeId'); do vpn client peers unblock "$id" >/dev/null; done
  return 1
}

flows_begin() {
  in_ns client python3 "$root/tests/lab/lib/survivors.py" "$(v4 web)" $web_port 7 "$lab_home/flows.json" >"$lab_home/flows.log" 2>&1 &
  echo $! >"$lab_home/pids/flows"
  sleep 3
}

flows_end() {
  local pid
  pid=$(pgrep -P "$(pid_of flows)" || pid_of flows)
  kill -TERM $pid
  wait "$(pid_of flows)" || true
  [ -s "$lab_home/flows.json" ] || { tail -5 "$lab_home/flows.log" >&2; die "The flows ended badly."; }
  python3 "$root/tests/lab/lib/survived.py" "$lab_home/flows.json" "$lab_home/faults" >>"$kept"
}

unbroken() {
  jq -c '[.connections[] | select(.broken)]' "$lab_home/flows.json"
  equal "connections broken" "$(jq '[.connections[] | select(.broken)] | length' "$lab_home/flows.json")" 0
}

same_address() { equal "the web server was asked from" "$(jq -r '.asked_from | join(" ")' "$lab_home/flows.json")" "$exit_seen"; }

# p95_within FIELD SECONDS: of the silent faults, in all parts of the run.
p95_within() {
  jq -rs --arg field "$1" '[.[] | select(.kind | IN("killed", "frozen", "cut-off")) | .[$field]] | sort | "\(length) \(.[length * 0.95 | floor]) \(.[-1])"' "$kept" |
    awk -v most="$2" '{printf "%d faults, p95 %.2f s, longest %.2f s\n", $1, $2, $3; exit !($2 <= most)}'
}

# The exit itself: its connections end, the user is told, and others stand soon.
exit_dies() {
  local victim began
  eventually 60 has_standby || return 1
  victim=$(circuit | sed -n 3p)
  vpn client status --watch --json >"$lab_home/status.log" 2>&1 &
  echo $! >"$lab_home/pids/watch"
  began=$EPOCHREALTIME
  kill -KILL "$(pid_of "$victim")"
  sleep 0.5
  in_ns client ping -n -q -c 8 -i 0.25 -W 1 "$(v4 web)" >/dev/null 2>&1 || true
  eventually 10 answers || { echo "nothing after 10 s"; return 1; }
  awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {printf "new connections after %.1f s", b - a}'
  end watch
  grep -q 'Hop 3 of 3' "$lab_home/status.log" && echo ", and the user was told" || { echo ", and the user was told $(jq -c '[.state, .problem.message]' "$lab_home/status.log" | paste -sd ' ')"; return 1; }
}

# tor_breaks KIND PLACE: how many of Tor's streams end when a relay of their circuit does, and when the next request works.
tor_breaks() {
  local kind=$1 place=$2 victim flows struck after broken
  eventually 60 tor_answers || { echo "Tor answers nothing"; return 1; }
  in_ns torclient python3 "$root/tests/lab/lib/survivors.py" "$(v4 web)" $web_port 7 "$lab_home/tor.json" $tor_socks_port >"$lab_home/tor-flows.log" 2>&1 &
  flows=$!
  sleep 6
  victim=$(in_ns torclient python3 "$root/tests/lab/lib/tor_hop.py" $tor_control_port "$(v4 web)" "$([ "$place" = entry ] && echo 1 || echo 2)") || { echo "Tor has no stream"; return 1; }
  struck=$EPOCHREALTIME
  strike "$kind" "$victim"
  after=120+
  ! eventually 120 tor_answers || after=$(awk -v a="$struck" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
  # Streams that go nowhere end when Tor or, after 60 s, their owner loses patience.
  if [ "$kind" = killed ]; then sleep 3; else sleep 62; fi
  kill -TERM "$(pgrep -P $flows || echo $flows)"
  wait $flows || true
  broken=$(jq '[.connections[] | select(.broken)] | length' "$lab_home/tor.json")
  if [ "$kind" = killed ]; then tor_relay "$victim"; else mend "$kind" "$victim"; fi
  echo "$kind $place $broken $after" >>"$lab_home/tor.table"
  echo "$broken of 20 streams broke; the next request worked after $after s"
}

tor_answers() { [ -n "$(in_ns torclient curl -s --max-time 2 --noproxy '' --socks5-hostname 127.0.0.1:$tor_socks_port --proxy-user "$EPOCHREALTIME:x" "http://$(v4 web):$web_port/whoami")" ]; }

answers() { [ -n "$(whoami "$(v4 web)" 1 2>/dev/null)" ]; }

"$root/build"
private_network
check "connect" vpn client up --mode private --wait
check "a second path" eventually 20 has_standby
exit_seen=$(whoami "$(v4 web)")
flows_begin
for ((n = 0; n < times; n++)); do
  # shellcheck disable=SC2086
  set -- ${faults[$((n % ${#faults[@]}))]}
  check "$((n + 1)): $1 $2" break_one "$1" "$2"
done
flows_end
check "no connection broke" unbroken
check "the exit's address is the same" same_address
check "a fault is noticed within 2 s" p95_within detected 2
check "and the other path carries within 0.3 s" p95_within switched 0.3
check "the exit dies" exit_dies
if [ "$tor_times" -gt 0 ]; then
  tor_network
  silent=("killed entry" "cut-off middle" "killed middle" "cut-off entry")
  for ((n = 0; n < tor_times; n++)); do
    # shellcheck disable=SC2086
    set -- ${silent[$((n % ${#silent[@]}))]}
    check "Tor, $1 $2" tor_breaks "$1" "$2"
  done
  fact tor "$(jq -Rcs 'split("\n") | map(select(. != "") | split(" "))' "$lab_home/tor.table")"
fi
note "$(python3 "$root/tests/lab/lib/survived.py" --table "$kept")"
fact faults "$(jq -cs . "$kept")"
fact udp "$(jq -c '.udp | del(.pauses)' "$lab_home/flows.json")"
if $record; then
  need_dotnet
  python3 "$root/tests/lab/lib/survived.py" --table "$kept" >"$lab_home/table.md"
  python3 "$root/tests/lab/lib/into_page.py" "$root/docs/operations/routing.md" survive "$lab_home/table.md"
fi
report survive
